"""The label table: one row per label, the single source for shapes, types, empty values, storage and documentation."""

from dataclasses import dataclass
from typing import Literal

View = Literal["image", "pair"]


@dataclass(frozen=True)
class LabelSpec:
    """One row of the label table.

    name: the key in a sample's dict (pairs prefix `source_` / `target_` when view is "image").
    shape: symbolic shape; H, W image size, K landmarks, I and E coefficient counts.
    dtype: NumPy dtype name in memory.
    unit: unit and space in words.
    meaning: one line.
    view: "image" exists per picture, "pair" exists once per pair of pictures.
    derived: computed on reading from triangle_id, barycentric and template.npz unless stored explicitly.
    amodal: defined where the face lies behind an external occluder too.
    empty: the empty value in words ("NaN", "-1", "0", "False", "").
    worst_error: largest difference that storage may cause, in the label's unit; 0 is lossless.
    """

    name: str
    shape: tuple[str | int, ...]
    dtype: str
    unit: str
    meaning: str
    view: View = "image"
    derived: bool = False
    amodal: bool = False
    empty: str = ""
    worst_error: float = 0.0


# Storage steps that fix the worst errors below (dataset/codecs.py uses them).
BARYCENTRIC_STEPS = 65534  # uint16, 65535 is reserved for "empty"
DEPTH_HALF_RANGE_MM = 512.0  # about the depth of the model origin, uint16
DEPTH_STEP_MM = 2 * DEPTH_HALF_RANGE_MM / 65534
NORMAL_STEPS = 4094  # octahedral, 12 bits per axis
FLOW_STEP_PX = 1.0 / 64.0


_SPECS = (
    LabelSpec("image", ("H", "W", 3), "uint8", "sRGB", "the picture; JPEG unless the recipe's codec is png"),
    LabelSpec(
        "triangle_id",
        ("H", "W"),
        "int32",
        "row of template triangles",
        "front-most face triangle, external occluders ignored",
        amodal=True,
        empty="-1",
    ),
    LabelSpec(
        "barycentric",
        ("H", "W", 3),
        "float32",
        "weights",
        "perspective-correct weights of the triangle's corners",
        amodal=True,
        empty="NaN",
        worst_error=2.0 / BARYCENTRIC_STEPS,
    ),
    LabelSpec("face_mask", ("H", "W"), "bool", "", "pixel shows the face", derived=True, empty="False"),
    LabelSpec(
        "amodal_mask",
        ("H", "W"),
        "bool",
        "",
        "face surface lies behind this pixel, occluded externally or not",
        derived=True,
        amodal=True,
        empty="False",
    ),
    LabelSpec("occluder_mask", ("H", "W"), "bool", "", "an external occluder covers this pixel", empty="False"),
    LabelSpec(
        "uv",
        ("H", "W", 2),
        "float32",
        "template coordinate in [0, 1], v up",
        "where on the template this pixel lies",
        derived=True,
        amodal=True,
        empty="NaN",
        worst_error=1e-5,
    ),
    LabelSpec(
        "depth",
        ("H", "W"),
        "float32",
        "mm, camera space",
        "planar z along the optical axis",
        amodal=True,
        empty="NaN",
        worst_error=DEPTH_STEP_MM,
    ),
    LabelSpec(
        "depth_unit",
        ("H", "W"),
        "float32",
        "[0, 1], 300 mm",
        "densereg's Z: depth from 150 mm before to 150 mm behind the model origin",
        derived=True,
        amodal=True,
        empty="NaN",
        worst_error=1e-4,
    ),
    LabelSpec(
        "normals",
        ("H", "W", 3),
        "float32",
        "unit vector, camera space",
        "smooth surface normal",
        amodal=True,
        empty="NaN",
        worst_error=1.5e-3,
    ),
    LabelSpec(
        "pncc",
        ("H", "W", 3),
        "float32",
        "[0, 1]",
        "normalised coordinate code of the mean shape",
        derived=True,
        amodal=True,
        empty="NaN",
        worst_error=1e-4,
    ),
    LabelSpec(
        "parts",
        ("H", "W"),
        "uint8",
        "index into core.conventions.PARTS",
        "0 none, then right/left eye, right/left brow, upper/lower lip, nose, other",
        derived=True,
        amodal=True,
        empty="0",
    ),
    LabelSpec(
        "albedo",
        ("H", "W", 3),
        "float32",
        "linear",
        "intrinsic reflectance layer",
        amodal=True,
        empty="NaN",
        worst_error=1e-3,
    ),
    LabelSpec(
        "shading",
        ("H", "W", 3),
        "float32",
        "linear",
        "intrinsic shading layer: irradiance / pi",
        amodal=True,
        empty="NaN",
        worst_error=1e-2,
    ),
    LabelSpec(
        "ignore_mask", ("H", "W"), "bool", "", "pixels that no loss may use (other faces without labels)", empty="False"
    ),
    LabelSpec(
        "invented_mask",
        ("H", "W"),
        "bool",
        "",
        "pixels whose colour no camera saw: disoccluded or stretched",
        empty="False",
    ),
    LabelSpec(
        "source_map",
        ("H", "W", 2),
        "float32",
        "px of the photo",
        "where in the original photo this pixel was sampled; NaN beside it",
        empty="NaN",
        worst_error=FLOW_STEP_PX / 2,
    ),
    LabelSpec(
        "face_index",
        ("H", "W"),
        "uint8",
        "number",
        "which labelled face: 0 none, 1 the main face, 2 and 3 the others",
        amodal=True,
        empty="0",
    ),
    LabelSpec(
        "other_landmarks_2d", (2, 68, 2), "float32", "pixels", "landmarks_2d of the second and third face", empty="NaN"
    ),
    LabelSpec(
        "other_landmarks_visibility",
        (2, 68),
        "uint8",
        "code",
        "landmarks_visibility of the second and third face",
        empty="0",
    ),
    LabelSpec("landmarks_2d", (68, 2), "float32", "pixels", "iBUG order, fixed surface points"),
    LabelSpec("landmarks_2d_contour", (68, 2), "float32", "pixels", "the same with the jaw by landmark marching"),
    LabelSpec("landmarks_3d", (68, 3), "float32", "mm, camera space", "the same points in space"),
    LabelSpec(
        "landmarks_visibility",
        (68,),
        "uint8",
        "code",
        "1 visible, 2 hidden by the face, 3 outside the frame, 5 behind an external occluder",
    ),
    LabelSpec("identity_coeffs", ("I",), "float32", "standard deviations", "identity coefficients of the model"),
    LabelSpec(
        "expression_coeffs", ("E",), "float32", "the model's expression unit", "expression coefficients of the model"
    ),
    LabelSpec(
        "camera_from_world", (4, 4), "float32", "mm", "rigid pose, column vectors, camera space from world space"
    ),
    LabelSpec(
        "intrinsics",
        (3, 3),
        "float32",
        "pixels",
        "perspective: pinhole matrix; scaled orthographic: [[f,0,x],[0,f,y],[0,0,1]], f in px/mm",
    ),
    LabelSpec("euler", (3,), "float32", "radians", "pitch, yaw, roll of core.conventions"),
    LabelSpec(
        "parameters_62",
        (62,),
        "float32",
        "px/mm, px, standard deviations",
        "3x4 pose of a scaled-orthographic camera, row-major, then 40 + 10 coefficients",
        empty="NaN",
    ),
    LabelSpec(
        "flow",
        ("H", "W", 2),
        "float32",
        "px",
        "source to target (dx, dy) at source pixel centres",
        view="pair",
        amodal=True,
        empty="NaN",
        worst_error=FLOW_STEP_PX / 2,
    ),
    LabelSpec(
        "flow_backward",
        ("H", "W", 2),
        "float32",
        "px",
        "target to source",
        view="pair",
        amodal=True,
        empty="NaN",
        worst_error=FLOW_STEP_PX / 2,
    ),
    LabelSpec(
        "matchability",
        ("H", "W"),
        "uint8",
        "reason code",
        "core.conventions.REASONS, per source pixel",
        view="pair",
        empty="0",
    ),
    LabelSpec(
        "matchability_backward", ("H", "W"), "uint8", "reason code", "the same per target pixel", view="pair", empty="0"
    ),
)

