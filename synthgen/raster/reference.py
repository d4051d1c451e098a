"""The rasteriser's specification: slow, obvious NumPy, one triangle after the other, one float32 rounding per step."""

import numpy as np
from numpy.typing import NDArray

F = np.float32
Points = NDArray[np.float32]


def _edge(points: Points, indices: tuple[int, int], x: Points, y: Points) -> tuple[Points, bool]:
    """Edge function at pixel centres, positive inside, and whether a centre on this side belongs to the triangle."""
    start, end = indices
    dx, dy = points[end, :2] - points[start, :2]
    anchor = points[min(start, end)]
    value = (x - anchor[0]) * dy - (y - anchor[1]) * dx
    is_left, is_top = dy > 0, dy == 0 and dx < 0
    return value, bool(is_left or is_top)


def _is_drawable(corners: Points, perspective: bool, near: float) -> bool:
    if not np.isfinite(corners).all():
        return False
    a, b, c = corners
    area = (b[1] - a[1]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[1] - a[1])
    in_front = not perspective or bool((corners[:, 2] >= F(near)).all())
    return bool(0 < area < F(3e38)) and in_front


def rasterize_reference(
    vertices_image: Points,
    triangles: NDArray[np.int32],
    size: tuple[int, int],
    perspective: bool,
    near: float = 1.0,
) -> tuple[NDArray[np.int32], Points, Points]:
    """(triangle_id (H, W) int32, barycentric (H, W, 3), depth (H, W)) of one image; see `raster.rasterize`.

    vertices_image: (V, 3) float32, [x px, y px, depth mm].
    """
    height, width = size
    triangle_id = np.full(size, -1, np.int32)
    barycentric = np.full((*size, 3), np.nan, F)
    depth = np.full(size, np.nan, F)
    x = (np.arange(width, dtype=F) + F(0.5))[None, :]
    y = (np.arange(height, dtype=F) + F(0.5))[:, None]
    for t, (ia, ib, ic) in enumerate(np.asarray(triangles).tolist()):
        corners = vertices_image[[ia, ib, ic]]
        if not _is_drawable(corners, perspective, near):
            continue
        # The edge opposite a corner is zero on the far side and largest at the corner.
        edges = [_edge(vertices_image, side, x, y) for side in ((ib, ic), (ic, ia), (ia, ib))]
        inside = np.logical_and.reduce([(value > 0) | ((value == 0) & owned) for value, owned in edges])
        za, zb, zc = corners[:, 2]
        factors = (zb * zc, zc * za, za * zb) if perspective else (F(1), F(1), F(1))
        weights = [value * factor for (value, _), factor in zip(edges, factors, strict=True)]
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = F(1) / (weights[0] + weights[1] + weights[2])
            b = np.stack(np.broadcast_arrays(*[weight * scale for weight in weights]), axis=-1)
            d = b[..., 0] * za + b[..., 1] * zb + b[..., 2] * zc
            nearer = inside & ~(d >= depth)
        triangle_id[nearer] = t
        barycentric[nearer] = b[nearer]
        depth[nearer] = d[nearer]
    return triangle_id, barycentric, depth
