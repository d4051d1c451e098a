"""300W: common, challenging, full and private sets, 68 points."""

import numpy as np
from numpy.typing import NDArray

from eval.crops import CROP_OPTION
from eval.landmarks import landmark_result, predicted_faces, with_missing
from eval.metrics import box_size, eye_distance, mean_error, points_box, rms_error
from eval.protocol import Protocol, Request, Result
from eval.readers.pts_folders import read_w300
from eval.scoring import Measure, Measures, Variant
from eval.truth import Truth, checked_sizes

Array = NDArray[np.float64]

TITLE = "300W, 68 points"
SUBSETS = ("full", "common", "challenging", "private")
LIMITS = (8.0, 10.0)


def run(request: Request) -> Result:
    """Every subset and normaliser, mean and RMS. Raises SynthgenError for data or predictions that cannot be scored."""
    matched = predicted_faces(request, read_w300(request.data))
    truth = matched.truth
    predicted = matched.points[..., :2]
    variants = []
    for name, size in face_sizes(truth).items():
        mean = with_missing(mean_error(predicted, truth.points, size), matched)
        rms = with_missing(rms_error(predicted, truth.points, size), matched)
        for subset in SUBSETS:
            rows = np.flatnonzero(truth.subsets[subset])
            if len(rows):
                measures = point_measures(mean[rows], rms[rows])
                variants.append(Variant(f"{subset}/{name}", tuple(truth.ids[r] for r in rows), mean[rows], measures))
    notes = [
        "NME is the mean distance of the points, RMS the root of the mean squared one (densereg and the competition); "
        "AUC and FR are of NME unless they say RMS.",
        "inter-pupil divides by the distance of the means of the six points of each eye, inter-ocular by that of the "
        "outer corners: about 0.71 of it, so the errors are about 1.4 times as large.",
    ]
    return landmark_result("w300", TITLE, matched, variants, request, notes)


def face_sizes(truth: Truth) -> dict[str, Array]:
    """Name of a normaliser -> (N,) px."""
    sizes = {
        kind: checked_sizes(eye_distance(truth.points[..., :2], truth.scheme, kind), truth, f"the {kind} distance")
        for kind in ("inter-pupil", "inter-ocular")
    }
    return {**sizes, "box-diagonal": box_size(points_box(truth.points), "diagonal")}


def point_measures(mean: Array, rms: Array) -> tuple[Measure, ...]:
    """Measures of mean and RMS errors (N,)."""
    return (
        *Measures(mean).mean().limits(LIMITS).found,
        *Measures(rms).mean("RMS").limits(LIMITS, " RMS").found,
    )


PROTOCOL = Protocol(
    "w300",
    TITLE,
    "folder with helen/testset, lfpw/testset and ibug, and 01_Indoor and 02_Outdoor for the private set, .pts inside",
    "68 points of each picture; ids are the paths of the .pts files below the folder without .pts",
    run,
    CROP_OPTION,
)
