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


def draw_dense(
    yaw_deg: Array, seed: int, perspective: bool = True, side: int = SIDE, assets: HeadAssets | None = None
) -> DensePhotos:
    """Random built-in heads at given yaws."""
    assets = assets or open_head_assets(ProceduralModel(), "cpu")
    model = assets.model
    rng = np.random.default_rng(seed)
    count, unit = len(yaw_deg), side / SIDE
    identity = rng.standard_normal((count, len(model.identity_basis)))
    expression = np.zeros((count, len(model.expression_basis)))
    for row in range(count):
        expression[row, rng.choice(expression.shape[1], 2, replace=False)] = rng.uniform(0.2, 0.7, 2)
    euler = np.deg2rad(np.stack([rng.uniform(-12, 12, count), yaw_deg, rng.uniform(-20, 20, count)], axis=1))
    rotation = rotation_from_euler(euler)
    scale = rng.uniform(0.5, 0.62, count) * unit
    place = rng.uniform(-6, 6, (count, 2)) * unit
    if perspective:
        focal, principal = np.full(count, FOCAL * unit), np.full((count, 2), side / 2.0)
        translation = np.concatenate([place / scale[:, None], (focal / scale)[:, None]], axis=1)
    else:
        focal, principal, translation = scale, side / 2.0 + place, np.zeros((count, 3))
    cameras = Cameras(
        perspective, *(torch.from_numpy(a.astype(np.float32)) for a in (rotation, translation, focal, principal))
    )
    image = torch.zeros((count, side, side, 3), dtype=torch.uint8)
    view = photo_view(Photos(image, identity, expression, cameras, np.zeros(count)), assets)
    target = render_mean_face(ProceduralModel(), (side, side), with_grid=False)
    arrays, _ = flow_to_mean_face(view, target, assets, Flow(), backward=True)
    return DensePhotos(
        identity, expression, rotation, translation, focal, principal, perspective,
        arrays["flow"], arrays["matchability"], arrays["flow_backward"], arrays["matchability_backward"],
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

    def picture(self, row: int):  # type: ignore[no-untyped-def]
        from synthgen.fittings.flow_set import FlowPicture

        points = np.full((68, 2), np.nan) if self.landmarks is None else self.landmarks[row]
        return FlowPicture(
            self.flow[row], self.weight[row].astype(np.float32), self.backward, None, points, np.full(2, np.nan)
        )


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
