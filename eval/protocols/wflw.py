"""WFLW: 98 points, the test set and its six subsets."""

import numpy as np

from eval.landmarks import landmark_result, predicted_faces, with_missing
from eval.metrics import mean_error
from eval.protocol import Protocol, Request, Result
from eval.protocols.w300 import face_sizes
from eval.readers.wflw import TEST_FACES, read_wflw
from eval.scoring import Measures, Variant
from synthgen.fittings.wflw import ATTRIBUTES

TITLE = "WFLW, 98 points, seven subsets"


def run(request: Request) -> Result:
    """Every subset and normaliser. Raises SynthgenError for data or predictions that cannot be scored."""
    matched = predicted_faces(request, read_wflw(request.data))
    truth = matched.truth
    subsets = {"all": np.ones(len(truth), np.bool_), **{name: truth.subsets[name] for name in ATTRIBUTES}}
    sizes = face_sizes(truth)
    variants = []
    for name in ("inter-ocular", "inter-pupil"):
        errors = with_missing(mean_error(matched.points[..., :2], truth.points, sizes[name]), matched)
        for subset, mask in subsets.items():
            rows = np.flatnonzero(mask)
            if len(rows):
                measures = tuple(Measures(errors[rows]).mean().limits((10.0,)).found)
                variants.append(Variant(f"{subset}/{name}", tuple(truth.ids[r] for r in rows), errors[rows], measures))
    notes = [
        "inter-ocular divides by the distance of the outer eye corners (60, 72), as public code does; inter-pupil by "
        "that of the means of the eight points of each eye.",
    ]
    if len(truth) != TEST_FACES:
        notes.append(f"{len(truth)} faces are scored, the release has {TEST_FACES:,}.")
    return landmark_result("wflw", TITLE, matched, variants, request, notes)


PROTOCOL = Protocol(
    "wflw",
    TITLE,
    "list_98pt_rect_attr_test.txt or a folder with it; pictures in WFLW_images",
    "98 points of each face; ids are the pictures' paths in the list, PATH#2 for a second face of one picture",
    run,
)
