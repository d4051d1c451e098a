"""Which bins of yaw, light, occlusion and expression a sample of the synthetic benchmark falls into."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.asset_io.lighting import LUMINANCE, open_lights
from synthgen.core.spherical_harmonics import irradiance, rotate_sh_y

# Directions in which a frontal face looks with its forehead, cheeks and chin.
_LOOKS = np.array([[0.0, 0.0, 1.0], [0.8, 0.0, 0.6], [-0.8, 0.0, 0.6], [0.0, 0.8, 0.6], [0.0, -0.8, 0.6]])


@dataclass(frozen=True)
class Axis:
    """A property by which samples are binned. edges: upper ends of all bins but the last, which a bin takes; names: of
    the bins."""

    name: str
    edges: tuple[float, ...]
    names: tuple[str, ...]

    def bin_of(self, value: float) -> int:
        """The number of the bin of a value."""
        return int(np.searchsorted(np.array(self.edges), value, side="left"))


YAW = Axis("yaw", (30.0, 60.0), ("|yaw| 0-30", "|yaw| 30-60", "|yaw| above 60"))
LIGHT = Axis("light", (2.0, 4.0), ("even light", "light 2-4 times as strong on one side", "harsher light"))
OCCLUSION = Axis(
    "occlusion", (0.0, 0.1, 0.3), ("nothing occluded", "up to 10 % occluded", "10-30 % occluded", "over 30 % occluded")
)
EXPRESSION = Axis("expression", (0.1, 0.5), ("neutral", "mild expression", "strong expression"))
TURN = Axis("turn", (30.0,), ("yaw changes by up to 30 deg", "yaw changes by more than 30 deg"))
IMAGE_AXES = (YAW, LIGHT, OCCLUSION, EXPRESSION)
PAIR_AXES = (TURN,)


def image_values(row: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], light_source: str) -> dict[str, float]:
    """Axis name -> value of a sample of kind `images`.

    row: its row of samples.parquet; arrays: amodal_mask and occluder_mask; light_source: `light.source` of the recipe.
    yaw: |degrees| in our convention; light: brightest over darkest of five directions of a frontal face; occlusion:
    share of the face's pixels behind occluders; expression: the largest weight of a movement.
    """
    amodal = arrays["amodal_mask"]
    hidden = float((amodal & arrays["occluder_mask"]).sum()) / max(int(amodal.sum()), 1)
    return {
        "yaw": abs(float(row["yaw_deg"])),
        "light": light_contrast(light_source, str(row["light"]), float(row["light_rotation_deg"])),
        "occlusion": hidden,
        "expression": float(np.abs(np.asarray(row["expression"])).max(initial=0.0)),
    }


def pair_values(row: Mapping[str, Any]) -> dict[str, float]:
    """Axis name -> value of a pair: turn, |degrees| between the yaws of its faces."""
    return {"turn": abs(float(row["source_yaw_deg"]) - float(row["target_yaw_deg"]))}


def light_contrast(source: str, name: str, rotation_deg: float) -> float:
    """The brightest over the darkest irradiance, in luminance, of a frontal face's middle, sides, top and bottom."""
    lights = _lights(source)
    turned = rotate_sh_y(lights[name], np.radians(rotation_deg))
    level = np.maximum(irradiance(turned, _LOOKS) @ LUMINANCE, 0.0)
    return float(level.max() / max(level.min(), 1e-3 * level.max()))


@lru_cache(maxsize=4)
def _lights(source: str) -> dict[str, NDArray[np.float64]]:
    lights = open_lights(source)
    return {name: table.astype(np.float64) for name, table in zip(lights.names, lights.coefficients, strict=True)}
