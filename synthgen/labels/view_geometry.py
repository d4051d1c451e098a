"""One view of a pair, as the labels between views need it."""

from dataclasses import dataclass

import torch

from synthgen.geometry.camera import Cameras
from synthgen.raster.fragments import Fragments


@dataclass(frozen=True)
class ViewGeometry:
    """N pictures of one head each, all of the same template.

    fragments: what is seen at the pixel centres; only triangles below the template's `label_count` count as face.
    vertices_camera: (N, V, 3) float32, mm, camera space. vertices_image: (N, V, 3) float32, [x px, y px, depth mm].
    cameras: the N cameras that made one of the other.
    occluder_mask: (N, H, W) bool, an external occluder covers the pixel; None = nowhere.
    ignore_mask: (N, H, W) bool, no loss may use the pixel; None = nowhere.
    invented_mask: (N, H, W) bool, the pixel's colour was never photographed; None = nowhere.
    """

    fragments: Fragments
    vertices_camera: torch.Tensor
    vertices_image: torch.Tensor
    cameras: Cameras
    occluder_mask: torch.Tensor | None = None
    ignore_mask: torch.Tensor | None = None
    invented_mask: torch.Tensor | None = None
