"""Pictures of known heads with exact flow to the mean face, rendered by the project: the truth of the dense tests."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.fittings.mean_face import flow_to_mean_face, render_mean_face
from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.recipe.sections import Flow, ProceduralModel
from synthgen.render.assets import HeadAssets, open_head_assets
from synthgen.render.photo import Photos, photo_view

Array = NDArray[np.float64]
SIDE = 128
FOCAL = 330.0  # px: 22 degrees across 128 px


@dataclass(frozen=True)
class DensePhotos:
    """What was drawn, and its flow. flow, backward: (N, H, W, 2); code, code_backward: (N, H, W) uint8."""

    identity: Array
    expression: Array
    rotation: Array
    translation: Array
    focal: Array
    principal: Array
    perspective: bool
    flow: NDArray[np.float32]
    code: NDArray[np.uint8]
    backward: NDArray[np.float32]
    code_backward: NDArray[np.uint8]


def draw_dense(yaw_deg: Array, seed: int, perspective: bool = True, side: int = SIDE) -> DensePhotos:
    """Random built-in heads at given yaws."""
    assets = open_head_assets(ProceduralModel(), "cpu")
    rng = np.random.default_rng(seed)
    count = len(yaw_deg)
    identity = rng.standard_normal((count, len(assets.model.identity_basis)))
    expression = np.zeros((count, len(assets.model.expression_basis)))
    for row in range(count):
        expression[row, rng.choice(expression.shape[1], 2, replace=False)] = rng.uniform(0.2, 0.7, 2)
    euler = np.deg2rad(np.stack([rng.uniform(-12, 12, count), yaw_deg, rng.uniform(-20, 20, count)], axis=1))
    scale, place = rng.uniform(0.5, 0.62, count), rng.uniform(-6, 6, (count, 2))
    return _drawn(assets, (identity, expression), euler, (scale, place), (perspective, side))


def draw_clip(count: int, seed: int) -> DensePhotos:
    """One built-in head that turns and speaks smoothly."""
    assets = open_head_assets(ProceduralModel(), "cpu")
    rng = np.random.default_rng(seed)
    time = np.linspace(0.0, 1.0, count)
    identity = np.tile(rng.standard_normal(len(assets.model.identity_basis)), (count, 1))
    expression = np.zeros((count, len(assets.model.expression_basis)))
    expression[:, 1] = 0.3 + 0.2 * np.sin(2 * np.pi * time)
    euler = np.deg2rad(np.stack([5 * np.sin(3 * time), -15 + 30 * time, 6 * np.cos(2 * time)], axis=1))
    place = np.stack([-4 + 8 * time, 2 * np.sin(4 * time)], axis=1)
    return _drawn(assets, (identity, expression), euler, (0.56 + 0.03 * time, place), (True, SIDE))


def _drawn(
    assets: HeadAssets,
    coefficients: tuple[Array, Array],
    euler: Array,
    placed: tuple[Array, Array],
    camera: tuple[bool, int],
) -> DensePhotos:
    """Heads of identity (N, I) and expression (N, E), turned by euler (N, 3), at (scale, place) of a 128 px picture,
    before cameras (perspective or not, side of the picture)."""
    perspective, side = camera
    count, unit = len(euler), side / SIDE
    rotation, scale, place = rotation_from_euler(euler), placed[0] * unit, placed[1] * unit
    if perspective:
        focal, principal = np.full(count, FOCAL * unit), np.full((count, 2), side / 2.0)
        translation = np.concatenate([place / scale[:, None], (focal / scale)[:, None]], axis=1)
    else:
        focal, principal, translation = scale, side / 2.0 + place, np.zeros((count, 3))
    arrays = (array.astype(np.float32) for array in (rotation, translation, focal, principal))
    cameras = Cameras(perspective, *(torch.from_numpy(array) for array in arrays))
    image = torch.zeros((count, side, side, 3), dtype=torch.uint8)
    view = photo_view(Photos(image, *coefficients, cameras, np.zeros(count)), assets)
    target = render_mean_face(ProceduralModel(), (side, side), with_grid=False)
    labels, _ = flow_to_mean_face(view, target, assets, Flow(), backward=True)
    return DensePhotos(
        *coefficients, rotation, translation, focal, principal, perspective,
        labels["flow"], labels["matchability"], labels["flow_backward"], labels["matchability_backward"],
    )  # fmt: skip


@dataclass(frozen=True)
class MemoryFlow:
    """Flow in memory as a fittings.flow_set.FlowSet."""

    names: tuple[str, ...]
    photos: tuple[str, ...]
    size: tuple[int, int]
    clips: NDArray[np.int64] | None
    flow: NDArray[np.floating]
    weight: NDArray[np.floating]
    backward: bool = False
    landmarks: Array | None = None
    principal: Array | None = None

    def picture(self, row: int):  # type: ignore[no-untyped-def]
        from synthgen.fittings.flow_set import FlowPicture

        points = np.full((68, 2), np.nan) if self.landmarks is None else self.landmarks[row]
        principal = np.full(2, np.nan) if self.principal is None else self.principal[row]
        weight = self.weight[row].astype(np.float32)
        return FlowPicture(self.flow[row], weight, self.backward, None, points, principal)


def flow_set(photos: DensePhotos, backward: bool = False, **changes) -> MemoryFlow:  # type: ignore[no-untyped-def]
    """The exact flow of photos."""
    count = len(photos.focal)
    flow, code = (photos.backward, photos.code_backward) if backward else (photos.flow, photos.code)
    values = {
        "names": tuple(f"head_{n}" for n in range(count)),
        "photos": ("",) * count,
        "size": flow.shape[1:3],
        "clips": None,
        "flow": flow,
        "weight": code == 1,
        "backward": backward,
    }
    return MemoryFlow(**(values | changes))
