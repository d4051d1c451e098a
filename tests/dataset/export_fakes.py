"""Small datasets of every kind, written without a pipeline, and what must hold for any export of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from dataset_fakes import fake_template, image_sample, pair_sample

from synthgen.core.label_spec import (
    DEFAULT_FITTING_LABELS,
    DEFAULT_IMAGE_LABELS,
    DEFAULT_PAIR_LABELS,
    DEFAULT_VIDEO_LABELS,
    LABELS,
    OTHER_FACE_LABELS,
)
from synthgen.dataset.codecs import SampleCodec
from synthgen.dataset.derived import template_to_npz
from synthgen.dataset.index import index_file, index_to_json, shard_file
from synthgen.dataset.manifest import MANIFEST_FILE, TEMPLATE_FILE, Manifest, manifest_to_json
from synthgen.dataset.sample import Sample
from synthgen.dataset.writer import ShardWriter

SIZE = (24, 32)
COUNT, SHARD_SIZE = 7, 3
KINDS = ("images", "pairs", "fittings", "video")
_LABELS = {
    "images": (*DEFAULT_IMAGE_LABELS, "ignore_mask", *OTHER_FACE_LABELS),
    "pairs": (*DEFAULT_PAIR_LABELS, "triangle_id", "occluder_mask", "landmarks_2d", "landmarks_visibility"),
    "fittings": DEFAULT_FITTING_LABELS,
    "video": tuple(dict.fromkeys((*DEFAULT_VIDEO_LABELS, "occluder_mask"))),
}
ASSETS = (
    {"id": "background:a", "file": "a.png", "licence": "CC0", "sha256": "ab" * 32},
    {"id": "skin:b", "file": "b.png", "licence": "with a | bar", "sha256": "cd" * 32},
)


def write_dataset(folder: Path, kind: str) -> Path:
    """A complete dataset of a kind in `folder`: 7 samples in shards of 3. Pairs and video are PNG, the others JPEG."""
    recipe: dict[str, Any] = {"kind": kind, "size": list(SIZE), "labels": list(_LABELS[kind])}
    recipe |= {"codec": "jpeg" if kind in ("images", "fittings") else "png"}
    recipe |= {"video": {"frames": 2, "flow": "all"}} if kind == "video" else {}
    recipe |= {"other_faces": "label"} if kind == "images" else {}
    mean_face = np.full((8, 8, 3), 77, np.uint8) if kind == "fittings" else np.zeros((0, 0, 3), np.uint8)
    template = template_to_npz(replace(fake_template(), mean_face=mean_face))
    sha256 = hashlib.sha256(template).hexdigest()
    manifest = Manifest(recipe, {}, "f" * 64, ASSETS, {"engine": "2"}, "x", COUNT, SHARD_SIZE, sha256)
    folder.mkdir(parents=True)
    (folder / TEMPLATE_FILE).write_bytes(template)
    (folder / MANIFEST_FILE).write_bytes(manifest_to_json(manifest))
    codec = SampleCodec(manifest.layout)
    for shard in range(manifest.shards):
        planned = manifest.shard_range(shard)
        with open(folder / shard_file(shard), "wb") as stream:
            writer = ShardWriter(stream, manifest.layout, shard, planned.start)
            for index in range(planned.start, planned.stop):
                sample = make_sample(kind, index)
                writer.add(codec.encode(sample), sample.checks)
            index_json = index_to_json(writer.finish(manifest.fingerprint, {}))
        (folder / index_file(shard)).write_bytes(index_json)
    return folder


def make_sample(kind: str, index: int) -> Sample:
    """A sample of a kind; sample 1 lacks a parameter, and one parameter is a whole number in sample 2 only."""
    if kind == "video":
        sample = _clip(index)
    elif kind == "pairs":
        sample = pair_sample(index, SIZE)
    else:
        pair, sample = pair_sample(index, SIZE).arrays, image_sample(index, SIZE)
        arrays = sample.arrays | _other_faces(sample.arrays, index)
        arrays |= {"flow": pair["flow"], "matchability": pair["matchability"]}
        arrays |= {"landmarks_2d_contour": sample.arrays["landmarks_2d"]}
        sample = replace(sample, arrays=arrays)
    extra = {"light": f"sky {index}", "bounds": [1, 2] if index == 2 else [0.5], "steps": 2 if index == 2 else 0.25}
    parameters = sample.parameters | extra
    if index == 1:
        del parameters["light"]
    return replace(sample, parameters=parameters)


def _other_faces(arrays: dict[str, np.ndarray], index: int) -> dict[str, np.ndarray]:
    """The right part of the egg becomes a second face in odd samples; the first rows are to be ignored in even ones."""
    right = np.arange(SIZE[1]) >= 18
    faces = np.where(arrays["triangle_id"] >= 0, np.where(right & (index % 2 == 1), 2, 1), 0).astype(np.uint8)
    landmarks = np.full((2, 68, 2), np.nan, np.float32)
    codes = np.zeros((2, 68), np.uint8)
    if index % 2 == 1:
        landmarks[0], codes[0] = arrays["landmarks_2d"] + 1, arrays["landmarks_visibility"]
    ignored = np.zeros(SIZE, bool)
    ignored[:2] = index % 2 == 0
    return {"face_index": faces, "other_landmarks_2d": landmarks, "other_landmarks_visibility": codes,
            "ignore_mask": ignored}  # fmt: skip


def _clip(index: int) -> Sample:
    arrays: dict[str, np.ndarray] = {}
    for frame in range(2):
        still = image_sample(10 * index + frame, SIZE).arrays
        still |= {"invented_mask": np.eye(*SIZE, k=frame, dtype=bool), "ignore_mask": np.zeros(SIZE, bool)}
        still |= {"landmarks_2d_contour": still["landmarks_2d"]}
        names = [name for name in still if LABELS[name].view == "image"]
        arrays |= {f"frame{frame}_{name}": still[name] for name in names}
    for start, end in ((0, 1), (1, 0)):
        pair = pair_sample(10 * index + start, SIZE).arrays
        arrays |= {f"flow_{start}_{end}": pair["flow"], f"matchability_{start}_{end}": pair["matchability"]}
    return Sample(index, arrays, {"yaw_deg": float(index)}, {"coverage": 0.4})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def damage(folder: Path, sample: int, member: int, entries: Sequence[Any]) -> None:
    """Flip a bit in the middle of a member of a sample of the first shard."""
    offset, length, _ = entries[sample][member]
    with open(folder / shard_file(0), "r+b") as stream:
        stream.seek(offset + length // 2)
        (byte,) = stream.read(1)
        stream.seek(offset + length // 2)
        stream.write(bytes([byte ^ 1]))
