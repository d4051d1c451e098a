"""Datasets of every kind, written file by file with the dataset package alone: what a report has to show is known."""

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
from dataset_fakes import fake_template, image_sample, pair_sample

from synthgen.core.label_spec import LABELS
from synthgen.dataset.codecs import encode_sample
from synthgen.dataset.derived import template_to_npz
from synthgen.dataset.index import index_file, index_to_json, shard_file
from synthgen.dataset.layout import layout_of_recipe
from synthgen.dataset.manifest import MANIFEST_FILE, TABLE_FILE, TEMPLATE_FILE, Manifest, manifest_to_json
from synthgen.dataset.reader import open_dataset
from synthgen.dataset.sample import Sample
from synthgen.dataset.table import write_table
from synthgen.dataset.writer import ShardWriter
from synthgen.recipe.fingerprint import canonical_recipe
from synthgen.recipe.load import parse_recipe

SIZE = (24, 32)
IMAGES = "kind: images\nseed: 3\ncount: 1\nsize: [24, 32]\n"
PAIRS = "kind: pairs\nseed: 3\ncount: 1\nsize: [24, 32]\n"
FITTINGS = (
    "kind: fittings\ncount: 1\nsize: [24, 32]\nfittings: {path: photos.npz}\nlabels: [image, triangle_id, barycentric, "
    "occluder_mask, depth, normals, landmarks_2d, landmarks_visibility, flow, matchability, parameters]\n"
)
VIDEO = (
    "kind: video\ncount: 1\nsize: [24, 32]\nfittings: {path: photos.npz}\nvideo: {frames: 3, flow: next}\n"
    "labels: [image, uv, landmarks_2d, landmarks_visibility, flow, matchability, parameters]\n"
)
ASSETS = ({"id": "background:b", "file": "b.jpg", "sha256": "ab" * 32, "licence": "CC0"},)

Parameters = Callable[[int], dict[str, Any]]


def write_dataset(
    folder: Path,
    recipe: str,
    count: int,
    parameters: Parameters | None = None,
    shard_size: int = 10,
    missing: Collection[int] = (),
) -> Path:
    """A dataset of fake samples in a new folder. parameters: of a sample, instead of the fake ones; missing: shards
    that are left out, and with them the table."""
    loaded = parse_recipe(recipe)
    resolved = loaded.model_dump(mode="json")
    layout = layout_of_recipe(resolved)
    template = template_to_npz(fake_template())
    manifest = Manifest(
        recipe=resolved, canonical=canonical_recipe(loaded), fingerprint="fe" * 32, assets=ASSETS,
        versions={"numpy": "2", "engine": "2"}, cpu_family="Test avx2", count=count, shard_size=shard_size,
        template_sha256=hashlib.sha256(template).hexdigest(),
    )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / MANIFEST_FILE).write_bytes(manifest_to_json(manifest))
    (folder / TEMPLATE_FILE).write_bytes(template)
    for shard in sorted(set(range(manifest.shards)) - set(missing)):
        planned = manifest.shard_range(shard)
        with (folder / shard_file(shard)).open("wb") as stream:
            writer = ShardWriter(stream, layout, shard, planned.start)
            for index in range(planned.start, planned.stop):
                sample = fake_sample(loaded.kind, index, layout.flow_pairs, layout.frames)
                own = sample if parameters is None else Sample(index, sample.arrays, parameters(index), sample.checks)
                writer.add(encode_sample(own, layout), own.checks)
            index = writer.finish(manifest.fingerprint, manifest.versions)
        (folder / index_file(shard)).write_bytes(index_to_json(index))
    if not missing:
        write_table(open_dataset(folder), folder / TABLE_FILE)
    return folder


def fake_sample(kind: str, index: int, flow_pairs: tuple[tuple[int, int], ...], frames: int) -> Sample:
    """Sample `index` of a kind; its landmarks lie in the picture and its flow leads into it."""
    if kind == "pairs":
        return pair_sample(index, SIZE, seed=3)
    if kind == "images":
        return image_sample(index, SIZE, seed=3)
    pair = pair_sample(index, SIZE, seed=3).arrays
    photo = image_sample(index, SIZE, seed=3)
    if kind == "fittings":
        flow = {name: pair[name] for name in ("flow", "matchability")}
        return Sample(index, photo.arrays | flow, photo.parameters, {"coverage": 0.4})
    arrays: dict[str, Any] = {}
    for frame in range(frames):
        view = image_sample(100 * index + frame, SIZE, seed=3).arrays
        view["uv"] = np.where(np.isnan(view["barycentric"][..., :2]), np.nan, 0.5).astype(np.float32)
        arrays |= {f"frame{frame}_{name}": array for name, array in view.items() if LABELS[name].view == "image"}
    for start, end in flow_pairs:
        arrays |= {f"flow_{start}_{end}": pair["flow"], f"matchability_{start}_{end}": pair["matchability"]}
    angles = {name: [float(index), 2.0 + index, 3.0] for name in ("yaw_deg", "pitch_deg")}
    checks = {"frame0_coverage": 0.2, "frame1_coverage": 0.4, "frame2_coverage": 0.6}
    return Sample(index, arrays, {**angles, "fitting": index}, checks)
