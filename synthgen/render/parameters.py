"""Everything that was sampled for a picture, as flat JSON values: the columns of samples.parquet."""

from collections.abc import Sequence
from math import degrees
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from synthgen.render.assets import RenderAssets
from synthgen.sampling.albedo import skin_record
from synthgen.sampling.scene import SceneParams

DIGITS = 5


def scene_parameters(scene: SceneParams, assets: RenderAssets) -> dict[str, Any]:
    """Sampled parameters of one picture; angles in degrees, lengths in pixels unless the name says otherwise."""
    face, light, sensor = scene.faces[0], scene.light, scene.sensor
    pitch, yaw, roll = np.degrees(face.euler).tolist()
    numbers = {
        "pitch_deg": pitch,
        "yaw_deg": yaw,
        "roll_deg": roll,
        "scale_px_per_mm": face.scale,
        "centre_x": face.centre[0],
        "centre_y": face.centre[1],
        "light_rotation_deg": degrees(light.rotation),
        "light_intensity": light.intensity,
        "noise": sensor.noise,
        "blur": sensor.blur,
        "exposure_gain": sensor.exposure,
    }
    if scene.focal is not None:
        numbers["focal_image_heights"] = scene.focal
    if assets.textures is None:
        numbers |= {f"skin_{name}": value for name, value in skin_record(face.skin).items()}
    # Rounded together: one by one takes three times as long.
    parameters: dict[str, Any] = dict(zip(numbers, _rounded(list(numbers.values())), strict=True))
    parameters |= {
        "identity": _rounded(face.identity),
        "expression": _rounded(face.expression),
        "light": assets.lights.names[int(light.pick * len(assets.lights.names))],
        "background": scene.background.kind,
        "background_file": _picked(assets.backgrounds.names, scene.background.pick),
        "faces": len(scene.faces),
        "occluders": len(scene.occluders),
    }
    if assets.textures is not None:
        parameters["texture_file"] = _picked(assets.textures.names, face.texture)
    # Absent where nothing was rejected, so that the bytes of a sample do not tell how rare that is.
    parameters |= {f"{what}_rejected": count for what, count in scene.rejected.items()}
    return parameters


def _picked(names: Sequence[str], pick: float) -> str:
    """The file name that `pick` in [0, 1) chooses, "" when there are none."""
    return names[int(pick * len(names))] if names else ""


def _rounded(values: ArrayLike) -> list[float]:
    rounded: list[float] = np.array(values, np.float64).round(DIGITS).tolist()
    return rounded
