"""Menpo-3D: accuracy of frames and stability between them, 68 points in space."""

from dataclasses import replace

from eval.landmarks import landmark_result, predicted_faces
from eval.matching import Matched
from eval.protocol import Protocol, Request, Result
from eval.readers.pts_folders import read_videos_3d
from eval.readers.truth_npz import KEYS, read_truth_npz
from eval.sequences import accuracy_variant, stability_variants
from synthgen.core.errors import AssetError

TITLE = "Menpo-3D, 68 points of videos: accuracy, stability, jitter"


def run(request: Request) -> Result:
    """NME, stability and jitter. Raises SynthgenError for data or predictions that cannot be scored."""
    truth = read_videos_3d(request.data) if request.data.is_dir() else read_truth_npz(request.data, "ibug68", 68)
    if not truth.videos:
        raise AssetError(f"{truth.where}: no array `videos`, which says what frames follow each other")
    matched = predicted_faces(request, truth)
    axes = min(matched.points.shape[2], matched.truth.points.shape[2])
    prefix = f"68-{axes}d"
    matched = _with_depth_from_mean(matched, axes)
    variants = [accuracy_variant(matched, prefix), *stability_variants(matched, prefix)]
    notes = [
        "stability is the NME between true and predicted movement of adjacent frames, over the root of the area of the "
        "true points' box; jitter the second difference of the predictions alone, over its longest edge.",
        "The release's file format is not public: the data come as .pts with x, y, z or as an .npz file.",
    ]
    if axes == 3:
        notes.append("z of truth and prediction starts from its own mean over the points of a frame.")
    return landmark_result("menpo3d", TITLE, matched, variants, request, notes)


def _with_depth_from_mean(matched: Matched, axes: int) -> Matched:
    predicted, points = matched.points[..., :axes].copy(), matched.truth.points[..., :axes].copy()
    if axes == 3:
        for array in (predicted, points):
            array[..., 2] -= array[..., 2].mean(axis=1, keepdims=True)
    return replace(matched, points=predicted, truth=replace(matched.truth, points=points))


PROTOCOL = Protocol(
    "menpo3d",
    TITLE,
    f"folder of VIDEO/NAME.pts with 68 lines x y z, or an .npz file with {KEYS}",
    "68 points (x, y, z) of each frame, z in pixels; ids are VIDEO/NAME, or those of the .npz file",
    run,
)
