"""Helen part segmentation: intersection over union of eight classes (densereg Table 1)."""

from pathlib import Path

import numpy as np

from eval.dense_metrics import part_overlaps
from eval.protocol import Protocol, Request, Result, SampleErrors
from eval.readers.part_pictures import find_parts, load_parts, read_parts
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import Mean
from synthgen.core.conventions import PARTS
from synthgen.core.errors import DatasetError, UsageError

NAME = "helen_parts"
TITLE = "Helen test set: IoU of eight parts (densereg Table 1)"
NOTES = (
    "Pixels are summed over the test set before they are divided; the average is the plain mean over the eight "
    "classes, as densereg's 71.96 is.",
    "Of Helen's eleven labels hair, background and inner mouth are none of the eight; its left is taken to be left in "
    "the picture. Neither is said in the paper.",
)


def run(request: Request) -> Result:
    """IoU of each class and their mean."""
    if request.predictions is None:
        raise UsageError("give --predictions FOLDER of NAME.png, class numbers 0 to 8")
    truth = find_parts(request.data)
    there = {name: request.predictions / f"{name}.png" for name in truth}
    lacking = sorted(name for name, path in there.items() if not path.is_file())
    notes = list(NOTES)
    if lacking:
        text = f"{len(lacking)} of {len(truth)} pictures have no prediction ({lacking[0]}, ...)"
        if request.missing is None or len(lacking) == len(truth):
            raise UsageError(f"{text}; choose --missing fail (all their pixels are wrong) or --missing exclude")
        notes.append(f"{text}; they " + ("are left out." if request.missing == "exclude" else "count as all wrong."))
    names = [name for name in sorted(truth) if name not in lacking or request.missing == "fail"]
    pixels = np.array([_pixels(truth[name], None if name in lacking else there[name]) for name in names], np.float64)
    return _result(names, pixels, notes, request.resamples)


def _pixels(truth: Path, predicted: Path | None) -> list[tuple[int, int]]:
    """(intersection, union) of each of the eight classes."""
    true = load_parts(truth)
    said = np.zeros_like(true) if predicted is None else read_parts(predicted)
    if said.shape != true.shape:
        raise DatasetError(f"{predicted} is {said.shape}, its labels {true.shape}; predict in the picture's own pixels")
    return [(overlap.intersection, overlap.union) for overlap in part_overlaps(said, true)]


def _result(names: list[str], pixels: np.ndarray, notes: list[str], resamples: int) -> Result:
    classes = [name.replace("_", " ") for name in PARTS[1:]]
    seen = [row for row in range(len(classes)) if pixels[:, row, 1].sum() > 0]
    measures = [
        Measure(f"IoU {classes[row]}", "%", Mean((pixels[:, row, 0],), (pixels[:, row, 1],)), len(names))
        for row in seen
    ]
    mean = Mean(tuple(pixels[:, row, 0] for row in seen), tuple(pixels[:, row, 1] for row in seen))
    measures.append(
        Measure("IoU average", "%", mean, len(names), note="" if len(seen) == 8 else f"{len(seen)} classes")
    )
    share = pixels[:, :, 0].sum(axis=1) / np.maximum(pixels[:, :, 1].sum(axis=1), 1)
    variant = Variant("eight classes", tuple(names), 1 - share, tuple(measures))
    errors = SampleErrors("1 - IoU of all pixels", tuple(names), 100 * (1 - share), limit=100.0)
    return Result(NAME, TITLE, tuple(numbers_of(variant, resamples)), (errors,), tuple(notes))


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder of Helen's part labels as released (NAME/NAME_lbl00.png to _lbl10.png), or of NAME.png with numbers 0 to 8",
    "folder of NAME.png, class numbers: " + ", ".join(f"{number} {name}" for number, name in enumerate(PARTS)),
    run,
    takes_model=False,
    takes_points=False,
)
