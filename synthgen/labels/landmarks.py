"""Landmarks of posed heads: fixed surface points, and the jaw by landmark marching."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.geometry.camera import Cameras, project
from synthgen.geometry.rotation import euler_from_rotation, rotation_from_euler
from synthgen.morphable.template import SurfacePoints, Template, evaluate_points

JAW_POINTS = 17
JAW_CENTRE = 8
_JAW = np.arange(JAW_POINTS)
# Degrees below the horizontal of the outline's normal at points 0 (ear) to 7 (beside the chin), of ICT-FaceKit's mean
# head seen from the front; 0 instead of 2 to 17 at the upper ones, where lines of candidates may lie 15 mm too low.
_DOWNWARDS = np.deg2rad([0.0, 0.0, 0.0, 0.0, 30.0, 48.0, 69.0, 78.0])


def landmarks_in_camera(
    points: SurfacePoints, template: Template, vertices_camera: torch.Tensor
) -> NDArray[np.float32]:
    """(N, K, 3) mm, camera space, of fixed surface points on posed vertices (N, V, 3)."""
    corners = np.unique(template.triangles[points.triangle], return_inverse=True)
    used = vertices_camera[:, torch.from_numpy(corners[0].astype(np.int64))].cpu().numpy()
    local = SurfacePoints(np.arange(len(points.triangle), dtype=np.int32), points.barycentric)
    return evaluate_points(local, corners[1].reshape(-1, 3).astype(np.int32), used).astype(np.float32)


def landmarks_in_image(cameras: Cameras, landmarks_camera: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, K, 2) pixels of camera-space landmarks (N, K, 3)."""
    return project(cameras, torch.from_numpy(landmarks_camera).to(cameras.focal.device))[..., :2].cpu().numpy()


def march_jaw(
    template: Template,
    vertices_camera: torch.Tensor,
    vertices_image: torch.Tensor,
    euler: NDArray[np.floating],
    landmarks: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(N, 68, 2) pixels: `landmarks` (N, 68, 2) with the jaw points of the far side moved to the outline.

    On each jaw point's contour line, a ring of vertices around the head at its height, the vertex is taken that
    reaches furthest `outwards` (Zhu et al. 2016). vertices_camera: (N, V, 3) mm; vertices_image: (N, V, 3), x and y in
    pixels; euler: (N, 3) radians, pitch, yaw, roll; yaw > 0 turns the nose to image right, so the far side is the
    subject's left, points 9..16.
    """
    lines = template.contours
    exists = lines >= 0
    rows = torch.from_numpy(np.where(exists, lines, 0).ravel().astype(np.int64)).to(vertices_image.device)
    shape = (len(euler), *lines.shape)
    points = vertices_camera[:, rows].cpu().numpy().reshape(*shape, 3) * [1.0, -1.0, -1.0]
    candidates = vertices_image[:, rows, :2].cpu().numpy().reshape(*shape, 2)
    rotation = rotation_from_euler(np.asarray(euler, np.float64))
    reach = np.where(exists, outwards(points, candidates, rotation), -np.inf)
    outermost = np.take_along_axis(candidates, reach.argmax(axis=-1)[..., None, None], axis=2)[:, :, 0]
    moves = far_side(np.asarray(euler)[:, 1]) & exists.any(axis=1)
    marched = landmarks.copy()
    marched[:, :JAW_POINTS] = np.where(moves[..., None], outermost, landmarks[:, :JAW_POINTS])
    return marched


def far_side(yaw: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N, 17): the jaw points of the side that is turned away. yaw: (N,) radians."""
    return np.where(yaw[:, None] > 0, _JAW > JAW_CENTRE, _JAW < JAW_CENTRE)


def outwards(
    points: NDArray[np.floating], image: NDArray[np.floating], rotation: NDArray[np.float64], down_at_chin: bool = True
) -> NDArray[np.float64]:
    """(N, 17, M) px: how far candidates of the jaw points reach outwards on the far side.

    points: (N, 17, M, 3) mm, of the posed head in world axes; image: (N, 17, M, 2) px, where they appear; rotation:
    (N, 3, 3). Outwards is across the upright head in the picture at the ears, and towards the head's own chin the lower
    the point lies and the less the head is turned. Across alone, as Zhu et al. have it, moves points beside the chin of
    a slightly turned head up into the face: there the outline faces down, and what is outermost across is the front of
    the chin. The head's own down, not the picture's, keeps the choice from depending on the pitch. down_at_chin: False
    is across alone.
    """
    yaw, roll = euler_from_rotation(rotation)[:, 1:].T
    leftwards = np.stack([np.cos(roll), -np.sin(roll)], axis=-1)  # of the subject, in the picture, whose y points down
    across = np.einsum("njmc,nc->njm", image, leftwards * np.where(yaw > 0, 1.0, -1.0)[:, None])
    pixels_per_mm = image.std(axis=(1, 2)).sum(axis=-1) / points[..., :2].std(axis=(1, 2)).sum(axis=-1)
    down = -np.einsum("njmc,nc->njm", points, rotation[:, :, 1] * pixels_per_mm[:, None])
    angle = np.concatenate([_DOWNWARDS, [np.pi / 2], _DOWNWARDS[::-1]])[:, None] * down_at_chin
    reach: NDArray[np.float64] = np.cos(angle) * across + np.sin(angle) * np.cos(yaw)[:, None, None] * down
    return reach
