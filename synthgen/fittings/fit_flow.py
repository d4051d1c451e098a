"""Flow to the mean face becomes fittings: dfc section 3.4 for a set of pictures, and a report of how well."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.alignment_options import AlignmentOptions, Pictures, open_alignment
from synthgen.alignment.correspondences import REFERENCE_SIDE, Correspondences
from synthgen.alignment.fit_correspondences import AlignmentFits, fit_correspondences
from synthgen.alignment.flow_points import Matches, TargetSurface, matches_of_flow, surface_at
from synthgen.alignment.stratify import stratified
from synthgen.asset_io.catalogue import problems_error
from synthgen.core.conventions import BLOCK
from synthgen.core.errors import AssetError, DatasetError
from synthgen.fittings.coefficients import MAX_SIGMA, KeyNames, find_problems
from synthgen.fittings.fitting import Array, FittingSet, Skipped, select_fittings
from synthgen.fittings.flow_set import FlowPicture, FlowSet
from synthgen.fittings.mean_face_surface import mean_face_surface
from synthgen.geometry.rotation import euler_from_rotation
from synthgen.morphable.model import MorphableModel

_SHOWN = 20
DEFAULT_COUNT = 1000


@dataclass(frozen=True)
class FlowFitOptions:
    """fit: see alignment.fit_correspondences. count: correspondences per picture, chosen evenly over the visible face;
    None for all. seed: of that choice. largest_z: standard deviations beyond which a coefficient is absurd. skip_bad:
    leave bad pictures out and report them, instead of raising."""

    fit: AlignmentOptions = field(default_factory=AlignmentOptions)
    count: int | None = DEFAULT_COUNT
    seed: int = 0
    largest_z: float = MAX_SIGMA
    skip_bad: bool = False


@dataclass(frozen=True)
class FlowRow:
    """How well one picture was fitted.

    matched: its matchable pixels; used: correspondences of the fit; rejected: share of them that were wrong.
    median_px, rms_px: distances in its pixels, rms of those not rejected. energies: term -> energy. note: what to know.
    """

    name: str
    matched: int
    used: int
    rejected: float
    median_px: float
    rms_px: float
    pitch_deg: float
    yaw_deg: float
    roll_deg: float
    focal: float
    largest_z: float
    iterations: int
    converged: bool
    energies: dict[str, float]
    note: str


@dataclass(frozen=True)
class CurvePoint:
    """One step of a batch's fit. stage: its name; step: 0 at the start; energies: term -> mean over the batch."""

    stage: str
    step: int
    energies: dict[str, float]


@dataclass(frozen=True)
class FlowFits:
    """fittings and rows go together; skipped: pictures that are in neither; numbers: of the fitted ones in the set;
    curve: the way of the energy, mean over the pictures that were fitted."""

    fittings: FittingSet
    rows: tuple[FlowRow, ...]
    skipped: tuple[Skipped, ...]
    numbers: tuple[int, ...]
    curve: tuple[CurvePoint, ...]


