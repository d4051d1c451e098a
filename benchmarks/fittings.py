"""Ground truth for photos with fittings: files in 300W-LP's layout to written shards, on one core."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from benchmarks.figures import Figure
from benchmarks.throughput import stopwatches
from benchmarks.workload import background_folder
from synthgen.core.conventions import BLOCK
from synthgen.fittings.fitting_file import save_fittings
from synthgen.fittings.read_fittings import read_fittings
from synthgen.geometry.rotation import zhu_euler_from_rotation
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import save_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.pipeline.renderers import open_renderer
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.schema import Recipe

SIDE = 450
PHOTOS = 8 * BLOCK
IDENTITY, EXPRESSION = 199, 29
GOAL = 60.0
# sigma of the fixture's coefficients and of one micrometre per millimetre, as in the published files.
SIGMA, MICROMETRES = 1.0, 1000.0

# Stage -> functions whose processor time it is, as (module that calls, name). None calls another one of the list.
STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "vertices of a block": (("synthgen.fittings.ground_truth", "evaluate_vertices"),),
    "read, warp photos": (("synthgen.fittings.ground_truth", "read_batch"),),
    "pose, project": (("synthgen.render.photo", "evaluate_heads"),),
    "rasterise": (("synthgen.render.photo", "rasterize"),),
    "vertex normals": (("synthgen.render.photo", "vertex_normals"),),
    "labelled surface": (("synthgen.render.photo", "labelled_surface"),),
    "labels of a view": (("synthgen.fittings.ground_truth", "label_view"),),
    "flow, matchability": (("synthgen.fittings.ground_truth", "flow_to_mean_face"),),
    "encode": (("synthgen.dataset.codecs", "SampleCodec.encode"),),
    "write": (("synthgen.dataset.writer", "ShardWriter.add"), ("synthgen.dataset.writer", "ShardWriter.finish")),
}


def measure_fittings() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    rates: list[Figure] = []
    sections = {f"ground truth of photos with fittings, one core, {SIDE} x {SIDE}, 45,666 vertices": rates}
    with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as name:
        folder = Path(name)
        model = large_model()
        model_file = folder / "model.npz"
        save_model(model, model_file)
        write_photos(folder / "photos", PHOTOS)
        for method in ("exact", "nearest_uv"):
            seconds, stages = _measure(folder, model, method)
            note = f"{1000 * stages['read .mat']:.2f} ms of it reading the .mat"
            rates.append(Figure(f"photos to shards, flow {method}", 1 / seconds, "photos/s", GOAL, note=note))
            title = f"where the processor time goes: photos, flow {method}"
            sections[title] = [Figure(stage, 1000 * value, "ms each") for stage, value in stages.items()]
    return sections


def large_model(
    resolution: Literal["base", "fine"] = "fine", counts: tuple[int, int] = (IDENTITY, EXPRESSION)
) -> MorphableModel:
    """The built-in head with mixtures of its components; as many as Basel and FaceWarehouse have, if not told."""
    model = build_procedural_model(resolution)
    identity, expression = counts
    random = np.random.default_rng(0)

    def mixed(basis: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        mixture = random.normal(size=(count, len(basis))).astype(np.float32) / np.sqrt(count)
        return (mixture @ basis.reshape(len(basis), -1)).reshape(count, *basis.shape[1:])

    return replace(
        model,
        name="bench",
        identity_basis=mixed(model.identity_basis, identity),
        expression_basis=0.3 * mixed(model.expression_basis, expression),
        expression_names=tuple(f"component_{number}" for number in range(expression)),
        expression_unit="stddev",
        expression_range=np.tile(np.array([-3, 3], np.float32), (expression, 1)),
        expression_pca_mean=np.zeros(expression, np.float32),
        expression_pca=np.eye(10, expression, dtype=np.float32),
        identity_stddev=np.full(identity, SIGMA, np.float32),
        expression_stddev=np.full(expression, SIGMA, np.float32),
    )


def write_photos(folder: Path, count: int) -> None:
    """Pictures and .mat files in 300W-LP's layout: rendered heads over photographs, poses up to profile.

    The coefficients are not those of the heads: the work is the same.
    """
    recipe = parse_recipe(
        json.dumps(
            {
                "kind": "images",
                "count": count,
                "size": [SIDE, SIDE],
                "camera": {"projection": "scaled_orthographic"},
                "pose": {"yaw_deg": {"distribution": "uniform", "low": -80, "high": 80}, "scale": 0.5},
                "background": {"kind": "folder", "images": str(background_folder())},
            }
        )
    )
    folder.mkdir()
    renderer = open_renderer(recipe)
    random = np.random.default_rng(1)
    names = ("image", "camera_from_world", "intrinsics", "landmarks_2d")
    for block in range(-(-count // BLOCK)):
        for sample in renderer.render(block, names):
            arrays = sample.arrays
            Image.fromarray(arrays["image"]).save(folder / f"face_{sample.index:05d}.jpg", quality=95)
            rotation = np.diag([1.0, -1.0, -1.0]) @ arrays["camera_from_world"][:3, :3]
            lens = arrays["intrinsics"]
            place = [lens[0, 2] + 0.5, SIDE + 0.5 - lens[1, 2], -70.0, lens[0, 0] / MICROMETRES]
            pose = [*zhu_euler_from_rotation(rotation), *place]
            stored = {
                "Pose_Para": np.array([pose], np.float32),
                "Shape_Para": SIGMA * random.normal(size=(IDENTITY, 1)),
                "Exp_Para": SIGMA * random.normal(size=(EXPRESSION, 1)),
                "Tex_Para": random.normal(size=(199, 1)),
                "Illum_Para": np.ones((1, 10)),
                "Color_Para": np.ones((1, 7), np.float32),
                "roi": np.array([[1, 1, SIDE, SIDE]], np.int16),
                "pt2d": arrays["landmarks_2d"].T.astype(np.float64) + 0.5,
            }
            savemat(folder / f"face_{sample.index:05d}.mat", stored)


def _measure(folder: Path, model: MorphableModel, method: str) -> tuple[float, dict[str, float]]:
    """Wall seconds per photo of the whole job, and processor seconds per photo of its stages."""
    photos, fitting_file = folder / "photos", folder / "fittings.npz"
    recipe = _recipe(folder, method)
    started, busy = perf_counter(), process_time()
    save_fittings(read_fittings(photos, model).fittings, fitting_file)
    reading, reading_busy = perf_counter() - started, process_time() - busy
    # The renderer's start is not part of the rate: a set has a hundred thousand photos.
    generate(recipe, folder / f"warm-{method}", GenerateOptions(count=1, workers=0))
    with stopwatches({}):
        summary = generate(recipe, folder / method, GenerateOptions(workers=0))
    seconds = reading / PHOTOS + sum(summary.stage_seconds.values()) / PHOTOS
    with stopwatches(STAGES) as spent:
        summary = generate(recipe, folder / f"staged-{method}", GenerateOptions(workers=0))
    stages = {"read .mat": reading_busy / PHOTOS} | {stage: value / PHOTOS for stage, value in spent.items()}
    stages["everything else"] = sum(summary.stage_seconds.values()) / PHOTOS - sum(spent.values()) / PHOTOS
    return seconds, stages


def _recipe(folder: Path, method: str) -> Recipe:
    return parse_recipe(
        json.dumps(
            {
                "kind": "fittings",
                "count": PHOTOS,
                "size": [SIDE, SIDE],
                "model": {"path": str(folder / "model.npz")},
                "fittings": {"path": str(folder / "fittings.npz"), "photos": str(folder / "photos")},
                "flow": {"method": method},
            }
        )
    )
