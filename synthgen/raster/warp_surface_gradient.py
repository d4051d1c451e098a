"""Kernels of `raster.surface_gradient`: the surface point under each pixel centre, and what moves it.

Both passes run over the pixels of an image. On the CPU one thread owns an image, so that its sums have one order; on
CUDA a thread owns a pixel and adds with atomics. The kernels are generic: float32 and float64.
"""

from typing import Any

import torch
import warp as wp

from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

VECTORS = {torch.float32: wp.vec3, torch.float64: wp.vec3d}


@wp.func
def edge(x: Any, y: Any, p: Any, q: Any):
    """Edge function of the side from p to q, positive inside."""
    return (x - p[0]) * (q[1] - p[1]) - (y - p[1]) * (q[0] - p[0])


@wp.func
def edges(x: Any, y: Any, a: Any, b: Any, c: Any):
    """Edge functions of the sides opposite the corners."""
    return type(a)(edge(x, y, b, c), edge(x, y, c, a), edge(x, y, a, b))


@wp.func
def depth_factors(z: Any, perspective: wp.bool):
    """What turns edge functions into weights of the surface: 1 / z in perspective, times the product of all three."""
    factors = type(z)(z[1] * z[2], z[2] * z[0], z[0] * z[1])
    if not perspective:
        factors = type(z)(z.dtype(1.0), z.dtype(1.0), z.dtype(1.0))
    return factors


@wp.kernel
def surface_points(
    vertices: wp.array2d(dtype=Any),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    perspective: wp.bool,
    span: wp.int32,
    barycentric: wp.array3d(dtype=Any),  # type: ignore[valid-type]
    depth: wp.array3d(dtype=Any),  # type: ignore[valid-type]
):
    """Weights and depth where something is seen; the planes come in as NaN. One thread takes `span` pixels."""
    n, part = wp.tid()
    width = triangle_id.shape[2]
    for pixel in range(part * span, wp.min((part + 1) * span, triangle_id.shape[1] * width)):
        row = pixel // width
        column = pixel - row * width
        t = triangle_id[n, row, column]
        if t >= 0:
            corner = triangles[t]
            a = vertices[n, corner[0]]
            b = vertices[n, corner[1]]
            c = vertices[n, corner[2]]
            z = type(a)(a[2], b[2], c[2])
            x = a.dtype(column) + a.dtype(0.5)
            y = a.dtype(row) + a.dtype(0.5)
            w = wp.cw_mul(edges(x, y, a, b, c), depth_factors(z, perspective))
            weights = w / (w[0] + w[1] + w[2])
            barycentric[n, row, column] = weights
            depth[n, row, column] = wp.dot(weights, z)


