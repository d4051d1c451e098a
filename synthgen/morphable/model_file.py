"""The project's own model file: an npz without pickle whose every array is declared in ARRAYS.

A file is checked before it is believed: the zip directory, then each array's header against ARRAYS (so that nothing
large is allocated for a wrong or hostile file), then the numbers.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import open_regular
from synthgen.core.conventions import PARTS
from synthgen.core.errors import ModelError
from synthgen.core.limits import MOST_LANDMARK_SETS, MOST_MODEL_ARRAY_BYTES, MOST_MODEL_TEXT
from synthgen.core.npz import read_npz
from synthgen.morphable.loaders.array_checks import check_believable
from synthgen.morphable.model import ExpressionUnit, MorphableModel
from synthgen.morphable.template import SurfacePoints, Template

FORMAT = "synthgen-model-2"
EXTENT_MM = (80.0, 1000.0)  # longest side of the mean: from a face without its rim to a bust
_LANDMARK_PREFIX = "landmarks/"

Kind = Literal["float32", "int32", "uint8", "text"]


@dataclass(frozen=True)
class ArraySpec:
    """One array of the file. shape: numbers, or names of sizes that must agree across arrays."""

    kind: Kind
    shape: tuple[int | str, ...]
    meaning: str


ARRAYS: dict[str, ArraySpec] = {
    "format": ArraySpec("text", (), f"the literal {FORMAT}"),
    "name": ArraySpec("text", (), "short id of the model"),
    "licence": ArraySpec("text", (), "licence of the data"),
    "source": ArraySpec("text", (), "where the data come from"),
    "mean": ArraySpec("float32", ("V", 3), "mean vertices, mm, world space"),
    "identity_basis": ArraySpec("float32", ("I", "V", 3), "mm per standard deviation"),
    "expression_basis": ArraySpec("float32", ("E", "V", 3), "mm per unit of expression_unit"),
    "expression_names": ArraySpec("text", ("E",), "names; _L and _R end one-sided movements"),
    "expression_unit": ArraySpec("text", (), "stddev or weight"),
    "expression_range": ArraySpec("float32", ("E", 2), "lowest and highest useful coefficient"),
    "expression_pca_mean": ArraySpec("float32", ("E",), "mean coefficients of sampled expressions"),
    "expression_pca": ArraySpec("float32", (10, "E"), "ten numbers in standard deviations from coefficients"),
    "identity_stddev": ArraySpec("float32", ("I",), "publisher's coefficient per standard deviation"),
    "expression_stddev": ArraySpec("float32", ("E",), "publisher's coefficient per unit of expression_unit"),
    "triangles": ArraySpec("int32", ("T", 3), "counter-clockwise from outside; label-carrying ones first"),
    "label_count": ArraySpec("int32", (), "number of label-carrying triangles"),
    "uv": ArraySpec("float32", ("T", 3, 2), "chart coordinates per corner, v up"),
    "parts": ArraySpec("uint8", ("T",), "index into core.conventions.PARTS"),
    "pncc": ArraySpec("float32", ("V", 3), "normalised coordinate code"),
    "contours": ArraySpec("int32", (17, "M"), "vertices of the jaw contours, padded with -1"),
}
LANDMARK_ARRAYS: dict[str, ArraySpec] = {
    "triangle": ArraySpec("int32", ("K",), "triangle of each point of a landmark set"),
    "barycentric": ArraySpec("float32", ("K", 3), "weights of its corners"),
}


def save_model(model: MorphableModel, path: str | os.PathLike[str]) -> None:
    """Writes the model file; the final name appears only when the file is whole.

    Raises ModelError when the model breaks its own declaration, so that no unreadable file is written.
    """
    target = Path(path)
    arrays = _arrays_of(model)
    sizes: dict[str, int] = {}
    for key, array in arrays.items():
        _check_declared(target, key, array.dtype, array.shape, sizes)
    _check_values(target, arrays)
    if target.exists() and not target.is_file():
        raise ModelError(
            f"{target}: cannot write the model file: it is a folder or a device; choose the name of a file"
        )
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as stream:
            np.savez(stream, allow_pickle=False, **cast(Mapping[str, Any], arrays))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise ModelError(f"{target}: cannot write the model file: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_model(path: str | os.PathLike[str]) -> MorphableModel:
    """The model in a file written by `save_model`.

    Raises ModelError, naming the file, the array and what was expected, for anything else.
    """
    source = Path(path)
    sizes: dict[str, int] = {}

    def judge(key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        _check_declared(source, key, dtype, shape, sizes)

    try:
        with open_regular(source) as file:
            arrays = read_npz(file, judge, len(ARRAYS) * MOST_MODEL_ARRAY_BYTES)
    except FileNotFoundError as error:
        raise ModelError(f"{source}: model file not found; make one with `synthgen model import`") from error
    except OSError as error:
        raise ModelError(f"{source}: cannot read the model file: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(
            f"{source}: not a whole model file ({error}); expected an npz written by `synthgen model import`: it may "
            "be truncated or damaged, import it again"
        ) from error
    for key in [key for key in ARRAYS if key not in arrays]:
        raise ModelError(f"{source}: array {key!r} is missing; expected {ARRAYS[key].meaning}")
    _check_values(source, arrays)
    return _model_of(arrays)


def _spec_of(path: Path, key: str) -> tuple[ArraySpec, str]:
    """The declaration of an array, and a prefix that keeps the sizes of one landmark set apart from another's."""
    if key in ARRAYS:
        return ARRAYS[key], ""
    prefix, _, field = key.rpartition("/")
    if key.startswith(_LANDMARK_PREFIX) and field in LANDMARK_ARRAYS:
        return LANDMARK_ARRAYS[field], prefix + "."
    raise ModelError(f"{path}: unknown array {key!r}; a model file holds {', '.join(ARRAYS)} and landmarks/SET/...")


