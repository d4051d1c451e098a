"""Landmarks of posed heads: fixed surface points, and the jaw by landmark marching."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.geometry.camera import Cameras, project
from synthgen.morphable.template import SurfacePoints, Template, evaluate_points

JAW_POINTS = 17
JAW_CENTRE = 8
_JAW = np.arange(JAW_POINTS)


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
    template: Template, vertices_image: torch.Tensor, euler: NDArray[np.floating], landmarks: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, 68, 2) pixels: `landmarks` (N, 68, 2) with the jaw points of the far side moved to the outline.

    On each jaw point's contour line, a ring of vertices around the head at its height, the vertex is taken that is
    outermost across the upright head, its roll undone (Zhu et al. 2016). euler: (N, 3) radians, pitch, yaw, roll; yaw
    > 0 turns the nose to image right, so the far side is the subject's left, points 9..16.
    """
    yaw, roll = np.asarray(euler, np.float64)[:, 1:].T
    lines = template.contours
    exists = lines >= 0
    rows = torch.from_numpy(np.where(exists, lines, 0).ravel().astype(np.int64)).to(vertices_image.device)
    candidates = vertices_image[:, rows, :2].cpu().numpy().reshape(len(yaw), *lines.shape, 2)
    leftwards = np.stack([np.cos(roll), -np.sin(roll)], axis=-1)  # of the subject, in the picture, whose y points down
    across = np.einsum("njmc,nc->njm", candidates, leftwards * np.where(yaw > 0, 1.0, -1.0)[:, None])
    outwards = np.where(exists, across, -np.inf)  # (N, 17, M)
    outermost = np.take_along_axis(candidates, outwards.argmax(axis=-1)[..., None, None], axis=2)[:, :, 0]
    side = np.where(yaw[:, None] > 0, _JAW > JAW_CENTRE, _JAW < JAW_CENTRE)
    moves = side & exists.any(axis=1)
    marched = landmarks.copy()
    marched[:, :JAW_POINTS] = np.where(moves[..., None], outermost, landmarks[:, :JAW_POINTS])
    return marched
