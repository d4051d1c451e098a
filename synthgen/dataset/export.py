"""Copies of a dataset in the formats of other tools: flow files, COCO annotations, plain files.

Every format is written from decoded arrays. Pixel conventions are those of the format, not ours: COCO key points put
the centre of the first pixel at (0, 0), so 0.5 is subtracted.
"""

import io
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE, MATCHABLE
from synthgen.core.errors import DatasetError, UsageError
from synthgen.dataset.layout import between_frames, frame_prefix
from synthgen.dataset.pictures import plain_png
from synthgen.dataset.reader import Dataset
from synthgen.dataset.whole_file import write_whole

Array = NDArray[Any]

# Middlebury readers take anything above 1e9 as unknown.
FLO_UNKNOWN = 1e10
_FLO_TAG = 202021.25
_KITTI_STEPS, _KITTI_ZERO = 64.0, 1 << 15


def export_dataset(dataset: Dataset, to: str, out: str | Path, positions: Iterable[int] | None = None) -> int:
    """Write samples in another format below folder `out`; returns the number of samples.

    to: "flo", "kitti", "coco" or "files"; positions: which samples, all by default.
    Raises UsageError for an unknown format or one that needs labels the dataset does not have, DatasetError when the
    folder is not empty or cannot be written.
    """
    if to not in EXPORTERS:
        raise UsageError(f"unknown export format {to!r}, expected one of {', '.join(EXPORTERS)}")
    _require(dataset, to, NEEDS.get(to, ()))
    chosen = list(range(len(dataset)) if positions is None else positions)
    folder = Path(out)
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DatasetError(f"{folder} is not empty; choose an empty or new folder to export to")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be made: {error.strerror}") from error
    EXPORTERS[to](dataset, folder, chosen)
    return len(chosen)


def encode_flo(flow: Array) -> bytes:
    """Middlebury .flo bytes of a flow (H, W, 2), px; pixels without flow get FLO_UNKNOWN."""
    height, width, _ = flow.shape
    values = np.where(np.isfinite(flow), flow, FLO_UNKNOWN).astype("<f4")
    return struct.pack("<fii", _FLO_TAG, width, height) + values.tobytes()


def encode_kitti_flow(flow: Array, valid: Array) -> bytes:
    """KITTI 16-bit PNG bytes: dx and dy as 64 v + 2^15, third channel 1 where valid.

    flow: (H, W, 2), px; valid: (H, W) bool; flow beyond +-512 px cannot be written and becomes invalid.
    """
    steps = np.rint(np.nan_to_num(flow, nan=0.0, posinf=1e6, neginf=-1e6) * _KITTI_STEPS) + _KITTI_ZERO
    fits = valid & np.isfinite(flow).all(-1) & (steps >= 0).all(-1) & (steps <= 0xFFFF).all(-1)
    pixels = np.zeros((*valid.shape, 3), np.uint16)
    pixels[fits, :2] = steps[fits].astype(np.uint16)
    pixels[fits, 2] = 1
    return plain_png(pixels)


def encode_rle(mask: Array) -> dict[str, Any]:
    """COCO's uncompressed run lengths of a mask (H, W): down the columns, beginning with the zeros."""
    flat = np.concatenate([[False], mask.T.ravel()])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.concatenate([[0], changes, [mask.size]]))
    return {"counts": counts.tolist(), "size": [mask.shape[0], mask.shape[1]]}


