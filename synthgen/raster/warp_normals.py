"""Kernels of `raster.normals`: triangle normals first, then one gather per vertex."""

import torch
import warp as wp

from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)


@wp.kernel
def triangle_normals(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    span: wp.int32,
    normals: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
):
    """Normals (N, T) of twice the triangle's area; one thread takes `span` triangles."""
    n, part = wp.tid()
    points = vertices[n]
    row = normals[n]
    for t in range(part * span, wp.min((part + 1) * span, triangles.shape[0])):
        triangle = triangles[t]
        a = points[triangle[0]]
        row[t] = wp.cross(points[triangle[1]] - a, points[triangle[2]] - a)


@wp.kernel
def gather_normals(
    faces: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    offset: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    incident: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    span: wp.int32,
    normals: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
):
    n, part = wp.tid()
    around = faces[n]
    row = normals[n]
    for v in range(part * span, wp.min((part + 1) * span, normals.shape[1])):
        total = wp.vec3(0.0, 0.0, 0.0)
        for i in range(offset[v], offset[v + 1]):
            total += around[incident[i]]
        squared = wp.dot(total, total)
        # 0 / 1 where nothing can be normalised.
        row[v] = total / wp.where(squared > 0.0, wp.sqrt(squared), 1.0)


def launch_vertex_normals(
    vertices: torch.Tensor, triangles: torch.Tensor, offset: torch.Tensor, incident: torch.Tensor
) -> torch.Tensor:
    """Normals (N, V, 3) of checked input; see `raster.normals`."""
    start_warp()
    device = wp.device_from_torch(vertices.device)
    count, vertex_count = vertices.shape[:2]
    # The CPU pays 25 ns to start a thread and has one anyway.
    whole = vertices.device.type == "cpu"
    span_t, span_v = (max(len(triangles), 1), max(vertex_count, 1)) if whole else (1, 1)
    faces = torch.empty((1 if whole else count, len(triangles), 3), dtype=torch.float32, device=vertices.device)
    normals = torch.empty_like(vertices)
    corners = wp.from_torch(triangles, dtype=wp.vec3i)
    starts, around = wp.from_torch(offset), wp.from_torch(incident)
    # One head at a time on the CPU: its triangle normals stay in the cache.
    for rows in [slice(n, n + 1) for n in range(count)] if whole else [slice(0, count)]:
        points = wp.from_torch(vertices[rows].detach(), dtype=wp.vec3)
        towards = wp.from_torch(faces, dtype=wp.vec3)
        out = wp.from_torch(normals[rows], dtype=wp.vec3)
        grid = (points.shape[0], len(triangles) // span_t)
        wp.launch(triangle_normals, dim=grid, inputs=[points, corners, span_t, towards], device=device)
        grid = (points.shape[0], vertex_count // span_v)
        wp.launch(gather_normals, dim=grid, inputs=[towards, starts, around, span_v, out], device=device)
    return normals
