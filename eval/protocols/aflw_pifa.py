"""AFLW-PIFA (dfc: 21 points) and AFLW-LFPA (dal2d: 34 points): visible points of 1,299 faces."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eval.crops import CROP_OPTION
from eval.landmarks import landmark_result, plausible, predicted_faces
from eval.matching import Matched
from eval.metrics import box_size, points_box
from eval.point_sets import aflw21_from_ibug68
from eval.protocol import Protocol, Request, Result
from eval.protocols.aflw21 import visible_error
from eval.readers.truth_npz import KEYS, read_truth_npz
from eval.scoring import Measure, Measures, Variant
from synthgen.core.errors import UsageError

Array = NDArray[np.float64]

TITLES = {
    "aflw_pifa": "AFLW-PIFA, 21 and 34 visible points of 1,299 faces",
    "lfpa34": "AFLW-LFPA, 34 visible points of 1,299 faces",
}
_ALL, _AFLW = 34, 21
OPTIONS = {
    **CROP_OPTION,
    "aflw21": "which of the 34 points are AFLW's 21, in AFLW's order: numbers from 0 with commas; without it the first "
    "21, to which the release added 13",
}


def run(name: str, request: Request) -> Result:
    """Visible points with both sets. Raises SynthgenError for data or predictions that cannot be scored."""
    truth = read_truth_npz(request.data, "pifa34", _ALL)
    aflw = _aflw_points(request.options.get("aflw21", ""))
    matched = predicted_faces(request, truth, (_ALL, _AFLW, 68))
    sizes = {}
    if np.isfinite(matched.truth.boxes).all():
        sizes["given-box"] = box_size(matched.truth.boxes)
    sizes["box-of-visible"] = box_size(points_box(matched.truth.points, matched.truth.visible))
    sets = {"21-visible": _as_21(matched, aflw, request)}
    if matched.points.shape[1] == _ALL:
        sets = {"34-visible": matched, **sets} if name == "lfpa34" else {**sets, "34-visible": matched}
    variants = [variant for key, part in sets.items() for variant in _variants(key, part, sizes)]
    notes = [
        "The release's file format and its definition of the 13 points beyond AFLW's are not public: the data come as "
        "an .npz file, and the box that divides is the one it gives.",
    ]
    if len(truth) != 1299:
        notes.append(f"The file holds {len(truth)} faces, the release 1,299.")
    return landmark_result(name, TITLES[name], matched, variants, request, notes)


def _variants(key: str, matched: Matched, sizes: dict[str, Array]) -> list[Variant]:
    variants = []
    for name, size in sizes.items():
        errors = visible_error(matched, size, name)
        counted = np.flatnonzero(np.isfinite(errors))
        ids = tuple(matched.truth.ids[row] for row in counted)
        measures = Measures(errors[counted]).mean("NME images").limits((5.0, 10.0))
        if np.isfinite(matched.truth.yaw_deg).all():
            measures = measures.yaw(matched.truth.yaw_deg[counted])
        variants.append(Variant(f"{key}/{name}", ids, errors[counted], _unique(measures)))
    return variants


def _unique(measures: Measures) -> tuple[Measure, ...]:
    return tuple({measure.metric: measure for measure in measures.found}.values())


def _as_21(matched: Matched, aflw: list[int], request: Request) -> Matched:
    truth = matched.truth
    part = replace(truth, scheme="aflw21", points=truth.points[:, aflw], visible=truth.visible[:, aflw])
    if matched.points.shape[1] == _ALL:
        points = matched.points[:, aflw]
    elif matched.points.shape[1] == 68:
        points = aflw21_from_ibug68(matched.points)
    else:
        points = matched.points
    return plausible(Matched(part, points, matched.found, matched.notes), request)


def _aflw_points(text: str) -> list[int]:
    if not text:
        return list(range(_AFLW))
    numbers = [int(part) for part in text.split(",") if part.strip().isdigit()]
    if len(set(numbers)) != _AFLW or max(numbers) >= _ALL:
        raise UsageError(f"aflw21={text}: expected {_AFLW} different numbers from 0 to {_ALL - 1}")
    return numbers


PROTOCOL = Protocol(
    "aflw_pifa",
    TITLES["aflw_pifa"],
    f"an .npz file with {KEYS}",
    "34 points of each face in the data's order, AFLW's 21, or iBUG's 68 from which the 21 are taken",
    partial(run, "aflw_pifa"),
    OPTIONS,
)
