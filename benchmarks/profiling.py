"""Views of photos with the head turned: still to labels, on one core."""

import json
import tempfile
from pathlib import Path
from time import process_time

from benchmarks.figures import Figure
from benchmarks.fittings import EXPRESSION, IDENTITY, SIDE, large_model, write_photos
from benchmarks.throughput import stopwatches
from synthgen.core.conventions import BLOCK
from synthgen.fittings.fitting_file import save_fittings
from synthgen.fittings.read_fittings import read_fittings
from synthgen.morphable.model_file import save_model
from synthgen.pipeline.renderers import open_renderer
from synthgen.recipe.load import parse_recipe

GOAL = 25.0
YAWS = (-60, -40, -20, 0, 20, 40, 60)
STILLS = 16
STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "read, crop photos": (("synthgen.motion.profile_samples", "read_batch"),),
    "prepare the mesh": (("synthgen.motion.profile_samples", "prepare_stills"),),
    "turn, rasterise, sample": (("synthgen.motion.profile_samples", "profile_stills"),),
    "rasterise for labels": (("synthgen.fittings.ground_truth", "photo_view"),),
    "labels of a view": (("synthgen.fittings.ground_truth", "label_view"),),
    "flow, matchability": (("synthgen.fittings.ground_truth", "flow_to_mean_face"),),
}


def measure_profiling() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as name:
        folder = Path(name)
        model = large_model()
        save_model(model, folder / "model.npz")
        write_photos(folder / "photos", STILLS)
        save_fittings(read_fittings(folder / "photos", model).fittings, folder / "fittings.npz")
        recipe = {
            "kind": "fittings",
            "size": [SIDE, SIDE],
            "model": {"path": str(folder / "model.npz")},
            "fittings": {"path": str(folder / "fittings.npz"), "photos": str(folder / "photos")},
            "profile": {"yaw_deg": YAWS},
        }
        renderer = open_renderer(parse_recipe(json.dumps(recipe)))
        list(renderer(0))  # kernels are compiled and loaded here
        blocks = STILLS * len(YAWS) // BLOCK
        with stopwatches(STAGES) as spent:
            started = process_time()
            views = sum(len(list(renderer(block))) for block in range(blocks))
            seconds = process_time() - started
    rate = Figure("mesh, rotation, rendering, all labels and flow", views / seconds, "views/s", GOAL)
    stages = {stage: value / views for stage, value in spent.items()}
    stages["everything else"] = seconds / views - sum(stages.values())
    title = f"profiling, one core, {SIDE} x {SIDE}, {len(model.mean):,} vertices, {IDENTITY} + {EXPRESSION} components"
    return {
        title: [rate],
        "where the processor time goes: profiling": [
            Figure(stage, 1000 * value, "ms a view") for stage, value in stages.items()
        ],
    }