LABELS: dict[str, LabelSpec] = {spec.name: spec for spec in _SPECS}

# `labels: [parameters]` in a recipe stands for these.
PARAMETER_LABELS = ("identity_coeffs", "expression_coeffs", "camera_from_world", "intrinsics", "euler", "parameters_62")
# What `images` and `pairs` store when the recipe does not say.
DEFAULT_IMAGE_LABELS = (
    "image",
    "triangle_id",
    "barycentric",
    "depth",
    "normals",
    "occluder_mask",
    "landmarks_2d",
    "landmarks_3d",
    "landmarks_visibility",
    "parameters",
)
DEFAULT_PAIR_LABELS = ("image", "flow", "flow_backward", "matchability", "matchability_backward", "parameters")
DEFAULT_FITTING_LABELS = (
    *DEFAULT_IMAGE_LABELS[:6],
    "ignore_mask",
    "landmarks_2d",
    "landmarks_2d_contour",
    *DEFAULT_IMAGE_LABELS[7:],
    "flow",
    "matchability",
)
# What exists only where a picture was made from another one, by profiling or motion.
MADE_FROM_PHOTO_LABELS = ("invented_mask", "source_map")
DEFAULT_VIDEO_LABELS = (*DEFAULT_FITTING_LABELS, "invented_mask")
# ... and what `images` store besides when a picture may show several faces, marked or labelled.
IGNORED_FACE_LABELS = ("ignore_mask",)
OTHER_FACE_LABELS = ("face_index", "other_landmarks_2d", "other_landmarks_visibility")

_BACKWARD = ("flow_backward", "matchability_backward")


def labels_of_kind(kind: str) -> tuple[str, ...]:
    """The labels that samples of a kind can have: "images", "pairs", "fittings" or "video"."""
    if kind in ("images", "pairs"):
        missing = {*MADE_FROM_PHOTO_LABELS, *(() if kind == "pairs" else ("flow", "matchability", *_BACKWARD))}
    else:
        missing = {"albedo", "shading", *OTHER_FACE_LABELS, *(_BACKWARD if kind == "video" else ())}
    return tuple(name for name in LABELS if name not in missing)
