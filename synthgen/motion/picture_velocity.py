"""How fast what each pixel shows moves: the face as a surface, the rest with the picture, without a seam between."""

import numpy as np
import torch

from synthgen.geometry.similarity import Similarity
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.motion.motion_path import velocities

# Beside the face its own motion fades to that of the picture over this many times the root of the face's area in px:
# hair, ears and neck follow a turning head less and less.
REACH = 0.4


def picture_velocities(
    motions: Similarity, size: tuple[int, int], geometry: ViewGeometry | None, triangles: torch.Tensor
) -> torch.Tensor:
    """(F, H, W, 2) float32 px: how far what a pixel shows moves in the time between two frames.

    The mean of the way from the frame before and the way to the next one; at the ends of the clip, the one there is.
    motions: F similarities, of the picture. geometry: of the F frames, whose heads turn; None where they move with the
    picture alone. triangles: (T, 3) int32. A face pixel moves as its surface point does (that of `triangle_id` and
    `barycentric`). Beside the face the difference from the picture's motion is that of the nearest face pixel, fading.
    """
    field = _picture_field(motions, size)
    if geometry is None:
        return field
    from synthgen.motion.warp_picture_velocity import launch_picture_velocities

    return launch_picture_velocities(geometry, triangles, field.to(geometry.vertices_image.device), REACH)


def _picture_field(motions: Similarity, size: tuple[int, int]) -> torch.Tensor:
    """(F, H, W, 2) float32 px: the velocities of the similarities at the pixel centres."""
    ways = torch.from_numpy(velocities(motions).astype(np.float32))[:, None, None]
    x = torch.arange(size[1]).float() + 0.5
    y = torch.arange(size[0]).float() + 0.5
    rows = ways[..., 1] * y[:, None, None] + ways[..., 2]  # (F, H, 1, 2)
    return rows + ways[..., 0] * x[:, None]
