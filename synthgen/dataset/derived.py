"""Labels that follow from others: uv, pncc, parts and masks from triangle_id, barycentric, occluder_mask, template.

The renderer and the reader use the same functions, so a stored and a derived label mean the same.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import DENSEREG_NEAR_MM, DENSEREG_RANGE_MM
from synthgen.core.errors import DatasetError
from synthgen.core.limits import MOST_TEMPLATE_BYTES
from synthgen.core.npz import read_npz

Array = NDArray[Any]


@dataclass(frozen=True)
class TemplateArrays:
    """What `template.npz` holds.

    triangles: (T, 3) int32 vertex indices; label_count: number of label-carrying triangles, which come first;
    uv: (T, 3, 2) float32, template coordinate of each corner; parts: (T,) uint8; pncc: (V, 3) float32;
    landmark_triangle: (68,) int32; landmark_barycentric: (68, 3) float32, the iBUG points.
    mean_face: (H, W, 3) uint8, the picture that `flow` of fittings leads to; (0, 0, 3) for other kinds.
    """

    triangles: NDArray[np.int32]
    label_count: int
    uv: NDArray[np.float32]
    parts: NDArray[np.uint8]
    pncc: NDArray[np.float32]
    landmark_triangle: NDArray[np.int32]
    landmark_barycentric: NDArray[np.float32]
    mean_face: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))

    @cached_property
    def corner_uv(self) -> NDArray[np.float32]:
        """`uv` as (2, 3, T), contiguous for `derive_uv`."""
        return np.ascontiguousarray(self.uv.transpose(2, 1, 0))

    @cached_property
    def corner_pncc(self) -> NDArray[np.float32]:
        """`pncc` of each triangle's corners, (3, 3, T)."""
        return np.ascontiguousarray(self.pncc[self.triangles].transpose(2, 1, 0))


# Type and shape of each array; sizes with a name must agree.
_ARRAYS: dict[str, tuple[type, tuple[int | str, ...]]] = {
    "triangles": (np.int32, ("T", 3)),
    "label_count": (np.int32, ()),
    "uv": (np.float32, ("T", 3, 2)),
    "parts": (np.uint8, ("T",)),
    "pncc": (np.float32, ("V", 3)),
    "landmark_triangle": (np.int32, ("K",)),
    "landmark_barycentric": (np.float32, ("K", 3)),
    "mean_face": (np.uint8, ("H", "W", 3)),
}


class TemplateLike(Protocol):
    """What `template_arrays` reads: a `morphable.template.Template`."""

    @property
    def triangles(self) -> Array: ...
    @property
    def label_count(self) -> int: ...
    @property
    def uv(self) -> Array: ...
    @property
    def parts(self) -> Array: ...
    @property
    def pncc(self) -> Array: ...
    @property
    def landmarks(self) -> Mapping[str, Any]: ...


def template_arrays(template: TemplateLike) -> TemplateArrays:
    """The arrays of a template that a dataset carries."""
    points = template.landmarks["ibug68"]
    return TemplateArrays(
        triangles=template.triangles,
        label_count=int(template.label_count),
        uv=template.uv,
        parts=template.parts,
        pncc=template.pncc,
        landmark_triangle=points.triangle,
        landmark_barycentric=points.barycentric,
    )


def template_to_npz(template: TemplateArrays) -> bytes:
    """The bytes of template.npz."""
    buffer = io.BytesIO()
    arrays: dict[str, Array] = {
        name: np.asarray(getattr(template, name), dtype) for name, (dtype, _) in _ARRAYS.items()
    }
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def template_from_npz(data: bytes, where: str) -> TemplateArrays:
    """The template of template.npz. Raises DatasetError naming `where` when it is damaged or inconsistent."""
    sizes: dict[str, int] = {}

    def judge(name: str, shape: tuple[int, ...], found: np.dtype[Any]) -> None:
        dtype, expected = _ARRAYS.get(name, (None, ()))
        if dtype is None or found != dtype or len(shape) != len(expected):
            raise DatasetError(f"{where}: array {name!r} is {shape} {found}")
        for side, actual in zip(expected, shape, strict=True):
            if actual != (sizes.setdefault(side, actual) if isinstance(side, str) else side):
                raise DatasetError(f"{where}: array {name!r} is {shape}, which does not fit the other arrays")

    try:
        arrays = read_npz(io.BytesIO(data), judge, MOST_TEMPLATE_BYTES, compressed=True)
    except (ValueError, OSError) as error:
        raise DatasetError(f"{where} is damaged: {error}") from error
    missing = sorted(_ARRAYS.keys() - arrays.keys())
    if missing:
        raise DatasetError(f"{where} is damaged: array {missing[0]!r} is missing")
    fields: dict[str, Any] = {**arrays, "label_count": int(arrays["label_count"])}
    template = TemplateArrays(**fields)
    _check_template(template, where)
    return template


