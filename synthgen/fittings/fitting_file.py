"""The project's own fittings file, .npz for programs and .json for people (docs/fittings.md)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.photos import Orientation
from synthgen.core.errors import AssetError
from synthgen.fittings.fitting import Box, FittingSet
from synthgen.fittings.fitting_checks import check_boxes, check_names
from synthgen.fittings.fitting_json import FORMAT, load_json, save_json
from synthgen.fittings.npz_arrays import ArraySpec, check_declared, read_arrays, write_arrays
from synthgen.fittings.read_options import Skips

_ADVICE = f"a fittings file (format {FORMAT}, docs/fittings.md)"

ARRAYS: dict[str, ArraySpec] = {
    "format": ArraySpec("text", (), f"the literal {FORMAT}"),
    "model": ArraySpec("text", (), "name of the model of the coefficients, empty when unknown"),
    "perspective": ArraySpec("int32", (), "1 for pinhole cameras, 0 for scaled orthographic ones"),
    "names": ArraySpec("text", ("N",), "unique names, POSIX paths without extension"),
    "photos": ArraySpec("text", ("N",), "photo files, POSIX paths below the photo folder"),
    "sizes": ArraySpec("int32", ("N", 2), "height and width of the photos, px"),
    "rotation": ArraySpec("float64", ("N", 3, 3), "world axes"),
    "translation": ArraySpec("float64", ("N", 3), "mm, camera space, zero for scaled orthographic cameras"),
    "focal": ArraySpec("float64", ("N",), "px, or px/mm for scaled orthographic cameras"),
    "principal": ArraySpec("float64", ("N", 2), "px"),
    "depth_shift": ArraySpec("float64", ("N",), "px, 3DDFA's t_z"),
    "identity": ArraySpec("float64", ("N", "I"), "standard deviations"),
    "expression": ArraySpec("float64", ("N", "E"), "the model's unit"),
    "landmarks": ArraySpec("float64", ("N", 68, 2), "px, NaN where there is none"),
    "boxes": ArraySpec("float64", ("N", 4), "left, top, right, bottom of the face by a detector, px, NaN where none"),
    "ignore_boxes": ArraySpec("float64", ("B", 4), "left, top, right, bottom of other faces, px"),
    "ignore_box_rows": ArraySpec("int32", ("B",), "the fitting of each box, ascending"),
    "ignore_masks": ArraySpec("text", ("N",), "mask pictures, white = ignored, or empty"),
}


def save_fittings(fittings: FittingSet, path: str | Path) -> None:
    """Writes a fittings file, .npz or .json by the name's ending; it appears only when it is whole.

    Equal sets give equal bytes. Raises AssetError when the set breaks its own declaration or cannot be written.
    """
    target = Path(path)
    arrays = _arrays_of(fittings)
    sizes: dict[str, int] = {}
    for key, array in arrays.items():
        check_declared(target, key, ARRAYS[key], array.dtype, array.shape, sizes)
        if array.dtype.kind == "f" and key not in ("landmarks", "boxes") and not np.isfinite(array).all():
            raise AssetError(f"{target}: array {key!r} holds a number that is not finite; nothing was written")
    check_names(str(target), fittings.names, fittings.photos, fittings.ignore_masks)
    check_boxes(f"{target}: ignore_boxes", arrays["ignore_boxes"])
    check_boxes(f"{target}: boxes", arrays["boxes"], may_miss=True)
    if target.suffix.lower() == ".json":
        save_json(fittings, target)
    elif target.suffix.lower() == ".npz":
        write_arrays(target, arrays)
    else:
        raise AssetError(f"{target}: expected a name that ends in .npz or .json")


def load_fittings(
    path: str | Path, photos: str | Path | None = None, orientation: Orientation = "refuse"
) -> FittingSet:
    """The set in a file written by `save_fittings`, or in JSON by hand.

    photos: folder of the photos, None for that of the file, and orientation: what to do about EXIF turns; both are
    needed only for faces of a JSON file that state no size.
    Structure is checked here; read_fittings.read_fittings also checks the numbers against a model, and the photos.
    Raises AssetError, naming the file and the key.
    """
    source = Path(path)
    if source.suffix.lower() != ".json":
        return load_arrays(source)
    skips = Skips(source, skip_bad=False)
    fittings = load_json(source, skips, source.parent if photos is None else Path(photos), orientation)
    skips.finish(len(fittings))
    return fittings


def load_arrays(path: Path) -> FittingSet:
    """The set in an .npz file. Raises AssetError, naming the file and the array, for anything that is not one."""
    arrays = read_arrays(path, ARRAYS, _ADVICE)
    if str(arrays["format"]) != FORMAT:
        raise AssetError(f"{path}: array 'format' is {str(arrays['format'])!r}, expected {FORMAT!r}")
    if int(arrays["perspective"]) not in (0, 1):
        raise AssetError(f"{path}: array 'perspective' is {int(arrays['perspective'])}, expected 0 or 1")
    names, photos, masks = (_texts(arrays[key]) for key in ("names", "photos", "ignore_masks"))
    check_names(str(path), names, photos, masks)
    count, rows = len(arrays["names"]), arrays["ignore_box_rows"]
    if len(rows) and (rows[0] < 0 or rows[-1] >= count or (np.diff(rows) < 0).any()):
        raise AssetError(f"{path}: array 'ignore_box_rows' is not ascending from 0 to {count - 1}")
    check_boxes(f"{path}: array 'ignore_boxes'", arrays["ignore_boxes"])
    check_boxes(f"{path}: array 'boxes'", arrays["boxes"], may_miss=True)
    boxes: list[tuple[Box, ...]] = []
    for start, end in zip(np.searchsorted(rows, range(count)), np.searchsorted(rows, range(count), "right")):
        boxes.append(
            tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in arrays["ignore_boxes"][start:end])
        )
    same = ("sizes", "rotation", "translation", "focal", "principal", "depth_shift", "identity", "expression")
    return FittingSet(
        names=names,
        photos=photos,
        perspective=bool(arrays["perspective"]),
        landmarks=arrays["landmarks"],
        boxes=arrays["boxes"],
        ignore_boxes=tuple(boxes),
        ignore_masks=masks,
        model=str(arrays["model"]),
        **{key: arrays[key] for key in same},
    )


def _texts(array: NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(text) for text in array)


def _arrays_of(fittings: FittingSet) -> dict[str, NDArray[Any]]:
    boxes = [box for group in fittings.ignore_boxes for box in group]
    rows = [row for row, group in enumerate(fittings.ignore_boxes) for _ in group]
    special: dict[str, Any] = {
        "format": FORMAT,
        "perspective": int(fittings.perspective),
        "ignore_boxes": np.array(boxes, np.float64).reshape(-1, 4),
        "ignore_box_rows": rows,
    }
    kinds = {"text": np.str_, "int32": np.int32, "float64": np.float64}
    return {
        key: np.asarray(special[key] if key in special else getattr(fittings, key), dtype=kinds[spec.kind])
        for key, spec in ARRAYS.items()
    }
