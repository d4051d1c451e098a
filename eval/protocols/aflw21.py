"""AFLW's 21 visible points on 3DDFA's 21,080 crops, and the same with AFLW-PIFA's and AFLW-LFPA's points."""

import numpy as np
from numpy.typing import NDArray

from eval.crops import CROP_OPTION
from eval.landmarks import landmark_result, plausible, predicted_faces, with_missing
from eval.matching import Matched
from eval.metrics import box_size, mean_error, points_box
from eval.point_sets import aflw21_from_ibug68
from eval.protocol import Protocol, Request, Result
from eval.readers.aflw import read_aflw21
from eval.scoring import Measures, Variant
from eval.truth import checked_sizes

Array = NDArray[np.float64]

TITLE = "AFLW, 21 visible points of 21,080 faces"


def run(request: Request) -> Result:
    """Both normalisers. Raises SynthgenError for data or predictions that cannot be scored."""
    truth, fitted = read_aflw21(request.data)
    matched = with_points(predicted_faces(request, truth, (21, 68)), request)
    rows = {name: row for row, name in enumerate(truth.ids)}
    chosen = [rows[name] for name in matched.truth.ids]
    sizes = {}
    if fitted is not None:
        sizes["box-of-68"] = box_size(points_box(fitted[chosen]))
    if np.isfinite(truth.boxes).all():
        sizes["given-box"] = box_size(matched.truth.boxes)
    sizes["box-of-visible"] = box_size(points_box(matched.truth.points, matched.truth.visible))
    variants = []
    for name, size in sizes.items():
        errors = visible_error(matched, size, name)
        counted = np.flatnonzero(np.isfinite(errors))
        measures = Measures(errors[counted]).yaw(matched.truth.yaw_deg[counted]).found
        ids = tuple(matched.truth.ids[row] for row in counted)
        variants.append(Variant(f"21-visible/{name}", ids, errors[counted], tuple(measures)))
    return landmark_result("aflw21", TITLE, matched, variants, request, _notes(len(truth), fitted is None))


def with_points(matched: Matched, request: Request) -> Matched:
    """Predictions of 68 points as AFLW's 21; 21 as they are."""
    if matched.points.shape[1] != 68:
        return matched
    return plausible(Matched(matched.truth, aflw21_from_ibug68(matched.points), matched.found, matched.notes), request)


def visible_error(matched: Matched, size: Array, what: str) -> Array:
    """(N,) mean distance of visible points over the size; NaN for a face without any."""
    truth = matched.truth
    counted = truth.visible.sum(axis=1) > 0
    checked = checked_sizes(np.where(counted, size, 1.0), truth, f"the {what}")
    points = np.nan_to_num(truth.points[..., :2])
    errors = mean_error(matched.points[..., :2], points, checked, truth.visible)
    return np.where(counted, with_missing(errors, matched), np.nan)


def _notes(count: int, no_fitted: bool) -> list[str]:
    notes = ["NME bins is the mean over the three yaw bins (what papers call Mean); bins 11596 / 5457 / 4027 faces."]
    if count != 21_080:
        notes.append(f"The tables hold {count} faces, the release 21,080.")
    if no_fitted:
        notes.append(
            "AFLW_GT_pts68.npy, whose box the papers divide by, is not there (its public copy is empty): the other "
            "normalisers are not comparable with published numbers."
        )
    return notes


PROTOCOL = Protocol(
    "aflw21",
    TITLE,
    "folder with AFLW_GT_pts21.npy and AFLW_GT_crop_yaws.npy anywhere below it, and the crops",
    "21 points of each crop in AFLW's order, or 68 from which they are taken as 3DDFA does; ids are the crops' names",
    run,
    CROP_OPTION,
)
