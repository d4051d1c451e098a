"""Makes a folded chart injective: nostrils, inner lips, lid rims and the underside of the chin fold on a cylinder."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from synthgen.morphable.unwrap import MIN_AREA, chart_areas

_MAX_ROUNDS = 40


def unfold(
    uv: NDArray[np.floating], triangles: NDArray[np.integer], vertices: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Chart (V, 2) like `uv`, changed only near folds, and (T,) bool: the triangles that are not folded any more.

    uv: (V, 2) chart, u to the subject's left, v up; triangles: (T, 3) of one connected shell whose outer border is a
    simple curve in the chart; vertices: (V, 3) mm, whose edge lengths weigh the map.

    Around every folded triangle the chart is replaced by the harmonic map with positive weights onto the fixed
    surroundings; the patch grows until nothing inside it is folded (Tutte's theorem promises that for convex
    surroundings). Holes (eyes, mouth) are closed by a fan while solving, so that their borders cannot cross either.
    Without folds and with a simple outer border the chart is injective.
    """
    closed, points, start = _close_holes(triangles, np.asarray(vertices, np.float64), np.asarray(uv, np.float64))
    weights = _edge_weights(closed, points)
    chart = start.copy()
    border = np.zeros(len(points), bool)
    border[_border_loops(closed)[0]] = True
    free = np.zeros(len(points), bool)
    for _ in range(_MAX_ROUNDS):
        folded = chart_areas(chart, closed) <= MIN_AREA
        if not folded.any():
            break
        grown = np.zeros(len(points), bool)
        grown[closed[folded]] = True
        for _ring in range(2):
            grown[closed[grown[closed].any(axis=1)]] = True
        free |= grown & ~border
        chart = _harmonic(start, weights, free)
    good = chart_areas(chart, closed) > MIN_AREA
    return chart[: len(uv)], good[: len(triangles)]


def _border_loops(triangles: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """Closed border loops as vertex rows, longest first, each in the direction of its triangles' edges."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    stride = int(edges.max()) + 1
    forward, backward = edges[:, 0] * stride + edges[:, 1], edges[:, 1] * stride + edges[:, 0]
    # A vertex where two holes touch has several followers; the loops part there.
    follower: dict[int, list[int]] = {}
    for vertex, following in edges[~np.isin(forward, backward)].tolist():
        follower.setdefault(vertex, []).append(following)
    loops = []
    while follower:
        loop = [next(iter(follower))]
        while True:
            following = follower[loop[-1]].pop()
            if not follower[loop[-1]]:
                del follower[loop[-1]]
            if following == loop[0]:
                break
            loop.append(following)
        loops.append(np.array(loop, np.int64))
    return sorted(loops, key=len, reverse=True)


def _close_holes(
    triangles: NDArray[np.integer], points: NDArray[np.float64], uv: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Triangles, points and chart with every border loop but the widest one closed by a fan about a new vertex."""
    loops = sorted(_border_loops(triangles), key=lambda loop: -float(np.ptp(uv[loop], axis=0).sum()))
    fans = [np.asarray(triangles, np.int64)]
    for row, loop in enumerate(loops[1:], start=len(points)):
        # The fan runs against the border's direction, as a neighbouring triangle would.
        fans.append(np.stack([np.roll(loop, -1), loop, np.full(len(loop), row)], axis=1))
        points = np.concatenate([points, points[loop].mean(axis=0, keepdims=True)])
        uv = np.concatenate([uv, uv[loop].mean(axis=0, keepdims=True)])
    return np.concatenate(fans), points, uv


def _edge_weights(triangles: NDArray[np.int64], points: NDArray[np.float64]) -> sparse.csr_matrix:
    """(V, V) symmetric weights, 1 / length of each edge: positive, hence a map without folds."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    weight = 1.0 / np.maximum(lengths, 1e-3 * float(np.median(lengths)))
    half = sparse.coo_matrix((weight, (edges[:, 0], edges[:, 1])), shape=(len(points), len(points)))
    return (half + half.T).tocsr()


def _harmonic(start: NDArray[np.float64], weights: sparse.csr_matrix, free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`start` (V, 2) with every free vertex moved to the weighted mean of its neighbours, the others fixed."""
    inner, outer = np.flatnonzero(free), np.flatnonzero(~free)
    laplacian = sparse.diags(np.asarray(weights.sum(axis=1)).ravel()) - weights
    rows = laplacian.tocsr()[inner]
    chart = start.copy()
    chart[inner] = spsolve(rows[:, inner].tocsc(), -(rows[:, outer] @ start[outer])).reshape(-1, 2)
    return chart
