"""Labels prove themselves: numbers computed while the arrays exist, kept in each shard's index."""

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_VISIBLE, MATCHABLE
from synthgen.geometry.camera import Cameras, project
from synthgen.raster.fragments import Fragments

# Checks that look at pixels look at one row in this many: the same mistakes in a fraction of the time.
ROW_STEP = 32
FLOW_ROW_STEP = 4


def coverage(face_index: torch.Tensor) -> NDArray[np.float64]:
    """(N,) share of the pixels that show face surface, of face_index (N, H, W) uint8, 0 where there is none."""
    # NumPy counts bytes ten times faster than torch reduces them.
    return np.array([np.count_nonzero(index) / index.size for index in face_index.cpu().numpy()])


def reprojection_error(
    fragments: Fragments, triangles: torch.Tensor, vertices_camera: torch.Tensor, cameras: Cameras
) -> NDArray[np.float64]:
    """(N,) largest distance, px, between a pixel centre and the projection of the surface point its labels name.

    vertices_camera: (N, V, 3) mm. Zero up to rounding unless pixel centres, barycentrics or cameras disagree.
    """
    ids = fragments.triangle_id[:, ::ROW_STEP]
    weights = fragments.barycentric[:, ::ROW_STEP]
    batch, row, column = torch.nonzero(ids >= 0, as_tuple=True)
    corners = triangles[ids[batch, row, column].long()].long()  # (P, 3)
    points = (vertices_camera[batch[:, None], corners] * weights[batch, row, column][..., None]).sum(dim=1)
    per_point = Cameras(
        cameras.perspective,
        cameras.rotation[batch],
        cameras.translation[batch],
        cameras.focal[batch],
        cameras.principal[batch],
    )
    seen = project(per_point, points[:, None])[:, 0, :2]
    centre = torch.stack([column + 0.5, row * ROW_STEP + 0.5], dim=-1)
    error = torch.zeros(len(ids), dtype=seen.dtype, device=seen.device)
    error.scatter_reduce_(0, batch, (seen - centre).norm(dim=-1), "amax")
    return error.double().cpu().numpy()


def landmark_depth_error(
    depth: NDArray[np.float32],
    landmarks_2d: NDArray[np.float32],
    landmarks_3d: NDArray[np.float32],
    visibility: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """(N,) median difference, mm, between the depth map and the depth of the visible landmarks; NaN if there are none.

    depth (N, H, W) mm; landmarks_2d (N, K, 2) px; landmarks_3d (N, K, 3) mm, camera space; visibility (N, K) codes.
    """
    height, width = depth.shape[1:]
    column, row = np.floor(landmarks_2d).astype(int).transpose(2, 0, 1)
    usable = (visibility == LANDMARK_VISIBLE) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    picture = np.arange(len(depth))[:, None]
    seen = depth[picture, np.where(usable, row, 0), np.where(usable, column, 0)]
    difference = np.where(usable, np.abs(seen - landmarks_3d[..., 2]), np.nan)
    # NaN sorts last: the median of the finite ones is the middle of the front part of each sorted row.
    ordered = np.sort(difference, axis=1)
    count = np.isfinite(difference).sum(axis=1)
    last = np.maximum(count - 1, 0)
    rows = np.arange(len(ordered))
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan).astype(np.float64)


def forward_backward_error(
    flow: torch.Tensor, flow_backward: torch.Tensor, matchability: torch.Tensor
) -> NDArray[np.float64]:
    """(N,) median distance, px, between each matchable pixel and where flow and then flow_backward bring it.

    flow, flow_backward: (N, H, W, 2) px; matchability: (N, H, W) codes. flow_backward is read bilinearly where its four
    neighbours are finite; NaN for a pair without such pixels.
    """
    count, height, width = matchability.shape
    rows = torch.arange(0, height, FLOW_ROW_STEP, device=flow.device)
    grid_y, grid_x = torch.meshgrid(rows + 0.5, torch.arange(width, device=flow.device) + 0.5, indexing="ij")
    centre = torch.stack([grid_x, grid_y], dim=-1)
    end = centre + flow[:, ::FLOW_ROW_STEP]
    size = torch.tensor([width, height], dtype=end.dtype, device=end.device)
    normalised = torch.nan_to_num(2 * end / size - 1, nan=-9.0)
    back = torch.nn.functional.grid_sample(
        flow_backward.permute(0, 3, 1, 2), normalised, mode="bilinear", align_corners=False
    ).permute(0, 2, 3, 1)
    error = (end + back - centre).norm(dim=-1)
    usable = (matchability[:, ::FLOW_ROW_STEP] == MATCHABLE) & torch.isfinite(error)
    return np.array(
        [float(error[n][usable[n]].median()) if bool(usable[n].any()) else float("nan") for n in range(count)]
    )
