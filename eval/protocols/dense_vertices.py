"""AFLW2000-3D dense: vertices in correspondence (tddfa_v2 Table 2) and after ICP (dal2d figure 7a)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.dense_metrics import dense_vertices_nme
from eval.protocol import Protocol, Request, Result, SampleErrors
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
Arrays = tuple[NDArray[np.str_], NDArray[np.float64], NDArray[np.int64] | None]


def run(request: Request) -> Result:
    """NME of all variants. --set every=50 takes each 50th vertex for ICP, as 2DASL's code does."""
    if request.predictions is None:
        raise UsageError("give --predictions FILE.npz with ids and vertices")
    ids, truth, landmarks = _read(request.data)
    if landmarks is None:
        raise DatasetError(f"{request.data} has no landmarks: (68,) vertex numbers of the 68 points")
    said_ids, said, _ = _read(request.predictions)
    rows = {name: row for row, name in enumerate(said_ids.tolist())}
    lacking = [name for name in ids.tolist() if name not in rows]
    notes = list(NOTES)
    if lacking:
        text = f"{len(lacking)} of {len(ids)} faces have no prediction ({lacking[0]}, ...)"
        if request.missing != "exclude" or len(lacking) == len(ids):
            raise UsageError(f"{text}; add them, or choose --missing exclude")
        notes.append(f"{text}; they are left out.")
    kept = np.array([name in rows for name in ids.tolist()])
    true, found = truth[kept], said[[rows[name] for name in ids[kept].tolist()]]
    names = tuple(ids[kept].tolist())
    points = true[:, landmarks]
    variants = {
        "3D, box of vertices": dense_vertices_nme(found, true, 3),
        "3D, box of 68 points": dense_vertices_nme(found, true, 3, points),
        "2D, box of vertices": dense_vertices_nme(found, true, 2),
        "2D, box of 68 points": dense_vertices_nme(found, true, 2, points),
        "after ICP, outer eye corners": _after_icp(found, true, points, request.options.get("every", "1")),
    }
    numbers, errors = [], []
    for name, values in variants.items():
        measure = Measure("NME", "%", mean_of(values), len(values))
        numbers += numbers_of(Variant(name, names, values, (measure,)), request.resamples)
        errors.append(SampleErrors(name, names, 100 * values))
    return Result(NAME, TITLE, tuple(numbers), tuple(errors), tuple(notes))


def _after_icp(
    found: NDArray[np.float64], true: NDArray[np.float64], points: NDArray[np.float64], every: str
) -> NDArray[np.float64]:
    if not every.isdigit() or int(every) < 1:
        raise UsageError(f"every={every}: expected a whole number from 1")
    eyes = np.linalg.norm(points[:, OUTER_EYES[0]] - points[:, OUTER_EYES[1]], axis=-1)
    return np.array(
        [
            icp_points_nme(one, other, float(size), int(every))
            for one, other, size in zip(found, true, eyes, strict=True)
        ]
    )


def _read(path: Path) -> Arrays:
    """ids, vertices (N, V, 3) px and landmarks (68,) of an .npz file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            ids, vertices = file["ids"].astype(str), file["vertices"].astype(np.float64)
            landmarks = file["landmarks"].astype(np.int64) if "landmarks" in file.files else None
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except Exception as error:  # zip, npy and key errors
        raise DatasetError(f"{path}: expected an .npz with ids (N,) and vertices (N, V, 3): {error}") from error
    if vertices.ndim != 3 or vertices.shape[2] != 3 or len(vertices) != len(ids) or not np.isfinite(vertices).all():
        raise DatasetError(f"{path}: vertices {vertices.shape} for {len(ids)} ids; expected finite (N, V, 3) px")
    if len(set(ids.tolist())) < len(ids):
        raise DatasetError(f"{path}: an id is there twice")
    if landmarks is not None and (landmarks.shape != (68,) or landmarks.max() >= vertices.shape[1]):
        raise DatasetError(f"{path}: landmarks {landmarks.shape}; expected 68 numbers of vertices")
    return ids, vertices, landmarks


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "NPZ of ids (N,), vertices (N, V, 3) in px of the picture, and landmarks, 68 vertex numbers",
    "NPZ of ids and vertices in the same correspondence",
    run,
    {"every": "takes each n-th vertex for ICP, 50 in 2DASL's code"},
)
