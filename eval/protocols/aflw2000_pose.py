"""Head pose on AFLW2000-3D: Euler angles as the head-pose literature reports them, and the geodesic angle."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.dense_metrics import check_rotations
from eval.metrics import rotation_distance
from eval.npz_arrays import read_arrays
from eval.protocol import Protocol, Request, Result, SampleErrors
from eval.readers.aflw2000 import read_aflw2000
from eval.scoring import Measure, Variant, numbers_of
from eval.statistics import mean_of
from synthgen.core.errors import DatasetError, UsageError
from synthgen.geometry.rotation import rotation_from_zhu_euler, zhu_euler_from_rotation

Floats = NDArray[np.float64]

NAME = "aflw2000_pose"
TITLE = "AFLW2000-3D head pose: Euler angles of 300W-LP, geodesic"
LIMIT_DEG = 99.0  # beyond which the literature leaves a face out: 1,969 of 2,000 stay
WORST_DEG = 180.0
METRICS = ("pitch", "yaw", "roll", "mean of the three", "geodesic")


def run(request: Request) -> Result:
    """Mean absolute errors in degrees of the usual faces, and of all."""
    if request.predictions is None:
        raise UsageError(f"give --predictions FILE.npz: {PROTOCOL.predictions}")
    data = read_aflw2000(request.data)
    said = _read(request.predictions)
    there, kept, text = _scored(request, data.truth.ids, said)
    notes = ["Angles as Pose_Para has them (R = Rx Ry Rz, CONVENTIONS B1), the shorter way round.", *text]
    errors = np.full((len(there), len(METRICS)), WORST_DEG)
    angles = np.array([said[name] for name, known in zip(data.truth.ids, there, strict=True) if known])
    errors[there] = angle_errors(angles, data.angles[there])
    usual = (np.abs(np.degrees(data.angles)) <= LIMIT_DEG).all(axis=1)
    variants = []
    for name, rows in ((f"angles up to {LIMIT_DEG:g}", usual & kept), ("all", kept)):
        ids = tuple(one for one, row in zip(data.truth.ids, rows, strict=True) if row)
        measures = tuple(
            Measure(metric, "deg", mean_of(errors[rows, column]), len(ids), 1.0)
            for column, metric in enumerate(METRICS)
        )
        if ids:
            variants.append(Variant(name, ids, errors[rows, -1], measures))
    numbers = [number for variant in variants for number in numbers_of(variant, request.resamples)]
    curves = tuple(SampleErrors(one.name, one.ids, one.errors, "deg", 30.0) for one in variants)
    return Result(NAME, TITLE, tuple(numbers), curves, tuple(notes))


def _scored(
    request: Request, names: tuple[str, ...], said: dict[str, Floats]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[str]]:
    """(N,) which faces are predicted, (N,) which count, and what a reader must know."""
    unknown = sorted(set(said) - set(names))
    if unknown:
        raise DatasetError(
            f"{request.predictions}: {len(unknown)} of {len(said)} ids are no face of {request.data}: {unknown[0]}, ..."
        )
    there = np.array([name in said for name in names])
    if there.all():
        return there, there, []
    text = f"{int((~there).sum())} of {len(there)} faces have no prediction"
    if request.missing is None or not there.any():
        raise UsageError(f"{text}; choose --missing fail (each counts {WORST_DEG:g} degrees) or --missing exclude")
    if request.missing == "exclude":
        return there, there, [f"{text}; they are left out."]
    return there, np.ones(len(there), bool), [f"{text}; each counts {WORST_DEG:g} degrees."]


def angle_errors(predicted: Floats, angles: Floats) -> Floats:
    """(N, 5) degrees, METRICS, of Zhu's pitch, yaw, roll (N, 3) in radians."""
    single = np.degrees(np.abs((predicted - angles + np.pi) % (2.0 * np.pi) - np.pi))
    geodesic = np.degrees(rotation_distance(rotation_from_zhu_euler(predicted), rotation_from_zhu_euler(angles)))
    return np.column_stack([single, single.mean(axis=1), geodesic])


def _read(path: Path) -> dict[str, Floats]:
    """id -> Zhu's pitch, yaw, roll (3,) in radians of an .npz file."""
    arrays = read_arrays(path, PROTOCOL.predictions)
    if "ids" not in arrays:
        raise DatasetError(f"{path}: no ids; expected an .npz file of {PROTOCOL.predictions}")
    ids = [str(name) for name in arrays["ids"].ravel()]
    if len(set(ids)) < len(ids):
        raise DatasetError(f"{path}: an id is there twice")
    if "euler_deg" in arrays and arrays["euler_deg"].shape == (len(ids), 3):
        euler = np.asarray(arrays["euler_deg"], np.float64)
        if not np.isfinite(euler).all() or np.abs(euler).max(initial=0.0) > 360.0:
            raise DatasetError(f"{path}: euler_deg holds NaN or more than a whole turn; leave such faces out")
        angles = np.radians(euler)
    elif "rotation" in arrays and arrays["rotation"].shape == (len(ids), 3, 3):
        rotations = np.asarray(arrays["rotation"], np.float64)
        check_rotations(f"{path}:", rotations)
        angles = zhu_euler_from_rotation(rotations)
    else:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise DatasetError(f"{path} holds {shapes}; expected {PROTOCOL.predictions}")
    return dict(zip(ids, angles, strict=True))


PROTOCOL = Protocol(
    NAME,
    TITLE,
    "folder with image00002.mat and so on beside the pictures",
    "NPZ of ids and euler_deg (N, 3), pitch, yaw, roll as in Pose_Para, in degrees, or rotation (N, 3, 3), world axes",
    run,
    takes_model=False,
    takes_points=False,
)
