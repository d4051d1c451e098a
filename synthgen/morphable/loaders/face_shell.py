"""Which triangles of a foreign head are the face: one patch of skin with one outer border, as every model labels it."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from synthgen.morphable import unwrap

# Outline of the face in the cylinder's chart: half width about u = 0.5 at heights v. It follows ICT-FaceKit's narrow
# face and the procedural head's labelled shell (0.31 to 0.326 wide at the ears, v from 0.335 to 0.80), so that the
# charts of all models agree on what a face is.
OUTLINE_V = (0.335, 0.36, 0.40, 0.48, 0.56, 0.64, 0.70, 0.74, 0.77, 0.80)
OUTLINE_HALF = (0.18, 0.23, 0.275, 0.305, 0.315, 0.322, 0.318, 0.305, 0.28, 0.22)
# The neck and the inside of the head stand closer to the axis than this, in units of the outer eye corners' distance
# from it: ICT's face begins at 0.52, the procedural one at 0.55, necks lie at 0.3 to 0.5.
_INNERMOST = 0.52
# What lies further than this behind other skin, mm along a ray from the axis, is the inside of mouth or nose. The inner
# half of the lips and lid rims lie within it.
_HIDDEN = 6.0

Triangles = NDArray[np.integer]
Rows = NDArray[np.bool_]


def choose_face(vertices: NDArray[np.float64], triangles: Triangles, landmarks: NDArray[np.float64]) -> Rows:
    """(T,) bool: the triangles in front of the ears, from the hairline to under the chin; may be empty.

    vertices: (V, 3) mm; triangles: (T, 3); landmarks: (68, 3) mm. The face is edge-connected, every edge has at most
    two triangles, the triangles around a vertex form one fan, and none along the outer border is folded in the
    cylinder's chart: what `unfold` needs.
    """
    frame = unwrap.frame_from_landmarks(landmarks)
    chart = unwrap.cylinder_chart(vertices, frame)
    half = np.interp(chart[:, 1], OUTLINE_V, OUTLINE_HALF, left=-1.0, right=-1.0)
    radius, eyes = (np.hypot(points[:, 0], points[:, 2] - frame.axis_z) for points in (vertices, landmarks[[36, 45]]))
    inside = (np.abs(chart[:, 0] - 0.5) <= half) & (radius > _INNERMOST * eyes.mean())
    chosen = inside[triangles].all(axis=1) & ~degenerate(vertices, triangles)
    chosen = one_patch(triangles, chosen)
    rows = np.flatnonzero(chosen)
    chosen[rows[depth_behind(chart, triangles[rows], radius) > _HIDDEN]] = False
    chosen = one_patch(triangles, chosen)
    folded = unwrap.chart_areas(chart, triangles) <= unwrap.MIN_AREA
    while True:
        border = _outer_border(chart, triangles[chosen])
        away = chosen & folded & np.isin(triangles, border).any(axis=1)
        if not away.any():
            return chosen
        chosen = one_patch(triangles, chosen & ~away)


def one_patch(triangles: Triangles, chosen: Rows) -> Rows:
    """The largest piece of the chosen triangles (T,) that is a surface with border, without branches or pinches."""
    while chosen.any():
        rows = np.flatnonzero(chosen)
        edges, owner = _edges(triangles[rows])
        _, first = np.unique(edges, axis=0, return_index=True)
        kept = np.ones(len(rows), bool)
        kept[owner[np.setdiff1d(np.arange(len(edges)), first)]] = False  # a second triangle on the same side of an edge
        piece = edge_components(triangles[rows[kept]])
        rows = rows[kept][piece == np.argmax(np.bincount(piece))]
        pinched = _beside_pinches(triangles[rows])
        following = np.zeros(len(chosen), bool)
        following[rows[~pinched]] = True
        if np.array_equal(following, chosen):
            break
        chosen = following
    return chosen


def degenerate(vertices: NDArray[np.float64], triangles: Triangles) -> Rows:
    """(T,) bool: triangles without area, mm^2."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) < 1e-9)


def depth_behind(chart: NDArray[np.float64], triangles: Triangles, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) how far the middle of each triangle lies behind the outermost triangle at its place of the chart, mm.

    chart: (V, 2); radius: (V,) distance from the axis, mm. 0 for what nothing covers.
    """
    corners, middle = chart[triangles], chart[triangles].mean(axis=1)
    centre = (corners.min(axis=1) + corners.max(axis=1)) / 2
    half = np.maximum(np.ptp(corners, axis=1).max(axis=1) / 2, 1e-9)
    size_class = np.ceil(np.log2(half)).astype(np.int64)
    own = radius[triangles].mean(axis=1)
    outermost = own.copy()
    for size in np.unique(size_class):
        rows = np.flatnonzero(size_class == size)
        near = cKDTree(centre[rows]).query_ball_point(middle, 2.0 ** int(size), p=np.inf)
        counts = np.array([len(entry) for entry in near])
        point = np.repeat(np.arange(len(triangles)), counts)
        cover = rows[np.fromiter((row for entry in near for row in entry), np.int64, int(counts.sum()))]
        weights = _barycentric(middle[point], corners[cover])
        inside = (weights > 0.0).all(axis=1)
        across = (radius[triangles[cover]] * weights).sum(axis=1)
        np.maximum.at(outermost, point[inside], across[inside])
    return np.asarray(outermost - own)


def _barycentric(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 3) weights of points (P, 2) in triangles (P, 3, 2); -1 in triangles without area."""
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset = points - a
    twice = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    flat = np.abs(twice) < 1e-14
    safe = np.where(flat, 1.0, twice)
    of_b = (offset[:, 0] * c[:, 1] - offset[:, 1] * c[:, 0]) / safe
    of_c = (b[:, 0] * offset[:, 1] - b[:, 1] * offset[:, 0]) / safe
    return np.where(flat[:, None], -1.0, np.stack([1.0 - of_b - of_c, of_b, of_c], axis=1))


