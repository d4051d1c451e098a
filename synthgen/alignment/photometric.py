"""Heads, light and albedo refined against the photo itself, coarse to fine, from a fit to landmarks."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.face_crop import FaceCrop, crop_face, move_head
from synthgen.alignment.jaw import jaw_rows
from synthgen.alignment.landmark_basis import POINTS
from synthgen.alignment.landmarks import GROUPS, LandmarkTerm, Observations
from synthgen.alignment.lighting_fit import fit_light
from synthgen.alignment.photo_points import ChosenPoints, Sampling, choose_points
from synthgen.alignment.photo_pyramid import build_pyramid
from synthgen.alignment.photometric_model import PhotometricModel
from synthgen.alignment.photometric_term import AppearancePrior, HeadTerm, PhotometricTerm, PhotoUnknowns
from synthgen.alignment.priors import ShapePrior
from synthgen.alignment.robust import Kernel
from synthgen.alignment.solver import Array, SolverOptions, Term, minimize
from synthgen.alignment.unknowns import HeadUnknowns, project_points
from synthgen.core.errors import UsageError

_FEWEST_POINTS = 150
_APPEARANCE_STEPS = 15
_DARK, _BURNT, _GREY = 0.004, 0.5, 1e-3


@dataclass(frozen=True)
class PhotometricOptions:
    """size: side in px of the crop of the face at the finest level (smaller faces are not enlarged). points: compared
    at each level, coarse to fine. rounds: how often visibility is decided again at each level; steps: of the solver
    between. outlier: how many times the noise is where a point begins to lose its say (Geman-McClure). sampling: see
    photo_points. appearance_gain: how many times more the photo counts when light and albedo alone are solved for at
    the end; wrong light bends the shape, but nothing is bent by then."""

    size: int = 128
    points: tuple[int, ...] = (400, 900, 1500)
    rounds: int = 2
    steps: int = 3
    outlier: float = 3.0
    appearance_gain: float = 2.5
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class FacePhoto:
    """A photo (H, W, 3) uint8 sRGB with a face. usable: (H, W) bool, pixels that show it or its background, not an
    occluder or another face. landmarks: (68, 2) px, NaN where missing; those beside `seen` (68,) are not used."""

    pixels: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    landmarks: Array
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class Round:
    """One round of the solver at one level: pixels per pixel of the finest level, points, steps, and energy terms
    (before, after): data, landmarks, shape prior, light and albedo prior. rms: root mean square of photo minus model
    over their noise, robustly weighted, after the round."""

    scale: float
    points: int
    steps: int
    data: tuple[float, float]
    landmarks: tuple[float, float]
    shape: tuple[float, float]
    appearance: tuple[float, float]
    rms: float

    @property
    def energy(self) -> tuple[float, float]:
        """The sums of the terms."""
        before, after = np.sum([self.data, self.landmarks, self.shape, self.appearance], axis=0).tolist()
        return before, after


@dataclass(frozen=True)
class PhotometricFit:
    """A refined head, or the start where `accepted` is False; finite in any case.

    head: in px of the photo. light: (9, 3) radiance, core.spherical_harmonics. albedo: (A,) numbers of the albedo
    space. absorbance: (K, 3) of the density layers. rounds: the course of the energy. rms: (start, end) of photo minus
    model over their noise at the finest level; inliers: share of points that the robust loss believes at the end.
    flags: what a user must know, one sentence each.
    """

    head: HeadUnknowns
    light: Array
    albedo: Array
    absorbance: Array
    rounds: tuple[Round, ...]
    rms: tuple[float, float]
    inliers: float
    accepted: bool
    flags: tuple[str, ...]


def fit_photometric(
    model: PhotometricModel, photo: FacePhoto, start: HeadUnknowns, options: PhotometricOptions | None = None
) -> PhotometricFit:
    """One head whose rendering meets the photo: pose, shape, light and albedo of least energy near the start.

    Minimises data + landmarks + priors (docs/photometric.md) by damped Gauss-Newton. start: one head (N = 1) before its
    camera, px of the photo. A photo that tells nothing, or a result whose energy is not below the start's with the best
    light and albedo for it, leaves the head as it was and says so in `flags`.
    Raises UsageError for wrong shapes.
    """
    options = options or PhotometricOptions()
    _check(photo, start)
    reason = _unusable_start(start)
    crop = None if reason else crop_face(model, photo.pixels, photo.usable, start, options.size)
    if crop is None:
        return unchanged(model, start, reason or "the head lies outside the picture or behind the camera")
    reason, remarks = _looks(crop)
    if reason:
        return unchanged(model, start, reason)
    return _Fit(model, photo, crop, options).run(start, remarks)


class _Fit:
    """One photo's fit in its crop."""

    def __init__(self, model: PhotometricModel, photo: FacePhoto, crop: FaceCrop, options: PhotometricOptions) -> None:
        self.model, self.crop, self.options = model, crop, options
        self.levels = build_pyramid(crop.pixels, crop.usable, len(options.points))
        seen = np.isfinite(photo.landmarks).all(axis=1) & photo.seen
        self.landmarks = np.where(seen[:, None], photo.landmarks * crop.scale + crop.shift, 0.0)[None]
        weight = np.zeros((1, POINTS))
        for name, group in GROUPS.items():
            weight[:, group] = model.fitter.options.group_weights[name]
        self.weight = weight * seen
        self.rounds: list[Round] = []

    def run(self, start: HeadUnknowns, remarks: list[str]) -> PhotometricFit:
        """Appearance alone, then everything from the coarsest level to the finest, then the comparison."""
        first = replace(move_head(start, self.crop.scale, self.crop.shift), free_shape=True)
        chosen = self._choose(first, min(1, len(self.levels) - 1))
        if chosen is None or len(chosen.rows) < _FEWEST_POINTS:
            count = 0 if chosen is None else len(chosen.rows)
            return unchanged(
                self.model, start, f"{count} points of the face can be compared, at least {_FEWEST_POINTS} are needed"
            )
        state = self._first_appearance(first, chosen, min(1, len(self.levels) - 1))
        last: tuple[list[Term[PhotoUnknowns]], ChosenPoints] | None = None
        for number in reversed(range(len(self.levels))):
            for _ in range(self.options.rounds):
                chosen = self._choose(state.head, number)
                if chosen is None or len(chosen.rows) < _FEWEST_POINTS:
                    return unchanged(self.model, start, "the face left the picture while it was fitted")
                terms = self._terms(state.head, chosen, number)
                state = self._solve(terms, state, number, len(chosen.rows))
                last = terms, chosen
        assert last is not None
        return self._judged(start, first, state, last[0], remarks)

    def _choose(self, head: HeadUnknowns, number: int) -> ChosenPoints | None:
        count = self.options.points[len(self.options.points) - 1 - number]
        sampling = replace(self.options.sampling, count=count)
        return choose_points(self.model, head, self.levels[0], self.levels[number], sampling)

    def _first_appearance(self, head: HeadUnknowns, chosen: ChosenPoints, number: int) -> PhotoUnknowns:
        """The start with the light of the mean albedo in closed form, then light and albedo together."""
        albedo = np.zeros((1, self.model.albedo.count))
        state = PhotoUnknowns(head, self.model.light.mean[None], albedo, free_head=False)
        term = PhotometricTerm(chosen.points, self.levels[number], chosen.valid, ("huber", 1.5))
        shown = term.seen(state)
        weight = chosen.valid * (chosen.points.share / chosen.points.noise**2)[:, None]
        light = fit_light(shown.placed.photo, shown.albedo, shown.placed.normals, weight, self.model.light)
        state = replace(state, light=light.reshape(1, -1))
        terms: list[Term[PhotoUnknowns]] = [term, AppearancePrior(self.model.light)]
        return replace(minimize(terms, state, SolverOptions(_APPEARANCE_STEPS, 1e-4)).state, free_head=True)

    def _terms(self, head: HeadUnknowns, chosen: ChosenPoints, number: int) -> list[Term[PhotoUnknowns]]:
        """Data, landmarks, shape prior, appearance prior."""
        fitter = self.model.fitter
        table = fitter.basis.points(head.shape)
        image, _ = project_points(head, table)
        rows = jaw_rows(fitter.basis, fitter.options.jaw, head.rotation, table, image)
        near = np.take_along_axis(image, rows[..., None], axis=1)
        noise = head.unit * fitter.options.noise_mm
        seen = Observations(self.landmarks, self.weight, fitter.options.slide, noise)
        narrow: Kernel = "geman_mcclure"
        return [
            PhotometricTerm(chosen.points, self.levels[number], chosen.valid, (narrow, self.options.outlier)),
            HeadTerm(LandmarkTerm(fitter.basis, rows, near, seen, (narrow, fitter.options.outlier))),
            HeadTerm(ShapePrior()),
            AppearancePrior(self.model.light),
        ]

    def _solve(self, terms: list[Term[PhotoUnknowns]], state: PhotoUnknowns, number: int, points: int) -> PhotoUnknowns:
        solution = minimize(terms, state, SolverOptions(self.options.steps, 1e-5, 1e-3))
        data = terms[0]
        assert isinstance(data, PhotometricTerm)
        pairs = [(float(term.energy(state)[0]), float(term.energy(solution.state)[0])) for term in terms]
        self.rounds.append(
            Round(
                self.levels[number].scale,
                points,
                int(solution.iterations[0]),
                pairs[0],
                pairs[1],
                pairs[2],
                pairs[3],
                data.statistics(solution.state)[0],
            )
        )
        return solution.state

    def _finished(self, data: PhotometricTerm, state: PhotoUnknowns) -> PhotoUnknowns:
        """The state with light and albedo solved once more, the photo counting more against their priors."""
        gain = self.options.appearance_gain
        points = replace(data.points, share=gain * data.points.share)
        nearer = PhotometricTerm(points, data.level, data.valid, data.kernel)
        terms: list[Term[PhotoUnknowns]] = [nearer, AppearancePrior(self.model.light)]
        return minimize(terms, replace(state, free_head=False), SolverOptions(_APPEARANCE_STEPS, 1e-4)).state

    def _judged(
        self,
        start: HeadUnknowns,
        first: HeadUnknowns,
        state: PhotoUnknowns,
        terms: list[Term[PhotoUnknowns]],
        remarks: list[str],
    ) -> PhotometricFit:
        """The fit, or the start where its energy, with the best light and albedo for it, is not higher."""
        data = terms[0]
        assert isinstance(data, PhotometricTerm)
        unmoved = minimize(terms, replace(state, head=first, free_head=False), SolverOptions(_APPEARANCE_STEPS, 1e-4))
        before, after = unmoved.energy[0], sum(float(term.energy(state)[0]) for term in terms)
        finite = all(np.isfinite(part).all() for part in (state.head.shape, state.light, state.albedo))
        accepted = bool(finite and after < before)
        if not accepted:
            remarks = [*remarks, "the refined head has no lower energy than the landmark fit, which is kept"]
            state = unmoved.state
        state = self._finished(data, state)
        rms_end, inliers = data.statistics(state)
        head = move_head(state.head, 1.0 / self.crop.scale, -self.crop.shift / self.crop.scale) if accepted else start
        return PhotometricFit(
            head=head,
            light=state.light.reshape(9, 3),
            albedo=state.albedo[0],
            absorbance=self.model.albedo.absorbance(state.albedo[0]),
            rounds=tuple(self.rounds),
            rms=(data.statistics(self._finished(data, unmoved.state))[0], rms_end),
            inliers=inliers,
            accepted=accepted,
            flags=tuple(remarks),
        )


