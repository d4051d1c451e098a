"""AFLW2000-3D: 68 points in the picture and in space, in every variant that papers report without saying which."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.crops import CROP_OPTION
from eval.landmarks import landmark_result, predicted_faces, with_missing
from eval.matching import Matched
from eval.metrics import box_size, mean_error, points_box
from eval.plausibility import check_depth_sign
from eval.protocol import Protocol, Request, Result
from eval.readers.aflw2000 import Aflw2000, read_aflw2000, read_table
from eval.scoring import Measure, Measures, Variant
from eval.truth import checked_sizes
from synthgen.core.errors import UsageError

Array = NDArray[np.float64]

TITLE = "AFLW2000-3D, 68 points, 2D and 3D"
WORST = 20
INNER = np.arange(68) >= 17
OPTIONS = {
    **CROP_OPTION,
    "reannotated": "AFLW2000-3D-Reannotated.pts68.npy, when it is not below the folder of the data",
    "yaw": "AFLW2000-3D-new.pose.npy, the same",
    "boxes": "AFLW2000-3D_crop.roi_box.npy, the same",
    "visible": "a .npy table (N, 68) of the points that can be seen; without it they are those of a mean face turned "
    "like the fitted one",
}


def run(request: Request) -> Result:
    """Every variant. Raises SynthgenError for data or predictions that cannot be scored."""
    options = request.options
    data = read_aflw2000(request.data, options.get("reannotated", ""), options.get("yaw", ""), options.get("boxes", ""))
    matched = predicted_faces(request, data.truth)
    rows = _rows(data, matched)
    splits = {"yaw-fitted": data.truth.yaw_deg[rows]}
    if data.labelled_yaw is not None:
        splits["yaw-labelled"] = data.labelled_yaw[rows]
    variants = []
    for name, errors in _errors(data, matched, rows, request):
        counted = np.flatnonzero(np.isfinite(errors))  # faces of which no inner point is visible say nothing
        ids, values = tuple(matched.truth.ids[row] for row in counted), errors[counted]
        variants += [
            Variant(f"{name}/{split}", ids, values, tuple(_measures(values, yaw[counted])), curve=name)
            for split, yaw in splits.items()
        ]
    return landmark_result("aflw2000", TITLE, matched, variants, request, _notes(data, matched))


def _measures(errors: Array, yaw: Array) -> list[Measure]:
    return Measures(errors).yaw(yaw).without_worst(min(WORST, len(errors) - 1)).found


def _rows(data: Aflw2000, matched: Matched) -> NDArray[np.int64]:
    """(M,) rows of the data that are scored."""
    number = {name: row for row, name in enumerate(data.truth.ids)}
    return np.array([number[name] for name in matched.truth.ids], np.int64)


def _errors(data: Aflw2000, matched: Matched, rows: NDArray[np.int64], request: Request) -> Iterator[tuple[str, Array]]:
    """(variant without its yaw split, errors (M,)), the usual one first; NaN where no point counts."""
    truths = {"original": data.truth.points[rows, :, :2]}
    if data.reannotated is not None:
        truths["re-annotated"] = data.reannotated[rows]
    predicted = matched.points[..., :2]
    for annotation, truth in truths.items():
        for size, normaliser in _sizes(data, matched, truth, rows).items():
            errors = mean_error(predicted, truth, normaliser)
            yield f"68-2d/{annotation}/{size}", with_missing(errors, matched)
    normaliser = box_size(points_box(truths["original"]))
    if matched.points.shape[2] == 3:
        space = data.truth.points[rows]
        check_depth_sign(matched.points[..., 2][matched.found], space[..., 2][matched.found], _source(request))
        for alignment in ("min", "mean"):
            errors = mean_error(
                _with_depth_from(matched.points, alignment), _with_depth_from(space, alignment), normaliser
            )
            yield f"68-3d-{alignment}-z/original/box-of-points", with_missing(errors, matched)
    used = _visible(data, request)[rows] & INNER
    errors = mean_error(predicted, truths["original"], normaliser, used)
    yield "visible-inner-2d/original/box-of-points", with_missing(errors, matched)


def _source(request: Request) -> str:
    return str(request.predictions or request.model)


def _with_depth_from(points: Array, alignment: str) -> Array:
    """Points whose z starts from its own minimum (2DASL's scripts) or mean (PRNet's)."""
    depth = points[..., 2]
    origin = depth.min(axis=1) if alignment == "min" else depth.mean(axis=1)
    return np.concatenate([points[..., :2], (depth - origin[:, None])[..., None]], axis=2)


def _sizes(data: Aflw2000, matched: Matched, truth: Array, rows: NDArray[np.int64]) -> dict[str, Array]:
    """Name of a normaliser -> (M,)."""
    boxes = points_box(truth)
    sizes = {"box-of-points": box_size(boxes), "diagonal-of-points": box_size(boxes, "diagonal")}
    if data.given_box is not None:
        sizes["given-box"] = box_size(data.given_box[rows])
    return {name: checked_sizes(size, matched.truth, f"the {name}") for name, size in sizes.items()}


def _visible(data: Aflw2000, request: Request) -> NDArray[np.bool_]:
    if "visible" in request.options:
        table = read_table(Path(request.options["visible"]), (len(data.truth), 68))
        if not np.isin(table, (0.0, 1.0)).all():
            raise UsageError(f"{request.options['visible']}: expected 0 and 1 only")
        return table == 1.0
    from eval.visible_points import mean_face_visibility

    return mean_face_visibility(data.angles)


def _notes(data: Aflw2000, matched: Matched) -> list[str]:
    notes = [
        "NME bins is the mean over the three yaw bins (what papers call Mean), NME images that over all faces.",
        "yaw-fitted splits by the pose of the fit (as 3DDFA's script: 1312 / 383 / 305 faces), yaw-labelled by AFLW's "
        "(as the papers: 1306 / 462 / 232); the last bin has no upper end.",
        f"NME without worst {WORST} leaves out a method's own {WORST} worst faces, as dal2d does for its curves.",
    ]
    if len(data.truth) != 2000:
        notes.append(f"The folder holds {len(data.truth)} faces, the release 2,000.")
    missing = {
        "re-annotated points": data.reannotated, "labelled yaw": data.labelled_yaw, "given boxes": data.given_box
    }  # fmt: skip
    lacking = [name for name, table in missing.items() if table is None]
    if lacking:
        notes.append(f"Not there, so variants of it are missing: {', '.join(lacking)} (3DDFA's test.configs).")
    if matched.points.shape[2] == 2:
        notes.append("Predictions have no z, so the variants in space are missing.")
    return notes


PROTOCOL = Protocol(
    "aflw2000",
    TITLE,
    "folder with image00002.mat and so on beside the pictures, and 3DDFA's tables AFLW2000-3D*.npy anywhere below it",
    "68 points of each picture, (x, y) or (x, y, z); z in pixels, larger nearer, from any origin",
    run,
    OPTIONS,
)
