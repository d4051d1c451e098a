"""AFLW2000-3D dense: vertices in correspondence (tddfa_v2 Table 2) and after ICP (dal2d figure 7a)."""

import numpy as np
from numpy.typing import NDArray

from eval.dense_metrics import check_same_shape, dense_vertices_nme
from eval.plausibility import check_plausible
from eval.protocol import Protocol, Request, Result, SampleErrors
from eval.readers.dense_faces import DenseFaces, read_dense_mat, read_dense_npz
from eval.reconstruction import OUTER_EYES, icp_points_nme
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from synthgen.core.errors import DatasetError, UsageError

NAME = "dense_vertices"
TITLE = "AFLW2000-3D dense: vertices in correspondence, and after ICP"
NOTES = (
    "3D compares depth about each shape's own mean. Neither paper defines its normaliser and vertices fully: the "
    "published numbers are of one of these variants, and not comparable where the vertices differ (CONVENTIONS J).",
)
Floats = NDArray[np.float64]
CHUNK = 16


def run(request: Request) -> Result:
    """NME of all variants. --set every=50 takes each 50th vertex for ICP, as 2DASL's code does."""
    if request.predictions is None:
        raise UsageError("give --predictions FILE.npz with ids and vertices")
    every = _every(request.options.get("every", "1"))
    folder = request.data.is_dir()
    truth = read_dense_mat(request.data, request.options.get("model", "")) if folder else read_dense_npz(request.data)
    if truth.points_of is None:
        raise DatasetError(f"{request.data} has no landmarks: (68,) vertex numbers of the 68 points")
    said = read_dense_npz(request.predictions)
    names, lacking = _matched(request, truth, said)
    notes = list(NOTES)
    if lacking:
        notes.append(f"{lacking} of {len(truth.ids)} faces have no prediction; they are left out.")
    errors: dict[str, list[float]] = {}
    row_of = [{name: row for row, name in enumerate(faces.ids)} for faces in (truth, said)]
    for start in range(0, len(names), CHUNK):
        some = names[start : start + CHUNK]
        rows, said_rows = (np.array([numbers[name] for name in some]) for numbers in row_of)
        true, found = truth.vertices_of(rows), said.vertices_of(said_rows)
        check_same_shape("vertices", found, true)
        if start == 0:
            step = max(1, true.shape[1] // 500)
            plane, used = true[:, ::step, :2], np.ones((len(true), -(-true.shape[1] // step)), bool)
            notes += check_plausible(found[:, ::step, :2], plane, used, str(request.predictions))
        for name, values in _errors(found, true, truth.points_of(rows), every).items():
            errors.setdefault(name, []).extend(values.tolist())
    return _result(names, {name: np.array(values) for name, values in errors.items()}, notes, request.resamples)


def _matched(request: Request, truth: DenseFaces, said: DenseFaces) -> tuple[tuple[str, ...], int]:
    """The faces that are scored, and how many have no prediction."""
    unknown = sorted(set(said.ids) - set(truth.ids))
    if unknown:
        raise UsageError(
            f"{request.predictions}: {len(unknown)} of {len(said.ids)} ids are no face of {request.data} "
            f"({unknown[0]}, ...)"
        )
    lacking = sorted(set(truth.ids) - set(said.ids))
    if lacking and (request.missing != "exclude" or len(lacking) == len(truth.ids)):
        raise UsageError(
            f"{len(lacking)} of {len(truth.ids)} faces have no prediction ({lacking[0]}, ...); add them, or choose "
            "--missing exclude"
        )
    predicted = set(said.ids)
    return tuple(name for name in truth.ids if name in predicted), len(lacking)


def _errors(found: Floats, true: Floats, points: Floats, every: int) -> dict[str, Floats]:
    eyes = np.linalg.norm(points[:, OUTER_EYES[0]] - points[:, OUTER_EYES[1]], axis=-1)
    after = [icp_points_nme(one, other, float(size), every) for one, other, size in zip(found, true, eyes, strict=True)]
    return {
        "3D, box of vertices": dense_vertices_nme(found, true, 3),
        "3D, box of 68 points": dense_vertices_nme(found, true, 3, points),
        "2D, box of vertices": dense_vertices_nme(found, true, 2),
        "2D, box of 68 points": dense_vertices_nme(found, true, 2, points),
        "after ICP, outer eye corners": np.array(after),
    }


def _result(names: tuple[str, ...], errors: dict[str, Floats], notes: list[str], resamples: int) -> Result:
    numbers, curves = [], []
    for name, values in errors.items():
        measure = Measure("NME", "%", mean_of(values), len(values))
        numbers += numbers_of(Variant(name, names, values, (measure,)), resamples)
        curves.append(SampleErrors(name, names, 100 * values))
    return Result(NAME, TITLE, tuple(numbers), tuple(curves), tuple(notes))


def _every(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"every={text}: expected a whole number from 1")
    return int(text)


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "AFLW2000-3D's folder of .mat and pictures, or NPZ of ids (N,), vertices (N, V, 3) in px of the picture, and "
    "landmarks, 68 vertex numbers",
    "NPZ of ids and vertices in the same correspondence",
    run,
    {
        "every": "takes each n-th vertex for ICP, 50 in 2DASL's code",
        "model": "file of the morphable model that a folder of .mat is of (synthgen model import)",
    },
    takes_model=False,
    takes_points=False,
)
