"""Self-occlusion of surface points, decided where they are and not at pixel centres."""

import torch

from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device, check_tensor, check_triangles
from synthgen.raster.fragments import FrontTriangles

# A triangle hides a point only if it is nearer by more than this, mm. Rounding moves a point of the surface by about
# 1e-5 px and 2e-4 mm of depth (float32 at 128 px and 2 m), which a surface seen at 89 degrees (100 mm of depth per px)
# turns into 1e-3 mm: ten times less. The thinnest real gap, eyelid over eyeball, is ten times more.
TOLERANCE_MM = 0.02


def hidden_points(
    points: torch.Tensor,
    own_triangle: torch.Tensor,
    vertices_image: torch.Tensor,
    triangles: torch.Tensor,
    size: tuple[int, int],
    perspective: bool,
    near: float = 1.0,
    fronts: FrontTriangles | None = None,
) -> torch.Tensor:
    """(N, P) bool: the surface faces away at this point, or another front-facing triangle is in front of it.

    points: (N, P, 3) float32, [x px, y px, depth mm]; points with NaN or outside the frame of `size` (height, width)
    are judged by their facing alone. own_triangle: (N, P) int32, the triangle that each lies on, -1 for no point.
    vertices_image: (N, V, 3) float32; triangles: (T, 3) int32, all that hide, labelled or not.
    fronts: of the rasterisation of this mesh with the same size, projection and near, which makes it faster.

    Raises UsageError for a wrong shape, dtype, device or index.
    """
    count, number = own_triangle.shape
    check_tensor("own_triangle", own_triangle, (None, None), torch.int32)
    check_tensor("points", points, (count, number, 3), torch.float32)
    check_tensor("vertices_image", vertices_image, (count, None, 3), torch.float32)
    check_triangles(triangles, vertices_image.shape[1])
    check_same_device(
        ("points", points),
        ("own_triangle", own_triangle),
        ("vertices_image", vertices_image),
        ("triangles", triangles),
    )
    if own_triangle.numel() == 0:
        return torch.zeros((count, number), dtype=torch.bool, device=points.device)
    if int(own_triangle.max()) >= len(triangles):
        raise UsageError(f"`own_triangle` must be below {len(triangles)}, got {int(own_triangle.max())}")
    from synthgen.labels.warp_visibility import HidingMesh, launch_hidden_points

    mesh = HidingMesh(vertices_image, triangles, perspective, near, TOLERANCE_MM, size, fronts)
    return launch_hidden_points(points, own_triangle, mesh)
