"""What a photometric fit needs of a morphable model, made once: points with neighbours, their basis and their paint."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.albedo_space import AlbedoSpace, open_albedo_space
from synthgen.alignment.fit_landmarks import LandmarkFitOptions, LandmarkFitter, open_landmark_fitter
from synthgen.alignment.lighting_fit import LightPrior, open_light_prior
from synthgen.alignment.surface_rings import Rings, build_rings
from synthgen.core.errors import ModelError
from synthgen.morphable.albedo.build import build_albedo_model, mip_levels
from synthgen.morphable.albedo.names import LAYER_NAMES
from synthgen.morphable.albedo.texels import Region, chart_regions
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.unwrap import CHIN_V
from synthgen.render.assets import texel_edge_mm
from synthgen.render.heads import ModelTensors, model_tensors

Floats = NDArray[np.float32]

_LEAST_POINTS = 500
# Below, the chin turns under: a head that is off by 2 mm shows neck or collar there.
UNDER_CHIN_V = CHIN_V - 0.005
# Paint at points is kept at this many resolutions, from the finest.
_PAINTS = 6


@dataclass(frozen=True)
class PhotometricModel:
    """C candidate points: vertices of the labelled skin, U vertices with their neighbours.

    rings: of the candidates. ring_rows: (C, 1 + R) rows of `mean` (U, 3) mm and `basis` (U, 3, S) mm per unit of the
    shape space. trust: (C,) in [0, 1], less where hair grows, 0 under the chin. is_skin: (T,) of all triangles.
    layers: (C, K) densities at texels of texel_mm, twice that, ... patches: (C, J) of the albedo space. mips: the whole
    chart's layers at every resolution.
    """

    model: MorphableModel
    fitter: LandmarkFitter
    tensors: ModelTensors
    rings: Rings
    ring_rows: NDArray[np.int64]
    mean: Floats
    basis: Floats
    trust: Floats
    is_skin: NDArray[np.bool_]
    layers: tuple[Floats, ...]
    texel_mm: float
    patches: Floats
    albedo: AlbedoSpace
    light: LightPrior
    mips: tuple[Floats, ...]


def open_photometric_model(
    model: MorphableModel, landmarks: LandmarkFitOptions | None = None, patch_stddev: float = 0.12
) -> PhotometricModel:
    """A model made ready for photometric fits; takes seconds, serves many photos.

    landmarks: options of the landmark term and the shape's priors. patch_stddev: see albedo_space.
    Raises ModelError for a model without the 68 points or without the project's chart.
    """
    fitter = open_landmark_fitter(model, landmarks)
    rings, corner_uv = _skin_rings(model)
    used = np.unique(rings.ring)
    mean = model.mean[used]
    basis = fitter.space.basis(model.identity_basis[:, used], model.expression_basis[:, used])
    mips = tuple(mip_levels(build_albedo_model(model.template, model.mean).layers))
    layers = tuple(sample_layers(mip, corner_uv[rings.vertices]) for mip in mips[:_PAINTS])
    hair = layers[0][:, [LAYER_NAMES.index("hair"), LAYER_NAMES.index("lashes")]].max(axis=1)
    trust = (1.0 - np.clip(hair, 0.0, 1.0)) * (corner_uv[rings.vertices, 1] > UNDER_CHIN_V)
    positions = model.mean[rings.vertices].astype(np.float64)
    albedo = open_albedo_space(positions, patch_stddev=patch_stddev)
    return PhotometricModel(
        model=model,
        fitter=fitter,
        tensors=model_tensors(model, "cpu"),
        rings=rings,
        ring_rows=np.searchsorted(used, rings.ring),
        mean=mean,
        basis=np.ascontiguousarray(np.moveaxis(basis, 0, -1), np.float32),
        trust=trust.astype(np.float32),
        is_skin=np.asarray((chart_regions(*np.moveaxis(model.template.uv, -1, 0)) == Region.SKIN).all(axis=1)),
        layers=layers,
        texel_mm=texel_edge_mm(model.template, model.mean, len(mips[0])),
        patches=albedo.patches(positions),
        albedo=albedo,
        light=open_light_prior(),
        mips=mips,
    )


def _skin_rings(model: MorphableModel) -> tuple[Rings, Floats]:
    """Rings of the vertices of labelled skin, and (V, 2) chart coordinates of vertices (of the labelled ones)."""
    template = model.template
    labelled = template.triangles[: template.label_count]
    uv = np.full((len(model.mean), 2), -1.0, np.float32)
    uv[labelled] = template.uv[: template.label_count]
    region = chart_regions(uv[:, 0], uv[:, 1])
    candidates = np.flatnonzero((uv[:, 0] >= 0) & (region == Region.SKIN))
    rings = build_rings(template.triangles, candidates)
    if len(rings.vertices) < _LEAST_POINTS:
        raise ModelError(
            f"{model.name}: {len(rings.vertices)} vertices lie on the skin of the project's chart, a photometric fit "
            f"needs at least {_LEAST_POINTS}; import the model with `synthgen model import`, which gives it the chart"
        )
    return rings, uv


def vertex_chart(model: MorphableModel) -> Floats:
    """(V, 2) chart coordinates of vertices, of one of the corners that each is; labelled triangles come first."""
    template = model.template
    uv = np.zeros((len(model.mean), 2), np.float32)
    for rows in (slice(template.label_count, None), slice(template.label_count)):
        uv[template.triangles[rows]] = template.uv[rows]
    return uv


def sample_layers(mip: Floats, uv: Floats) -> Floats:
    """(C, K) layers (S, S, K) at chart coordinates (C, 2), bilinear."""
    size = len(mip)
    place = np.clip(np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1) * size - 0.5, 0.0, size - 1.0)
    low = np.minimum(place.astype(int), max(size - 2, 0))
    share = (place - low)[:, :, None]
    (left, top), right, below = low.T, share[:, 0], share[:, 1]
    upper = mip[top, left] * (1 - right) + mip[top, left + 1] * right
    lower = mip[top + 1, left] * (1 - right) + mip[top + 1, left + 1] * right
    return np.asarray(upper * (1 - below) + lower * below, np.float32)
