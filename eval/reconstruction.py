"""How well a reconstructed head fits a scan: alignment, ICP, and distances between the two surfaces.

Florence and AFLW2000 as VRN, PRNet and tddfa_v2 score them: every point of the scan's face finds its nearest point of
the reconstruction, the mean distance is divided by the distance of the outer eye corners in space. The MICC family
(GANFit) cuts both at 95 mm about the nose tip and takes the symmetric mean distance in mm. CONVENTIONS J.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.registration import IcpOptions, Transform, icp, procrustes
from eval.scans import Scan, cropped
from eval.surface_distance import nearest_surface
from synthgen.core.errors import UsageError

Floats = NDArray[np.float64]
OUTER_EYES = (36, 45)
NOSE_TIP = 30
MICC_RADIUS_MM = 95.0
# What fixes a head: the outer and inner eye corners, nose wings and mouth corners, of the 68.
STABLE = (36, 39, 42, 45, 31, 35, 48, 54)


@dataclass(frozen=True)
class Alignment:
    """How a reconstruction is laid on a scan.

    with_scale: similarity, for shapes in px or of unknown size, else rigid; icp: refine after the landmarks; radius: of
    the cut about the scan's nose tip in mm, None for none; iterations, tolerance: of ICP.
    """

    with_scale: bool = True
    icp: bool = True
    radius: float | None = None
    iterations: int = 100
    tolerance: float = 1e-3
    icp_points: int = 5000


@dataclass(frozen=True)
class ReconstructionErrors:
    """mm of the scan, and ratios.

    to_points: (P,) distance of each scan point to the nearest vertex of the reconstruction, as VRN and PRNet measure;
    to_surface: (P,) to its surface; to_plane: (P,) to the plane of the triangle it is nearest to; from_surface: (Q,) of
    each vertex of the reconstruction, cut like the scan, to the scan's surface; interocular: mm; transform: of the
    reconstruction onto the scan.
    """

    to_points: Floats
    to_surface: Floats
    to_plane: Floats
    from_surface: Floats
    interocular: float
    transform: Transform

    @property
    def nme(self) -> float:
        """Mean distance to the nearest vertex over the distance of the outer eye corners."""
        return float(self.to_points.mean()) / self.interocular

    @property
    def symmetric(self) -> float:
        """Mean of the two mean surface distances, mm, as the MICC family has it."""
        return float(self.to_surface.mean() + self.from_surface.mean()) / 2


def reconstruction_errors(
    predicted: Scan,
    predicted_points: NDArray[np.floating],
    scan: Scan,
    scan_points: NDArray[np.floating],
    alignment: Alignment,
) -> ReconstructionErrors:
    """Errors of a reconstruction against a scan.

    predicted_points, scan_points: (68, 3) landmarks on each, in its own space, NaN rows for unknown ones; at least
    three of STABLE, both outer eye corners of the scan and, for a cut, its nose tip must be known.
    Raises UsageError for landmarks that are missing or meshes that have no surface.
    """
    for name, mesh in (("reconstruction", predicted), ("scan", scan)):
        if not len(mesh.triangles):
            raise UsageError(f"the {name} has no triangles; distances to a surface need them")
    start = landmark_alignment(predicted_points, scan_points, alignment.with_scale)
    eyes = scan_points[list(OUTER_EYES)]
    interocular = float(np.linalg.norm(eyes[0] - eyes[1]))
    if not interocular > 0:
        raise UsageError("the scan's outer eye corners (36 and 45 of 68) are unknown or coincide")
    face, transform = scan, start
    if alignment.radius is not None:
        if not np.isfinite(scan_points[NOSE_TIP]).all():
            raise UsageError("the scan's nose tip (30 of 68) is unknown, about which it is to be cut")
        face = cropped(scan, scan_points[NOSE_TIP], alignment.radius)
    if alignment.icp:
        options = IcpOptions(alignment.with_scale, "target", 1.0, alignment.iterations, alignment.tolerance)
        some = face.vertices[:: max(1, -(-len(face.vertices) // alignment.icp_points))]
        transform = icp(predicted.vertices, some, start, options).transform
    moved = Scan(transform(predicted.vertices), predicted.triangles, predicted.colours)
    if alignment.radius is not None:
        moved = cropped(moved, scan_points[NOSE_TIP], alignment.radius)
    forward = nearest_surface(face.vertices, moved.vertices, moved.triangles)
    backward = nearest_surface(moved.vertices, face.vertices, face.triangles)
    return ReconstructionErrors(
        nearest_vertices(face.vertices, moved.vertices),
        forward.distance,
        forward.plane,
        backward.distance,
        interocular,
        transform,
    )


def landmark_alignment(predicted: NDArray[np.floating], truth: NDArray[np.floating], with_scale: bool) -> Transform:
    """The transform of predicted landmarks (68, 3) onto true ones by those of STABLE that both know."""
    rows = list(STABLE)
    one, other = np.asarray(predicted, np.float64)[rows], np.asarray(truth, np.float64)[rows]
    known = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    if known.sum() < 3:
        raise UsageError(f"only {known.sum()} of the landmarks {STABLE} are known on both sides, at least 3 are needed")
    return procrustes(one[known], other[known], with_scale)


def nearest_vertices(points: Floats, vertices: Floats) -> Floats:
    """(N,) distances of points (N, 3) to the nearest of vertices (V, 3)."""
    from scipy.spatial import cKDTree

    distances: Floats = cKDTree(vertices).query(points)[0]
    return distances


def icp_points_nme(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], normaliser: float, every: int = 1
) -> float:
    """NME of dense points after ICP, for shapes that share a picture (AFLW2000 reconstruction, dal2d figure 7a).

    predicted, truth: (N, 3) and (M, 3), px; rigid ICP of the first onto the second finds the nearest point of every
    true one; normaliser: px, the outer eye corners in space (PRNet) or the root of the area of the true box (2DASL's
    code); every: takes each n-th vertex, 50 in 2DASL's code.
    """
    one, other = np.asarray(predicted, np.float64)[::every], np.asarray(truth, np.float64)[::every]
    if not normaliser > 0:
        raise UsageError(f"the normaliser is {normaliser} px")
    # Both have their own depth: their means are the only start that needs no landmarks.
    start = Transform(1.0, np.eye(3), other.mean(axis=0) - one.mean(axis=0))
    transform = icp(one, other, start, IcpOptions(tolerance=1e-4)).transform
    return float(nearest_vertices(other, transform(one)).mean()) / normaliser
