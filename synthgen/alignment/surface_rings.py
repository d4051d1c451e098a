"""Surface points that know their neighbours, so that a point's smooth normal can be differentiated by the shape."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MOST_NEIGHBOURS = 8


@dataclass(frozen=True)
class Rings:
    """C vertices with their R neighbours.

    vertices: (C,) rows of the mesh. ring: (C, 1 + R), the vertex itself, then its neighbours, padded with the vertex.
    following, preceding: (C, R) columns of `ring`: the neighbour after and before each one, counter-clockwise seen
    from outside; column 0, the vertex itself, beyond an open side and for padding.
    triangle: (C,) one of the triangles that meet there.
    """

    vertices: Ints
    ring: Ints
    following: Ints
    preceding: Ints
    triangle: Ints


def build_rings(triangles: NDArray[np.int32], vertices: Ints) -> Rings:
    """Rings of `vertices` (sorted) of a mesh (T, 3); those with more than MOST_NEIGHBOURS or a forked surface are left
    out."""
    corners = triangles.astype(np.int64)
    count = int(corners.max()) + 1
    half = np.concatenate([corners, corners[:, [1, 2, 0]], corners[:, [2, 0, 1]]])  # vertex, neighbour, the next one
    number = np.tile(np.arange(len(corners)), 3)
    wanted = np.zeros(count, bool)
    wanted[vertices] = True
    number, half = number[wanted[half[:, 0]]], half[wanted[half[:, 0]]]
    out, back = half[:, 0] * count + half[:, 1], half[:, 0] * count + half[:, 2]
    pairs = np.unique(np.concatenate([out, back]))
    owner = pairs // count
    first = np.searchsorted(owner, np.arange(count))
    place = np.arange(len(pairs)) - first[owner]
    good = np.bincount(owner, minlength=count) <= MOST_NEIGHBOURS
    for keys in (out, back):  # an edge that two triangles run through in one direction
        values, times = np.unique(keys, return_counts=True)
        good[values[times > 1] // count] = False
    kept = vertices[good[vertices] & (np.bincount(owner, minlength=count)[vertices] > 0)]
    row = np.full(count, -1)
    row[kept] = np.arange(len(kept))
    ring = np.tile(kept[:, None], (1, 1 + MOST_NEIGHBOURS))
    inside = row[owner] >= 0
    ring[row[owner[inside]], 1 + place[inside]] = pairs[inside] % count
    own = row[half[:, 0]]
    usable = own >= 0
    own, number = own[usable], number[usable]
    here = place[np.searchsorted(pairs, out[usable])]
    there = place[np.searchsorted(pairs, back[usable])]
    following = np.zeros((len(kept), MOST_NEIGHBOURS), np.int64)
    preceding = np.zeros_like(following)
    following[own, here] = 1 + there
    preceding[own, there] = 1 + here
    triangle = np.zeros(len(kept), np.int64)
    triangle[own] = number
    return Rings(kept, ring, following, preceding, triangle)


def ring_normals(
    points: NDArray[np.floating], following: Ints, preceding: Ints
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Unit normals (P, 3), twice the area (P,) that they sum up, and edges (P, R, 3), of rings (P, 1 + R, 3) mm.

    The area-weighted normal is N = sum over neighbours u of (u - v) x (following(u) - v), as raster.normals has it.
    When u moves by d, N changes by d x edge(u), edge(u) = following(u) - preceding(u); when v does, by minus their sum.
    """
    around = points[:, 1:] - points[:, :1]
    after = np.take_along_axis(points, following[..., None], axis=1)
    before = np.take_along_axis(points, preceding[..., None], axis=1)
    total = _cross(around, after - points[:, :1]).sum(axis=1)
    length = np.maximum(np.linalg.norm(total, axis=1), 1e-12)
    return total / length[:, None], length, after - before


def ring_pull(edges: NDArray[np.floating], pull: NDArray[np.floating]) -> NDArray[np.floating]:
    """(P, C, 1 + R, 3) by ring point what `pull` (P, C, 3) is by the area-weighted normal of edges (P, R, 3)."""
    result = np.empty((*pull.shape[:2], edges.shape[1] + 1, 3), pull.dtype)
    result[:, :, 1:] = _cross(edges[:, None], pull[:, :, None])
    result[:, :, 0] = -result[:, :, 1:].sum(axis=2)
    return result


def _cross(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """np.cross without its many copies."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
