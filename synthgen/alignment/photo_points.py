"""Which points of a head a photo is compared at: those it shows, spread evenly over the picture."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.alignment.photo_pyramid import PhotoLevel, halved, sample_smooth
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.alignment.photometric_term import PhotoPoints
from synthgen.alignment.solver import Array
from synthgen.alignment.surface_rings import ring_normals
from synthgen.alignment.unknowns import HeadUnknowns
from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.geometry.camera import Cameras
from synthgen.labels.visibility import hidden_points
from synthgen.raster.rasterize import rasterize
from synthgen.render.heads import Heads, evaluate_heads

Floats = NDArray[np.floating]

# Cosine between the normal and the direction to the viewer: nothing below the first is compared, all above the second.
_GRAZING = (0.25, 0.55)
_ROW = 6.0  # px, of the strips in which points are put in order
_MARGIN = 1.0  # px, from the border of the picture
_KEPT_VALIDITY, _KEPT_SKIN = 0.9, 0.97  # share of a point's surroundings in the photo that must be usable, and skin


@dataclass(frozen=True)
class Sampling:
    """count: most points. independent_mm: side of the square on the face that counts as one observation, because
    errors of model and light are alike within it. relative_noise: standard deviation of photo over model; least_noise:
    the same in linear light where the photo is dark."""

    count: int = 2000
    independent_mm: float = 14.0
    relative_noise: float = 0.1
    least_noise: float = 0.01


@dataclass(frozen=True)
class ChosenPoints:
    """points: for the term; valid: (P, 3) 1 where a channel may be used; rows: (P,) of the model's candidates."""

    points: PhotoPoints
    valid: Floats
    rows: NDArray[np.int64]


def choose_points(
    model: PhotometricModel, head: HeadUnknowns, picture: PhotoLevel, level: PhotoLevel, sampling: Sampling
) -> ChosenPoints | None:
    """Points of a head (N = 1) that are seen in `picture`, the first level; compared with `level`. None for too few.

    A point's chance is its area in the picture times the trust in it; systematic sampling along strips of the picture
    spreads the points and depends on nothing but the arguments.
    """
    size = (picture.colour.shape[0], picture.colour.shape[1])
    mesh = posed(model, head)
    rows, places, area = _visible(model, head, mesh, size)
    valid, _ = sample_smooth(level.valid, places * level.scale)
    skin, _ = sample_smooth(_skin_share(model, head, mesh, size, level.scale), places * level.scale)
    valid = np.where(skin > _KEPT_SKIN, valid, 0.0)
    seen = (valid > _KEPT_VALIDITY).any(axis=1)
    rows, places, area, valid = rows[seen], places[seen], area[seen], valid[seen]
    if len(rows) == 0:
        return None
    chosen, times = _spread(places, area, sampling.count)
    share = times * (area.sum() / times.sum()) / sampling.independent_mm**2
    rows, places = rows[chosen], places[chosen]
    shown, _ = sample_smooth(level.colour, places * level.scale)
    grey = shown.mean(axis=1)
    # Half by the point's own light, half by the face's: a dark outlier must not have the most exact measurement.
    noise = np.hypot(sampling.relative_noise * 0.5 * (grey + np.median(grey)), sampling.least_noise)
    ring = model.ring_rows[rows]
    layers = _layers(model, rows, 1.0 / (float(head.unit[0]) * level.scale))
    log_mean, log_basis = model.albedo.log_albedo(layers, model.patches[rows])
    points = PhotoPoints(
        mean=model.mean[ring],
        basis=model.basis[ring],
        following=model.rings.following[rows],
        preceding=model.rings.preceding[rows],
        log_mean=log_mean.astype(np.float32),
        log_basis=log_basis.astype(np.float32),
        share=share.astype(np.float32),
        noise=noise.astype(np.float32),
    )
    return ChosenPoints(points, (valid[chosen] > _KEPT_VALIDITY).astype(np.float32), rows)


