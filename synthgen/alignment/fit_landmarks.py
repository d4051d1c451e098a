"""Heads fitted to 68 annotated points of photos: pose, camera, identity and expression, a batch at a time."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.cameras import CameraModel, check_camera, first_heads
from synthgen.alignment.initial_pose import initial_pose
from synthgen.alignment.jaw import JawStyle, jaw_rows
from synthgen.alignment.landmark_basis import POINTS, LandmarkBasis, open_landmark_basis
from synthgen.alignment.landmarks import GROUPS, LandmarkTerm, Observations
from synthgen.alignment.priors import FocalPrior, ShapePrior
from synthgen.alignment.robust import Kernel
from synthgen.alignment.shape_space import ShapePriors, ShapeSpace, open_shape_space
from synthgen.alignment.solver import Array, Solution, SolverOptions, Term, minimize
from synthgen.alignment.unknowns import HeadUnknowns, project_points
from synthgen.core.errors import ModelError, UsageError
from synthgen.morphable.model import MorphableModel

FEWEST_POINTS = 6
_POSE_NOISE = 3.0  # while the shape is the mean, points lie this many times farther off


def _group_weights() -> dict[str, float]:
    return {"jaw": 1.0, "brows": 0.4, "nose": 1.0, "eyes": 1.0, "mouth": 1.0}


@dataclass(frozen=True)
class LandmarkFitOptions:
    """How points and priors are weighed.

    noise_mm: standard deviation of a coordinate of an annotated point, on the face. outlier: how many times the noise
    is where a point begins to lose its say (Geman-McClure's width). group_weights: per group of points (jaw, brows,
    nose, eyes, mouth), relative inverse variance; brows have less, because models and annotators put them at
    different heights. slide: what is left of a jaw point's weight along the outline, where annotators place points by
    eye. jaw: what the annotated jaw points are, see alignment.jaw. priors: of shapes. iterations: most steps of the
    last stage.
    """

    noise_mm: float = 1.2
    outlier: float = 8.0
    group_weights: dict[str, float] = field(default_factory=_group_weights)
    slide: float = 0.05
    jaw: JawStyle = "annotated"
    priors: ShapePriors = ShapePriors()
    iterations: int = 30


@dataclass(frozen=True)
class LandmarkFits:
    """N fitted heads.

    perspective, rotation (N, 3, 3), translation (N, 3) mm, focal (N,), principal (N, 2) px: float64, as in
    geometry.camera.Cameras. identity: (N, I); expression: (N, E): model's units. landmarks: (N, 68, 2) px, the
    fitted points with the marched jaw. residual_px: (N, 68), distance to the annotated points, NaN where missing.
    rms_px: (N,), their root mean square. eye_distance_px: (N,), between the outer eye corners of the fitted head,
    as long as if it were seen from the front. iterations: (N,) int32. converged: (N,) bool.
    """

    perspective: bool
    rotation: Array
    translation: Array
    focal: Array
    principal: Array
    identity: Array
    expression: Array
    landmarks: Array
    residual_px: Array
    rms_px: Array
    eye_distance_px: Array
    iterations: NDArray[np.int32]
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class LandmarkFitter:
    """A model made ready for fitting; use it for many batches."""

    space: ShapeSpace
    basis: LandmarkBasis
    options: LandmarkFitOptions


def open_landmark_fitter(model: MorphableModel, options: LandmarkFitOptions | None = None) -> LandmarkFitter:
    """The sparse part of a model. Raises ModelError for a model without the 68 points, UsageError for odd options."""
    options = options or LandmarkFitOptions()
    if "ibug68" not in model.template.landmarks:
        raise ModelError(f"{model.name}: the model has no landmark set ibug68, which a fit to landmarks needs")
    if set(options.group_weights) != set(GROUPS):
        raise UsageError(f"group_weights must name {', '.join(GROUPS)}; got {', '.join(options.group_weights)}")
    if not options.noise_mm > 0 or not options.outlier > 0:
        raise UsageError(f"noise_mm and outlier must be > 0; got {options.noise_mm:g} and {options.outlier:g}")
    space = open_shape_space(model, options.priors)
    return LandmarkFitter(space, open_landmark_basis(model, space), options)


def fit_landmarks(
    fitter: LandmarkFitter,
    points: NDArray[np.floating],
    sizes: NDArray[np.integer],
    camera: CameraModel | None = None,
    visible: NDArray[np.bool_] | None = None,
) -> LandmarkFits:
    """Heads whose landmarks meet annotated ones: the most likely shape under the model's priors.

    points: (N, 68, 2) px in iBUG order, centre of the first pixel (0.5, 0.5), NaN where a point is missing, at least
    6 per photo. sizes: (N, 2), height and width of the photos in px. visible: (N, 68), points to use; all by default.
    Minimises sum w GM(|projected - annotated|^2) + |a|^2 / 2 + expression prior by damped Gauss-Newton, after a
    closed-form first pose and a Huber stage; pixels count by the face's size, so that resolution does not matter.
    Raises UsageError for wrong shapes or too few points.
    """
    camera = camera or CameraModel()
    annotated: Array = np.asarray(points, np.float64)
    _check(annotated, sizes, camera)
    seen = np.asarray(np.isfinite(annotated).all(axis=-1))
    if visible is not None:
        seen &= visible
    weight = np.zeros(seen.shape)
    for name, group in GROUPS.items():
        weight[:, group] = fitter.options.group_weights[name]
    weight *= seen
    enough = (weight > 0).sum(axis=1) >= FEWEST_POINTS
    if not enough.all():
        raise UsageError(f"photo {int(enough.argmin())} has fewer than {FEWEST_POINTS} of the {POINTS} points")
    filled = np.where(seen[..., None], annotated, 0.0)
    mean = fitter.basis.mean[:POINTS]
    pose = initial_pose(mean, filled, weight)
    heads = first_heads(fitter.space, pose, mean.mean(axis=0), np.asarray(sizes, np.float64), camera)
    terms: list[Term[HeadUnknowns]] = [ShapePrior()]
    if heads.perspective and heads.free_focal:
        terms.append(FocalPrior(heads.focal, camera.focal_spread))
    solution, rows = _solve(fitter, heads, Observations(filled, weight, fitter.options.slide, heads.unit), terms)
    return _fits(fitter, solution, rows, np.where(seen[..., None], annotated, np.nan))


def _check(points: Array, sizes: NDArray[np.integer], camera: CameraModel) -> None:
    if points.ndim != 3 or points.shape[1:] != (POINTS, 2) or np.shape(sizes) != (len(points), 2):
        raise UsageError(
            f"landmarks must be (N, {POINTS}, 2) and sizes (N, 2); got {points.shape} and {np.shape(sizes)}"
        )
    check_camera(camera)


def _solve(
    fitter: LandmarkFitter, heads: HeadUnknowns, seen: Observations, terms: list[Term[HeadUnknowns]]
) -> tuple[Solution[HeadUnknowns], NDArray[np.int64]]:
    """Pose alone, then everything, first with a loss that has one minimum, then with one that ignores outliers.

    The jaw marches between the rounds of a stage and stands still in the last one, so that it converges.
    """
    options = fitter.options
    noise = seen.noise * options.noise_mm
    wide: tuple[Kernel, float] = ("huber", 1.5)
    narrow: tuple[Kernel, float] = ("geman_mcclure", options.outlier)
    short, last = SolverOptions(iterations=2), SolverOptions(options.iterations, tolerance=1e-5)
    stages = [(False, _POSE_NOISE, wide, short)] * 2 + [(True, 1.0, wide, short)] * 2
    stages += [(True, 1.0, narrow, short), (True, 1.0, narrow, last)]
    iterations = np.zeros(len(noise), np.int32)
    for free_shape, factor, kernel, limits in stages:
        heads = replace(heads, free_shape=free_shape)
        rows, image = _marched(fitter, heads)
        term = LandmarkTerm(fitter.basis, rows, image, replace(seen, noise=factor * noise), kernel)
        solution = minimize([term, *terms], heads, limits)
        heads = solution.state
        iterations += solution.iterations
    return replace(solution, iterations=iterations), rows


def _marched(fitter: LandmarkFitter, heads: HeadUnknowns) -> tuple[NDArray[np.int64], Array]:
    """Rows (N, 68) of the basis for the present pose, and where those points are in the picture (N, 68, 2)."""
    table = fitter.basis.points(heads.shape)
    image, _ = project_points(heads, table)
    rows = jaw_rows(fitter.basis, fitter.options.jaw, heads.rotation, table, image)
    return rows, np.take_along_axis(image, rows[..., None], axis=1)


def _fits(
    fitter: LandmarkFitter, solution: Solution[HeadUnknowns], rows: NDArray[np.int64], points: Array
) -> LandmarkFits:
    heads = solution.state
    table = fitter.basis.points(heads.shape)
    image, depth = project_points(heads, table)
    landmarks = np.take_along_axis(image, rows[..., None], axis=1)
    residual = np.linalg.norm(landmarks - points, axis=-1)
    identity, expression = fitter.space.coefficients(heads.shape)
    corners = table[:, (36, 45)]
    scale = heads.focal / depth[:, (36, 45)].mean(axis=1) if heads.perspective else heads.focal
    return LandmarkFits(
        perspective=heads.perspective,
        rotation=heads.rotation,
        translation=heads.translation,
        focal=heads.focal,
        principal=heads.principal,
        identity=identity,
        expression=expression,
        landmarks=landmarks,
        residual_px=residual,
        rms_px=np.sqrt(np.nanmean(residual**2, axis=1)),
        eye_distance_px=np.linalg.norm(corners[:, 1] - corners[:, 0], axis=-1) * scale,
        iterations=solution.iterations,
        converged=solution.converged,
    )
