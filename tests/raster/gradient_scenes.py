"""Small scenes for tests of gradients: meshes in world space, cameras by hand, all in float64."""

import numpy as np
import torch
import trimesh

from synthgen.raster.antialias import antialias
from synthgen.raster.fragments import Fragments
from synthgen.raster.rasterize import rasterize
from synthgen.raster.surface_gradient import differentiable_fragments
from synthgen.raster.topology import side_neighbours


def ball(subdivisions: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """A unit sphere (V, 3) float64 and its triangles, counter-clockwise from outside."""
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
    return torch.from_numpy(np.array(mesh.vertices)), torch.from_numpy(np.ascontiguousarray(mesh.faces, np.int32))


def ring(sections: int = 32, around: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """A torus, whose silhouette lies partly before itself."""
    mesh = trimesh.creation.torus(1.0, 0.4, major_sections=sections, minor_sections=around)
    return torch.from_numpy(np.array(mesh.vertices)), torch.from_numpy(np.ascontiguousarray(mesh.faces, np.int32))


def to_image(world: torch.Tensor, perspective: bool, centre: tuple[float, float], scale: float) -> torch.Tensor:
    """[x px, y px, depth mm] of points (N, V, 3): camera 4 units before the origin, `scale` px per unit there."""
    depth = 4.0 - world[..., 2:]
    flat = world[..., :2] * torch.tensor([scale, -scale], dtype=world.dtype)
    if perspective:
        flat = flat * 4.0 / depth
    return torch.cat([flat + torch.tensor(centre, dtype=world.dtype), 100.0 * depth], dim=-1)


def disk_triangles(rings: int, sectors: int) -> torch.Tensor:
    """Triangles of `disk`: a fan in the middle, two in each cell around it."""
    here = np.arange(sectors)
    after = (here + 1) % sectors
    parts = [np.stack([0 * here, 1 + after, 1 + here], axis=-1)]
    for inner in range(1, (rings - 1) * sectors + 1, sectors):
        a, b, outer = inner + here, inner + after, sectors
        parts += [np.stack([a, b, b + outer], axis=-1), np.stack([a, b + outer, a + outer], axis=-1)]
    return torch.from_numpy(np.concatenate(parts).astype(np.int32))


def disk(radius: torch.Tensor, rings: int, sectors: int, centre: tuple[float, float]) -> torch.Tensor:
    """A flat disk (1, V, 3) px of `rings` x `sectors` cells that faces the camera at depth 10."""
    angle = torch.arange(sectors, dtype=torch.float64) * (2 * np.pi / sectors)
    share = torch.arange(1, rings + 1, dtype=torch.float64) / rings
    around = torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)
    flat = (radius * share[:, None, None] * around).flatten(0, 1)
    flat = torch.cat([torch.zeros_like(flat[:1]), flat]) + torch.tensor(centre, dtype=torch.float64)
    return torch.cat([flat, torch.full_like(flat[:, :1], 10.0)], dim=-1)[None]


def fragments_of(
    vertices_image: torch.Tensor, triangles: torch.Tensor, size: tuple[int, int], perspective: bool
) -> Fragments:
    """Differentiable fragments of vertices in either precision."""
    seen = rasterize(vertices_image.detach().float().contiguous(), triangles, size, perspective)
    return differentiable_fragments(seen, vertices_image.contiguous(), triangles, perspective)


def coverage_of(vertices_image: torch.Tensor, triangles: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Anti-aliased coverage (N, H, W), orthographic."""
    fragments = fragments_of(vertices_image, triangles, size, False)
    picture = (fragments.triangle_id >= 0).to(vertices_image.dtype)[..., None]
    neighbours = side_neighbours(triangles, vertices_image.shape[1])
    return antialias(picture, fragments, vertices_image.contiguous(), triangles, neighbours)[..., 0]
