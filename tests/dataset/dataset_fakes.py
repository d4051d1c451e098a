"""Samples that look like rendered ones without a renderer: an egg with a grid of 22,350 triangles, noise, smooth flow.

Triangle ids change at nearly every pixel, depth and normals carry small bumps, the picture has noise of sigma 2.
"""

from typing import Any

import numpy as np

from synthgen.core.label_spec import DEFAULT_IMAGE_LABELS, DEFAULT_PAIR_LABELS
from synthgen.dataset.derived import TemplateArrays
from synthgen.dataset.layout import SampleLayout, layout_of_recipe
from synthgen.dataset.sample import Sample

COLUMNS, ROWS = 149, 75
TRIANGLES = 2 * COLUMNS * ROWS
VERTICES = (COLUMNS + 1) * (ROWS + 1)


def make_layout(kind: str, size: tuple[int, int], labels: tuple[str, ...], codec: str) -> SampleLayout:
    return layout_of_recipe({"kind": kind, "size": size, "labels": labels, "codec": codec})


def image_layout(size: tuple[int, int] = (128, 128), codec: str = "jpeg", extra: tuple[str, ...] = ()) -> SampleLayout:
    return make_layout("images", size, (*DEFAULT_IMAGE_LABELS, *extra), codec)


def pair_layout(size: tuple[int, int] = (128, 128), codec: str = "jpeg", extra: tuple[str, ...] = ()) -> SampleLayout:
    return make_layout("pairs", size, (*DEFAULT_PAIR_LABELS, *extra), codec)