def posed(model: PhotometricModel, head: HeadUnknowns) -> Heads:
    """The whole mesh of a head (N = 1), evaluated and projected, float32."""
    return evaluate_heads(head.space.coefficients(head.shape), head_cameras(head), model.tensors)


def head_cameras(head: HeadUnknowns) -> Cameras:
    """The cameras of heads as float32 tensors."""

    def tensor(array: Array) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32))

    return Cameras(
        head.perspective,
        tensor(head.rotation),
        tensor(head.translation),
        tensor(head.focal),
        tensor(head.principal),
    )


def _visible(
    model: PhotometricModel, head: HeadUnknowns, mesh: Heads, size: tuple[int, int]
) -> tuple[NDArray[np.int64], Array, Array]:
    """Candidates that a picture of `size` shows: rows (P,), places (P, 2) px, trusted area (P,) mm^2 in the view."""
    rings = model.rings
    points = mesh.vertices[0].numpy()[rings.ring].astype(np.float64)
    normals, length, _ = ring_normals(points, rings.following, rings.preceding)
    towards = -(normals @ (CAMERA_FROM_WORLD @ head.rotation[0]).T)
    if head.perspective:
        ray = mesh.vertices_camera[0].numpy()[rings.vertices].astype(np.float64)
        cosine = np.einsum("pd,pd->p", towards, ray) / np.linalg.norm(ray, axis=1)
    else:
        cosine = towards[:, 2]
    image = mesh.vertices_image[:, torch.from_numpy(rings.vertices)].contiguous()
    own = torch.from_numpy(rings.triangle.astype(np.int32))[None].contiguous()
    hidden = hidden_points(image, own, mesh.vertices_image, model.tensors.triangles, size, head.perspective)[0].numpy()
    places = image[0, :, :2].numpy().astype(np.float64)
    inside = ((places > _MARGIN) & (places < np.array(size[::-1]) - _MARGIN)).all(axis=1)
    slant = np.clip((cosine - _GRAZING[0]) / (_GRAZING[1] - _GRAZING[0]), 0.0, 1.0)
    area = model.trust * (length / 6.0) * slant * np.maximum(cosine, 0.0)  # a vertex owns a third of its triangles
    rows = np.flatnonzero(~hidden & inside & (area > 0))
    return rows, places[rows], area[rows]


def _spread(places: Array, area: Array, count: int) -> tuple[NDArray[np.int64], Array]:
    """Rows of points taken at equal steps of area along the strips of the picture, and how often (M,) each was."""
    strip = np.floor(places[:, 1] / _ROW)
    along = np.where(strip % 2 == 0, places[:, 0], -places[:, 0])
    order = np.lexsort((along, strip))
    total = np.cumsum(area[order])
    marks = (np.arange(count) + 0.5) / count * total[-1]
    found, times = np.unique(np.searchsorted(total, marks), return_counts=True)
    return order[np.minimum(found, len(order) - 1)], times.astype(np.float64)


def _skin_share(
    model: PhotometricModel, head: HeadUnknowns, mesh: Heads, size: tuple[int, int], scale: float
) -> NDArray[np.float32]:
    """(H, W, 1) share of each pixel of a level that shows the head's skin: near eyes, mouth and background the photo
    mixes in what no point is compared with."""
    fragments = rasterize(mesh.vertices_image, model.tensors.triangles, size, head.perspective)
    ids = fragments.triangle_id[0].numpy()
    share = ((ids >= 0) & model.is_skin[np.maximum(ids, 0)]).astype(np.float32)[..., None]
    for _ in range(round(-np.log2(scale))):
        share = halved(share)
    return share


def _layers(model: PhotometricModel, rows: NDArray[np.int64], pixel_mm: float) -> NDArray[np.float32]:
    """(P, K) paint of candidates averaged over about a pixel, between the two nearest resolutions."""
    wanted = float(np.clip(np.log2(pixel_mm / model.texel_mm), 0, len(model.layers) - 1))
    low = min(int(wanted), len(model.layers) - 2)
    share = np.float32(wanted - low)
    return (1 - share) * model.layers[low][rows] + share * model.layers[low + 1][rows]
