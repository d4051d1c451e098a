"""Photos with fittings of the built-in head, written to a folder: what the tests of ground truth start from."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synthgen.dataset.sample import Sample
from synthgen.fittings.fitting import FittingSet
from synthgen.fittings.fitting_file import save_fittings
from synthgen.fittings.ground_truth import Renderer, open_renderer
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.open_model import open_model
from synthgen.recipe.load import parse_recipe
from synthgen.recipe.sections import ProceduralModel

HEIGHT, WIDTH = 120, 144
COUNT = 3
POSES_DEG = ((0.0, 0.0, 0.0), (8.0, 35.0, -10.0), (-5.0, -50.0, 15.0))


@cache
def coefficient_counts() -> tuple[int, int]:
    model = open_model(ProceduralModel())
    return len(model.identity_basis), len(model.expression_basis)


def fitting_set(perspective: bool) -> FittingSet:
    """Three heads that fill most of a small photo."""
    random = np.random.default_rng(1)
    identity, expression = coefficient_counts()
    focal = np.full(COUNT, 4.0 * HEIGHT if perspective else 0.6)
    translation = np.tile([3.0, -4.0, 4.0 * HEIGHT / 0.6], (COUNT, 1)) if perspective else np.zeros((COUNT, 3))
    return FittingSet(
        names=tuple(f"set/face_{n}" for n in range(COUNT)),
        photos=tuple(f"set/face_{n}.png" for n in range(COUNT)),
        sizes=np.tile(np.array([HEIGHT, WIDTH], np.int32), (COUNT, 1)),
        perspective=perspective,
        rotation=rotation_from_euler(np.radians(POSES_DEG)),
        translation=translation,
        focal=focal,
        principal=np.tile([70.5, 61.25], (COUNT, 1)),
        depth_shift=np.array([-70.0, -71.0, -72.0]) * (not perspective),
        identity=0.7 * random.normal(size=(COUNT, identity)),
        expression=np.zeros((COUNT, expression)),
        landmarks=np.full((COUNT, 68, 2), np.nan),
        boxes=np.full((COUNT, 4), np.nan),
        ignore_boxes=((),) * COUNT,
        ignore_masks=("",) * COUNT,
        model="",
    )


def smooth_photo(n: int) -> np.ndarray:
    """(H, W, 3) uint8 without edges, so that resampling it hardly changes it."""
    y, x = np.indices((HEIGHT, WIDTH)) + 0.5
    waves = [np.sin(x / (23 + 3 * c) + n) + np.cos(y / (29 - 2 * c)) for c in range(3)]
    return np.round(127.5 + 55 * np.stack(waves, axis=-1)).astype(np.uint8)


def write_set(folder: Path, perspective: bool = False, **changes: Any) -> FittingSet:
    """fittings.npz and the photos; changes: fields of the set to replace."""
    fittings = replace(fitting_set(perspective), **changes)
    for n, name in enumerate(fittings.photos):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(smooth_photo(n)).save(path)
    save_fittings(fittings, folder / "fittings.npz")
    return fittings


def opened(folder: Path, sections: Mapping[str, Any] | None = None) -> Renderer:
    """The renderer of whole photos; sections: of the recipe, on top."""
    recipe = {
        "kind": "fittings",
        "seed": 7,
        "size": [HEIGHT, WIDTH],
        "fittings": {"path": str(folder / "fittings.npz")},
        **(sections or {}),
    }
    return open_renderer(parse_recipe(json.dumps(recipe)))


def rendered(folder: Path, names: tuple[str, ...], sections: Mapping[str, Any] | None = None) -> list[Sample]:
    """The first samples, one per fitting."""
    return opened(folder, sections).render(0, names)[:COUNT]
