"""Smooth vertex normals in plain torch: differentiable, in any float dtype. `raster.normals` is the fast one."""

import torch


def smooth_normals(vertices: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """Unit normals (N, V, 3) of vertices (N, V, 3) of a right-handed space, differentiable by the vertices.

    triangles: (T, 3) int32, counter-clockwise from outside. As in `raster.normals.vertex_normals`: the normalised sum
    of the incident triangles' normals, weighted with their areas; zero where that sum is zero.
    """
    by_vertex = vertices.transpose(0, 1).contiguous()  # (V, N, 3): rows are gathered and added in one piece
    rows = triangles.long().unbind(dim=1)
    a, b, c = (by_vertex.index_select(0, row) for row in rows)  # (T, N, 3)
    of_triangle = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(by_vertex)
    for row in rows:
        total = total.index_add(0, row, of_triangle)
    return torch.nn.functional.normalize(total.transpose(0, 1), dim=-1, eps=torch.finfo(total.dtype).tiny)
