"""Kernels of `raster.normals`: a gather per vertex on CUDA; on the CPU, where one thread owns a whole head, the same
sums in the same order by adding each triangle to its corners."""

import torch
import warp as wp

from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)


@wp.func
def area_normal(points: wp.array(dtype=wp.vec3), triangle: wp.vec3i) -> wp.vec3:  # type: ignore[valid-type]
    """Outward normal as long as twice the triangle's area."""
    a = points[triangle[0]]
    return wp.cross(points[triangle[1]] - a, points[triangle[2]] - a)


@wp.func
def unit_or_zero(v: wp.vec3) -> wp.vec3:
    squared = wp.dot(v, v)
    return v * (1.0 / wp.where(squared > 0.0, wp.sqrt(squared), 1.0))


@wp.kernel
def normals_of_head(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    normals: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
):
    """CPU: one thread per head; normals come in as zeros."""
    n = wp.tid()
    points = vertices[n]
    row = normals[n]
    for t in range(triangles.shape[0]):
        triangle = triangles[t]
        face = area_normal(points, triangle)
        row[triangle[0]] = row[triangle[0]] + face
        row[triangle[1]] = row[triangle[1]] + face
        row[triangle[2]] = row[triangle[2]] + face
    for v in range(normals.shape[1]):
        row[v] = unit_or_zero(row[v])


@wp.kernel
def gather_normals(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    offset: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    incident: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    normals: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
):
    """CUDA: one thread per vertex."""
    n, v = wp.tid()
    points = vertices[n]
    total = wp.vec3(0.0, 0.0, 0.0)
    for i in range(offset[v], offset[v + 1]):
        total += area_normal(points, triangles[incident[i]])
    normals[n, v] = unit_or_zero(total)


def launch_vertex_normals(
    vertices: torch.Tensor,
    triangles: torch.Tensor,
    offset: torch.Tensor,
    incident: torch.Tensor,
    per_vertex: bool = False,
) -> torch.Tensor:
    """Normals (N, V, 3) of checked input; see `raster.normals`. per_vertex: CUDA's kernel also on the CPU (tests)."""
    start_warp()
    device = wp.device_from_torch(vertices.device)
    normals = torch.zeros_like(vertices)
    mesh = [wp.from_torch(vertices.detach(), dtype=wp.vec3), wp.from_torch(triangles, dtype=wp.vec3i)]
    out = wp.from_torch(normals, dtype=wp.vec3)
    if takes_cuda_kernels(vertices) or per_vertex:
        around = [wp.from_torch(offset), wp.from_torch(incident)]
        wp.launch(gather_normals, dim=normals.shape[:2], inputs=[*mesh, *around, out], device=device)
    else:
        wp.launch(normals_of_head, dim=len(vertices), inputs=[*mesh, out], device=device)
    return normals
