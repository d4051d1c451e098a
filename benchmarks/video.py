"""Short videos: stills with fitted heads to written clips with every label and the flow between all frames."""

import json
import tempfile
from pathlib import Path
from time import process_time

from benchmarks.figures import Figure
from benchmarks.throughput import STAMP, stopwatches
from benchmarks.workload import background_folder
from synthgen.core.conventions import BLOCK
from synthgen.dataset.manifest import ShardRange
from synthgen.pipeline.rendered_stills import RenderedStills, write_stills
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.pipeline.session import RendererSpec, Session
from synthgen.recipe.load import parse_recipe

SIDE, STILL_SIDE, FRAMES = 120, 450, 8
STILLS, CLIPS = 16, 24
GOAL = 30.0
HEADS = {"11k vertices": "base", "44k vertices": "fine"}

# Stage -> functions whose processor time it is, as (module that calls, name). None calls another one of the list.
PREPARING: dict[str, tuple[tuple[str, str], ...]] = {
    "read photo": (("synthgen.motion.video", "read_pixels"),),
    "prepare still": (("synthgen.motion.short_video", "prepare_still"),),
}
STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    **PREPARING,
    "turn mesh": (("synthgen.motion.short_video", "turn_mesh"),),
    "sample photo": (("synthgen.motion.short_video", "sample_photo"),),
    "noise": (("synthgen.motion.short_video", "with_noise"),),
    "velocity of pixels": (("synthgen.motion.short_video", "picture_velocities"),),
    "motion blur": (("synthgen.motion.short_video", "blur_along_motion"),),
    "rasterise heads": (("synthgen.motion.video", "photo_view"),),
    "labels of frames": (("synthgen.motion.video", "label_view"),),
    "flow, matchability": (("synthgen.motion.video", "label_between_frames"),),
    "encode": (("synthgen.dataset.codecs", "SampleCodec.encode"),),
    "write": (("synthgen.dataset.writer", "ShardWriter.add"), ("synthgen.dataset.writer", "ShardWriter.finish")),
}


def measure_video() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    rates: list[Figure] = []
    title = f"short videos, one core, {SIDE} x {SIDE} from photos of {STILL_SIDE} x {STILL_SIDE}, all flows, to disk"
    sections = {title: rates}
    for name, resolution in HEADS.items():
        with tempfile.TemporaryDirectory(prefix="synthgen-bench-") as folder:
            seconds, stages, size = _measure(Path(folder), _stills(Path(folder), resolution))
        prepared = seconds - sum(stages[stage] for stage in PREPARING)
        preparing = 1000 * FRAMES * (seconds - prepared)
        note = f"{preparing:.0f} ms per still before them; {size / 1000:.0f} kB per clip"
        rates.append(
            Figure(f"{name}: labelled frames from a prepared still", 1 / prepared, "frames/s", GOAL, note=note)
        )
        rates.append(Figure(f"{name}: everything included", 1 / seconds, "frames/s"))
        sections[f"where the processor time goes: video, {name}"] = [
            Figure(stage, 1000 * value, "ms a frame") for stage, value in stages.items()
        ]
    return sections


def _stills(folder: Path, resolution: str) -> RenderedStills:
    """Rendered heads over photographs, with their answers."""
    recipe = {
        "kind": "images",
        "count": STILLS,
        "size": [STILL_SIDE, STILL_SIDE],
        "model": {"source": "procedural", "resolution": resolution},
        "camera": {"projection": "scaled_orthographic"},
        "pose": {"scale": 0.5},
        "background": {"kind": "folder", "images": str(background_folder())},
    }
    generate(parse_recipe(json.dumps(recipe)), folder / "rendered", GenerateOptions(workers=0))
    return write_stills(folder / "rendered", folder / "stills")


def _measure(folder: Path, stills: RenderedStills) -> tuple[float, dict[str, float], float]:
    """Processor seconds per frame, those of the stages, and bytes per clip."""
    recipe = {
        "kind": "video",
        "count": CLIPS,
        "size": [SIDE, SIDE],
        "model": stills.model,
        "fittings": {"path": str(stills.file)},
        "crop": {"rule": "landmark_box"},
        "video": {"frames": FRAMES},
    }
    session = Session(RendererSpec(parse_recipe(json.dumps(recipe))), str(folder / "clips"))
    session.build(ShardRange(0, 0, 2), STAMP)  # kernels are compiled and loaded here
    with stopwatches(STAGES) as spent:
        started = process_time()
        built = session.build(ShardRange(1, BLOCK, BLOCK + CLIPS), STAMP)
        seconds = process_time() - started
    spent["everything else"] = seconds - sum(spent.values())
    frames = CLIPS * FRAMES
    return seconds / frames, {stage: value / frames for stage, value in spent.items()}, built.index.bytes / CLIPS
