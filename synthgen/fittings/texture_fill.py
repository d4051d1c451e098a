"""Texels that some photo shows -> a whole texture without seams, by solving for colours whose differences are known.

The unknown is the logarithm of linear light with a little veil, so that shading and skin tone are offsets. Where photos
see the surface the colours are theirs; between neighbours that no photo sees the difference is that of the mirrored
texels on the other side of the face, and where both sides are unseen that of the ground, a texture painted for the
model. A seam would be a difference that nobody asked for, so there is none (Perez et al. 2003, "Poisson image editing",
with weights).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable import unwrap
from synthgen.morphable.albedo.texels import Region

Array = NDArray[np.float32]

# Share of the mean colour that is added before the logarithm: without it the noise of deep shadows would become stains
# on the lit side of the face; a gray veil would change their hue.
VEIL_SHARE, LEAST_VEIL = 0.15, 5e-3
BLACK = np.float32(2e-3)  # linear light of the darkest texel
# Pull of the ground's own colour, by region: the colours at the rim of what is known give way to the ground's within
# sqrt(_GROUND_WEIGHT / anchor) texels, 140 on the skin and 18 on the eyes; mouth and teeth are nothing but ground.
_ANCHOR, _ANCHOR_EYES, _ANCHOR_INSIDE = 1e-6, 6e-5, 1.0
_GROUND_WEIGHT = 0.02  # of the ground's differences beside those of photos
_COARSEST = 32
_ITERATIONS = 60
_EYES, _INSIDE = (Region.RIGHT_EYE, Region.LEFT_EYE), (Region.INNER_MOUTH, Region.TEETH)
_EYE_MIDDLE = (unwrap.RIGHT_EYE_SLOT.u0 + unwrap.LEFT_EYE_SLOT.u1) / 2


@dataclass(frozen=True)
class ChartColours:
    """What is known of a chart of S x S texels, row 0 at v = 1.

    colour: (S, S, 3) linear light, anything where the weight is 0. weight: (S, S) in [0, 1], how far it is believed.
    """

    colour: Array
    weight: Array


def mirror_texels(values: Array, region: NDArray[np.uint8]) -> Array:
    """(S, S, C) the values (S, S, C) of each texel's mirror image: u -> 1 - u, and one eye's island for the other's.

    region: (S, S), albedo.texels.Region.
    """
    size = len(values)
    columns = np.arange(size, dtype=np.float64)
    result = np.empty_like(values)
    for axis, regions in ((0.5, None), (_EYE_MIDDLE, _EYES)):
        place = np.clip(2 * axis * size - 1 - columns, 0, size - 1)
        first = np.minimum(np.floor(place + 1e-9).astype(int), size - 2)
        share = (place - first).astype(np.float32)[:, None]
        mirrored = (1 - share) * values[:, first] + share * values[:, first + 1]
        where = slice(None) if regions is None else np.isin(region, regions)
        result[where] = mirrored[where]
    return result


def fill_texture(known: ChartColours, ground: Array, region: NDArray[np.uint8]) -> Array:
    """(S, S, 3) linear light at every texel.

    known: what photos show. ground: (S, S, 3) linear light of a painted texture, whose differences fill what neither
    side of the face shows and whose colours stay in the mouth and on the teeth. region: (S, S), albedo.texels.Region.
    """
    veil = veil_of(known)
    seen = known.weight[..., None] > 0
    log_known = np.where(seen, log_light(known.colour, veil), 0.0).astype(np.float32)
    solved = _solve(ChartColours(log_known, known.weight), log_light(ground, veil), region)
    return np.clip(np.exp(solved) - veil, BLACK, 1.0).astype(np.float32)


def veil_of(known: ChartColours) -> Array:
    """(3,) linear light that is added before the logarithm: a share of the mean of what is known."""
    total = max(float(known.weight.sum()), 1e-6)
    mean = (known.colour * known.weight[..., None]).sum(axis=(0, 1), dtype=np.float64) / total
    return np.maximum(VEIL_SHARE * mean, LEAST_VEIL).astype(np.float32)


def log_light(linear: Array, veil: Array) -> Array:
    """log(linear light + veil), (..., 3)."""
    return np.log(np.maximum(linear, 0.0) + veil).astype(np.float32)


def _solve(known: ChartColours, ground: Array, region: NDArray[np.uint8]) -> Array:
    """The logarithms; the solution at half the size is where the iterations begin."""
    size = len(region)
    if size <= _COARSEST or size % 2:
        start = ground.copy()
        iterations = 8 * _ITERATIONS
    else:
        coarse = _solve(*_halved(known, ground, region))
        start = np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)
        # Only what is coarse comes from there: the fine part of the ground is a better guess than flat squares.
        fine = ground - np.repeat(np.repeat(_box(ground), 2, axis=0), 2, axis=1)
        start += fine
        iterations = _ITERATIONS
    inside, eyes = np.isin(region, _INSIDE), np.isin(region, _EYES)
    anchor = np.select([inside, eyes], [_ANCHOR_INSIDE, _ANCHOR_EYES], _ANCHOR).astype(np.float32)[..., None]
    data = (known.weight**4)[..., None] * ~inside[..., None]
    right = data * known.colour + anchor * ground
    stiffness = []
    for axis, joined in enumerate(_joined(region)):
        belief, pull = _beliefs(known, ground, region, axis)
        stiffness.append(belief * joined[..., None])
        right += np.roll(pull * joined[..., None], 1, axis) - pull * joined[..., None]
    return _conjugate_gradients(right, data + anchor, stiffness, start, iterations)


def _halved(
    known: ChartColours, ground: Array, region: NDArray[np.uint8]
) -> tuple[ChartColours, Array, NDArray[np.uint8]]:
    weight = _box(known.weight[..., None])
    colour = _box(known.colour * known.weight[..., None]) / np.maximum(weight, 1e-6)
    return ChartColours(colour.astype(np.float32), weight[..., 0]), _box(ground), region[::2, ::2]


def _box(values: Array) -> Array:
    half = len(values) // 2
    return values.reshape(half, 2, half, 2, -1).mean(axis=(1, 3), dtype=np.float32)


def _joined(region: NDArray[np.uint8]) -> tuple[Array, Array]:
    """(S, S) 1 where a texel and the next one down, and to the right, lie on one surface: islands stand alone, and
    the last column of the skin meets the first at the back of the head."""
    down = (region == np.roll(region, -1, 0)).astype(np.float32)
    down[-1] = 0.0
    right = (region == np.roll(region, -1, 1)).astype(np.float32)
    right[:, -1] *= region[:, -1] == Region.SKIN
    return down, right


def _beliefs(known: ChartColours, ground: Array, region: NDArray[np.uint8], axis: int) -> tuple[Array, Array]:
    """How firmly each texel's successor along an axis should differ by a certain step, (S, S, 1), and that step times
    the firmness, (S, S, 3).

    Steps of the photo, the mirror image and the ground add up, each with its weight. Weights of photos are squared:
    what is hardly believed shall not outweigh the ground.
    """

    def step(values: Array) -> Array:
        return np.roll(values, -1, axis) - values

    def both(weight: Array) -> Array:
        return np.minimum(weight, np.roll(weight, -1, axis))[..., None] ** 2

    mirrored = mirror_texels(np.concatenate([known.colour, known.weight[..., None]], axis=-1), region)
    # A texel between seen and unseen ones has a mixed colour: it is not believed.
    whole = mirror_texels((known.weight > 0).astype(np.float32)[..., None], region)[..., 0] > 0.999
    direct = both(known.weight)
    across = both(mirrored[..., 3] * whole * ~np.isin(region, _INSIDE)) * (1.0 - direct) ** 2
    pull = direct * step(known.colour) + across * step(mirrored[..., :3]) + _GROUND_WEIGHT * step(ground)
    return direct + across + _GROUND_WEIGHT, pull


def _conjugate_gradients(right: Array, diagonal: Array, stiffness: Sequence[Array], x: Array, iterations: int) -> Array:
    """x with (diagonal + stiffness-weighted Laplacian) x = right, preconditioned by the whole diagonal; the channels
    share the matrix."""
    degree = sum(weight + np.roll(weight, 1, axis) for axis, weight in enumerate(stiffness))
    inverse = 1.0 / (diagonal + np.asarray(degree))

    def applied(values: Array) -> Array:
        result = diagonal * values
        for axis, weight in enumerate(stiffness):
            flow = weight * (values - np.roll(values, -1, axis))
            result += flow - np.roll(flow, 1, axis)
        return result

    residual = right - applied(x)
    direction = z = inverse * residual
    before = np.einsum("ijc,ijc->c", residual, z, dtype=np.float64)
    for _ in range(iterations):
        image = applied(direction)
        length = before / np.maximum(np.einsum("ijc,ijc->c", direction, image, dtype=np.float64), 1e-30)
        x = x + length.astype(np.float32) * direction
        residual = residual - length.astype(np.float32) * image
        z = inverse * residual
        after = np.einsum("ijc,ijc->c", residual, z, dtype=np.float64)
        if float(after.max()) < 1e-12 * len(x) ** 2:
            break
        direction = z + (after / np.maximum(before, 1e-30)).astype(np.float32) * direction
        before = after
    return x