def fit_flow(
    source: FlowSet,
    model: MorphableModel,
    options: FlowFitOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FlowFits:
    """Fittings of a model to pictures with flow to the mean face, in their order.

    Raises AssetError that names every bad picture and why (or lists it in `skipped` with skip_bad); always when none is
    left. Raises ModelError for a model without identity and expression.
    """
    options = options or FlowFitOptions()
    fitter, target = open_alignment(model, options.fit), mean_face_surface(model, source.size)
    batches: list[_Batch] = []
    unread: dict[str, str] = {}
    for rows in _rows_of_batches(source, options.fit.temporal):
        pictures = [_read(source, row, unread) for row in rows]
        matches = [matches_of_flow(target, shown.flow, shown.weight, shown.backward) for shown in pictures]
        found = chosen_correspondences(target, matches, options, rows)
        landmarks = np.stack([picture.landmarks for picture in pictures])
        seen = Pictures(
            np.tile(np.array(source.size), (len(rows), 1)),
            landmarks,
            None if source.clips is None else source.clips[rows],
            np.stack([picture.principal for picture in pictures]),
        )
        matched = [int(np.count_nonzero(picture.weight)) for picture in pictures]
        batches.append(_Batch(rows, matched, landmarks, fit_correspondences(fitter, found, seen)))
        if progress is not None:
            progress(sum(len(batch.rows) for batch in batches), len(source.names))
    return _collected(source, model, options, batches, unread)


@dataclass(frozen=True)
class _Batch:
    """Pictures that were fitted together. rows: their numbers; matched: matchable pixels; landmarks: (N, 68, 2)."""

    rows: NDArray[np.int64]
    matched: list[int]
    landmarks: Array
    fits: AlignmentFits


def _read(source: FlowSet, row: int, unread: dict[str, str]) -> FlowPicture:
    """The flow of a picture; one that cannot be read is noted in `unread`, and stands for one without matches."""
    try:
        return source.picture(row)
    except (AssetError, DatasetError) as error:
        unread[source.names[row]] = str(error).removeprefix(f"{source.names[row]}: ")
        blank = np.zeros((*source.size, 2), np.float32)
        return FlowPicture(blank, blank[..., 0], False, None, np.full((68, 2), np.nan), np.full(2, np.nan))


def chosen_correspondences(
    target: TargetSurface, matches: list[Matches], options: FlowFitOptions, numbers: NDArray[np.integer]
) -> Correspondences:
    """Those that are used of each picture, as one padded batch; weights sum up to the matched area in pixels of a
    128 px picture, so that neither resolution nor number shifts the balance with the priors.

    numbers: (N,) of the pictures, which the choice depends on.
    """
    unit = max(target.size) / REFERENCE_SIDE
    chosen = [
        stratified(found.place, options.count or len(found.place), options.seed, int(number))
        for found, number in zip(matches, numbers)
    ]
    most = max(1, *(len(selection.rows) for selection in chosen))
    batch = Correspondences(
        np.zeros((len(matches), most), np.int32),
        np.zeros((len(matches), most, 3)),
        np.zeros((len(matches), most, 2)),
        np.zeros((len(matches), most)),
        np.full(len(matches), unit),
    )
    for n, (found, selection) in enumerate(zip(matches, chosen)):
        few, used = found.selected(selection.rows), slice(0, len(selection.rows))
        triangle, barycentric = surface_at(target, few.place)
        seen = triangle >= 0
        batch.triangle[n, used] = np.where(seen, triangle, 0)
        batch.barycentric[n, used] = np.where(seen[:, None], barycentric, 0.0)
        batch.points[n, used] = few.points
        batch.weight[n, used] = np.where(seen, few.weight * selection.share / unit**2, 0.0)
    return batch


def _rows_of_batches(source: FlowSet, temporal: bool) -> list[NDArray[np.int64]]:
    """Numbers of the pictures that are fitted together: BLOCK at a time, or whole clips."""
    numbers = np.arange(len(source.names))
    if temporal and source.clips is not None:
        return [numbers[source.clips == clip] for clip in dict.fromkeys(source.clips.tolist())]
    return [numbers[start : start + BLOCK] for start in range(0, len(numbers), BLOCK)]


def _collected(
    source: FlowSet, model: MorphableModel, options: FlowFitOptions, batches: list[_Batch], unread: dict[str, str]
) -> FlowFits:
    """The fittings in the order of the set, without the bad ones; or the error that names these."""
    back = np.argsort(np.concatenate([batch.rows for batch in batches]))
    in_batches = [_fit_row(source.names[row], batch, n, model) for batch in batches for n, row in enumerate(batch.rows)]
    told = [reason for batch in batches for reason in batch.fits.reason]
    rows, told = [in_batches[n] for n in back], [told[n] for n in back]
    fittings = select_fittings(_fitting_set(source, model.name, batches), back)
    problems = find_problems(fittings, model, KeyNames())
    reasons: dict[str, str] = {}
    for number, row in enumerate(rows):
        reason = unread.get(row.name) or told[number] or _badness(row, options) or problems.get(number)
        if reason:
            reasons[row.name] = reason
    good = [number for number, row in enumerate(rows) if row.name not in reasons]
    skipped = tuple(Skipped(name, reasons[name]) for name in source.names if name in reasons)
    if skipped and not (good and options.skip_bad):
        advice = "repair them, or leave them out with --skip-bad" if good else "nothing is left to use"
        what = f"{len(skipped)} of {len(rows)} pictures cannot be fitted; {advice}"
        raise problems_error(what, [f"{entry.name}: {entry.reason}" for entry in skipped], _SHOWN)
    return FlowFits(
        fittings=select_fittings(fittings, np.array(good)),
        rows=tuple(rows[number] for number in good),
        skipped=skipped,
        numbers=tuple(good),
        curve=_curve([batch.fits for batch in batches]),
    )


def _badness(row: FlowRow, options: FlowFitOptions) -> str:
    """Why a fit is not to be used, or nothing."""
    if row.largest_z > options.largest_z:
        return f"a coefficient of {row.largest_z:.1f} standard deviations, over {options.largest_z:g}"
    return "" if row.converged else f"the fit did not settle in {row.iterations} steps"


def _fit_row(name: str, batch: _Batch, n: int, model: MorphableModel) -> FlowRow:
    fits = batch.fits
    pitch, yaw, roll = np.rad2deg(euler_from_rotation(fits.heads.rotation[n]))
    coefficients = [fits.identity[n], *([fits.expression[n]] if model.expression_unit == "stddev" else [])]
    return FlowRow(
        name=name,
        matched=batch.matched[n],
        used=int(fits.used[n]),
        rejected=float(fits.rejected[n]),
        median_px=float(fits.median_px[n]),
        rms_px=float(fits.rms_px[n]),
        pitch_deg=float(pitch),
        yaw_deg=float(yaw),
        roll_deg=float(roll),
        focal=float(fits.heads.focal[n]),
        largest_z=float(np.abs(np.concatenate(coefficients)).max()),
        iterations=int(fits.iterations[n]),
        converged=bool(fits.converged[n]),
        energies={name: float(values[n]) for name, values in fits.energies.items()},
        note=fits.note[n],
    )


def _fitting_set(source: FlowSet, model: str, batches: list[_Batch]) -> FittingSet:
    """The fittings of all pictures, in the order of the batches."""

    def stacked(name: str) -> Array:
        return np.concatenate([getattr(batch.fits.heads, name) for batch in batches])

    order = np.concatenate([batch.rows for batch in batches])
    count = len(order)
    return FittingSet(
        names=tuple(source.names[row] for row in order),
        photos=tuple(source.photos[row] or f"{source.names[row]}.png" for row in order),
        sizes=np.tile(np.array(source.size, np.int32), (count, 1)),
        perspective=batches[0].fits.heads.perspective,
        rotation=stacked("rotation"),
        translation=stacked("translation"),
        focal=stacked("focal"),
        principal=stacked("principal"),
        depth_shift=np.zeros(count),
        identity=np.concatenate([batch.fits.identity for batch in batches]),
        expression=np.concatenate([batch.fits.expression for batch in batches]),
        landmarks=np.concatenate([batch.landmarks for batch in batches]),
        boxes=np.full((count, 4), np.nan),
        ignore_boxes=((),) * count,
        ignore_masks=("",) * count,
        model=model,
    )


def _curve(fits: list[AlignmentFits]) -> tuple[CurvePoint, ...]:
    """Mean energies over all pictures, step by step; batches that stop early stay where they are."""
    points: list[CurvePoint] = []
    curves = [fit.curve.stages for fit in fits if fit.curve.stages]
    for stages in zip(*curves):
        longest = max(len(stage.energy) for stage in stages)
        count = sum(stage.energy.shape[2] for stage in stages)
        names = list(dict.fromkeys(name for stage in stages for name in stage.terms))
        for step in range(longest):
            energies = {
                name: sum(
                    float(stage.energy[min(step, len(stage.energy) - 1), stage.terms.index(name)].sum())
                    for stage in stages
                    if name in stage.terms
                )
                / count
                for name in names
            }
            points.append(CurvePoint(stages[0].name, step, energies))
    return tuple(points)