def _check(photo: FacePhoto, start: HeadUnknowns) -> None:
    if photo.pixels.ndim != 3 or photo.pixels.shape[2] != 3 or photo.pixels.dtype != np.uint8:
        raise UsageError(f"the photo must be (H, W, 3) uint8, got {photo.pixels.shape} {photo.pixels.dtype}")
    if photo.usable.shape != photo.pixels.shape[:2]:
        raise UsageError(f"usable must be {photo.pixels.shape[:2]} like the photo, got {photo.usable.shape}")
    if photo.landmarks.shape != (POINTS, 2) or photo.seen.shape != (POINTS,) or len(start.focal) != 1:
        raise UsageError(
            f"expected ({POINTS}, 2) landmarks, ({POINTS},) seen and one head, got {photo.landmarks.shape}, "
            f"{photo.seen.shape} and {len(start.focal)} heads"
        )


def _unusable_start(start: HeadUnknowns) -> str:
    """Why nothing can begin here, or nothing."""
    for name in ("rotation", "translation", "focal", "principal", "shape"):
        if not np.isfinite(getattr(start, name)).all():
            return f"the {name} of the landmark fit is not finite"
    return ""


def _looks(crop: FaceCrop) -> tuple[str, list[str]]:
    """Why a crop tells nothing, or nothing, and what is odd about it."""
    shown = crop.pixels[crop.usable & crop.face]
    if len(shown) < _FEWEST_POINTS:
        return f"{len(shown)} pixels of the face are not masked", []
    if np.median(shown) <= 255 * _DARK * 4:
        return "the face is black in the photo", []
    burnt = float((shown.min(axis=1) >= 250).mean())
    if burnt > _BURNT:
        return f"{burnt:.0%} of the face are burnt out", []
    if float(shown.std()) < 1.0:
        return "the photo has one colour all over the face", []
    colour = np.ptp(shown.astype(int), axis=1)
    if colour.max() <= 2:
        return "", ["the photo is grey: colours of light and albedo come from their priors"]
    return "", []


def unchanged(model: PhotometricModel, start: HeadUnknowns, reason: str) -> PhotometricFit:
    """A fit that was refused: the start as it was, the mean light and albedo, and why."""
    albedo = np.zeros(model.albedo.count)
    return PhotometricFit(
        head=start,
        light=model.light.mean.reshape(9, 3),
        albedo=albedo,
        absorbance=model.albedo.absorbance(albedo),
        rounds=(),
        rms=(0.0, 0.0),
        inliers=0.0,
        accepted=False,
        flags=(reason,),
    )
