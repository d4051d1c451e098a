"""Optional backend for users who have built PyTorch3D: the same Fragments from its rasteriser."""

from functools import cache
from types import ModuleType

import torch

from synthgen.core.conventions import EMPTY_FLOAT
from synthgen.core.errors import UsageError
from synthgen.raster.check import check_same_device, check_tensor, check_triangles
from synthgen.raster.fragments import Fragments

# PyTorch3D draws nothing at z <= 0, and orthographic depth has any sign.
ORTHOGRAPHIC_NEAREST_MM = 100.0


@cache
def _load_pytorch3d() -> tuple[ModuleType, ModuleType]:
    try:
        from pytorch3d.renderer.mesh import rasterize_meshes as raster
        from pytorch3d.structures import meshes
    except ImportError as error:
        raise UsageError(
            f"the pytorch3d backend needs PyTorch3D, which cannot be imported here ({error}); "
            "build it as its INSTALL.md says, or use raster.rasterize"
        ) from error
    return raster, meshes


def rasterize_pytorch3d(
    vertices_image: torch.Tensor, triangles: torch.Tensor, size: tuple[int, int], perspective: bool, near: float = 1.0
) -> Fragments:
    """Fragments of N images drawn by PyTorch3D; arguments as in `raster.rasterize`.

    Its fill rule differs: a centre exactly on a side may be drawn twice or never. Slow on the CPU.

    Raises UsageError when PyTorch3D cannot be imported, or for a wrong shape, dtype, device or index.
    """
    check_tensor("vertices_image", vertices_image, (None, None, 3), torch.float32)
    check_triangles(triangles, vertices_image.shape[1])
    check_same_device(("vertices_image", vertices_image), ("triangles", triangles))
    raster, structures = _load_pytorch3d()
    height, width = size
    shift = torch.zeros((len(vertices_image), 1, 1), device=vertices_image.device)
    if not perspective:
        shift = ORTHOGRAPHIC_NEAREST_MM - vertices_image[..., 2].amin(dim=1)[:, None, None]
    # Its axes point left and up, and the shorter side runs from -1 to 1.
    half = min(height, width) / 2
    x = (width / 2 - vertices_image[..., :1]) / half
    y = (height / 2 - vertices_image[..., 1:2]) / half
    vertices = torch.cat([x, y, vertices_image[..., 2:] + shift], dim=-1)
    meshes = structures.Meshes(verts=vertices, faces=triangles.long().expand(len(vertices), -1, -1))
    packed_id, depth, barycentric, _ = raster.rasterize_meshes(
        meshes,
        image_size=size,
        blur_radius=0.0,
        faces_per_pixel=1,
        perspective_correct=perspective,
        cull_backfaces=True,
        z_clip_value=near if perspective else None,
    )
    seen = packed_id[..., 0] >= 0
    first = torch.arange(len(vertices), device=packed_id.device)[:, None, None] * len(triangles)
    triangle_id = torch.where(seen, packed_id[..., 0] - first, -1).int()
    empty = torch.tensor(EMPTY_FLOAT, device=depth.device)
    return Fragments(
        triangle_id,
        torch.where(seen[..., None], barycentric[..., 0, :], empty),
        torch.where(seen, depth[..., 0] - shift[..., 0], empty),
    )
