"""End-point error of .flo files against .flo files of the same names, beside the best affine flow of each pair."""

import numpy as np

from eval.dense_metrics import affine_flow, endpoint_errors
from eval.protocol import Protocol, Request, Result, SampleErrors
from eval.readers.flow_files import read_flo
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from synthgen.core.errors import DatasetError, UsageError

NAME = "flow_files"
TITLE = "Flow files: end-point error of .flo against .flo"


def run(request: Request) -> Result:
    """Mean over pairs of each pair's mean end-point error at pixels whose true flow is known."""
    if request.predictions is None:
        raise UsageError("give --predictions FOLDER of .flo files named like those of --data")
    truth = sorted(request.data.glob("*.flo"))
    if not truth:
        raise DatasetError(f"{request.data} holds no .flo files; synthgen export --format flo makes them")
    lacking = [path.name for path in truth if not (request.predictions / path.name).is_file()]
    notes = ["Pixels whose true flow is unknown are left out; so are pairs in which all is unknown."]
    if lacking:
        text = f"{len(lacking)} of {len(truth)} pairs have no prediction ({lacking[0]}, ...)"
        if request.missing != "exclude" or len(lacking) == len(truth):
            raise UsageError(f"{text}; no error is the worst of a flow: add them, or choose --missing exclude")
        notes.append(f"{text}; they are left out.")
    ids, errors, affine = [], [], []
    for path in truth:
        if path.name in lacking:
            continue
        true, said = read_flo(path), read_flo(request.predictions / path.name)
        if said.shape != true.shape:
            raise DatasetError(f"{request.predictions / path.name} is {said.shape}, the truth {true.shape}")
        known = np.asarray(np.isfinite(true).all(axis=-1))
        if not known.any():
            continue
        if not np.isfinite(said[known]).all():
            raise DatasetError(f"{request.predictions / path.name} is unknown where the truth is known; fill it")
        ids.append(path.stem)
        errors.append(endpoint_errors(said, true, known).mean())
        affine.append(endpoint_errors(affine_flow(np.nan_to_num(true), known), true, known).mean())
    if not ids:
        raise DatasetError(f"{request.data}: no pixel has a known flow")
    values = np.array(errors)
    measures = (
        Measure("end-point error", "px", mean_of(values), len(ids), 1.0),
        Measure("end-point error of the best affine flow", "px", mean_of(np.array(affine)), len(ids), 1.0),
    )
    variant = Variant("known pixels", tuple(ids), values, measures)
    curve = SampleErrors("known pixels", tuple(ids), values, "px", 10.0)
    return Result(NAME, TITLE, tuple(numbers_of(variant, request.resamples)), (curve,), tuple(notes))


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder of .flo files (synthgen export)",
    "folder of .flo files with the same names",
    run,
    takes_model=False,
    takes_points=False,
)