def coco_annotation(mask: Array, landmarks: Array, visibility: Array, number: int) -> dict[str, Any]:
    """The annotation of one face, without an id: box, area, run lengths and 68 key points.

    mask: (H, W) bool; landmarks: (68, 2), px; visibility: (68,) codes; number: id of the picture.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = [0, 0, 0, 0]
    if rows.size:
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    flags = np.zeros(len(visibility), int)  # 0 not labelled, 1 labelled but hidden, 2 visible
    flags[np.isin(visibility, (LANDMARK_HIDDEN, LANDMARK_OCCLUDED))] = 1
    flags[visibility == LANDMARK_VISIBLE] = 2
    points = np.where((visibility == LANDMARK_OUTSIDE)[:, None], 0.0, landmarks - 0.5)
    keypoints = [
        [round(float(x), 3), round(float(y), 3), int(flag)] for (x, y), flag in zip(points, flags, strict=True)
    ]
    return {
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [int(side) for side in box],
        "area": int(mask.sum()),
        "segmentation": encode_rle(mask),
        "keypoints": [value for point in keypoints for value in point],
        "num_keypoints": int((flags > 0).sum()),
    }


def write_sample_files(arrays: Mapping[str, Array], meta: Mapping[str, Any], folder: Path, stem: str) -> None:
    """Plain files of one sample: pictures, classes and masks as PNG, everything else as .npy, parameters as JSON."""
    for name, array in arrays.items():
        if array.dtype == np.uint8 and array.ndim >= 2 and not name.endswith("visibility"):
            write_whole(folder / f"{stem}.{name}.png", plain_png(array))
        elif array.dtype == np.bool_:
            write_whole(folder / f"{stem}.{name}.png", plain_png(array.astype(np.uint8) * np.uint8(255)))
        else:
            write_whole(folder / f"{stem}.{name}.npy", _npy(array))
    text = json.dumps(meta, indent=1, sort_keys=True)
    write_whole(folder / f"{stem}.meta.json", text.encode())


def _export_flo(dataset: Dataset, out: Path, positions: list[int]) -> None:
    for position in positions:
        stem, arrays = f"{dataset.sample_index(position):09d}", dataset[position]
        _write_pictures(arrays, out, stem)
        for name in dataset.layout.plane_names:
            if name.startswith("flow"):
                write_whole(out / f"{stem}.{name}.flo", encode_flo(arrays[name]))
            elif name.startswith("matchability"):
                write_whole(out / f"{stem}.{name}.png", plain_png(arrays[name]))
        if dataset.layout.kind == "fittings":
            write_whole(out / f"{stem}.mean_face.png", plain_png(dataset.template.mean_face))


def _export_kitti(dataset: Dataset, out: Path, positions: list[int]) -> None:
    """The folders of KITTI 2015: image_2 with both pictures, flow_occ with all flow, flow_noc with visible flow.

    A clip gives one pair of pictures per stored flow.
    """
    for name in ("image_2", "flow_occ", "flow_noc"):
        (out / name).mkdir()
    for position in positions:
        pairs = list(_picture_pairs(dataset, dataset[position]))
        for number, pair in enumerate(pairs, start=dataset.sample_index(position) * len(pairs)):
            first, second = f"{number:09d}_10.png", f"{number:09d}_11.png"
            write_whole(out / "image_2" / first, plain_png(pair.source))
            write_whole(out / "image_2" / second, plain_png(pair.target))
            known = np.asarray(np.isfinite(pair.flow).all(-1))
            write_whole(out / "flow_occ" / first, encode_kitti_flow(pair.flow, known))
            visible = known & (pair.matchability == MATCHABLE)
            write_whole(out / "flow_noc" / first, encode_kitti_flow(pair.flow, visible))


class _PicturePair(NamedTuple):
    """Two pictures (H, W, 3), the flow (H, W, 2) between them and its reason codes (H, W)."""

    source: Array
    target: Array
    flow: Array
    matchability: Array


def _picture_pairs(dataset: Dataset, arrays: Mapping[str, Array]) -> Iterator[_PicturePair]:
    """Every flow of a sample with the pictures that it leads from and to."""
    layout = dataset.layout
    if layout.kind == "video":
        for start, end in layout.flow_pairs:
            pictures = [arrays[frame_prefix(frame) + "image"] for frame in (start, end)]
            flow, codes = (arrays[between_frames(label, start, end)] for label in ("flow", "matchability"))
            yield _PicturePair(pictures[0], pictures[1], flow, codes)
    elif layout.kind == "fittings":
        yield _PicturePair(arrays["image"], dataset.template.mean_face, arrays["flow"], arrays["matchability"])
    else:
        yield _PicturePair(arrays["source_image"], arrays["target_image"], arrays["flow"], arrays["matchability"])


def _export_coco(dataset: Dataset, out: Path, positions: list[int]) -> None:
    (out / "images").mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    height, width = dataset.layout.size
    for position in positions:
        index, arrays = dataset.sample_index(position), dataset[position]
        for view, prefix in enumerate(dataset.layout.prefixes):
            number = index * len(dataset.layout.prefixes) + view + 1
            file = f"{index:09d}.{prefix}image.png"
            write_whole(out / "images" / file, plain_png(arrays[prefix + "image"]))
            images.append({"id": number, "file_name": file, "height": height, "width": width})
            for mask, points, visibility in _faces(arrays, prefix):
                annotations.append(coco_annotation(mask, points, visibility, number) | {"id": len(annotations) + 1})
    category = {
        "id": 1,
        "name": "face",
        "supercategory": "person",
        "keypoints": [f"ibug_{number}" for number in range(1, 69)],
        "skeleton": [],
    }
    content = {
        "info": {"description": f"synthgen {dataset.fingerprint}"},
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }
    write_whole(out / "annotations.json", json.dumps(content).encode())


def _faces(arrays: Mapping[str, Array], prefix: str) -> Iterator[tuple[Array, Array, Array]]:
    """Mask, landmarks and their visibility of every labelled face: the main face first, the others where they show."""
    mask, landmarks = arrays[prefix + "face_mask"], arrays[prefix + "landmarks_2d"]
    faces = arrays.get(prefix + "face_index", mask.astype(np.uint8))
    yield mask & (faces == 1), landmarks, arrays[prefix + "landmarks_visibility"]
    if prefix + "other_landmarks_2d" in arrays:
        others = arrays[prefix + "other_landmarks_2d"], arrays[prefix + "other_landmarks_visibility"]
        for row, (points, visibility) in enumerate(zip(*others, strict=True)):
            if (own := mask & (faces == row + 2)).any():
                yield own, points, visibility


def _export_files(dataset: Dataset, out: Path, positions: list[int]) -> None:
    for position in positions:
        stem = f"{dataset.sample_index(position):09d}"
        write_sample_files(dataset[position], dataset.meta(position), out, stem)


def _write_pictures(arrays: Mapping[str, Array], out: Path, stem: str) -> None:
    for name, array in arrays.items():
        if name.endswith("image"):
            write_whole(out / f"{stem}.{name}.png", plain_png(array))


def _require(dataset: Dataset, to: str, labels: tuple[str, ...]) -> None:
    if to == "coco" and "face_mask" not in dataset.layout.labels:
        labels += ("triangle_id", "occluder_mask")
    if to == "coco" and dataset.recipe.get("other_faces") == "label":
        labels += ("face_index", "other_landmarks_2d", "other_landmarks_visibility")
    absent = [label for label in labels if label not in dataset.layout.labels]
    if absent:
        raise UsageError(
            f"export to {to} needs the labels {', '.join(labels)}; {dataset.path} does not hold {', '.join(absent)}"
        )


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


# Labels without which a format cannot be written.
NEEDS = {
    "flo": ("flow",),
    "kitti": ("image", "flow", "matchability"),
    "coco": ("image", "landmarks_2d", "landmarks_visibility"),
}
EXPORTERS: dict[str, Callable[[Dataset, Path, list[int]], None]] = {
    "flo": _export_flo,
    "kitti": _export_kitti,
    "coco": _export_coco,
    "files": _export_files,
}