def _check_declared(path: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Raises ModelError unless dtype and shape are as declared; fills `sizes` with the named sizes met so far."""
    spec, prefix = _spec_of(path, key)
    is_text = spec.kind == "text"
    right_type = dtype.kind == "U" if is_text else (dtype == np.dtype(spec.kind) and dtype.isnative)
    if not right_type:
        raise ModelError(f"{path}: array {key!r} has type {dtype}, expected {spec.kind} ({spec.meaning})")
    if math.prod(shape) * dtype.itemsize > MOST_MODEL_ARRAY_BYTES or (is_text and dtype.itemsize > 4 * MOST_MODEL_TEXT):
        raise ModelError(f"{path}: array {key!r} of shape {shape} and type {dtype} is larger than any model needs")
    wanted = [sizes.setdefault(prefix + size, actual) if isinstance(size, str) else size
              for size, actual in zip(spec.shape, shape)]  # fmt: skip
    if len(shape) != len(spec.shape) or list(shape) != wanted:
        raise ModelError(
            f"{path}: array {key!r} has shape {shape}, expected ({', '.join(map(str, spec.shape))})"
            + (f" = {tuple(wanted)} as in the other arrays" if len(shape) == len(spec.shape) else "")
        )


def _check_values(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Raises ModelError for numbers that no model may hold."""
    for key, array in arrays.items():
        if array.dtype.kind == "f":
            check_believable(f"{path}: array {key!r}", array)
    vertex_count, triangle_count = len(arrays["mean"]), len(arrays["triangles"])
    if str(arrays["format"]) != FORMAT:
        raise ModelError(f"{path}: array 'format' is {str(arrays['format'])!r}, expected {FORMAT!r}")
    if str(arrays["expression_unit"]) not in ("stddev", "weight"):
        raise ModelError(
            f"{path}: array 'expression_unit' is {str(arrays['expression_unit'])!r}, expected stddev|weight"
        )
    if vertex_count < 3 or triangle_count < 1:
        raise ModelError(f"{path}: {vertex_count} vertices and {triangle_count} triangles are no mesh")
    _check_range(path, "triangles", arrays["triangles"], 0, vertex_count - 1)
    _check_range(path, "label_count", arrays["label_count"], 1, triangle_count)
    _check_range(path, "uv", arrays["uv"], 0.0, 1.0)
    _check_range(path, "pncc", arrays["pncc"], 0.0, 1.0)
    _check_range(path, "parts", arrays["parts"], 0, len(PARTS) - 1)
    label_count = int(arrays["label_count"])
    if arrays["parts"][label_count:].any():
        raise ModelError(f"{path}: array 'parts' names a part beyond label_count; triangles without labels have 0")
    if not arrays["parts"][:label_count].all():
        row = int(np.argmin(arrays["parts"][:label_count]))
        raise ModelError(
            f"{path}: array 'parts' holds 0 at ({row},), expected 1 to {len(PARTS) - 1}: "
            f"the {label_count} triangles with labels come first, and each has a part"
        )
    _check_extent(path, arrays["mean"])
    _check_range(path, "contours", arrays["contours"], -1, vertex_count - 1)
    for key in ("identity_stddev", "expression_stddev"):
        if not (arrays[key] > 0).all():
            raise ModelError(f"{path}: array {key!r} holds a number that is not positive")
    low, high = arrays["expression_range"].T
    if not (low <= high).all():
        raise ModelError(f"{path}: array 'expression_range' has a lowest value above its highest")
    names = arrays["expression_names"].tolist()
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"{path}: array 'expression_names' holds {twice!r} twice; every component has its own name")
    _check_landmarks(path, arrays, triangle_count)