@wp.kernel
def move_vertices(
    vertices: wp.array2d(dtype=Any),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    triangle_id: wp.array3d(dtype=wp.int32),  # type: ignore[valid-type]
    perspective: wp.bool,
    span: wp.int32,
    by_barycentric: wp.array3d(dtype=Any),  # type: ignore[valid-type]
    by_depth: wp.array3d(dtype=Any),  # type: ignore[valid-type]
    by_vertices: wp.array2d(dtype=Any),  # type: ignore[valid-type]
):
    """Gradient by vertices, added to by_vertices, of a loss whose gradient by the planes is given.

    With edge functions e, factors f and w = e f: weights b = w / S, S = sum w; depth = sum b z. So, with
    g = d loss / d b + z d loss / d depth, d loss / d w = (g - g . b) / S.
    """
    n, part = wp.tid()
    width = triangle_id.shape[2]
    for pixel in range(part * span, wp.min((part + 1) * span, triangle_id.shape[1] * width)):
        row = pixel // width
        column = pixel - row * width
        t = triangle_id[n, row, column]
        if t >= 0:
            corner = triangles[t]
            a = vertices[n, corner[0]]
            b = vertices[n, corner[1]]
            c = vertices[n, corner[2]]
            z = type(a)(a[2], b[2], c[2])
            x = a.dtype(column) + a.dtype(0.5)
            y = a.dtype(row) + a.dtype(0.5)
            e = edges(x, y, a, b, c)
            factors = depth_factors(z, perspective)
            w = wp.cw_mul(e, factors)
            total = w[0] + w[1] + w[2]
            weights = w / total
            of_depth = by_depth[n, row, column]
            g = by_barycentric[n, row, column] + z * of_depth
            mean = wp.dot(g, weights)
            by_w = (g - type(g)(mean, mean, mean)) / total
            by_e = wp.cw_mul(by_w, factors)
            by_z = weights * of_depth
            if perspective:
                h = wp.cw_mul(by_w, e)
                by_z += type(z)(h[1] * z[2] + h[2] * z[1], h[0] * z[2] + h[2] * z[0], h[0] * z[1] + h[1] * z[0])
            # The edge function of p to q moves with p by (y - q_y, q_x - x) and with q by (p_y - y, x - p_x).
            ax = by_e[1] * (c[1] - y) + by_e[2] * (y - b[1])
            ay = by_e[1] * (x - c[0]) + by_e[2] * (b[0] - x)
            bx = by_e[2] * (a[1] - y) + by_e[0] * (y - c[1])
            by = by_e[2] * (x - a[0]) + by_e[0] * (c[0] - x)
            cx = by_e[0] * (b[1] - y) + by_e[1] * (y - a[1])
            cy = by_e[0] * (x - b[0]) + by_e[1] * (a[0] - x)
            wp.atomic_add(by_vertices, n, corner[0], type(a)(ax, ay, by_z[0]))
            wp.atomic_add(by_vertices, n, corner[1], type(a)(bx, by, by_z[1]))
            wp.atomic_add(by_vertices, n, corner[2], type(a)(cx, cy, by_z[2]))


def pixel_spans(planes: torch.Tensor) -> tuple[tuple[int, int], int]:
    """Launch size and pixels per thread for planes (N, H, W, ...): an image on the CPU, a pixel on CUDA."""
    count, height, width = planes.shape[:3]
    return ((count, height * width), 1) if planes.is_cuda else ((count, 1), height * width)


def launch_surface_points(
    vertices: torch.Tensor, triangles: torch.Tensor, triangle_id: torch.Tensor, perspective: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Barycentric (N, H, W, 3) and depth (N, H, W) in the dtype of vertices (N, V, 3), NaN where nothing is seen."""
    start_warp()
    shape, vector = triangle_id.shape, VECTORS[vertices.dtype]
    like = {"dtype": vertices.dtype, "device": vertices.device}
    barycentric = torch.full((*shape, 3), float("nan"), **like)
    depth = torch.full(shape, float("nan"), **like)
    dim, span = pixel_spans(triangle_id)
    wp.launch(
        surface_points,
        dim=dim,
        inputs=[
            wp.from_torch(vertices.detach(), dtype=vector),
            wp.from_torch(triangles, dtype=wp.vec3i),
            wp.from_torch(triangle_id),
            perspective,
            span,
            wp.from_torch(barycentric, dtype=vector),
            wp.from_torch(depth),
        ],
        device=wp.device_from_torch(vertices.device),
    )
    return barycentric, depth


def launch_move_vertices(
    vertices: torch.Tensor,
    triangles: torch.Tensor,
    triangle_id: torch.Tensor,
    perspective: bool,
    by_planes: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Gradient (N, V, 3) by vertices from the gradients by barycentric and depth."""
    start_warp()
    vector = VECTORS[vertices.dtype]
    by_vertices = torch.zeros_like(vertices)
    dim, span = pixel_spans(triangle_id)
    wp.launch(
        move_vertices,
        dim=dim,
        inputs=[
            wp.from_torch(vertices.detach(), dtype=vector),
            wp.from_torch(triangles, dtype=wp.vec3i),
            wp.from_torch(triangle_id),
            perspective,
            span,
            wp.from_torch(by_planes[0].contiguous(), dtype=vector),
            wp.from_torch(by_planes[1].contiguous()),
            wp.from_torch(by_vertices, dtype=vector),
        ],
        device=wp.device_from_torch(vertices.device),
    )
    return by_vertices