def _check_template(template: TemplateArrays, where: str) -> None:
    rows, vertices = len(template.triangles), len(template.pncc)
    if not 0 <= template.label_count <= rows:
        raise DatasetError(f"{where}: {template.label_count} of {rows} triangles carry labels")
    if template.triangles.min(initial=0) < 0 or template.triangles.max(initial=-1) >= vertices:
        raise DatasetError(f"{where}: a triangle names a vertex that is not there")
    if template.landmark_triangle.min(initial=0) < 0 or template.landmark_triangle.max(initial=-1) >= rows:
        raise DatasetError(f"{where}: a landmark names a triangle that is not there")
    for name in ("uv", "pncc", "landmark_barycentric"):
        if not np.isfinite(getattr(template, name)).all():
            raise DatasetError(f"{where}: array {name!r} holds a number that is not finite")


def derive_amodal_mask(triangle_id: Array) -> NDArray[np.bool_]:
    """Where face surface lies behind the pixel (H, W), occluded externally or not."""
    return np.greater_equal(triangle_id, 0)


def derive_face_mask(triangle_id: Array, occluder_mask: Array) -> NDArray[np.bool_]:
    """Where the pixel (H, W) shows the face."""
    return np.greater_equal(triangle_id, 0) & ~occluder_mask


def derive_parts(triangle_id: Array, template: TemplateArrays) -> NDArray[np.uint8]:
    """Part label (H, W) of each pixel, 0 where there is no face."""
    face = np.greater_equal(triangle_id, 0)
    parts = np.zeros(triangle_id.shape, np.uint8)
    parts[face] = template.parts.take(triangle_id[face])
    return parts


def derive_uv(triangle_id: Array, barycentric: Array, template: TemplateArrays) -> NDArray[np.float32]:
    """Template coordinate (H, W, 2), NaN where there is no face."""
    return _interpolate(triangle_id, barycentric, template.corner_uv)


def derive_pncc(triangle_id: Array, barycentric: Array, template: TemplateArrays) -> NDArray[np.float32]:
    """Normalised coordinate code (H, W, 3), NaN where there is no face."""
    return _interpolate(triangle_id, barycentric, template.corner_pncc)


def derive_depth_unit(depth: Array, camera_from_world: Array) -> NDArray[np.float32]:
    """densereg's Z (H, W) of depth (H, W) in mm: 0 is 150 mm before the model origin, 1 as much behind; NaN stays."""
    before = depth - np.float32(camera_from_world[2, 3] - DENSEREG_NEAR_MM)
    return np.clip(before * np.float32(1.0 / DENSEREG_RANGE_MM), 0.0, 1.0).astype(np.float32)


def derive_labels(
    arrays: Mapping[str, Array], template: TemplateArrays, names: Sequence[str], prefixes: Sequence[str] = ("",)
) -> dict[str, Array]:
    """The derived arrays called `names`, from stored ones; prefixes: those of the views."""
    result: dict[str, Array] = {}
    for name in names:
        prefix = next((item for item in prefixes if item and name.startswith(item)), "")
        label = name.removeprefix(prefix)
        if label == "depth_unit":
            result[name] = derive_depth_unit(arrays[prefix + "depth"], arrays[prefix + "camera_from_world"])
            continue
        ids = arrays[prefix + "triangle_id"]
        if label == "uv":
            result[name] = derive_uv(ids, arrays[prefix + "barycentric"], template)
        elif label == "pncc":
            result[name] = derive_pncc(ids, arrays[prefix + "barycentric"], template)
        elif label == "parts":
            result[name] = derive_parts(ids, template)
        elif label == "amodal_mask":
            result[name] = derive_amodal_mask(ids)
        elif label == "face_mask":
            result[name] = derive_face_mask(ids, arrays[prefix + "occluder_mask"])
        else:
            raise KeyError(f"label {label!r} is not a derived one")
    return result


def _interpolate(triangle_id: Array, barycentric: Array, corners: Array) -> Array:
    """Values at the triangles' corners (C, 3, T) at each pixel (H, W, C), NaN where there is no triangle."""
    face = triangle_id.reshape(-1) >= 0
    ids = triangle_id.reshape(-1)[face]
    weights = [weight[face] for weight in barycentric.reshape(-1, 3).T]
    result = np.full((triangle_id.size, len(corners)), np.nan, np.float32)
    # Channel by channel over contiguous rows: five times faster than over (n, 3, C).
    for channel, (first, second, third) in zip(result.T, corners, strict=True):
        mixed = weights[0] * first.take(ids)
        mixed += weights[1] * second.take(ids)
        mixed += weights[2] * third.take(ids)
        channel[face] = mixed
    return result.reshape(*triangle_id.shape, len(corners))
