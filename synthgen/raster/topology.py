"""Which triangles share a side: what tells a silhouette or a rim from the inside of a surface."""

import numpy as np
import torch

from synthgen.raster.check import check_triangles


def side_neighbours(triangles: torch.Tensor, vertex_count: int) -> torch.Tensor:
    """(T, 3) int32: the triangle beyond the side opposite each corner; -1 where the surface ends.

    triangles: (T, 3) int32 over `vertex_count` vertices, all wound alike, so that neighbours run along their side in
    opposite directions; where they do not, or vertices are doubled, the surface ends for this function. Where several
    triangles share a side, the first is named. Compute it once per mesh.

    Raises UsageError for a wrong shape, dtype or index.
    """
    check_triangles(triangles, vertex_count)
    corners = triangles.cpu().numpy().astype(np.int64)
    start, end = corners[:, (1, 2, 0)].ravel(), corners[:, (2, 0, 1)].ravel()
    side, twin = start * vertex_count + end, end * vertex_count + start
    order = np.argsort(side, kind="stable")
    place = np.minimum(np.searchsorted(side[order], twin), max(len(side) - 1, 0))
    found = side[order][place] == twin
    neighbours = np.where(found, order[place] // 3, -1).astype(np.int32)
    return torch.from_numpy(neighbours.reshape(-1, 3)).to(triangles.device)
