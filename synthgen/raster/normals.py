"""Smooth vertex normals by gathering: no atomics, so equal bytes on every run."""

from dataclasses import dataclass

import numpy as np
import torch

from synthgen.raster.check import check_same_device, check_tensor, check_triangles


@dataclass(frozen=True)
class Adjacency:
    """Which triangles meet at each vertex: row v of a compressed list is incident[offset[v] : offset[v + 1]].

    offset: (V + 1,) int32. incident: (3T,) int32, rows of `triangles`, ascending within a vertex.
    """

    offset: torch.Tensor
    incident: torch.Tensor


def build_adjacency(triangles: torch.Tensor, vertex_count: int) -> Adjacency:
    """Adjacency of triangles (T, 3) int32 over `vertex_count` vertices, on the device of `triangles`.

    Raises UsageError for a wrong shape, dtype or index.
    """
    check_triangles(triangles, vertex_count)
    corners = triangles.cpu().numpy().ravel()
    order = np.argsort(corners, kind="stable")
    counts = np.bincount(corners, minlength=vertex_count)
    offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    incident = (order // 3).astype(np.int32)
    return Adjacency(
        torch.from_numpy(offset).to(triangles.device),
        torch.from_numpy(incident).to(triangles.device),
    )


def vertex_normals(vertices: torch.Tensor, triangles: torch.Tensor, adjacency: Adjacency) -> torch.Tensor:
    """Unit normals (N, V, 3) float32, pointing outwards in the space of the vertices.

    vertices: (N, V, 3) float32, mm, a right-handed space. triangles: (T, 3) int32, counter-clockwise from outside.
    Each is the normalised sum of the incident triangles' normals, weighted with their areas; zero where that sum is
    zero, for example at a vertex without triangles.

    Raises UsageError for a wrong shape, dtype or device, or an adjacency of another mesh.
    """
    check_tensor("vertices", vertices, (None, None, 3), torch.float32)
    check_tensor("triangles", triangles, (None, 3), torch.int32)
    check_tensor("adjacency.offset", adjacency.offset, (vertices.shape[1] + 1,), torch.int32)
    check_tensor("adjacency.incident", adjacency.incident, (3 * len(triangles),), torch.int32)
    check_same_device(("vertices", vertices), ("triangles", triangles), ("adjacency", adjacency.incident))
    from synthgen.raster.warp_normals import launch_vertex_normals

    return launch_vertex_normals(vertices, triangles, adjacency.offset, adjacency.incident)
