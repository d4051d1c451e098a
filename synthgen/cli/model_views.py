"""Random heads of a model from several sides, in one picture."""

from dataclasses import dataclass, replace
from math import radians
from pathlib import Path

import numpy as np

from synthgen.recipe.schema import Recipe
from synthgen.render.assets import open_assets
from synthgen.render.view import ViewOptions, render_view
from synthgen.report.tiles import save_picture
from synthgen.sampling.sampler import sample_scene
from synthgen.sampling.scene import SceneParams

YAWS_DEG = (-80.0, -40.0, 0.0, 40.0, 80.0)


@dataclass(frozen=True)
class SheetLayout:
    """heads: how many; size: pixels per view; columns: heads side by side, five views each."""

    heads: int
    size: int
    columns: int = 1


def write_model_views(model: dict[str, str], layout: SheetLayout, out: Path) -> None:
    """Write a picture of random heads, each in five views from right to left profile.

    model: the `model` section of a recipe. Raises ModelError, and OSError when the picture cannot be written.
    """
    recipe = Recipe.model_validate(
        {
            "kind": "images",
            "count": layout.heads,
            "size": [layout.size, layout.size],
            "model": model,
            "camera": {"projection": "perspective", "focal": 3.0},
            "pose": {"yaw_deg": 0, "pitch_deg": 0, "roll_deg": 0, "translation": 0, "scale": 0.42},
            "light": {"source": "builtin", "rotation_deg": 0},
            "background": {"kind": "gray", "level": 0.75},
            "sensor": {"supersampling": 2},
        }
    )
    assets = open_assets(recipe, "cpu")
    radiance = assets.lights.coefficients[:, 0]  # (L, 3), the constant term
    neutral = int(np.argmin(np.ptp(radiance, axis=1) / radiance.mean(axis=1)))
    pick = (neutral + 0.5) / len(radiance)
    rows = []
    for index in range(layout.heads):
        (scene,) = sample_scene(recipe, assets.model, assets.box, index)
        scenes = [_turned(scene, yaw, pick) for yaw in YAWS_DEG]
        images = render_view(scenes, assets, ViewOptions(supersampling=2)).image.numpy()
        rows.append(np.concatenate(list(images), axis=1))
    blank = np.full_like(rows[0], 255)
    rows += [blank] * (-len(rows) % layout.columns)
    lines = [
        np.concatenate(rows[first : first + layout.columns], axis=1) for first in range(0, len(rows), layout.columns)
    ]
    save_picture(np.concatenate(lines, axis=0), out)


def _turned(scene: SceneParams, yaw_deg: float, light: float) -> SceneParams:
    """The same head, turned, under the environment that `light` picks."""
    face = replace(scene.faces[0], euler=np.array([0.0, radians(yaw_deg), 0.0]))
    return replace(scene, faces=(face,), light=replace(scene.light, pick=light))
