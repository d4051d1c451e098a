"""Everything that was sampled for a picture, as flat JSON values: the columns of samples.parquet."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.render.assets import RenderAssets
from synthgen.sampling.albedo import skin_record
from synthgen.sampling.scene import SceneParams

DIGITS = 5


def scene_parameters(scene: SceneParams, assets: RenderAssets) -> dict[str, Any]:
    """Sampled parameters of one picture; angles in degrees, lengths in pixels unless the name says otherwise."""
    face = scene.faces[0]
    pitch, yaw, roll = np.degrees(face.euler)
    parameters: dict[str, Any] = {
        "pitch_deg": _number(pitch),
        "yaw_deg": _number(yaw),
        "roll_deg": _number(roll),
        "scale_px_per_mm": _number(face.scale),
        "centre_x": _number(face.centre[0]),
        "centre_y": _number(face.centre[1]),
        "identity": _numbers(face.identity),
        "expression": _numbers(face.expression),
        "light": assets.lights.names[int(scene.light.pick * len(assets.lights.names))],
        "light_rotation_deg": _number(np.degrees(scene.light.rotation)),
        "light_intensity": _number(scene.light.intensity),
        "background": scene.background.kind,
        "background_file": _picked(assets.backgrounds.names, scene.background.pick),
        "faces": len(scene.faces),
        "occluders": len(scene.occluders),
        "noise": _number(scene.sensor.noise),
        "blur": _number(scene.sensor.blur),
        "exposure_gain": _number(scene.sensor.exposure),
    }
    if scene.focal is not None:
        parameters["focal_image_heights"] = _number(scene.focal)
    if assets.textures is None:
        parameters |= {f"skin_{name}": _number(value) for name, value in skin_record(face.skin).items()}
    else:
        parameters["texture_file"] = _picked(assets.textures.names, face.texture)
    return parameters


def _picked(names: Sequence[str], pick: float) -> str:
    """The file name that `pick` in [0, 1) chooses, "" when there are none."""
    return names[int(pick * len(names))] if names else ""


def _number(value: float) -> float:
    return round(float(value), DIGITS)


def _numbers(values: NDArray[np.floating]) -> list[float]:
    rounded: list[float] = np.round(np.asarray(values, np.float64), DIGITS).tolist()
    return rounded
