"""MICC as GANFit's family uses Florence: a head per subject against the nearer of its frontal scans, cut at 95 mm."""

import numpy as np

from eval.protocol import Number, Protocol, Request, Result, SampleErrors
from eval.reconstruction import MICC_RADIUS_MM, Alignment, reconstruction_errors
from eval.scan_set import ScanFile, find_scans, load_landmarked
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from synthgen.core.errors import UsageError

NAME = "micc"
TITLE = "MICC: one head per subject, 95 mm about the nose tip"
# GANFit's code cuts this subject closer.
RADII_MM = {"subject_28": 60.0}
SETTINGS = ("Indoor-Cooperative", "PTZ-Indoor", "PTZ-Outdoor")
NOTES = (
    "Similarity ICP, then the symmetric mean distance between the surfaces, the smaller one over a subject's scans: "
    '"point to plane" in GANFit\'s tables is this. The standard deviation is that over subjects.',
)


def run(request: Request) -> Result:
    """Symmetric distances in mm, by setting."""
    if request.predictions is None:
        raise UsageError("give --predictions FOLDER: a head per subject, from all frames of its video")
    subjects: dict[str, list[ScanFile]] = {}
    for file in find_scans(request.data):
        subjects.setdefault(file.subject, []).append(file)
    heads = find_scans(request.predictions)
    numbers: list[Number] = []
    errors: list[SampleErrors] = []
    notes = list(NOTES)
    for setting in sorted({head.name.rpartition("/")[0] for head in heads}):
        here = {head.name.rpartition("/")[2]: head for head in heads if head.name.rpartition("/")[0] == setting}
        unknown = sorted(set(here) - set(subjects))
        if unknown:
            raise UsageError(f"{request.predictions} holds {unknown[0]}, of which {request.data} has no scan")
        lacking = sorted(set(subjects) - set(here))
        name = setting or "all frames"
        if lacking:
            text = f"{name}: {len(lacking)} of {len(subjects)} subjects have no head ({lacking[0]}, ...)"
            if request.missing != "exclude":
                raise UsageError(f"{text}; add them, or choose --missing exclude")
            notes.append(f"{text}; they are left out.")
        found = {subject: _distance(request, here[subject], subjects[subject]) for subject in sorted(here)}
        values = np.array(list(found.values()))
        measures = (Measure("symmetric distance", "mm", mean_of(values), len(values), 1.0),)
        numbers += numbers_of(Variant(name, tuple(found), values, measures), request.resamples)
        numbers.append(Number(name, "symmetric distance, std", float(values.std()), "mm", count=len(values)))
        errors.append(SampleErrors(name, tuple(found), values, "mm", 3.0))
    return Result(NAME, TITLE, tuple(numbers), tuple(errors), tuple(notes))


def _distance(request: Request, head: ScanFile, scans: list[ScanFile]) -> float:
    assert request.predictions is not None
    mesh = load_landmarked(head, request.predictions)
    alignment = Alignment(with_scale=True, radius=RADII_MM.get(scans[0].subject, MICC_RADIUS_MM), tolerance=1e-3)
    return min(
        reconstruction_errors(*mesh, *load_landmarked(scan, request.data), alignment).symmetric for scan in scans
    )


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder of scans, as released (subject_01/Model/frontal1/obj/*.obj), with 68 landmarks each",
    f"folder with SETTING/subject_01.obj or .ply, SETTING one of {', '.join(SETTINGS)} or nothing, and landmarks.txt",
    run,
    takes_model=False,
    takes_points=False,
)
