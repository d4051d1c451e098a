"""Labels prove themselves: numbers computed while the arrays exist, kept with each sample and in each shard's index.

Every check gives one number per picture: NaN where there is nothing to check, infinity where what is checked is not
finite. core.check_limits says what each may be.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_VISIBLE
from synthgen.labels.picture_patch import chart_distance, coordinates_around, patch_at
from synthgen.raster.fragments import Fragments

Numbers = NDArray[np.float64]
Ints = NDArray[np.integer]

# How many of the label-carrying triangles are looked for in a picture, and how many must face the camera inside it.
DRAWN_TRIANGLES = 64
FEWEST_DRAWN = 12
NEAR_MM = 1.0
FEWEST_LANDMARKS = 6


@dataclass(frozen=True)
class Lens:
    """The stored cameras of N pictures. matrix: (N, 3, 3), label `intrinsics`; perspective, or scaled orthographic."""

    matrix: NDArray[np.floating]
    perspective: bool

    def project(self, picture: Ints, points: Numbers) -> Numbers:
        """(P, 2) px of points (P, 3) mm, camera space, in picture (P,); in NumPy, as a reader of the labels would."""
        (xx, xy, x), (yx, yy, y) = self.matrix[:, :2].astype(np.float64).transpose(1, 2, 0)[..., picture]
        right, down = points[:, :2].T / points[:, 2] if self.perspective else points[:, :2].T
        return np.stack([xx * right + xy * down + x, yx * right + yy * down + y], axis=-1)


def coverage(face_index: torch.Tensor) -> Numbers:
    """(N,) share of the pixels that show face surface, of face_index (N, H, W) uint8, 0 where there is none."""
    # NumPy counts bytes ten times faster than torch reduces them.
    return np.array([np.count_nonzero(index) / index.size for index in face_index.cpu().numpy()])


def projection_error(lens: Lens, picture: Ints, points: Numbers, pixels: Numbers) -> Numbers:
    """(N,) largest distance, px, between points (P, 3) mm, camera space, seen in picture (P,), and `pixels` (P, 2)."""
    distance = np.linalg.norm(lens.project(picture, points) - pixels, axis=-1)
    return largest(len(lens.matrix), picture, distance)


def largest(count: int, picture: Ints, errors: Numbers) -> Numbers:
    """(N,) largest of the errors (P,) of each picture (P,), which is in order."""
    number = np.bincount(picture, minlength=count)
    seen = np.flatnonzero(number)
    result = np.full(count, np.nan)
    if len(seen):
        known = np.where(np.isfinite(errors), errors, np.inf)
        result[seen] = np.maximum.reduceat(known, (np.cumsum(number) - number)[seen])
    return result


def quantile(count: int, picture: Ints, errors: Numbers, share: float, fewest: int = 1) -> Numbers:
    """(N,) the error below which `share` of the errors (P,) of each picture (P,) lie; errors that are not finite count
    as infinite. NaN for a picture with less than `fewest` errors."""
    known = np.where(np.isfinite(errors), errors, np.inf)
    number = np.bincount(picture, minlength=count)
    ordered = known[np.lexsort((known, picture))]
    place = np.cumsum(number) - number + np.ceil(share * (number - 1)).astype(int)
    enough = number >= fewest
    result = np.full(count, np.nan)
    result[enough] = ordered[place[enough]]
    return result


def mean_share(count: int, picture: Ints, hit: NDArray[np.bool_], fewest: int = 1) -> Numbers:
    """(N,) share of hits (P,) in each picture (P,); NaN of less than `fewest`."""
    number = np.bincount(picture, minlength=count)
    hits = np.bincount(picture, weights=hit, minlength=count)
    return np.where(number >= fewest, hits / np.maximum(number, 1), np.nan)


def landmark_depth_error(
    depth: NDArray[np.float32],
    landmarks_2d: NDArray[np.float32],
    landmarks_3d: NDArray[np.float32],
    visibility: NDArray[np.uint8],
    lens: Lens,
) -> Numbers:
    """(N,) median difference between the depth map and the depth of the visible landmarks; NaN of less than
    FEWEST_LANDMARKS.

    In pixels, the length that one takes up at that depth: a map of pixels cannot know depth any better on a slope.
    depth (N, H, W) mm; landmarks_2d (N, K, 2) px; landmarks_3d (N, K, 3) mm, camera space; visibility (N, K) codes.
    """
    height, width = depth.shape[1:]
    column, row = np.floor(landmarks_2d).astype(int).transpose(2, 0, 1)
    usable = (visibility == LANDMARK_VISIBLE) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    picture = np.arange(len(depth))[:, None]
    seen = depth[picture, np.where(usable, row, 0), np.where(usable, column, 0)]
    pixels_per_mm = lens.matrix[:, :1, 0] / (landmarks_3d[..., 2] if lens.perspective else 1.0)
    difference = np.where(usable, np.abs(seen - landmarks_3d[..., 2]) * pixels_per_mm, np.nan)
    picture, landmark = np.nonzero(np.isfinite(difference))
    return quantile(len(depth), picture, difference[picture, landmark], 0.5, FEWEST_LANDMARKS)


def landmark_chart_distance(
    fragments: Fragments, uv: torch.Tensor, wanted: NDArray[np.floating], seen: NDArray[np.bool_], places: Numbers
) -> Numbers:
    """(N,) median distance, px, between landmarks and where the picture shows their place on the template.

    uv: (T, 3, 2) of the triangles' corners. wanted: (K, 2) template coordinates. seen: (N, K) bool, which to look at.
    places: (N, K, 2) px. NaN for less than FEWEST_LANDMARKS.
    """
    picture, landmark = np.nonzero(seen)
    device = uv.device
    height, width = fragments.triangle_id.shape[1:]
    place = torch.from_numpy(places[picture, landmark].astype(np.float64)).to(device)
    patch = patch_at(place, torch.from_numpy(picture).to(device), (height, width))
    target = torch.from_numpy(wanted[landmark].astype(np.float64)).to(device)
    distance = chart_distance(coordinates_around(fragments, uv, patch), patch, target).cpu().numpy()
    known = ~np.isnan(distance)
    return quantile(len(seen), picture[known], distance[known], 0.5, FEWEST_LANDMARKS)


def drawn_share(
    vertices_image: torch.Tensor,
    triangles: torch.Tensor,
    labelled: torch.Tensor,
    everything: torch.Tensor,
    perspective: bool,
) -> Numbers:
    """(N,) share of the label-carrying triangles that face the camera inside the frame at or beside whose middle they,
    or another part of the head, were drawn. NaN of less than FEWEST_DRAWN: then coverage 0 is no mistake.

    vertices_image: (N, V, 3) float32. triangles: (T, 3) int32, the label-carrying ones, some of which are taken.
    labelled: (N, H, W) int32, their ids; everything: the same of all triangles of the heads.
    """
    height, width = labelled.shape[1:]
    chosen = triangles[:: max(1, len(triangles) // DRAWN_TRIANGLES)]
    picked = vertices_image.index_select(1, chosen.reshape(-1).long())
    corners = picked.view(len(labelled), -1, 3, 3).cpu().numpy()  # (N, K, corner, x y depth)
    a, b, c = corners[..., :2].transpose(2, 3, 0, 1)
    x, y = (a + b + c) / 3
    # Counter-clockwise from outside, but the image's y points down.
    faces = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) < 0
    expected = faces & (x >= 1) & (x < width - 1) & (y >= 1) & (y < height - 1)
    if perspective:
        expected &= corners[..., 2].min(axis=2) >= NEAR_MM
    picture, place = np.nonzero(expected)
    pixel = (picture * height + y[picture, place].astype(int)) * width + x[picture, place].astype(int)
    # A triangle at the outline need not cover the centre of its pixel, but then that of a neighbour is covered.
    beside = (pixel[:, None] + np.array([0, 1, -1, width, -width])).ravel()
    number = torch.from_numpy(beside).to(labelled.device)
    own = labelled.view(-1).index_select(0, number) >= 0
    other = everything.view(-1).index_select(0, number) >= len(triangles)
    drawn = (own | other).view(-1, 5).any(dim=1).cpu().numpy()
    share = mean_share(len(labelled), picture, drawn, FEWEST_DRAWN)
    return np.where(np.isfinite(corners).all(axis=(1, 2, 3)), share, 0.0)
