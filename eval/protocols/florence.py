"""Florence as VRN, PRNet, dal2d and tddfa_v2 use it: heads reconstructed from renderings of scans at 15 poses."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eval.protocol import Protocol, Request, Result, SampleErrors
from eval.reconstruction import MICC_RADIUS_MM, Alignment
from eval.reconstruction_run import Landmarked, Rows, modelled_meshes, predicted_meshes, scored
from eval.scan_pictures import PITCHES_DEG, YAWS_DEG, render_scan
from eval.scan_set import ScanFile, find_scans, load_landmarked
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from synthgen.core.errors import UsageError

NAME = "florence"
TITLE = "Florence: reconstruction from renderings at 15 poses"
ALIGNMENTS = {
    "similarity, whole": Alignment(with_scale=True),
    "rigid, whole": Alignment(with_scale=False),
    "similarity, 95 mm": Alignment(with_scale=True, radius=MICC_RADIUS_MM),
}
ERRORS = {
    "nme": ("NME to nearest vertex / outer eye corners", "%", 100.0),
    "nme_surface": ("NME to nearest surface / outer eye corners", "%", 100.0),
    "plane_mm": ("point to plane", "mm", 1.0),
    "symmetric_mm": ("symmetric distance", "mm", 1.0),
}
NOTES = (
    f"Renderings of our own at pitch {PITCHES_DEG} and yaw {YAWS_DEG} (VRN's issue 158; its paper and dal2d print "
    "others), signs as in 300W-LP; light and camera of the published ones are unknown.",
    "Landmarks give the start of ICP. VRN's code uses no scale (rigid); methods that do not know how large a head is "
    "are laid on the scan by a similarity. Every scan point inside the cut counts; PRNet takes 19,000 of the face.",
)


def run(request: Request) -> Result:
    """Errors of reconstructed heads after each kind of alignment, by yaw."""
    if (request.predictions is None) == (request.model is None):
        raise UsageError("give one of --predictions FOLDER and --model CKPT_OR_ONNX")
    scans = find_scans(request.data)
    rows = Rows()
    for file in scans:
        scan = load_landmarked(file, request.data)
        _add_scan(rows, request, file, scan)
    notes = [*NOTES, *missing_notes(rows, request)]
    numbers = []
    for alignment in ALIGNMENTS:
        for key, (metric, unit, factor) in ERRORS.items():
            values = np.array(rows.values[f"{alignment}: {key}"])
            numbers += numbers_of(_variant(rows, alignment, metric, (unit, factor), values), request.resamples)
    first = 100 * np.array(rows.values[f"{next(iter(ALIGNMENTS))}: nme"])
    errors = SampleErrors(next(iter(ALIGNMENTS)), tuple(rows.ids), first, clusters=tuple(rows.subjects))
    result = Result(NAME, TITLE, tuple(numbers), (errors,), tuple(notes))
    return replace(result, draw=partial(_draw, request, {file.name: file for file in scans}))


def _add_scan(rows: Rows, request: Request, file: ScanFile, scan: Landmarked) -> None:
    if request.predictions is not None:
        meshes = predicted_meshes(request.predictions, file)
    else:
        assert request.model is not None
        meshes = modelled_meshes(request.model, *scan)
    for pose, yaw, mesh in meshes:
        if mesh is None:
            rows.missing.append(f"{file.name}/{pose}")
        else:
            rows.add(f"{file.name}/{pose}", file.subject, yaw, scored(mesh, scan, ALIGNMENTS))


def missing_notes(rows: Rows, request: Request) -> list[str]:
    """What a reader must know of renderings without a reconstruction. Raises UsageError unless they are excluded."""
    if not rows.ids:
        raise UsageError(
            f"{request.predictions} holds no reconstruction; expected files such as {rows.missing[0]}.obj in it"
        )
    if not rows.missing:
        return []
    text = f"{len(rows.missing)} of {len(rows.ids) + len(rows.missing)} have no reconstruction ({rows.missing[0]}, ...)"
    if request.missing != "exclude":
        raise UsageError(f"{text}; a missing head has no error: add it, or choose --missing exclude")
    return [f"{text}; they are left out."]


def _variant(rows: Rows, alignment: str, metric: str, scale: tuple[str, float], values: NDArray[np.float64]) -> Variant:
    unit, factor = scale
    yaws = np.array(rows.yaws)
    measures = [Measure(metric, unit, mean_of(values), len(values), factor)]
    for yaw in sorted(set(rows.yaws)):
        here = yaws == yaw
        measures.append(Measure(f"{metric}, yaw {yaw:g}", unit, mean_of(values, here), int(here.sum()), factor))
    return Variant(alignment, tuple(rows.ids), values, tuple(measures), clusters=tuple(rows.subjects))


def _draw(request: Request, files: dict[str, ScanFile], name: str) -> NDArray[np.uint8]:
    scan_name, _, pose = name.rpartition("/")
    scan = load_landmarked(files[scan_name], request.data)
    pitch, yaw = (float(text) for text in pose.removeprefix("pitch").split("_yaw"))
    return render_scan(*scan, pitch, yaw).picture


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder of scans, as released (subject_01/Model/frontal1/obj/*.obj) or flat, with 68 landmarks each",
    "folder with SCAN/pitch-15_yaw40.obj or .ply and landmarks.txt, 68 vertex numbers; or a network of 62 parameters",
    run,
    takes_points=False,
)