def _check_extent(path: Path, mean: NDArray[Any]) -> None:
    """Raises ModelError for a mean that is not the size of a face in millimetres: metres or micrometres, usually."""
    extent = float(np.ptp(mean.astype(np.float64), axis=0).max())
    low, high = EXTENT_MM
    if not low <= extent <= high:
        raise ModelError(
            f"{path}: array 'mean' is {extent:.3g} long, expected a face or head of {low:.0f} to {high:.0f} mm; "
            "convert it, and both bases with it, to millimetres"
        )


def _check_landmarks(path: Path, arrays: dict[str, NDArray[Any]], triangle_count: int) -> None:
    """Raises ModelError unless every landmark set is whole and lies on the mesh, and ibug68 is among them."""
    names = {key.split("/")[1] for key in arrays if key.startswith(_LANDMARK_PREFIX)}
    if len(names) > MOST_LANDMARK_SETS:
        raise ModelError(f"{path}: {len(names)} sets of landmarks, expected at most {MOST_LANDMARK_SETS}")
    for name in sorted(names | {"ibug68"}):
        keys = [f"{_LANDMARK_PREFIX}{name}/{field}" for field in LANDMARK_ARRAYS]
        for key in keys:
            if key not in arrays:
                raise ModelError(f"{path}: array {key!r} is missing; landmark sets need triangle and barycentric")
        triangle, barycentric = (arrays[key] for key in keys)
        _check_range(path, keys[0], triangle, 0, triangle_count - 1)
        if np.abs(barycentric.sum(axis=1) - 1.0).max(initial=0.0) > 1e-4:
            raise ModelError(f"{path}: array {keys[1]!r} has rows that do not sum to 1")
    count = len(arrays[f"{_LANDMARK_PREFIX}ibug68/triangle"])
    if count != 68:
        raise ModelError(f"{path}: landmark set 'ibug68' has {count} points, expected 68")


def _check_range(path: Path, key: str, array: NDArray[Any], low: float, high: float) -> None:
    outside = (array < low) | (array > high)
    if outside.any():
        place = tuple(int(axis) for axis in np.argwhere(outside)[0])
        raise ModelError(f"{path}: array {key!r} holds {array[place]} at {place}, expected {low} to {high}")


def _arrays_of(model: MorphableModel) -> dict[str, NDArray[Any]]:
    template = model.template
    arrays: dict[str, NDArray[Any]] = {"format": np.array(FORMAT)}
    for key, spec in ARRAYS.items():
        if key != "format":
            value = getattr(model, key) if hasattr(model, key) else getattr(template, key)
            arrays[key] = np.array(value, dtype=np.str_ if spec.kind == "text" else np.dtype(spec.kind))
    for name, points in sorted(template.landmarks.items()):
        arrays[f"{_LANDMARK_PREFIX}{name}/triangle"] = np.asarray(points.triangle)
        arrays[f"{_LANDMARK_PREFIX}{name}/barycentric"] = np.asarray(points.barycentric)
    return arrays


def _model_of(arrays: dict[str, NDArray[Any]]) -> MorphableModel:
    names = sorted({key.split("/")[1] for key in arrays if key.startswith(_LANDMARK_PREFIX)})
    landmarks = {
        name: SurfacePoints(
            triangle=arrays[f"{_LANDMARK_PREFIX}{name}/triangle"],
            barycentric=arrays[f"{_LANDMARK_PREFIX}{name}/barycentric"],
        )
        for name in names
    }
    template = Template(
        triangles=arrays["triangles"],
        label_count=int(arrays["label_count"]),
        uv=arrays["uv"],
        parts=arrays["parts"],
        pncc=arrays["pncc"],
        landmarks=landmarks,
        contours=arrays["contours"],
    )
    return MorphableModel(
        name=str(arrays["name"]),
        mean=arrays["mean"],
        identity_basis=arrays["identity_basis"],
        expression_basis=arrays["expression_basis"],
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        expression_unit=cast(ExpressionUnit, str(arrays["expression_unit"])),
        expression_range=arrays["expression_range"],
        expression_pca_mean=arrays["expression_pca_mean"],
        expression_pca=arrays["expression_pca"],
        identity_stddev=arrays["identity_stddev"],
        expression_stddev=arrays["expression_stddev"],
        template=template,
        licence=str(arrays["licence"]),
        source=str(arrays["source"]),
    )
