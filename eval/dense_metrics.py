"""Errors of dense predictions against exact planes: pure functions of NumPy arrays, one picture at a time.

Planes are (H, W, ...); NaN (floats), 0 (classes) and False (masks) mean "nothing here", as in core.conventions. Sums
over pictures are the caller's: every function says what a pixel is worth before any mean is taken.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.metrics import box_size, mean_error, points_box, rotation_distance
from synthgen.core.conventions import IGNORED, MATCHABILITY_POLICIES, NO_FACE, PARTS
from synthgen.core.errors import UsageError
from synthgen.geometry.rotation import euler_from_rotation, zhu_euler_from_rotation

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A face pixel that a prediction calls background is as far off as the chart is wide.
MISSED = 1.0
# Shares of normals within these angles are how the field reports them.
NORMAL_ANGLES_DEG = (11.25, 22.5, 30.0)


@dataclass(frozen=True)
class Overlap:
    """Pixels of an intersection and of a union: add those of many pictures, then look at `iou`."""

    intersection: int
    union: int

    def __add__(self, other: "Overlap") -> "Overlap":
        return Overlap(self.intersection + other.intersection, self.union + other.union)

    @property
    def iou(self) -> float:
        """Intersection over union, NaN where there is neither."""
        return self.intersection / self.union if self.union else float("nan")


def mask_overlap(said: Mask, truth: Mask) -> Overlap:
    """The overlap of two masks of any one shape."""
    check_same_shape("masks", said, truth)
    return Overlap(int((said & truth).sum()), int((said | truth).sum()))


def uv_distances(predicted: NDArray[np.floating], truth: NDArray[np.floating], used: Mask | None = None) -> Floats:
    """(M,) Euclidean distances on the chart, in its unit, at the face pixels of `truth` that `used` leaves.

    predicted, truth: (H, W, 2), template coordinates in [0, 1], NaN for background. A face pixel that is predicted to
    be background counts as MISSED; no pixel costs more. Distances are those of the flat chart, not geodesic.
    """
    check_same_shape("uv fields", predicted, truth)
    face = np.isfinite(truth).all(axis=-1)
    if used is not None:
        face &= used
    distance = np.linalg.norm(predicted[face].astype(np.float64) - truth[face], axis=-1)
    return np.minimum(np.where(np.isfinite(distance), distance, MISSED), MISSED)


def endpoint_errors(predicted: NDArray[np.floating], truth: NDArray[np.floating], used: Mask) -> Floats:
    """(M,) distances in px between two flow fields (H, W, 2) at the pixels of `used` (H, W).

    Raises UsageError where the truth is not finite at a used pixel; a prediction that is not finite gives infinity.
    """
    check_same_shape("flow fields", predicted, truth)
    true = truth[used].astype(np.float64)
    if not np.isfinite(true).all():
        raise UsageError("the true flow is not finite at pixels that are to be scored; choose reason codes 1, 4, 5")
    error = np.linalg.norm(predicted[used].astype(np.float64) - true, axis=-1)
    return np.where(np.isfinite(error), error, np.inf)


def has_code(codes: NDArray[np.integer], wanted: Collection[int]) -> Mask:
    """Pixels whose reason code is among `wanted`."""
    return np.isin(codes, list(wanted))


def matchability_overlaps(said: Mask, codes: NDArray[np.integer], policy: str = "dfc") -> dict[int, Overlap]:
    """Reason code -> overlap of the said and the true pixels of that code, ignored pixels left out.

    said: (H, W) bool, predicted to match; codes: (H, W) uint8 reason codes; policy: which codes match.
    A code is judged against all pixels of the other answer: of a code that matches, the union holds its own pixels and
    those that do not match but were said to; of a code that does not match, its own pixels and the matching ones that
    were said not to.
    """
    check_same_shape("matchability", said, codes)
    matching = matching_codes(policy)
    used = codes != IGNORED
    truth = has_code(codes, matching) & used
    overlaps = {}
    for code in sorted(set(np.unique(codes[used]).tolist())):
        here = (codes == code) & used
        answer = said if code in matching else ~said
        other = ~truth & used if code in matching else truth
        overlaps[int(code)] = Overlap(int((answer & here).sum()), int((here | (answer & other)).sum()))
    return overlaps


def matchable_overlap(said: Mask, codes: NDArray[np.integer], policy: str = "dfc") -> Overlap:
    """The overlap of all pixels that match by a policy with those that were said to; ignored pixels are left out."""
    used = codes != IGNORED
    return mask_overlap(said & used, has_code(codes, matching_codes(policy)) & used)


def unmatchable_face_overlap(said: Mask, codes: NDArray[np.integer], policy: str = "dfc") -> Overlap:
    """The overlap of face pixels that do not match with those of the face that were said not to."""
    face = (codes != IGNORED) & (codes != NO_FACE)
    return mask_overlap(~said & face, face & ~has_code(codes, matching_codes(policy)))


def matching_codes(policy: str) -> tuple[int, ...]:
    """The reason codes that match by a policy. Raises UsageError for an unknown one."""
    if policy not in MATCHABILITY_POLICIES:
        raise UsageError(f"matchability policy {policy!r} is not one of {', '.join(sorted(MATCHABILITY_POLICIES))}")
    return MATCHABILITY_POLICIES[policy]


def affine_flow(flow: NDArray[np.floating], used: Mask) -> Floats:
    """(H, W, 2) px: the affine field that fits a flow (H, W, 2) best at the pixels of `used`: what a method that turns,
    scales, shears and shifts the whole picture could reach at most. With fewer than 3 pixels, their mean."""
    height, width = used.shape
    y, x = np.mgrid[0:height, 0:width]
    plane = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float64)
    true = flow[used].astype(np.float64)
    if len(true) < 3:
        mean = true.mean(axis=0) if len(true) else np.zeros(2)
        return np.broadcast_to(mean, (height, width, 2)).copy()
    coefficients = np.linalg.lstsq(plane[used], true, rcond=None)[0]
    return plane @ coefficients


def depth_differences(predicted: NDArray[np.floating], truth: NDArray[np.floating], used: Mask | None = None) -> Floats:
    """(M,) predicted minus true depth where both planes (H, W) are finite and `used` holds, in their unit."""
    check_same_shape("depth planes", predicted, truth)
    both = np.isfinite(predicted) & np.isfinite(truth)
    if used is not None:
        both &= used
    return predicted[both].astype(np.float64) - truth[both]


def without_offset(differences: Floats) -> Floats:
    """Differences less their median: what is left when a method cannot know how far away a face is."""
    return differences - np.median(differences) if len(differences) else differences


def normal_angles_deg(predicted: NDArray[np.floating], truth: NDArray[np.floating], used: Mask | None = None) -> Floats:
    """(M,) angles in degrees between normals (H, W, 3) where both are finite; neither needs unit length."""
    check_same_shape("normals", predicted, truth)
    both = np.isfinite(predicted).all(axis=-1) & np.isfinite(truth).all(axis=-1)
    if used is not None:
        both &= used
    one, other = predicted[both].astype(np.float64), truth[both].astype(np.float64)
    # atan2 of sine and cosine is exact near 0 and 180 degrees, where arccos is not.
    angles = np.arctan2(np.linalg.norm(np.cross(one, other), axis=-1), (one * other).sum(axis=-1))
    return np.degrees(angles)


@dataclass(frozen=True)
class PoseErrors:
    """Degrees. euler, zhu: (N, 3) absolute differences of pitch, yaw, roll in our convention and in 300W-LP's, the
    shorter way round; geodesic: (N,) the angle of the rotation between both."""

    euler: Floats
    zhu: Floats
    geodesic: Floats


def pose_errors(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> PoseErrors:
    """Errors of rotations (N, 3, 3), world axes, proper.

    Raises UsageError where a matrix is no rotation to within 1e-3: scaled ones must be normalised first.
    """
    check_same_shape("rotations", predicted, truth)
    one, other = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    for name, matrices in (("predicted", one), ("true", other)):
        check_rotations(name, matrices)
    return PoseErrors(
        _turned_deg(euler_from_rotation(one) - euler_from_rotation(other)),
        _turned_deg(zhu_euler_from_rotation(one) - zhu_euler_from_rotation(other)),
        np.degrees(rotation_distance(one, other)),
    )


def nearest_rotations(matrices: NDArray[np.floating]) -> Floats:
    """(N, 3, 3) proper rotations nearest to matrices (N, 3, 3), such as f R of the 62 parameters."""
    left, _, right = np.linalg.svd(np.asarray(matrices, np.float64))
    sign = np.linalg.det(left @ right)
    left[:, :, 2] *= sign[:, None]
    return left @ right


def part_overlaps(said: NDArray[np.integer], truth: NDArray[np.integer], used: Mask | None = None) -> list[Overlap]:
    """The overlaps of the eight parts (core.conventions.PARTS without "none"), to be summed over a test set.

    said, truth: (H, W) part numbers, 0 for none (densereg section 4.2, Helen's eight classes).
    """
    check_same_shape("parts", said, truth)
    used = np.ones(truth.shape, bool) if used is None else used
    return [mask_overlap((said == part) & used, (truth == part) & used) for part in range(1, len(PARTS))]


def total_overlaps(overlaps: Iterable[list[Overlap]]) -> list[Overlap]:
    """The overlaps of a test set: those of its pictures, added class by class (densereg Table 1)."""
    total: list[Overlap] = []
    for one in overlaps:
        total = [a + b for a, b in zip(total, one, strict=True)] if total else list(one)
    return total


def mean_iou(overlaps: Iterable[Overlap]) -> float:
    """The plain mean of the classes' IoU, "other" among them, as densereg's 71.96 is; classes nobody has are left
    out."""
    values = [overlap.iou for overlap in overlaps if overlap.union]
    return float(np.mean(values)) if values else float("nan")


def dense_vertices_nme(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], dimensions: int = 3, box_of: Floats | None = None
) -> Floats:
    """(N,) mean distance of vertices in correspondence over the root of the area of the true box in x and y.

    predicted, truth: (N, V, 3), x and y in px of the picture, z in px; dimensions: 2 leaves z out (as 3DDFA's release),
    3 compares z about each shape's own mean (as PRNet's). box_of: (N, K, 2 or 3) points whose box normalises, by
    default the true vertices; tddfa_v2's Table 2 does not say which, so name it (CONVENTIONS J).
    Raises UsageError for another number of dimensions or a box without area.
    """
    check_same_shape("vertices", predicted, truth)
    if dimensions not in (2, 3):
        raise UsageError(f"dimensions is {dimensions}, expected 2 or 3")
    one, other = np.array(predicted, np.float64), np.array(truth, np.float64)
    side = box_size(points_box(other if box_of is None else np.asarray(box_of, np.float64)))
    if not (side > 0).all():
        raise UsageError(f"shape {int(np.argmin(side))}: the box of its true points has no area")
    for shape in (one, other):
        shape[..., 2] -= shape[..., 2].mean(axis=1, keepdims=True)
    return mean_error(one[..., :dimensions], other[..., :dimensions], side)


def check_rotations(name: str, matrices: Floats) -> None:
    """Raise UsageError for matrices (N, 3, 3) that are not proper rotations to within 1e-3."""
    unknown = np.asarray(~np.isfinite(matrices).all(axis=(1, 2)))
    finite = np.where(unknown[:, None, None], np.eye(3), matrices)
    skewed = np.abs(finite @ finite.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2)) >= 1e-3
    wrong: Mask = unknown | skewed | np.asarray(np.linalg.det(finite) <= 0)
    if wrong.any():
        raise UsageError(
            f"{name} rotation {int(np.argmax(wrong))} is not one: expected an orthonormal matrix with determinant 1; "
            "divide f R by f, and mind a flipped y axis"
        )


def check_same_shape(what: str, one: NDArray, other: NDArray) -> None:
    """Raise UsageError when two arrays differ in shape."""
    if one.shape != other.shape:
        raise UsageError(f"{what}: predicted {one.shape}, true {other.shape}; expected equal shapes")


def _turned_deg(difference: Floats) -> Floats:
    """Absolute degrees of a difference of angles, the shorter way round."""
    degrees: Floats = np.degrees(np.abs((difference + np.pi) % (2 * np.pi) - np.pi))
    return degrees
