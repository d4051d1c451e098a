"""Random heads of a model from several sides, in one picture."""

from dataclasses import dataclass, replace
from math import radians
from pathlib import Path

import numpy as np
from PIL import Image

from synthgen.recipe.schema import Recipe
from synthgen.render.assets import RenderAssets, open_assets
from synthgen.render.labelling import label_view
from synthgen.render.view import ViewOptions, render_view
from synthgen.report.label_colours import colour_parts, colour_uv
from synthgen.report.landmark_drawing import draw_landmarks
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
    recipe = _plain_recipe(model, layout.heads, layout.size)
    assets = open_assets(recipe, "cpu")
    pick = _neutral_light(assets)
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


def write_mean_views(model: dict[str, str], out: Path, size: int = 256) -> None:
    """Write a picture of the mean head in five views: shaded, with parts and landmarks, with the chart's squares.

    model: the `model` section of a recipe. Raises ModelError, and OSError when the picture cannot be written.
    """
    recipe = _plain_recipe(model, 1, size)
    assets = open_assets(recipe, "cpu")
    (scene,) = sample_scene(recipe, assets.model, assets.box, 0)
    face = scene.faces[0]
    mean = replace(face, identity=np.zeros_like(face.identity), expression=np.zeros_like(face.expression))
    pick = _neutral_light(assets)
    view = render_view(
        [_turned(replace(scene, faces=(mean,)), yaw, pick) for yaw in YAWS_DEG], assets, ViewOptions(supersampling=2)
    )
    arrays = label_view(view, assets, ["landmarks_2d"]).arrays
    template = assets.model.template
    triangle, seen = arrays["triangle_id"], arrays["triangle_id"] >= 0
    parts = np.where(seen, template.parts[triangle], 0)
    uv = np.where(seen[..., None], np.einsum("nhwc,nhwcd->nhwd", arrays["barycentric"], template.uv[triangle]), np.nan)
    rows = [list(arrays["image"]), [], []]
    for number in range(len(YAWS_DEG)):
        painted = np.where(seen[number][..., None], colour_parts(parts[number]), arrays["image"][number])
        marked = draw_landmarks(
            Image.fromarray(painted), arrays["landmarks_2d"][number], arrays["landmarks_visibility"][number], 1.0
        )
        rows[1].append(np.asarray(marked))
        rows[2].append(np.where(seen[number][..., None], colour_uv(uv[number]), arrays["image"][number]))
    save_picture(np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0), out)


def _plain_recipe(model: dict[str, str], heads: int, size: int) -> Recipe:
    """Heads looking at the camera under one light on gray."""
    return Recipe.model_validate(
        {
            "kind": "images",
            "count": heads,
            "size": [size, size],
            "model": model,
            "camera": {"projection": "perspective", "focal": 3.0},
            "pose": {"yaw_deg": 0, "pitch_deg": 0, "roll_deg": 0, "translation": 0, "scale": 0.42},
            "light": {"source": "builtin", "rotation_deg": 0},
            "background": {"kind": "gray", "level": 0.75},
            "sensor": {"supersampling": 2},
        }
    )


def _neutral_light(assets: RenderAssets) -> float:
    """What picks the environment with the least colour."""
    radiance = assets.lights.coefficients[:, 0]  # (L, 3), the constant term
    neutral = int(np.argmin(np.ptp(radiance, axis=1) / radiance.mean(axis=1)))
    return (neutral + 0.5) / len(radiance)


def _turned(scene: SceneParams, yaw_deg: float, light: float) -> SceneParams:
    """The same head, turned, under the environment that `light` picks."""
    face = replace(scene.faces[0], euler=np.array([0.0, radians(yaw_deg), 0.0]))
    return replace(scene, faces=(face,), light=replace(scene.light, pick=light))