def fake_template() -> TemplateArrays:
    """The template of the egg."""
    column, row = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    corner = (row * (COLUMNS + 1) + column).ravel()
    lower = np.stack([corner, corner + 1, corner + COLUMNS + 1], 1)
    upper = np.stack([corner + 1, corner + COLUMNS + 2, corner + COLUMNS + 1], 1)
    triangles = np.stack([lower, upper], 1).reshape(-1, 3).astype(np.int32)
    vertex = np.arange(VERTICES)
    chart = np.stack([(vertex % (COLUMNS + 1)) / COLUMNS, 1 - (vertex // (COLUMNS + 1)) / ROWS], 1).astype(np.float32)
    pncc = np.concatenate([chart, 0.5 * chart[:, :1]], 1).astype(np.float32)
    parts = (1 + np.arange(TRIANGLES) % 8).astype(np.uint8)
    landmark_triangle = np.arange(68, dtype=np.int32) * 100
    landmark_barycentric = np.full((68, 3), 1 / 3, np.float32)
    return TemplateArrays(triangles, TRIANGLES, chart[triangles], parts, pncc, landmark_triangle, landmark_barycentric)


def egg(rng: np.random.Generator, size: tuple[int, int], coverage: float = 0.4) -> dict[str, np.ndarray]:
    """Planes of one egg: triangle_id, barycentric, depth (about 1500 mm), normals, image, masks."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    angle = rng.uniform(-0.6, 0.6)
    radius = np.sqrt(coverage * height * width / np.pi)
    dx, dy = x - width / 2, y - height / 2
    s = (np.cos(angle) * dx + np.sin(angle) * dy) / (0.85 * radius)
    t = (-np.sin(angle) * dx + np.cos(angle) * dy) / (1.18 * radius)
    inside = s * s + t * t < 1.0
    z = np.sqrt(np.clip(1.0 - s * s - t * t, 1e-9, None))
    bumps = sum(0.02 * np.sin(rng.uniform(5, 14) * s + rng.uniform(5, 14) * t + rng.uniform(0, 6)) for _ in range(4))
    longitude, latitude = np.arctan2(s, z) / np.pi + 0.5, np.arccos(np.clip(-t, -1, 1)) / np.pi
    a, b = longitude * (COLUMNS - 1e-6), latitude * (ROWS - 1e-6)
    fa, fb = a % 1.0, b % 1.0
    upper = fa + fb > 1.0
    weights = np.where(
        upper[..., None], np.stack([1 - fb, fa + fb - 1, 1 - fa], -1), np.stack([1 - fa - fb, fa, fb], -1)
    )
    triangle = 2 * (b.astype(int) * COLUMNS + a.astype(int)) + upper
    surface = 90.0 * (z + bumps)
    normals = np.stack([s + np.gradient(bumps, axis=1) * 20, t + np.gradient(bumps, axis=0) * 20, -z - 0.1], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    shade = np.clip(0.25 + 0.75 * z + bumps, 0, 1)[..., None] * np.array([225, 175, 150])
    behind = 90 + 60 * np.sin(x / rng.uniform(9, 30)) * np.cos(y / rng.uniform(9, 30))
    picture = np.where(inside[..., None], shade, behind[..., None] * np.array([0.9, 1.0, 1.1]))
    picture = picture + rng.normal(0, 2, (height, width, 3))
    occluder = np.zeros(size, bool)
    occluder[height // 2 : height // 2 + height // 5, width // 8 : width // 3] = True
    picture[occluder] = [40, 90, 160]
    nothing = ~inside
    return {
        "image": np.clip(picture, 0, 255).astype(np.uint8),
        "triangle_id": np.where(inside, triangle, -1).astype(np.int32),
        "barycentric": np.where(nothing[..., None], np.nan, weights).astype(np.float32),
        "depth": np.where(nothing, np.nan, 1500.0 - surface).astype(np.float32),
        "normals": np.where(nothing[..., None], np.nan, normals).astype(np.float32),
        "occluder_mask": occluder,
    }


def fake_parameters(rng: np.random.Generator) -> dict[str, Any]:
    identity = rng.normal(size=40)
    names = ("yaw_deg", "pitch_deg", "roll_deg", "focal", "scale", "light_intensity", "light_rotation_deg", "noise")
    return {
        "identity": [float(value) for value in identity],
        "expression": [float(value) for value in rng.normal(size=10)],
        **{name: float(rng.normal()) for name in names},
        "origin_depth": 1480.0,
        "background_pick": float(rng.uniform()),
    }


def view_arrays(rng: np.random.Generator, size: tuple[int, int]) -> dict[str, np.ndarray]:
    planes = egg(rng, size)
    planes["landmarks_2d"] = rng.uniform(0, size[0], (68, 2)).astype(np.float32)
    planes["landmarks_3d"] = rng.normal(0, 60, (68, 3)).astype(np.float32)
    planes["landmarks_visibility"] = rng.choice([1, 2, 3, 5], 68).astype(np.uint8)
    planes["identity_coeffs"] = rng.normal(size=40).astype(np.float32)
    planes["expression_coeffs"] = rng.normal(size=10).astype(np.float32)
    planes["camera_from_world"] = rng.normal(size=(4, 4)).astype(np.float32)
    planes["intrinsics"] = rng.normal(size=(3, 3)).astype(np.float32)
    planes["euler"] = rng.normal(size=3).astype(np.float32)
    planes["parameters_62"] = np.full(62, np.nan, np.float32)
    return planes


def image_sample(index: int = 0, size: tuple[int, int] = (128, 128), seed: int = 0) -> Sample:
    rng = np.random.default_rng([seed, index])
    return Sample(index, view_arrays(rng, size), fake_parameters(rng), {"coverage": 0.4, "uv_round_trip": 1e-6})


def pair_sample(index: int = 0, size: tuple[int, int] = (128, 128), seed: int = 0) -> Sample:
    rng = np.random.default_rng([seed, index])
    views = [view_arrays(rng, size) for _ in range(2)]
    arrays: dict[str, np.ndarray] = {}
    parameters: dict[str, Any] = {}
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    for prefix, view, flow, codes in zip(
        ("source_", "target_"), views, ("flow", "flow_backward"), ("matchability", "matchability_backward"), strict=True
    ):
        arrays |= {prefix + name: plane for name, plane in view.items()}
        parameters |= {prefix + name: value for name, value in fake_parameters(rng).items()}
        face = view["triangle_id"] >= 0
        bend = 6 * np.sin(x / 17 + rng.uniform(0, 6)) * np.cos(y / 23) + 0.2 * x - 9
        smooth = np.stack([bend, 0.1 * y + 4 * np.sin(x / 11) - 5], -1) + 0.03 * view["normals"][..., :2]
        arrays[flow] = np.where(face[..., None], smooth, np.nan).astype(np.float32)
        arrays[codes] = np.where(face, np.where(view["occluder_mask"], 5, 1), 0).astype(np.uint8)
        arrays[codes][face & (x < size[1] * 0.4)] = 2
    return Sample(index, arrays, parameters, {"forward_backward_px": 0.01})
