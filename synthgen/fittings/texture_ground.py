"""What lies below a photo's texture: the model's painted albedo in the person's tones."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synthgen.fittings.texture_fill import BLACK, Array, ChartColours, log_light, veil_of
from synthgen.morphable.albedo.build import SIZE, build_albedo_model
from synthgen.morphable.albedo.names import LAYER_NAMES
from synthgen.morphable.albedo.texels import Region
from synthgen.morphable.model import MorphableModel
from synthgen.sampling.albedo import SkinParams, absorbance

# Bare skin of a middle tone: hair, brows and beard come from the photo or not at all.
_BARE = SkinParams(
    melanin=0.5, haemoglobin=0.8, carotene=0.5, lips=0.9, hair_darkness=0.7, hair_redness=0.0, hair_cover=0.0,
    brows=0.0, lashes=0.6, stubble=0.0, freckles=0.0, pores=0.1, periorbital=0.5, shade=0.9, iris=0, iris_strength=1.0,
)  # fmt: skip


_IRIS_COLOURS = 4
_HAIRY = 0.7  # density of the painted hair above which a texel is scalp
_IRIS = 0.4  # ... of the painted iris above which a texel belongs to it
_EYES = (Region.RIGHT_EYE, Region.LEFT_EYE)
_FEW = 20.0  # sum of weights below which a tone is not measured
# A picture's eyes and teeth lie in the shadow of lids and lips, or shine; their exposure is corrected within this.
_GAINS = (0.4, 2.0)
_TEETH_QUANTILE = 0.75  # the darker ones among the teeth are lips and gaps


def ground_layers(model: MorphableModel) -> Array:
    """(SIZE, SIZE, K) density layers of a model's painted albedo."""
    return build_albedo_model(model.template, model.mean, SIZE).layers


def paint_ground(layers: Array, region: NDArray[np.uint8], known: ChartColours) -> Array:
    """(S, S, 3) linear light of the model's painted albedo in the tones of what is known.

    layers: of ground_layers. region: (S, S), albedo.texels.Region. Skin has the median tone of the known skin; the
    scalp has hair of the tone that is known above the hairline; the iris is that of four whose hue is nearest; eyes,
    teeth and mouth have the exposure of what is known of them.
    """
    size, veil = len(region), veil_of(known)
    flat = layers.reshape(-1, layers.shape[-1])

    def painted(iris: int) -> Array:
        colours = np.exp(-flat @ absorbance(replace(_BARE, iris=iris)))
        return log_light(_resized(colours.astype(np.float32).reshape(SIZE, SIZE, 3), size), veil)

    tone = log_light(known.colour, veil)
    skin, eyes, teeth = region == Region.SKIN, np.isin(region, _EYES), region == Region.TEETH
    choices = [painted(iris) for iris in range(_IRIS_COLOURS)]
    iris = eyes & (_resized(layers[..., [LAYER_NAMES.index("iris")]], size)[..., 0] > _IRIS)
    left = [_hue_difference((tone - choice)[iris], known.weight[iris]) for choice in choices]
    ground = choices[int(np.argmin(left))]
    hair = _resized(np.clip(layers[..., [LAYER_NAMES.index("hair")]], 0.0, 1.0), size)
    apart = tone - ground
    face, scalp = skin & (hair[..., 0] < 0.05), skin & (hair[..., 0] > _HAIRY)
    of_face = _quantile(apart[face], known.weight[face], 0.5)
    of_scalp = _quantile(apart[scalp], known.weight[scalp], 0.5)
    if of_face is not None:
        ground = np.where(skin[..., None], ground + of_face, ground)
        if of_scalp is not None:
            ground = ground + skin[..., None] * hair * (of_scalp - of_face)
    of_eyes = _brightness(apart[eyes], known.weight[eyes], 0.5)
    of_teeth = _brightness(apart[teeth], known.weight[teeth], _TEETH_QUANTILE)
    ground = ground + (eyes * of_eyes + (teeth | (region == Region.INNER_MOUTH)) * (of_teeth or of_eyes))[..., None]
    return np.maximum(np.exp(ground) - veil, BLACK).astype(np.float32)


def _quantile(values: Array, weight: Array, share: float) -> NDArray[np.float64] | None:
    """(3,) weighted quantile of values (P, 3) in each channel; None where hardly anything is known."""
    if float(weight.sum()) < _FEW:
        return None
    result = np.empty(3)
    for channel in range(3):
        order = np.argsort(values[:, channel])
        below = np.cumsum(weight[order])
        result[channel] = values[order[np.searchsorted(below, share * below[-1])], channel]
    return result


def _brightness(values: Array, weight: Array, share: float) -> float:
    """The quantile of the mean over channels, within _GAINS; 0 where hardly anything is known."""
    found = _quantile(np.repeat(values.mean(axis=1, keepdims=True), 3, axis=1), weight, share)
    return 0.0 if found is None else float(np.clip(found[0], *np.log(_GAINS)))


def _hue_difference(values: Array, weight: Array) -> float:
    """Weighted mean square of values (P, 3) without their brightness."""
    hue = values - values.mean(axis=1, keepdims=True)
    return float(((hue**2).sum(axis=1) * weight).sum() / max(float(weight.sum()), 1e-6))


def _resized(texture: Array, size: int) -> Array:
    while len(texture) > size:
        half = len(texture) // 2
        texture = texture.reshape(half, 2, half, 2, -1).mean(axis=(1, 3), dtype=np.float32)
    while len(texture) < size:
        texture = np.repeat(np.repeat(texture, 2, axis=0), 2, axis=1)
    return texture
