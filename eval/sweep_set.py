"""The pictures of the sweeps, as PNG files with one NPZ of truth, so that any system can be run on them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.sweep_scenes import Level, sweep_levels
from synthgen.core.conventions import BLOCK, ENGINE_VERSION
from synthgen.core.errors import DatasetError, UsageError
from synthgen.recipe.schema import Recipe
from synthgen.render.assets import RenderAssets, open_assets
from synthgen.render.labelling import label_view
from synthgen.render.view import ViewOptions, render_view
from synthgen.sampling.sampler import sample_scene
from synthgen.sampling.scene import SceneParams

TRUTH, LEVELS, PICTURES = "truth.npz", "levels.json", "pictures"
_LABELS = ("landmarks_2d", "landmarks_visibility")
FORMAT = "synthgen-sweeps-1"


@dataclass(frozen=True)
class SweepSet:
    """A folder of sweeps. levels: {"sweep", "level", "value"} of each level; level: (N,) of each picture its level;
    face: (N,) which face it shows; landmarks: (N, 68, 2) px; visibility: (N, 68) codes; fingerprint: of the content."""

    folder: Path
    levels: tuple[dict[str, Any], ...]
    level: NDArray[np.int64]
    face: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    visibility: NDArray[np.uint8]
    size: tuple[int, int]
    model: dict[str, Any]
    fingerprint: str

    def picture(self, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) of picture `number`. Raises DatasetError when its file is missing or damaged."""
        path = self.folder / PICTURES / picture_name(number)
        try:
            return np.asarray(Image.open(path).convert("RGB"))
        except (OSError, ValueError, SyntaxError) as error:
            raise DatasetError(f"{path} cannot be read: {error}; make the sweeps again") from error


def picture_name(number: int) -> str:
    """The file of picture `number`."""
    return f"{number:05d}.png"


def write_sweeps(recipe: Recipe, folder: Path, faces: int = BLOCK) -> int:
    """Render `faces` faces of a recipe at every level of every sweep into a new folder; how many pictures.

    Raises UsageError when the folder has files, or the recipe is not of kind images with the built-in lights.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder")
    if recipe.kind != "images" or recipe.light.source != "builtin":
        raise UsageError("sweeps need a recipe of kind images whose light.source is builtin: recipes/benchmark.yaml")
    assets = open_assets(recipe, "cpu")
    levels = sweep_levels(assets.lights.names, assets.box)
    scenes = [sample_scene(recipe, assets.model, assets.box, index)[0] for index in range(faces)]
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(str(ENGINE_VERSION).encode())
    columns: dict[str, list[Any]] = {"level": [], "face": [], **{name: [] for name in _LABELS}}
    shown = [(row, face) for row in range(len(levels)) for face in range(faces)]
    for first in range(0, len(shown), BLOCK):
        some = shown[first : first + BLOCK]
        pictures, labels = _rendered([(levels[row], scenes[face]) for row, face in some], recipe, assets)
        for number, (row, face) in enumerate(some):
            Image.fromarray(pictures[number]).save(folder / PICTURES / picture_name(first + number))
            digest.update(pictures[number].tobytes())
            columns["level"].append(row)
            columns["face"].append(face)
            for name in _LABELS:
                columns[name].append(labels[name][number])
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    digest.update(arrays["landmarks_2d"].tobytes())
    with (folder / TRUTH).open("wb") as file:
        np.savez(file, **arrays)
    content = {
        "format": FORMAT,
        "fingerprint": digest.hexdigest(),
        "size": list(recipe.size),
        "model": recipe.model.model_dump(mode="json"),
        "levels": [{"sweep": level.sweep, "level": level.name, "value": level.value} for level in levels],
    }
    (folder / LEVELS).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return len(shown)


def _rendered(
    shown: list[tuple[Level, SceneParams]], recipe: Recipe, assets: RenderAssets
) -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]:
    """Pictures (N, H, W, 3) and labels (N, ...) of faces at levels."""
    scenes = [level.scene(scene, np.zeros((68, 2))) for level, scene in shown]
    if any(scene.occluders for scene in scenes):
        # Landmarks do not depend on occluders, and occluders do on landmarks.
        points = label_view(render_view(scenes, assets, ViewOptions()), assets, _LABELS).arrays["landmarks_2d"]
        scenes = [level.scene(scene, at.astype(np.float64)) for (level, scene), at in zip(shown, points, strict=True)]
    view = render_view(scenes, assets, ViewOptions(recipe.sensor.supersampling))
    arrays = label_view(view, assets, _LABELS).arrays
    return view.image.cpu().numpy(), {name: arrays[name] for name in _LABELS}


def open_sweeps(folder: Path) -> SweepSet:
    """The sweeps in a folder. Raises DatasetError when it holds none or is damaged."""
    if not (folder / LEVELS).is_file():
        raise DatasetError(f"{folder} holds no sweeps: python -m eval make-sweeps -o {folder} makes them")
    try:
        content = json.loads((folder / LEVELS).read_text(encoding="utf-8"))
        with np.load(folder / TRUTH, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("level", "face", *_LABELS)}
        found = SweepSet(
            folder,
            tuple(content["levels"]),
            arrays["level"],
            arrays["face"],
            arrays["landmarks_2d"],
            arrays["landmarks_visibility"],
            (int(content["size"][0]), int(content["size"][1])),
            dict(content["model"]),
            str(content["fingerprint"]),
        )
    except Exception as error:  # of JSON, zip and npy files, one for each way they can be wrong
        raise DatasetError(f"{folder} is damaged: {error}; make the sweeps again") from error
    if content.get("format") != FORMAT or found.landmarks.shape != (len(found.level), 68, 2):
        raise DatasetError(f"{folder} is damaged or of another version: make the sweeps again")
    return found
