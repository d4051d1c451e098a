"""Heads fitted to dense 2D-3D correspondences of pictures (dfc section 3.4, equation 3), a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.cameras import CameraModel, check_camera, first_heads
from synthgen.alignment.clip_solver import minimize_clip
from synthgen.alignment.correspondences import Correspondences, CorrespondenceTerm
from synthgen.alignment.degenerate import undetermined, unusable_points
from synthgen.alignment.energy import Energy
from synthgen.alignment.fit_curve import Curve, Stage
from synthgen.alignment.initial_pose import orthographic_pose
from synthgen.alignment.jaw import JawStyle, jaw_rows
from synthgen.alignment.landmark_basis import LandmarkBasis, open_landmark_basis
from synthgen.alignment.landmarks import GROUPS, LandmarkTerm, Observations
from synthgen.alignment.priors import ExpressionPrior, FocalPrior, IdentityPrior
from synthgen.alignment.robust import Kernel
from synthgen.alignment.shape_space import ShapePriors, ShapeSpace, open_shape_space
from synthgen.alignment.solver import Array, Quadratic, Solution, SolverOptions, Term, minimize
from synthgen.alignment.surface_basis import Precision, SurfaceBasis, open_surface_basis
from synthgen.alignment.temporal import TemporalScales, TemporalTerm
from synthgen.alignment.unknowns import HeadUnknowns, project_points
from synthgen.core.errors import UsageError
from synthgen.morphable.model import MorphableModel

_DAMPING = 1e-6  # Levenberg-Marquardt's first: the valleys of dense fits are straight, so that large steps are safe
_TOLERANCE = 1e-4
_FIRST_POINTS = 96  # of the correspondences give the first pose: their choice is spread as evenly as the whole
_POSE_WIDTH = 2.0  # px: Huber's width while the shape is the mean, which lies about this far off
_FIRST_NOISE = 0.3  # px, before anything is known of it: between exact flow and that of networks
_LEAST_NOISE = 0.01  # px: below lie the roundings of flow
_NOISE_WIDTHS = 4.0  # Geman-McClure's width in standard deviations of the noise, within the limits
_LEAST_WIDTH = 0.2  # px
_MEDIAN_DISTANCE = 1.1774  # of points of a plane with standard deviation 1 a coordinate
_JAW_SLIDE = 0.05  # what is left of a jaw point's weight along the outline, as in LandmarkFitOptions


@dataclass(frozen=True)
class AlignmentOptions:
    """How heads are fitted to correspondences.

    camera: perspective with a free focal length by default, as in the paper. energy: weights of the terms. priors: what
    the standard deviations are. outlier_px: how many pixels of a 128 px picture a correspondence may lie off at most
    before it counts less than a quarter (Geman-McClure's width, which narrows with the noise). least_accepted: share of the weight that must lie within it.
    iterations: most steps of the last stage. precision: of the large products. jaw: what annotated jaw points are.
    temporal: solve the frames of a clip together; share_identity: with one identity; scales: of changes.
    """

    camera: CameraModel = CameraModel("perspective", free_focal=True)
    energy: Energy = field(default_factory=Energy)
    priors: ShapePriors = ShapePriors()
    outlier_px: float = 5.0
    least_accepted: float = 0.25
    iterations: int = 20
    precision: Precision = "float32"
    jaw: JawStyle = "annotated"
    temporal: bool = False
    share_identity: bool = False
    scales: TemporalScales = TemporalScales()


@dataclass(frozen=True)
class AlignmentFitter:
    """A model made ready for fitting; use it for many batches. landmarks: None where the model has no 68 points."""

    space: ShapeSpace
    surface: SurfaceBasis
    landmarks: LandmarkBasis | None
    options: AlignmentOptions


@dataclass(frozen=True)
class AlignmentFits:
    """N fitted heads.

    heads: pose, camera and shape. identity (N, I), expression (N, E): model's units. used: (N,) correspondences.
    median_px, rms_px: (N,), of the distances in pixels of the picture, rms of those not rejected. rejected: (N,) share
    of the weight farther off than the outlier width. iterations: (N,) int32. converged: (N,) bool. energies: term ->
    (N,) at the end. curve: energies on the way. reason: why a fit is not to be used, "" for the others; such a head is
    the mean head or the last one tried, finite. note: what to know about a fit that may be used.
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


@dataclass(frozen=True)
class Pictures:
    """What is known of N pictures besides correspondences.

    sizes: (N, 2), height and width, px. landmarks: (N, 68, 2) px, annotated points, NaN where there is none; None for
    none at all. clip: (N,) which clip a picture is a frame of; None: each stands alone.
    """

    sizes: NDArray[np.integer]
    landmarks: Array | None = None
    clip: NDArray[np.integer] | None = None


def open_alignment(model: MorphableModel, options: AlignmentOptions | None = None) -> AlignmentFitter:
    """The parts of a model that a fit needs. Raises ModelError for a model without them, UsageError for odd options."""
    options = options or AlignmentOptions()
    check_camera(options.camera)
    if not 0 < options.outlier_px < np.inf or not 0 <= options.least_accepted <= 1 or options.iterations < 1:
        raise UsageError("expected outlier_px > 0, least_accepted from 0 to 1 and iterations >= 1")
    space = open_shape_space(model, options.priors)
    surface = open_surface_basis(model, space, options.precision)
    with_points = "ibug68" in model.template.landmarks
    return AlignmentFitter(space, surface, open_landmark_basis(model, space) if with_points else None, options)


def fit_correspondences(
    fitter: AlignmentFitter, found: Correspondences, pictures: Pictures, start: HeadUnknowns | None = None
) -> AlignmentFits:
    """The heads that minimise dfc's equation 3: robust data term, priors, and what else the energy has.

    A first pose in closed form (unless `start` gives one), pose alone, then everything under a robust loss that narrows
    to options.outlier_px. Pictures that determine no pose are reported in `reason`, never raised.
    Raises UsageError for arrays that do not fit together, and for a start that is not finite.
    """
    term = CorrespondenceTerm.of(fitter.surface, found, ("huber", _POSE_WIDTH))
    sizes = np.asarray(pictures.sizes, np.float64)
    if sizes.shape != (len(term.rows), 2):
        raise UsageError(f"sizes must be ({len(term.rows)}, 2); got {sizes.shape}")
    if start is not None:
        _check_start(start, len(term.rows))
    reasons = [unusable_points(row.points, row.basis.mean) for row in term.rows]
    good = np.array([row for row, reason in enumerate(reasons) if not reason], np.intp)
    heads = _mean_heads(fitter, sizes)
    if not len(good):
        return _nothing(fitter, heads, term, reasons)
    part = term.selected(good)
    begin = start.selected(good) if start is not None else _first_heads(fitter, part, sizes[good])
    chosen = _selected_pictures(pictures, good)
    solution, terms, curve = _solve(fitter, part, begin, chosen)
    if fitter.options.temporal and chosen.clip is not None:
        solution = _smoothed(fitter, terms, solution, chosen.clip, good)
    return _fits(fitter, heads, (solution, terms, curve), good, term, reasons)


def _check_start(start: HeadUnknowns, count: int) -> None:
    if len(start.focal) != count:
        raise UsageError(f"the start has {len(start.focal)} heads for {count} pictures")
    for name in ("rotation", "translation", "focal", "principal", "shape", "unit"):
        array = getattr(start, name)
        wrong = ~np.isfinite(array).reshape(count, -1).all(axis=1)
        if wrong.any():
            raise UsageError(f"the start's {name} of picture {int(wrong.argmax())} is not finite; leave it out")
    if not (start.focal > 0).all():
        raise UsageError(f"the start's focal length of picture {int((start.focal > 0).argmin())} is not > 0")


def _selected_pictures(pictures: Pictures, rows: NDArray[np.intp]) -> Pictures:
    landmarks = None if pictures.landmarks is None else pictures.landmarks[rows]
    return Pictures(pictures.sizes[rows], landmarks, None if pictures.clip is None else pictures.clip[rows])


def _mean_heads(fitter: AlignmentFitter, sizes: Array) -> HeadUnknowns:
    """Mean heads that fill about half of their pictures: what stands where nothing could be fitted."""
    count = len(sizes)
    extent = np.ptp(fitter.surface.mean[1])
    pose = orthographic_pose(np.eye(3), np.zeros((count, 3, 2)), np.ones((count, 3)))
    scale = sizes.min(axis=1) / (2.0 * extent)
    pose = replace(pose, rotation=np.tile(np.eye(3), (count, 1, 1)), scale=scale, origin=sizes[:, ::-1] / 2.0)
    return first_heads(fitter.space, pose, fitter.surface.mean.mean(axis=1), sizes, fitter.options.camera)


def _first_heads(fitter: AlignmentFitter, term: CorrespondenceTerm, sizes: Array) -> HeadUnknowns:
    """Mean heads in the poses that the first correspondences of each picture give."""
    count = len(term.rows)
    mean, points, weight = np.zeros((count, _FIRST_POINTS, 3)), np.zeros((count, _FIRST_POINTS, 2)), np.zeros((count, _FIRST_POINTS))
    for n, row in enumerate(term.rows):
        few = np.unique(np.linspace(0, len(row.weight) - 1, _FIRST_POINTS).astype(np.intp))
        mean[n, : len(few)], points[n, : len(few)] = row.basis.mean[:, few].T, row.points[:, few].T
        weight[n, : len(few)] = 1.0
    pose = orthographic_pose(mean, points, weight)
    middle = np.einsum("nk,nkd->nd", weight, mean) / weight.sum(axis=1, keepdims=True)
    return first_heads(fitter.space, pose, middle, sizes, fitter.options.camera)


def _solve(
    fitter: AlignmentFitter, term: CorrespondenceTerm, heads: HeadUnknowns, pictures: Pictures
) -> tuple[Solution[HeadUnknowns], dict[str, Term[HeadUnknowns]], Curve]:
    """Pose alone, then everything, while wrong correspondences lose their say: the stages' kernels narrow."""
    options, width = fitter.options, fitter.options.outlier_px
    curve: list[Stage] = []
    focal = heads.focal  # the first guess
    iterations = np.zeros(len(heads.focal), np.int32)
    for stage in _stages(options):
        # Of a mean shape the focal length would only make up for what the shape lacks.
        heads = replace(heads, free_shape=stage.shape, free_focal=stage.shape and options.camera.free_focal)
        few = term if stage.count is None else term.thinned(stage.count)
        noise = np.full(len(iterations), stage.noise or 0.0) if stage.noise else _noise(options, few, heads)
        width = np.clip(_NOISE_WIDTHS * noise, _LEAST_WIDTH, options.outlier_px) if stage.width is None else stage.width
        weight = options.energy.data / (options.energy.noise_px or noise) ** 2
        terms: dict[str, Term[HeadUnknowns]] = {"data": few.weighed((stage.kernel, width), weight)}
        terms |= _priors(options, heads, focal)
        points = _landmark_term(fitter, heads, pictures, term)
        if points is not None:
            terms["landmarks"] = points
        solution = minimize(list(terms.values()), heads, SolverOptions(stage.steps, _TOLERANCE, _DAMPING))
        curve.append(Stage(stage.name, tuple(terms), solution.trace))
        heads = solution.state
        iterations += solution.iterations
    return replace(solution, iterations=iterations), terms, Curve(tuple(curve))


@dataclass(frozen=True)
class _Stage:
    """One step of the way. shape: whether it is free. kernel: of the data term. width: its width, and noise: standard
    deviation of a coordinate, px of a 128 px picture; None: both from the residuals before the stage. count:
    correspondences of a picture, None for all: the way there needs few. steps: at most."""

    name: str
    shape: bool
    kernel: Kernel
    width: float | None
    noise: float | None
    count: int | None
    steps: int


def _stages(options: AlignmentOptions) -> list[_Stage]:
    """Pose alone, then everything; the kernel narrows to the noise, and the noise is that of what is left."""
    return [
        _Stage("pose", False, "huber", _POSE_WIDTH, 1.0, 256, 3),
        _Stage("pose, outliers out", False, "geman_mcclure", 2.0 * options.outlier_px, 1.0, 256, 2),
        _Stage("shape", True, "geman_mcclure", options.outlier_px, _FIRST_NOISE, 512, 2),
        _Stage("narrow", True, "geman_mcclure", None, None, 512, 2),
        _Stage("narrow again", True, "geman_mcclure", None, None, 1024, 2),
        _Stage("all", True, "geman_mcclure", None, None, None, options.iterations),
    ]


def _noise(options: AlignmentOptions, term: CorrespondenceTerm, heads: HeadUnknowns) -> Array:
    """(N,) standard deviation of a coordinate of a right correspondence, px of a 128 px picture."""
    noise = np.empty(len(heads.focal))
    for n, residual in enumerate(term.residuals(heads)):
        distance = np.linalg.norm(residual, axis=0)
        near = distance[distance <= options.outlier_px]
        noise[n] = np.median(near) / _MEDIAN_DISTANCE if len(near) else options.outlier_px
    return np.maximum(noise, _LEAST_NOISE)


def _priors(options: AlignmentOptions, heads: HeadUnknowns, focal: Array) -> dict[str, Term[HeadUnknowns]]:
    priors: dict[str, Term[HeadUnknowns]] = {
        "identity": IdentityPrior(options.energy.identity),
        "expression": ExpressionPrior(options.energy.expression),
    }
    if heads.perspective and heads.free_focal:
        priors["focal"] = FocalPrior(focal, options.camera.focal_spread, options.energy.focal)
    return priors


def _landmark_term(
    fitter: AlignmentFitter, heads: HeadUnknowns, pictures: Pictures, term: CorrespondenceTerm
) -> LandmarkTerm | None:
    """The term of annotated points, where there are any and they count; jaws march as in the heads' present pose."""
    basis, points = fitter.landmarks, pictures.landmarks
    if basis is None or points is None or not fitter.options.energy.landmarks or not np.isfinite(points).any():
        return None
    seen = np.isfinite(points).all(axis=-1)
    weight = np.zeros(seen.shape)
    for name, group in GROUPS.items():
        weight[:, group] = 0.4 if name == "brows" else 1.0
    unit = np.array([row.unit for row in term.rows])
    observed = Observations(np.where(seen[..., None], points, 0.0), weight * seen, _JAW_SLIDE, unit)
    image, _ = project_points(heads, basis.points(heads.shape))
    rows = jaw_rows(basis, fitter.options.jaw, heads.rotation, image)
    places = np.take_along_axis(image, rows[..., None], axis=1)
    kernel: tuple[Kernel, float] = ("geman_mcclure", 2.0 * fitter.options.outlier_px)
    return LandmarkTerm(basis, rows, places, observed, kernel, fitter.options.energy.landmarks)


def _smoothed(
    fitter: AlignmentFitter,
    terms: dict[str, Term[HeadUnknowns]],
    solution: Solution[HeadUnknowns],
    clip: NDArray[np.integer],
    frame: NDArray[np.intp],
) -> Solution[HeadUnknowns]:
    """The frames of each clip solved together. clip: (M,) of each frame; frame: (M,) its number in the batch."""
    options = fitter.options
    heads, iterations, converged = solution.state, solution.iterations.copy(), solution.converged.copy()
    for number in np.unique(clip):
        rows = np.flatnonzero(clip == number)
        if len(rows) < 2:
            continue
        own = [term.selected(rows) for term in terms.values()]  # type: ignore[attr-defined]
        temporal = TemporalTerm(options.energy.temporal, np.diff(frame[rows]).astype(np.float64), options.scales)
        limits = SolverOptions(iterations=options.iterations)
        found = minimize_clip(own, temporal, heads.selected(rows), limits, options.share_identity)
        place = np.zeros(len(clip), np.intp)
        place[rows] = np.arange(len(rows))
        heads = heads.taken(clip == number, found.heads.selected(place))
        iterations[rows] += len(found.trace) - 1
        converged[rows] = found.converged
    return replace(solution, state=heads, iterations=iterations, converged=converged)


def _nothing(
    fitter: AlignmentFitter, heads: HeadUnknowns, term: CorrespondenceTerm, reasons: list[str]
) -> AlignmentFits:
    """The record of a batch without a picture that could be fitted."""
    count = len(reasons)
    identity, expression = fitter.space.coefficients(heads.shape)
    zero = np.zeros(count)
    return AlignmentFits(
        heads, identity, expression, term.counts(), zero, zero, np.ones(count), np.zeros(count, np.int32),
        np.zeros(count, bool), {}, Curve(()), tuple(reasons), ("",) * count,
    )  # fmt: skip


def _fits(
    fitter: AlignmentFitter,
    heads: HeadUnknowns,
    solved: tuple[Solution[HeadUnknowns], dict[str, Term[HeadUnknowns]], Curve],
    good: NDArray[np.intp],
    every: CorrespondenceTerm,
    reasons: list[str],
) -> AlignmentFits:
    """The record of a batch: what was solved for the pictures `good`, and what is to be said about all."""
    solution, terms, curve = solved
    count = len(reasons)
    nothing = _nothing(fitter, heads, every, reasons)
    place = np.zeros(count, np.intp)
    place[good] = np.arange(len(good))
    usable = np.isin(np.arange(count), good)
    heads = replace(heads, free_shape=True).taken(usable, solution.state.selected(place))
    identity, expression = fitter.space.coefficients(heads.shape)
    median, rms, rejected = nothing.median_px.copy(), nothing.rms_px.copy(), nothing.rejected.copy()
    data = every.selected(good)
    for row, residual, source in zip(good, data.residuals(solution.state), data.rows):
        distance = np.linalg.norm(residual, axis=0)
        near = distance <= fitter.options.outlier_px
        median[row] = np.median(distance) * source.unit
        rms[row] = np.sqrt(np.mean(distance[near] ** 2)) * source.unit if near.any() else np.median(distance) * source.unit
        rejected[row] = 1.0 - source.weight[near].sum() / source.weight.sum()
    models = [term.quadratic(solution.state) for term in terms.values()]
    model = Quadratic(sum(part.gradient for part in models), sum(part.hessian for part in models))  # type: ignore[arg-type]
    _add_reasons(fitter.options, reasons, good, rejected[good], undetermined(model))
    iterations, converged = nothing.iterations.copy(), nothing.converged.copy()
    iterations[good], converged[good] = solution.iterations, solution.converged
    energies = {}
    for name, term in terms.items():
        energies[name] = np.zeros(count)
        energies[name][good] = term.energy(solution.state)
    notes = [
        f"{used} correspondences give {2 * used} equations for {heads.count} unknowns: the priors decide the rest"
        if 2 * used < heads.count
        else ""
        for used in every.counts()
    ]
    return AlignmentFits(
        heads, identity, expression, every.counts(), median, rms, rejected, iterations, converged, energies, curve,
        tuple(reasons), tuple(notes),
    )  # fmt: skip


def _add_reasons(
    options: AlignmentOptions,
    reasons: list[str],
    good: Sequence[int] | NDArray[np.intp],
    rejected: Array,
    loose: NDArray[np.bool_],
) -> None:
    """Fills in why fits are not to be used."""
    for row, share, open_ended in zip(good, rejected, loose):
        if open_ended:
            reasons[row] = "the system is singular: the correspondences do not hold all unknowns; give the priors weight"
        elif 1.0 - share < options.least_accepted:
            reasons[row] = (
                f"{share:.0%} of the correspondences lie more than {options.outlier_px:g} px (of a 128 px picture) from "
                "the fitted head; they contradict each other, or belong to another model"
            )
