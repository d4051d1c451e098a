"""300VW: 68 points of every frame of the test videos."""

import numpy as np

from eval.crops import CROP_OPTION
from eval.landmarks import landmark_result, predicted_faces, with_missing
from eval.metrics import mean_error, rms_error
from eval.protocol import Protocol, Request, Result
from eval.protocols.w300 import face_sizes, point_measures
from eval.readers.pts_folders import VW300_CATEGORIES, read_vw300
from eval.scoring import Variant
from eval.sequences import stability_variants

TITLE = "300VW, 68 points of videos"


def run(request: Request) -> Result:
    """Every category and normaliser, and stability. Raises SynthgenError for what cannot be scored."""
    matched = predicted_faces(request, read_vw300(request.data))
    truth = matched.truth
    subsets = {"all": np.ones(len(truth), np.bool_), **{name: truth.subsets[name] for name in VW300_CATEGORIES}}
    variants = []
    for name, size in face_sizes(truth).items():
        mean = with_missing(mean_error(matched.points[..., :2], truth.points, size), matched)
        rms = with_missing(rms_error(matched.points[..., :2], truth.points, size), matched)
        for subset, mask in subsets.items():
            rows = np.flatnonzero(mask)
            if len(rows):
                clusters = tuple(truth.videos[row] for row in rows)
                ids = tuple(truth.ids[row] for row in rows)
                measures = point_measures(mean[rows], rms[rows])
                variants.append(Variant(f"{subset}/{name}", ids, mean[rows], measures, clusters=clusters))
    variants += stability_variants(matched, "68-2d")
    videos = len(set(truth.videos))
    notes = [
        f"{videos} videos, {len(truth)} frames; intervals come from drawing videos, since frames are alike.",
        "All frames of a video count the same, so long videos count more.",
    ]
    return landmark_result("vw300", TITLE, matched, variants, request, notes)


PROTOCOL = Protocol(
    "vw300",
    TITLE,
    "folder with VIDEO/annot/000001.pts and so on; frames in VIDEO/imgs, VIDEO/frames or VIDEO/annot",
    "68 points of each frame; ids are VIDEO/000001",
    run,
    CROP_OPTION,
)
