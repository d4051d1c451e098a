"""Heads fitted to dense 2D-3D correspondences of pictures (dfc section 3.4, equation 3), a batch at a time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.alignment_options import AlignmentFitter, AlignmentOptions, Pictures
from synthgen.alignment.cameras import first_heads
from synthgen.alignment.correspondences import Correspondences, CorrespondenceTerm
from synthgen.alignment.degenerate import undetermined, unusable_points
from synthgen.alignment.dense_stages import Solved, solve_stages
from synthgen.alignment.fit_curve import Curve
from synthgen.alignment.initial_pose import OrthographicPose, orthographic_pose
from synthgen.alignment.smooth_clips import smooth_clips
from synthgen.alignment.solver import Array, Quadratic
from synthgen.alignment.unknowns import HeadUnknowns
from synthgen.core.errors import UsageError

_FIRST_POINTS = 96  # correspondences that give the first pose, evenly spaced among all


@dataclass(frozen=True)
class AlignmentFits:
    """N fitted heads.

    heads: pose, camera and shape. identity (N, I), expression (N, E): model's units. used: (N,) correspondences.
    median_px, rms_px: (N,), of the distances in pixels of the picture, rms of those not rejected. rejected: (N,) share
    of the weight farther off than `outlier_px`. iterations: (N,) int32. converged: (N,) bool. energies: term -> (N,)
    at the end. curve: energies on the way, of the pictures that were tried. reason: why a fit is not to be used, "" for
    the others; such a head is the mean head or the last one tried, finite. note: what to know about a fit that may be
    used.
    """

    heads: HeadUnknowns
    identity: Array
    expression: Array
    used: NDArray[np.int64]
    median_px: Array
    rms_px: Array
    rejected: Array
    iterations: NDArray[np.int32]
    converged: NDArray[np.bool_]
    energies: dict[str, Array]
    curve: Curve
    reason: tuple[str, ...]
    note: tuple[str, ...]


def fit_correspondences(
    fitter: AlignmentFitter, found: Correspondences, pictures: Pictures, start: HeadUnknowns | None = None
) -> AlignmentFits:
    """The heads that minimise dfc's equation 3: robust data term, priors, and what else the energy has.

    A first pose in closed form (unless `start` gives one), pose alone, then everything under a loss that narrows to the
    noise. Pictures that determine no pose are reported in `reason`, never raised.
    Raises UsageError for arrays that do not fit together, and for a start that is not finite.
    """
    term = CorrespondenceTerm.of(fitter.surface, found, ("huber", fitter.options.outlier_px))
    sizes = np.asarray(pictures.sizes, np.float64)
    if sizes.shape != (len(term.rows), 2):
        raise UsageError(f"sizes must be ({len(term.rows)}, 2); got {sizes.shape}")
    if start is not None:
        _check_start(start, len(term.rows))
    reasons = [unusable_points(row.points, row.basis.mean) for row in term.rows]
    good = np.array([row for row, reason in enumerate(reasons) if not reason], np.intp)
    fits = _unfitted(fitter, sizes, term, reasons)
    if not len(good):
        return fits
    part, chosen = term.selected(good), pictures.selected(good)
    begin = start.selected(good) if start is not None else _first_heads(fitter, part, chosen)
    solved = solve_stages(fitter, part, begin, chosen)
    if fitter.options.temporal and pictures.clip is not None:
        solved = smooth_clips(fitter.options, solved, pictures.clip[good], good)
    return _with_solved(fits, fitter, solved, part, good)


def _check_start(start: HeadUnknowns, count: int) -> None:
    if len(start.focal) != count:
        raise UsageError(f"the start has {len(start.focal)} heads for {count} pictures")
    for name in ("rotation", "translation", "focal", "principal", "shape", "unit"):
        wrong = ~np.isfinite(getattr(start, name)).reshape(count, -1).all(axis=1)
        if wrong.any():
            raise UsageError(f"the start's {name} of picture {int(wrong.argmax())} is not finite; leave the start out")
    if not (start.focal > 0).all():
        raise UsageError(f"the start's focal length of picture {int((start.focal > 0).argmin())} must be > 0")


def _first_heads(fitter: AlignmentFitter, term: CorrespondenceTerm, pictures: Pictures) -> HeadUnknowns:
    """Mean heads in the poses that some of the correspondences of each picture give."""
    shape = (len(term.rows), _FIRST_POINTS)
    mean, points, weight = np.zeros((*shape, 3)), np.zeros((*shape, 2)), np.zeros(shape)
    for n, row in enumerate(term.thinned(_FIRST_POINTS).rows):
        used = slice(0, len(row.weight))
        mean[n, used], points[n, used], weight[n, used] = row.basis.mean.T, row.points.T, 1.0
    pose = orthographic_pose(mean, points, weight)
    middle = np.einsum("nk,nkd->nd", weight, mean) / weight.sum(axis=1, keepdims=True)
    sizes = np.asarray(pictures.sizes, np.float64)
    return first_heads(fitter.space, pose, middle, sizes, fitter.options.camera, pictures.principal)


def _unfitted(fitter: AlignmentFitter, sizes: Array, term: CorrespondenceTerm, reasons: list[str]) -> AlignmentFits:
    """The record of pictures before any is fitted: mean heads that fill half of their pictures."""
    count = len(reasons)
    surface = fitter.surface.mean
    scale = sizes.min(axis=1) / (2.0 * float(np.ptp(surface[1])))
    pose = OrthographicPose(np.tile(np.eye(3), (count, 1, 1)), scale, sizes[:, ::-1] / 2.0)
    heads = first_heads(fitter.space, pose, surface.mean(axis=1), sizes, fitter.options.camera)
    identity, expression = fitter.space.coefficients(heads.shape)
    return AlignmentFits(
        heads=replace(heads, free_shape=True),
        identity=identity,
        expression=expression,
        used=term.counts(),
        median_px=np.zeros(count),
        rms_px=np.zeros(count),
        rejected=np.ones(count),
        iterations=np.zeros(count, np.int32),
        converged=np.zeros(count, bool),
        energies={},
        curve=Curve(()),
        reason=tuple(reasons),
        note=tuple(_note(int(used), fitter.unknown_count) for used in term.counts()),
    )


def _note(used: int, unknowns: int) -> str:
    """What is to be known of a fit to few correspondences, or nothing."""
    if 2 * used >= unknowns:
        return ""
    return f"{used} correspondences give {2 * used} equations for {unknowns} unknowns: the priors decide the rest"


def _with_solved(
    fits: AlignmentFits, fitter: AlignmentFitter, solved: Solved, term: CorrespondenceTerm, good: NDArray[np.intp]
) -> AlignmentFits:
    """The record with what was solved for the pictures `good`."""
    solution, count = solved.solution, len(fits.used)
    place = np.zeros(count, np.intp)
    place[good] = np.arange(len(good))
    heads = fits.heads.taken(np.isin(np.arange(count), good), solution.state.selected(place))
    identity, expression = fitter.space.coefficients(heads.shape)
    median, rms, rejected = _distances(fitter.options, term, solution.state)
    reasons = list(fits.reason)
    for row, share, loose in zip(good, rejected, _undetermined(fitter.options, solved)):
        reasons[row] = _reason(fitter.options, share, bool(loose))

    def placed(values: NDArray, empty: NDArray) -> NDArray:
        whole = empty.copy()
        whole[good] = values
        return whole

    return replace(
        fits,
        heads=heads,
        identity=identity,
        expression=expression,
        median_px=placed(median, fits.median_px),
        rms_px=placed(rms, fits.rms_px),
        rejected=placed(rejected, fits.rejected),
        iterations=placed(solution.iterations, fits.iterations),
        converged=placed(solution.converged, fits.converged),
        energies={name: placed(part.energy(solution.state), np.zeros(count)) for name, part in solved.terms.items()},
        curve=solved.curve,
        reason=tuple(reasons),
    )


def _undetermined(options: AlignmentOptions, solved: Solved) -> NDArray[np.bool_]:
    """(N,) whether some unknowns of a fit could be anything; where all priors have weight none can."""
    state = solved.solution.state
    if min(options.energy.identity, options.energy.expression) > 0:
        return np.zeros(len(state.focal), bool)
    models = [term.quadratic(state) for term in solved.terms.values()]
    hessian = np.sum([model.hessian for model in models], axis=0)
    return undetermined(Quadratic(np.sum([model.gradient for model in models], axis=0), hessian))


def _distances(options: AlignmentOptions, term: CorrespondenceTerm, heads: HeadUnknowns) -> tuple[Array, Array, Array]:
    """(N,) median and rms, px of the pictures, of the correspondences, rms of the accepted; share that is rejected."""
    found = np.empty((3, len(term.rows)))
    for n, (row, residual) in enumerate(zip(term.rows, term.residuals(heads))):
        distance = np.linalg.norm(residual, axis=0)
        near = distance <= options.outlier_px
        median = np.median(distance)
        rms = np.sqrt(np.mean(distance[near] ** 2)) if near.any() else median
        found[:, n] = median * row.unit, rms * row.unit, 1.0 - row.weight[near].sum() / row.weight.sum()
    return found[0], found[1], found[2]


def _reason(options: AlignmentOptions, rejected: float, undetermined: bool) -> str:
    """Why a fit is not to be used, or nothing."""
    if undetermined:
        return (
            "the system is singular: the correspondences do not hold all unknowns; give the priors of identity, "
            "expression and focal length weight"
        )
    if 1.0 - rejected < options.least_accepted:
        return (
            f"{rejected:.0%} of the correspondences lie more than {options.outlier_px:g} px (of a 128 px picture) from "
            "the fitted head; they contradict each other, or belong to another model"
        )
    return ""
