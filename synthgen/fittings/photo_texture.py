"""Photos with fitted heads -> a face texture in the template's chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.core.errors import UsageError
from synthgen.fittings.texture_fill import Array, ChartColours, fill_texture
from synthgen.fittings.texture_ground import ground_layers, paint_ground
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.labels.visibility import hidden_points
from synthgen.morphable.albedo.texels import Region, chart_coverage, chart_regions
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.unwrap import CHIN_V, EYE_V
from synthgen.raster.fragments import Fragments
from synthgen.raster.normals import build_adjacency, vertex_normals
from synthgen.raster.rasterize import rasterize
from synthgen.shading.transfer import linear_of_byte_table, srgb_from_linear

SMALLEST, LARGEST = 64, 2048
# Cosine between the normal and the direction to the viewer: below the first a photo is not believed, above the second
# as much as the cosine says. At 0.15 a texel is stretched sevenfold and a fit that is off by 1 mm shows what lies 7 mm
# beside it.
_GRAZING = (0.15, 0.45)
# Distance on the picture, mm, over which belief grows from 0 to 1: to what is not face (background, neck, ears, which
# a fit to 68 points puts 2 to 4 mm beside the truth); to a step in depth within the face, where skin lies beside skin;
# and to the border between skin, eye, mouth and teeth, which landmarks hold well.
_OUTSIDE_MM = (3.0, 10.0)
_JUMP_MM = (0.5, 2.0)
_BORDER_MM = (0.3, 1.0)
_BILINEAR_PX = 1.5  # no pixel of an edge has a part in what is sampled at this distance
_JUMP = 4.0  # mm of depth between neighbouring pixels
# Of the skin beyond the labelled face only what lies above the eyes is taken; of the face, what lies above the chin.
_CROWN_V = (EYE_V - 0.02, EYE_V + 0.05)
_UNDER_CHIN_V = CHIN_V - 0.01
_OUTSIDE = 255  # beside the values of albedo.texels.Region


@dataclass(frozen=True)
class FittedPhoto:
    """A photo and the head in it.

    pixels: (H, W, 3) uint8 sRGB. identity: (I,), expression: (E,), the model's units. camera: of one picture, px of
    `pixels`. ignored: (H, W) bool, pixels that show something else, or None.
    """

    pixels: NDArray[np.uint8]
    identity: NDArray[np.floating]
    expression: NDArray[np.floating]
    camera: Cameras
    ignored: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Chart:
    """The surface point at each texel centre of a model's chart, row 0 at v = 1.

    triangle: (S, S) int32, -1 where nothing is; barycentric: (S, S, 3) float32; region: (S, S) uint8,
    albedo.texels.Region; trust: (S, S) float32 in [0, 1], how far a fit is believed there; layers: what the ground
    below the photos is painted from.
    """

    triangle: NDArray[np.int32]
    barycentric: Array
    region: NDArray[np.uint8]
    trust: Array
    layers: Array


def open_chart(model: MorphableModel, size: int = 512) -> Chart:
    """The chart of a model with S = size texels a side. Raises UsageError for a size that is no power of two."""
    if size not in (SMALLEST << shift for shift in range(6)):
        raise UsageError(f"size must be a power of two from {SMALLEST} to {LARGEST}, got {size}")
    triangle, barycentric = chart_coverage(model.template, size)
    centres = ((np.arange(size) + 0.5) / size).astype(np.float32)
    u, v = np.meshgrid(centres, 1.0 - centres)
    region = chart_regions(u, v)
    labelled = (triangle >= 0) & (triangle < model.template.label_count)
    crown = np.where(triangle >= 0, _smoothstep(v, *_CROWN_V), 0.0) * (region == Region.SKIN)
    below = (region == Region.SKIN) & (v < _UNDER_CHIN_V)
    trusted = (labelled & ~below) | ((region == Region.TEETH) & (triangle >= 0))
    trust = np.maximum(trusted, crown).astype(np.float32)
    return Chart(triangle, barycentric, region, trust, ground_layers(model))


def sample_photo(photo: FittedPhoto, model: MorphableModel, chart: Chart) -> ChartColours:
    """What a photo shows of each texel; weight 0 where it is hidden, faces away, lies outside the picture or in an
    ignored region, else at most the cosine to the viewer, less near the outlines of the head.

    Raises UsageError when the coefficients are not the model's or the head lies behind the camera.
    """
    head = _pose(photo, model)
    size = (photo.pixels.shape[0], photo.pixels.shape[1])
    covered = chart.triangle >= 0
    own = chart.triangle[covered]  # (P,)
    corners = model.template.triangles[own]
    weights = chart.barycentric[covered]

    def at_texels(values: torch.Tensor) -> NDArray[np.float32]:
        return np.einsum("pcd,pc->pd", values[0].numpy()[corners], weights).astype(np.float32)

    place_camera = at_texels(head.camera)
    place = project(photo.camera, torch.from_numpy(place_camera)[None]).contiguous()
    normal = at_texels(head.normals)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    ray = place_camera if photo.camera.perspective else np.array([[0.0, 0.0, 1.0]], np.float32)
    cosine = -(normal * ray).sum(axis=1) / np.linalg.norm(ray, axis=1)
    triangles = torch.from_numpy(model.template.triangles)
    hidden = hidden_points(
        place, torch.from_numpy(own)[None].contiguous(), head.image, triangles, size, photo.camera.perspective
    )[0].numpy()
    xy = place[0, :, :2].numpy()
    belief = np.where(hidden, 0.0, np.maximum(cosine, 0.0) * _smoothstep(cosine, *_GRAZING))
    belief *= _in_picture(photo, xy) * _clear_of_outlines(photo, model, head, xy, place[0, :, 2].numpy())
    colour = np.zeros((*chart.triangle.shape, 3), np.float32)
    weight = np.zeros(chart.triangle.shape, np.float32)
    image_plane = np.full((*chart.triangle.shape, 2), np.nan, np.float32)
    image_plane[covered] = xy
    colour[covered] = _sampled(photo.pixels, xy, _footprint(image_plane)[covered])
    weight[covered] = belief
    return ChartColours(colour, weight * chart.trust)


def merge_texels(views: Sequence[ChartColours]) -> ChartColours:
    """One set of texels from photos of one person, each brought to the exposure and white balance of the first.

    Each texel is mostly that of the photo that sees it best: a mean would show the details of all of them.
    """
    total = np.log(np.maximum(views[0].colour, 1e-4)) * views[0].weight[..., None] ** 4
    share = views[0].weight ** 4
    best = views[0].weight
    for view in views[1:]:
        log = np.log(np.maximum(view.colour, 1e-4))
        common = np.minimum(best, view.weight)[..., None]
        mean = total / np.maximum(share, 1e-12)[..., None]
        gain = ((mean - log) * common).sum(axis=(0, 1)) / max(float(common.sum()), 1e-6)
        total = total + (log + gain) * view.weight[..., None] ** 4
        share = share + view.weight**4
        best = np.maximum(best, view.weight)
    colour = np.exp(total / np.maximum(share, 1e-12)[..., None])
    return ChartColours(np.where(best[..., None] > 0, colour, 0.0).astype(np.float32), best)


def photo_texture(photos: Sequence[FittedPhoto], model: MorphableModel, chart: Chart) -> NDArray[np.uint8]:
    """(S, S, 3) uint8 sRGB, row 0 at v = 1: the texture of the person in the photos, whole.

    Light and shadow of the photos are part of it. What no photo shows is taken from the other side of the face, then
    from the model's painted texture in the person's tones. Raises UsageError when no photo shows any of the face.
    """
    views = [sample_photo(photo, model, chart) for photo in photos]
    face = (chart.triangle >= 0) & (chart.triangle < model.template.label_count)
    if not any(view.weight[face].any() for view in views):
        raise UsageError("none of the photos shows any of the face: its head is outside the picture or turned away")
    known = merge_texels(views)
    linear = fill_texture(known, paint_ground(chart.layers, chart.region, known), chart.region)
    return np.rint(255.0 * srgb_from_linear(linear)).astype(np.uint8)


@dataclass(frozen=True)
class _Head:
    """The posed head: camera space (1, V, 3) mm, image (1, V, 3), normals (1, V, 3) camera space."""

    camera: torch.Tensor
    image: torch.Tensor
    normals: torch.Tensor


def _pose(photo: FittedPhoto, model: MorphableModel) -> _Head:
    expected = (len(model.identity_basis), len(model.expression_basis))
    if (len(photo.identity), len(photo.expression)) != expected:
        raise UsageError(
            f"the fitting has {len(photo.identity)} identity and {len(photo.expression)} expression coefficients, "
            f"{model.name} {expected[0]} and {expected[1]}; name the model that it was made with"
        )
    vertices = torch.from_numpy(evaluate_vertices(model, photo.identity[None], photo.expression[None]))
    camera = to_camera_space(photo.camera, vertices)
    if photo.camera.perspective and float(camera[..., 2].min()) < 1.0:
        raise UsageError("the fitted head lies behind the camera, at least in part")
    triangles = torch.from_numpy(model.template.triangles)
    normals = vertex_normals(camera, triangles, build_adjacency(triangles, len(model.mean)))
    return _Head(camera, project(photo.camera, camera).contiguous(), normals)


def _in_picture(photo: FittedPhoto, xy: Array) -> NDArray[np.bool_]:
    """(P,) bool: all four pixels about a point are there, and none is ignored."""
    height, width = photo.pixels.shape[:2]
    x, y = xy[:, 0] - 0.5, xy[:, 1] - 0.5
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    if photo.ignored is None:
        return inside
    near = ndimage.maximum_filter(photo.ignored, size=3)
    column, row = np.where(inside, xy[:, 0], 0).astype(int), np.where(inside, xy[:, 1], 0).astype(int)
    return inside & ~near[np.minimum(row, height - 1), np.minimum(column, width - 1)]


def _clear_of_outlines(
    photo: FittedPhoto, model: MorphableModel, head: _Head, xy: Array, depth: Array
) -> NDArray[np.float64]:
    """(P,) in [0, 1]: how far points are from the outlines of the head and from the borders of eyes and mouth."""
    height, width = photo.pixels.shape[:2]
    triangles = torch.from_numpy(model.template.triangles)
    seen = rasterize(head.image, triangles, (height, width), photo.camera.perspective)
    focal = float(photo.camera.focal[0])
    px_per_mm = focal / depth if photo.camera.perspective else np.full(len(depth), focal)
    column = np.clip(xy[:, 0].astype(int), 0, width - 1)
    row = np.clip(xy[:, 1].astype(int), 0, height - 1)
    kind = _pixel_kinds(seen, model)
    depths = np.where(kind == _OUTSIDE, np.nan, seen.depth[0].numpy())
    jumps = _differs(depths, lambda a, b: np.abs(a - b) > _JUMP)
    borders = _differs(np.where(kind == _OUTSIDE, 0, kind), np.not_equal)
    clear = np.ones(len(xy))
    for edges, limits in ((kind == _OUTSIDE, _OUTSIDE_MM), (jumps, _JUMP_MM), (borders, _BORDER_MM)):
        if edges.any():
            distance = ndimage.distance_transform_edt(~edges)[row, column] - _BILINEAR_PX
            clear *= _smoothstep(distance / px_per_mm, *limits)
    return clear


def _pixel_kinds(seen: Fragments, model: MorphableModel) -> NDArray[np.uint8]:
    """(H, W) what the fitted head shows at each pixel: a Region of the chart, or _OUTSIDE for what no photo is
    believed to show: background, ears, neck."""
    template = model.template
    middle = template.uv.mean(axis=1)
    kind = chart_regions(middle[:, 0], middle[:, 1])
    skin = kind == Region.SKIN
    unlabelled = np.arange(len(kind)) >= template.label_count
    kind[skin & unlabelled & (middle[:, 1] < _CROWN_V[0])] = _OUTSIDE
    kind[skin & (middle[:, 1] < _UNDER_CHIN_V)] = _OUTSIDE
    return np.append(kind, np.uint8(_OUTSIDE))[seen.triangle_id[0].numpy()]


def _differs(
    values: NDArray[Any], test: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """(H, W) bool: the test holds between a pixel and one of its four neighbours."""
    result = np.zeros(values.shape, bool)
    down, right = test(values[1:], values[:-1]), test(values[:, 1:], values[:, :-1])
    result[1:] |= down
    result[:-1] |= down
    result[:, 1:] |= right
    result[:, :-1] |= right
    return result


def _footprint(place: Array) -> Array:
    """(S, S) how many pixels of the photo a texel spans, NaN-safe, from the texels' image points (S, S, 2)."""
    spans = [np.linalg.norm(np.roll(place, -1, axis) - place, axis=-1) for axis in (0, 1)]
    # ChartColours across a cut of the chart are far apart; they are next to nothing.
    return np.nan_to_num(np.minimum(*spans), nan=1.0)