def skin_rows(triangles: Triangles, landmarks: NDArray[np.integer]) -> Rows:
    """(T,) bool: the edge-connected piece of the mesh that holds most of the landmark vertices (K,)."""
    piece = edge_components(triangles)
    votes = np.bincount(piece[np.isin(triangles, landmarks).any(axis=1)], minlength=int(piece.max(initial=0)) + 1)
    return np.asarray(piece == int(np.argmax(votes)))


def edge_components(triangles: Triangles) -> NDArray[np.int64]:
    """(T,) number of the piece each triangle belongs to; triangles that share an edge are of one piece."""
    edges, owner = _edges(triangles)
    _, edge = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    edge = edge.ravel()
    count = len(triangles)
    link = sparse.coo_matrix((np.ones(len(edge)), (owner, count + edge)), shape=(count + len(edge),) * 2)
    return np.asarray(connected_components(link, directed=False)[1][:count], np.int64)


def _edges(triangles: Triangles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(3T, 2) directed edges and (3T,) the triangle of each."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    return edges, np.tile(np.arange(len(triangles)), 3)


def _beside_pinches(triangles: Triangles) -> Rows:
    """(T,) bool: triangles at a vertex where more than one fan meets, all fans but the largest."""
    count = len(triangles)
    corner = np.arange(3 * count).reshape(count, 3)
    # Corners of neighbouring triangles at the same vertex are linked across the edge that leaves and enters it.
    stride = int(triangles.max()) + 1
    keys, leaving, entering = [], [], []
    for start in range(3):
        following = (start + 1) % 3
        keys.append(triangles[:, start].astype(np.int64) * stride + triangles[:, following])
        leaving.append(corner[:, start])
        entering.append(corner[:, following])
    key, out, into = np.concatenate(keys), np.concatenate(leaving), np.concatenate(entering)
    order = np.argsort(key)
    reverse = (key % stride) * stride + key // stride
    place = np.minimum(np.searchsorted(key[order], reverse), len(key) - 1)
    twin = order[place]
    paired = key[twin] == reverse
    a = np.concatenate([out[paired], into[paired]])
    b = np.concatenate([into[twin[paired]], out[twin[paired]]])
    link = sparse.coo_matrix((np.ones(len(a)), (a, b)), shape=(3 * count,) * 2)
    fan = connected_components(link, directed=False)[1]
    size = np.bincount(fan)
    vertex = triangles.ravel()
    largest = np.zeros(stride, np.int64)
    np.maximum.at(largest, vertex, size[fan])
    best = np.full(stride, len(size), np.int64)
    full = size[fan] == largest[vertex]
    np.minimum.at(best, vertex[full], fan[full])
    return np.asarray((fan != best[vertex]).reshape(count, 3).any(axis=1))


def has_border(triangles: Triangles) -> bool:
    """Whether some edge of the triangles (T, 3) has a triangle on one side only."""
    return bool(len(_border_edges(triangles)))


def _border_edges(triangles: Triangles) -> NDArray[np.int64]:
    """(B, 2) directed edges without a triangle on the other side."""
    edges, _ = _edges(triangles)
    stride = int(edges.max(initial=0)) + 1
    return edges[~np.isin(edges[:, 0] * stride + edges[:, 1], edges[:, 1] * stride + edges[:, 0])]


def _outer_border(chart: NDArray[np.float64], triangles: Triangles) -> NDArray[np.int64]:
    """Vertices of the border loop that is widest in the chart."""
    free = _border_edges(triangles)
    if not len(free):
        return np.empty(0, np.int64)
    vertices, local = np.unique(free, return_inverse=True)
    local = local.reshape(-1, 2)
    link = sparse.coo_matrix((np.ones(len(local)), (local[:, 0], local[:, 1])), shape=(len(vertices),) * 2)
    loop = connected_components(link, directed=False)[1]
    low, high = np.full((loop.max() + 1, 2), np.inf), np.full((loop.max() + 1, 2), -np.inf)
    np.minimum.at(low, loop, chart[vertices])
    np.maximum.at(high, loop, chart[vertices])
    return np.asarray(vertices[loop == np.argmax((high - low).sum(axis=1))], np.int64)
