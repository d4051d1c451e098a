"""AFLW-Full and AFLW-Frontal: 19 points of the 4,386 test faces of AFLWinfo_release.mat."""

from dataclasses import replace

import numpy as np

from eval.crops import CROP_OPTION
from eval.landmarks import landmark_result, plausible, predicted_faces, with_missing
from eval.metrics import Array, Mask, box_size, eye_distance, mean_error
from eval.point_sets import aflw19_from_ibug68
from eval.protocol import Protocol, Request, Result
from eval.readers.aflw import read_aflw19_test
from eval.scoring import Measures, Variant
from eval.truth import Truth, checked_sizes

TITLE = "AFLW, 19 points, Full and Frontal"
# What public code divides by: the root of the area (AWing), the mean edge, and the longest edge.
SIZES = {"box-area": "area", "box-mean-edge": "mean_edge", "box-longest-edge": "longest_edge"}
EYE_CENTRES = [7, 10]


def run(request: Request) -> Result:
    """Full and Frontal, each normaliser. Raises SynthgenError for data or predictions that cannot be scored."""
    matched = predicted_faces(request, read_aflw19_test(request.data), (19, 68))
    if matched.points.shape[1] == 68:
        matched = plausible(replace(matched, points=aflw19_from_ibug68(matched.points)), request)
    truth = matched.truth
    points = np.nan_to_num(truth.points)
    annotated = np.asarray(np.isfinite(truth.points).all(axis=2))
    rows = {"full": np.arange(len(truth)), "frontal": np.flatnonzero(truth.subsets["frontal"])}
    variants = []
    for name, size in normalisers(truth, points, annotated).items():
        errors = with_missing(mean_error(matched.points[..., :2], points, size, annotated), matched)
        errors = np.where(np.isfinite(size), errors, np.nan)
        for subset, chosen in rows.items():
            counted = chosen[np.isfinite(errors[chosen])]
            values = errors[counted]
            if len(counted):
                measures = tuple(Measures(values).mean().limits((10.0,)).found)
                variants.append(Variant(f"19/{subset}/{name}", tuple(truth.ids[r] for r in counted), values, measures))
    notes = [
        "Which size of the given box divides differs between public programs; compare like with like. anisotropic's "
        "text has the distance of the eye centres, which vanishes for profiles.",
        f"Frontal is every face whose 19 points are all visible: {len(rows['frontal'])} faces here.",
    ]
    if blind := int((~annotated[:, EYE_CENTRES].all(axis=1)).sum()):
        notes.append(f"{blind} faces without annotated eye centres have no inter-pupil error and do not count there.")
    if len(truth) != 4386:
        notes.append(f"The file holds {len(truth)} test faces, the release 4,386.")
    return landmark_result("aflw19", TITLE, matched, variants, request, notes)


def normalisers(truth: Truth, points: Array, annotated: Mask) -> dict[str, Array]:
    """What each variant divides by, (N,); NaN for the eye centres of faces that lack one."""
    sizes = {name: box_size(truth.boxes, kind) for name, kind in SIZES.items()}
    found = {name: checked_sizes(size, truth, "the given box") for name, size in sizes.items()}
    has_eyes = annotated[:, EYE_CENTRES].all(axis=1)
    eyes = np.where(has_eyes, eye_distance(points, "aflw19", "inter-pupil"), 1.0)
    return {**found, "inter-pupil": np.where(has_eyes, checked_sizes(eyes, truth, "the distance of the eyes"), np.nan)}


PROTOCOL = Protocol(
    "aflw19",
    TITLE,
    "AFLWinfo_release.mat or a folder with it; pictures in data/flickr or flickr beside it",
    "19 points of each test face in AFLW's order, or 68 from which they are taken; ids are the pictures' names, NAME#2 "
    "for a second face of one",
    run,
    CROP_OPTION,
)