def _sampled(pixels: NDArray[np.uint8], xy: Array, footprint: Array) -> Array:
    """(P, 3) linear light at image points (P, 2), averaged over `footprint` (P,) px: bilinear in two halvings of the
    photo, mixed."""
    levels = [linear_of_byte_table()[pixels]]
    level = np.clip(np.log2(np.maximum(footprint, 1.0)), 0.0, 6.0)
    highest = int(np.ceil(level.max()))
    while len(levels) <= highest and min(levels[-1].shape[:2]) >= 4:
        levels.append(_half(levels[-1]))
    level = np.minimum(level, len(levels) - 1)
    result = np.zeros((len(xy), 3), np.float32)
    for number, picture in enumerate(levels):
        share = np.clip(1.0 - np.abs(level - number), 0.0, 1.0).astype(np.float32)
        rows = np.flatnonzero(share)
        result[rows] += share[rows, None] * _bilinear(picture, xy[rows] / 2**number)
    return result


def _half(picture: Array) -> Array:
    """Box average of 2 x 2 pixels; an odd last row or column is repeated."""
    padded = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), "edge")
    return padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, 3).mean(axis=(1, 3), dtype=np.float32)


def _bilinear(picture: Array, xy: Array) -> Array:
    """(P, 3) at points in px of the picture, the nearest pixel beyond its edges."""
    height, width = picture.shape[:2]
    x, y = np.clip(xy[:, 0] - 0.5, 0, width - 1), np.clip(xy[:, 1] - 0.5, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = (1 - across) * picture[top, left] + across * picture[top, left + 1]
    lower = (1 - across) * picture[top + 1, left] + across * picture[top + 1, left + 1]
    return ((1 - down) * upper + down * lower).astype(np.float32)


def _smoothstep(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.float64]:
    share = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
