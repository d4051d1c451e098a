"""Export to COCO: boxes, masks as compressed run lengths, 68 key points of every labelled face.

COCO's key points put the centre of the first pixel at (0, 0), so 0.5 is subtracted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE
from synthgen.dataset.export_card import asset_licences
from synthgen.dataset.reader import Dataset
from synthgen.dataset.whole_file import create_whole
from synthgen.dataset.writer import ByteSink

Array = NDArray[Any]

_CATEGORY = {
    "id": 1,
    "name": "face",
    "supercategory": "person",
    "keypoints": [f"ibug_{number}" for number in range(1, 69)],
    "skeleton": [],
}
_OTHER_FACES = ("face_index", "other_landmarks_2d", "other_landmarks_visibility")


def coco_labels(dataset: Dataset) -> tuple[str, ...]:
    """What the annotations of a dataset are made from: one mask of several faces would be nobody's mask."""
    others = _OTHER_FACES if dataset.recipe.get("other_faces") == "label" else ()
    return ("image", "landmarks_2d", "landmarks_visibility", "face_mask", *others)


def write_coco(dataset: Dataset, out: Path, positions: Sequence[int]) -> None:
    """`annotations.json` and `images/` with the stored pictures; pixels to ignore are a crowd, as COCO has it."""
    (out / "images").mkdir()
    labels = [*coco_labels(dataset), *(["ignore_mask"] if "ignore_mask" in dataset.layout.labels else [])]
    view = dataset.with_labels(*labels)
    licences = [{"id": number, "name": text} for number, text in enumerate(asset_licences(dataset), start=1)]
    head = {"info": {"description": f"synthgen {dataset.fingerprint}"}, "licenses": licences, "categories": [_CATEGORY]}
    with create_whole(out / "annotations.json") as stream:
        stream.write(json.dumps(head).encode()[:-1] + b', "images": [')
        _write_items(stream, _images(view, positions))
        stream.write(b'], "annotations": [')
        _write_items(stream, _annotations(view, positions, out / "images"))
        stream.write(b"]}\n")


def _write_items(stream: ByteSink, items: Iterable[dict[str, Any]]) -> None:
    """One by one, so that a large dataset does not have to fit into memory."""
    for number, item in enumerate(items):
        stream.write((b",\n" if number else b"\n") + json.dumps(item).encode())


def _images(dataset: Dataset, positions: Sequence[int]) -> Iterator[dict[str, Any]]:
    height, width = dataset.layout.size
    for position in positions:
        for number, prefix in _views(dataset, position):
            file = _file_name(dataset, position, prefix)
            yield {"id": number, "file_name": file, "height": height, "width": width}


def _annotations(dataset: Dataset, positions: Sequence[int], folder: Path) -> Iterator[dict[str, Any]]:
    """The annotations of each picture, after writing the picture."""
    last = 0
    for position in positions:
        arrays, files = dataset[position], dataset.picture_files(position)
        for number, prefix in _views(dataset, position):
            (folder / _file_name(dataset, position, prefix)).write_bytes(files[prefix + "image"])
            for annotation in _faces(arrays, prefix):
                last += 1
                yield {"id": last, "image_id": number, **annotation}


def _views(dataset: Dataset, position: int) -> Iterator[tuple[int, str]]:
    """The id and the prefix of each picture of a sample."""
    prefixes = dataset.layout.prefixes
    return zip(range(dataset.sample_index(position) * len(prefixes) + 1, 1 << 62), prefixes, strict=False)


def _file_name(dataset: Dataset, position: int, prefix: str) -> str:
    return f"{dataset.sample_index(position):09d}.{prefix}image.{dataset.layout.picture_suffix}"


def _faces(arrays: Mapping[str, Array], prefix: str) -> Iterator[dict[str, Any]]:
    """Annotations of the faces that show, the main one first, and of what is to be ignored."""
    mask, landmarks = arrays[prefix + "face_mask"], arrays[prefix + "landmarks_2d"]
    faces = arrays.get(prefix + "face_index", mask.astype(np.uint8))
    points, codes = landmarks[None], arrays[prefix + "landmarks_visibility"][None]
    if prefix + "other_landmarks_2d" in arrays:
        points = np.concatenate([points, arrays[prefix + "other_landmarks_2d"]])
        codes = np.concatenate([codes, arrays[prefix + "other_landmarks_visibility"]])
    for face, (own_points, own_codes) in enumerate(zip(points, codes, strict=True), start=1):
        if (own := mask & (faces == face)).any():
            yield coco_annotation(own, own_points, own_codes)
    ignored = arrays.get(prefix + "ignore_mask")
    if ignored is not None and ignored.any():
        yield coco_annotation(ignored, np.zeros((68, 2)), np.full(68, LANDMARK_OUTSIDE)) | {"iscrowd": 1}


def coco_annotation(mask: Array, landmarks: Array, visibility: Array) -> dict[str, Any]:
    """The annotation of one face, without ids: box, area, run lengths and 68 key points.

    mask: (H, W) bool, somewhere True; landmarks: (68, 2), px; visibility: (68,) codes.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
    flags = np.zeros(len(visibility), int)  # 0 not labelled, 1 labelled but hidden, 2 visible
    flags[np.isin(visibility, (LANDMARK_HIDDEN, LANDMARK_OCCLUDED))] = 1
    flags[visibility == LANDMARK_VISIBLE] = 2
    points = np.where((visibility == LANDMARK_OUTSIDE)[:, None], 0.0, landmarks - 0.5)
    keypoints = [
        [round(float(x), 3), round(float(y), 3), int(flag)] for (x, y), flag in zip(points, flags, strict=True)
    ]
    return {
        "category_id": _CATEGORY["id"],
        "iscrowd": 0,
        "bbox": [int(side) for side in box],
        "area": int(mask.sum()),
        "segmentation": encode_rle(mask),
        "keypoints": [value for point in keypoints for value in point],
        "num_keypoints": int((flags > 0).sum()),
    }


def encode_rle(mask: Array) -> dict[str, Any]:
    """COCO's compressed run lengths of a mask (H, W) bool, with `counts` as text, which JSON needs."""
    from pycocotools import mask as coco_mask

    packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in packed["size"]], "counts": packed["counts"].decode("ascii")}
