"""Fittings as JSON that people can read and write (docs/fittings.md)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.photos import Orientation, photo_size
from synthgen.core.errors import AssetError
from synthgen.core.relative_path import path_problem
from synthgen.fittings.fitting import Box, FittingSet
from synthgen.fittings.fitting_checks import check_boxes
from synthgen.fittings.json_values import check_keys, number, numbers, points, read_json, text
from synthgen.fittings.npz_arrays import write_file
from synthgen.fittings.read_options import Skips
from synthgen.geometry.rotation import rotation_from_euler

Array = NDArray[np.float64]

FORMAT = "synthgen-fittings-1"
FIT_FIRST = "fit a model to them first: synthgen fit LANDMARKS --model MODEL -o fittings.npz"
KINDS = ("orthographic", "perspective")
_TOP_KEYS = ("format", "model", "faces", "comment")
_FACE_KEYS = (
    "name", "photo", "size", "camera", "identity", "expression", "landmarks", "box", "ignore_boxes",
    "ignore_mask", "comment",
)  # fmt: skip
_CAMERA_KEYS = ("kind", "focal", "principal", "rotation", "euler_deg", "translation", "depth_shift")
_LANDMARKS = 68


@dataclass(frozen=True)
class _Camera:
    kind: str
    rotation: Array
    translation: Array
    focal: float
    principal: Array
    depth_shift: float


@dataclass(frozen=True)
class _Face:
    name: str
    photo: str
    size: tuple[int, int]
    camera: _Camera
    identity: Array
    expression: Array
    landmarks: Array
    box: Box | None
    ignore_boxes: tuple[Box, ...]
    mask: str


def load_json(path: Path, skips: Skips, folder: Path, orientation: Orientation) -> FittingSet:
    """The set in a JSON file; faces that are wrong are added to `skips` and left out.

    folder: of the photos, asked for the size of those that the file gives none for. orientation: of the photos.
    Raises AssetError when the file as a whole is wrong, or no face is left.
    """
    content = read_json(path)
    if isinstance(content, dict) and not content.keys() & {"format", "faces"}:
        raise AssetError(f"{path}: neither format nor faces, so no fittings; if it holds landmarks, {FIT_FIRST}")
    content = check_keys(content, _TOP_KEYS, ("format", "faces"), str(path))
    if content["format"] != FORMAT:
        raise AssetError(f"{path}: format: expected {FORMAT!r}, got {content['format']!r}")
    if not isinstance(content["faces"], list):
        raise AssetError(f"{path}: faces: expected a list")
    model = text(content.get("model", ""), f"{path}: model")
    faces: list[_Face] = []
    names: set[str] = set()
    for row, value in enumerate(content["faces"]):
        where = f"{path}: faces[{row}]"
        try:
            face = _face(value, where, folder, orientation)
            _check_alike(face, faces, names, where)
        except AssetError as error:
            skips.add(f"faces[{row}]", str(error))
            continue
        faces.append(face)
        names.add(face.name)
    if not faces:
        skips.finish(0)
    return _fitting_set(faces, model)


def save_json(fittings: FittingSet, path: Path) -> None:
    """Writes the JSON file; it appears only when it is whole. Raises AssetError."""

    def write(stream: Any) -> None:
        head = {"format": FORMAT, "model": fittings.model}
        stream.write(b"{\n")
        for key, value in head.items():
            stream.write(f"{json.dumps(key)}: {json.dumps(value)},\n".encode())
        stream.write(b'"faces": [\n')
        for row in range(len(fittings)):
            lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in _face_values(fittings, row).items()]
            end = "}" if row == len(fittings) - 1 else "},"
            stream.write(("{\n" + ",\n".join(lines) + f"\n{end}\n").encode())
        stream.write(b"]\n}\n")

    write_file(path, write)


def _face_values(fittings: FittingSet, row: int) -> dict[str, Any]:
    camera: dict[str, Any] = {
        "kind": KINDS[fittings.perspective],
        "focal": float(fittings.focal[row]),
        "principal": fittings.principal[row].tolist(),
        "rotation": fittings.rotation[row].tolist(),
    }
    if fittings.perspective:
        camera["translation"] = fittings.translation[row].tolist()
    if fittings.depth_shift[row]:
        camera["depth_shift"] = float(fittings.depth_shift[row])
    values: dict[str, Any] = {
        "name": fittings.names[row],
        "photo": fittings.photos[row],
        "size": fittings.sizes[row].tolist(),
        "camera": camera,
        "identity": fittings.identity[row].tolist(),
        "expression": fittings.expression[row].tolist(),
    }
    landmarks = fittings.landmarks[row]
    known = np.isfinite(landmarks).all(axis=1)
    if known.any():
        values["landmarks"] = [point.tolist() if there else None for point, there in zip(landmarks, known)]
    if np.isfinite(fittings.boxes[row]).all():
        values["box"] = fittings.boxes[row].tolist()
    if fittings.ignore_boxes[row]:
        values["ignore_boxes"] = [list(box) for box in fittings.ignore_boxes[row]]
    if fittings.ignore_masks[row]:
        values["ignore_mask"] = fittings.ignore_masks[row]
    return values


def _face(value: Any, where: str, folder: Path, orientation: Orientation) -> _Face:
    face = check_keys(value, _FACE_KEYS, ("photo", "camera", "identity", "expression"), where)
    photo = _path(face["photo"], f"{where}.photo")
    name = _path(face.get("name", str(Path(photo).with_suffix("").as_posix())), f"{where}.name")
    mask = _path(face["ignore_mask"], f"{where}.ignore_mask") if face.get("ignore_mask") else ""
    if face.get("size") is None:
        size = photo_size(folder / photo, orientation)
    else:
        height, width = numbers(face["size"], f"{where}.size", (2,))
        if not all(1 <= side < 1 << 16 and side == int(side) for side in (height, width)):
            raise AssetError(f"{where}.size: expected [height, width] in whole pixels, got {face['size']!r}")
        size = (int(height), int(width))
    landmarks = np.full((_LANDMARKS, 2), np.nan)
    if face.get("landmarks") is not None:
        landmarks = points(face["landmarks"], f"{where}.landmarks")
        if len(landmarks) != _LANDMARKS:
            raise AssetError(f"{where}.landmarks: {len(landmarks)} points, expected 68 of [x, y] or null")
    return _Face(
        name=name,
        photo=photo,
        size=size,
        camera=_camera(face["camera"], f"{where}.camera"),
        identity=numbers(face["identity"], f"{where}.identity"),
        expression=numbers(face["expression"], f"{where}.expression"),
        landmarks=landmarks,
        box=_boxes([face["box"]], f"{where}.box")[0] if face.get("box") is not None else None,
        ignore_boxes=_boxes(face.get("ignore_boxes") or [], f"{where}.ignore_boxes"),
        mask=mask,
    )


def _camera(value: Any, where: str) -> _Camera:
    camera = check_keys(value, _CAMERA_KEYS, ("kind", "focal", "principal"), where)
    kind = camera["kind"]
    if kind not in KINDS:
        raise AssetError(f"{where}.kind: expected {' or '.join(KINDS)}, got {kind!r}")
    if ("rotation" in camera) == ("euler_deg" in camera):
        raise AssetError(f"{where}: expected one of rotation (3 x 3) and euler_deg [pitch, yaw, roll]")
    if "rotation" in camera:
        rotation = numbers(camera["rotation"], f"{where}.rotation", (3, 3))
    else:
        angles = numbers(camera["euler_deg"], f"{where}.euler_deg", (3,))
        if not np.isfinite(angles).all():
            raise AssetError(f"{where}.euler_deg: expected finite angles in degrees")
        rotation = rotation_from_euler(np.radians(angles))
    if (kind == "perspective") != ("translation" in camera):
        needs = "needs" if kind == "perspective" else "has no"
        raise AssetError(f"{where}: a camera of kind {kind} {needs} translation [x, y, z] in mm")
    return _Camera(
        kind=kind,
        rotation=rotation,
        translation=numbers(camera.get("translation", [0.0, 0.0, 0.0]), f"{where}.translation", (3,)),
        focal=number(camera["focal"], f"{where}.focal"),
        principal=numbers(camera["principal"], f"{where}.principal", (2,)),
        depth_shift=number(camera.get("depth_shift", 0.0), f"{where}.depth_shift"),
    )


def _boxes(value: Any, where: str) -> tuple[Box, ...]:
    if not isinstance(value, list):
        raise AssetError(f"{where}: expected a list of [left, top, right, bottom]")
    boxes = np.array([numbers(box, f"{where}[{k}]", (4,)) for k, box in enumerate(value)]).reshape(-1, 4)
    check_boxes(where, boxes)
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in boxes)


def _path(value: Any, where: str) -> str:
    path = text(value, where)
    problem = path_problem(path)
    if problem:
        raise AssetError(f"{where}: {path[:200]!r}: {problem}")
    return path


def _check_alike(face: _Face, others: list[_Face], names: set[str], where: str) -> None:
    """Raises AssetError when a face does not fit into one table with those before it."""
    if face.name in names:
        raise AssetError(f"{where}.name: {face.name!r} occurs twice; give every face its own name")
    if not others:
        return
    first = others[0]
    if face.camera.kind != first.camera.kind:
        raise AssetError(
            f"{where}.camera.kind: {face.camera.kind}, but the first face has {first.camera.kind}; "
            "one file holds one kind of camera"
        )
    for key in ("identity", "expression"):
        count, expected = len(getattr(face, key)), len(getattr(first, key))
        if count != expected:
            raise AssetError(f"{where}.{key}: {count} numbers, but the first face has {expected}")


def _fitting_set(faces: list[_Face], model: str) -> FittingSet:
    cameras = [face.camera for face in faces]
    return FittingSet(
        names=tuple(face.name for face in faces),
        photos=tuple(face.photo for face in faces),
        sizes=np.array([face.size for face in faces], np.int32),
        perspective=cameras[0].kind == "perspective",
        rotation=np.stack([camera.rotation for camera in cameras]),
        translation=np.stack([camera.translation for camera in cameras]),
        focal=np.array([camera.focal for camera in cameras], np.float64),
        principal=np.stack([camera.principal for camera in cameras]),
        depth_shift=np.array([camera.depth_shift for camera in cameras], np.float64),
        identity=np.stack([face.identity for face in faces]),
        expression=np.stack([face.expression for face in faces]),
        landmarks=np.stack([face.landmarks for face in faces]),
        boxes=np.array([face.box or (np.nan,) * 4 for face in faces], np.float64),
        ignore_boxes=tuple(face.ignore_boxes for face in faces),
        ignore_masks=tuple(face.mask for face in faces),
        model=model,
    )
