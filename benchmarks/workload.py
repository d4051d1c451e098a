"""The recipes that are measured, and the pictures behind the faces."""

from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.recipe.load import load_recipe
from synthgen.recipe.schema import Recipe

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
STAND_INS, STAND_IN_SIZE = 8, (480, 640)


def bench_recipe(kind: str, *overrides: str) -> Recipe:
    """recipes/bench.yaml for "images", recipes/bench_pairs.yaml for "pairs"."""
    name = "bench.yaml" if kind == "images" else "bench_pairs.yaml"
    return load_recipe(ROOT / "recipes" / name, (f"background.images={background_folder()}", *overrides))


def coco_recipe() -> Recipe | None:
    """The images recipe on COCO pictures; None without the data beside the checkout."""
    if not (SHARED / "coco").is_dir():
        return None
    files = f"images: {SHARED / 'coco' / 'images'}, annotations: {SHARED / 'coco' / 'instances.json'}"
    return bench_recipe("images", f"background={{kind: coco, {files}, skip_people: false}}")


def background_folder() -> Path:
    """Photographs beside the checkout, or smooth stand-ins of the size of a COCO picture."""
    photographs = SHARED / "backgrounds"
    return photographs if photographs.is_dir() else _stand_ins(ROOT / "out" / "bench_backgrounds")


def _stand_ins(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    height, width = STAND_IN_SIZE
    for number in range(STAND_INS):
        coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=92)
    return folder
