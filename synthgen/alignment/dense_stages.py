"""The way of a dense fit: pose alone, then everything, while wrong correspondences lose their say (dfc equation 3)."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.alignment_options import AlignmentFitter, AlignmentOptions, Pictures
from synthgen.alignment.correspondences import CorrespondenceTerm
from synthgen.alignment.fit_curve import Curve, Stage
from synthgen.alignment.jaw import jaw_rows
from synthgen.alignment.landmarks import GROUPS, LandmarkTerm, Observations
from synthgen.alignment.priors import ExpressionPrior, FocalPrior, IdentityPrior
from synthgen.alignment.robust import Kernel
from synthgen.alignment.solver import Array, Solution, SolverOptions, Term, minimize
from synthgen.alignment.unknowns import HeadUnknowns, project_points

_DAMPING = 1e-6  # Levenberg-Marquardt's first: the valleys of dense fits are straight, so that large steps are safe
_TOLERANCE = 1e-3  # of the energy: each step leaves a thirtieth of what it gained, so the next would gain nothing
_POSE_WIDTH = 2.0  # px: Huber's width while the shape is the mean, which lies about this far off
_FIRST_NOISE = 0.3  # px, before anything is known of it: between exact flow and that of networks
_LEAST_NOISE = 0.01  # px: below lie the roundings of flow
_NOISE_WIDTHS = 4.0  # Geman-McClure's width in standard deviations of the noise, within the limits
_LEAST_WIDTH = 0.2  # px
_MEDIAN_DISTANCE = 1.1774  # of points of a plane with standard deviation 1 a coordinate
_JAW_SLIDE = 0.05  # what is left of a jaw point's weight along the outline, as in LandmarkFitOptions


@dataclass(frozen=True)
class Solved:
    """terms: of the last stage by name; curve: energies of all stages."""

    solution: Solution[HeadUnknowns]
    terms: dict[str, Term[HeadUnknowns]]
    curve: Curve


def solve_stages(fitter: AlignmentFitter, term: CorrespondenceTerm, heads: HeadUnknowns, pictures: Pictures) -> Solved:
    """Heads of N pictures found from their first pose: pose alone, then everything; the losses narrow to the noise."""
    options = fitter.options
    curve: list[Stage] = []
    focal = heads.focal  # the first guess, which the focal length's prior is about
    iterations = np.zeros(len(focal), np.int32)
    for stage in _stages(options):
        # Of a mean shape the focal length would only make up for what the shape lacks.
        heads = replace(heads, free_shape=stage.shape, free_focal=stage.shape and options.camera.free_focal)
        few = term if stage.count is None else term.thinned(stage.count)
        terms: dict[str, Term[HeadUnknowns]] = {"data": _weighed(options, few, heads, stage)}
        terms |= _priors(options, heads, focal)
        points = _landmark_term(fitter, heads, pictures, term)
        if points is not None:
            terms["landmarks"] = points
        solution = minimize(list(terms.values()), heads, SolverOptions(stage.steps, _TOLERANCE, _DAMPING))
        curve.append(Stage(stage.name, tuple(terms), solution.trace))
        heads = solution.state
        iterations += solution.iterations
    return Solved(replace(solution, iterations=iterations), terms, Curve(tuple(curve)))


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


def _weighed(
    options: AlignmentOptions, term: CorrespondenceTerm, heads: HeadUnknowns, stage: _Stage
) -> CorrespondenceTerm:
    """The data term with the loss and the weight of a stage."""
    noise = np.full(len(heads.focal), stage.noise) if stage.noise is not None else _noise(options, term, heads)
    if stage.width is not None:
        width = np.full(len(noise), stage.width)
    else:
        width = np.clip(_NOISE_WIDTHS * noise, _LEAST_WIDTH, options.outlier_px)
    return term.weighed((stage.kernel, width), options.energy.data / (options.energy.noise_px or noise) ** 2)


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
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=-1))
    weight = np.zeros(seen.shape)
    for name, group in GROUPS.items():
        weight[:, group] = 0.4 if name == "brows" else 1.0
    unit = np.array([row.unit for row in term.rows])
    observed = Observations(np.where(seen[..., None], points, 0.0), weight * seen, _JAW_SLIDE, unit)
    table = basis.points(heads.shape)
    image, _ = project_points(heads, table)
    rows = jaw_rows(basis, fitter.options.jaw, heads.rotation, table, image)
    places = np.take_along_axis(image, rows[..., None], axis=1)
    kernel: tuple[Kernel, float] = ("geman_mcclure", 2.0 * fitter.options.outlier_px)
    return LandmarkTerm(basis, rows, places, observed, kernel, fitter.options.energy.landmarks)
