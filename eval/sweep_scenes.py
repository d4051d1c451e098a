"""The same faces under a growing difficulty: yaw, occluded features, harsh light, a wrong box (dfc figures 7 to 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import cos, pi, radians, sin

import numpy as np
from numpy.typing import NDArray

from synthgen.core.seeds import rng_from_key
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import FaceParams, LightParams, OccluderParams, SceneParams

Floats = NDArray[np.float64]
# Landmarks of 68 about which a box hides a feature, in the order in which they disappear.
FEATURES: dict[str, tuple[int, ...]] = {
    "right eye": (*range(17, 22), *range(36, 42)),
    "nose": tuple(range(27, 36)),
    "mouth": tuple(range(48, 68)),
    "left eye": (*range(22, 27), *range(42, 48)),
}
MARGIN = 0.3  # of a feature's box on each side
YAWS = (0, 15, 30, 45, 60, 75, 90)
LIGHT_YAWS = (0, 30, 60)
FLASH_ANGLES = (0, 45, 90, 135)
BOX_SHARES = (0, 5, 10, 15, 20)
FRONTAL_SHARE = 0.2  # of the yaw that the benchmark draws, where a sweep is not about yaw
FLASH, EVEN = "flash", "overcast"
_KEY = 0x5EEB
_GREY = np.array([0.45, 0.45, 0.45])


@dataclass(frozen=True)
class Level:
    """One difficulty of a sweep. scene: (scene without occluders, its 68 landmarks in px) -> the scene to be shown."""

    sweep: str
    name: str
    value: float
    scene: Callable[[SceneParams, Floats], SceneParams]


def sweep_levels(light_names: Sequence[str], box: FaceBox) -> list[Level]:
    """The levels of all sweeps. light_names: of the recipe's lights, FLASH and EVEN among them; box: of the mean
    face."""
    levels = [Level("yaw", f"{yaw} deg", yaw, partial(_by_yaw, yaw)) for yaw in YAWS]
    names = tuple(FEATURES)
    for count in range(len(names) + 1):
        said = ", ".join(names[:count]) or "nothing"
        levels.append(Level("occlusion", said, count, partial(_by_features, names[:count])))
    picks = {name: (light_names.index(name) + 0.5) / len(light_names) for name in (EVEN, FLASH)}
    for yaw in LIGHT_YAWS:
        sweep = f"light, yaw {yaw} deg"
        levels.append(Level(sweep, "even light", -45, partial(_by_light, yaw, LightParams(picks[EVEN], 0.0, 1.0))))
        for angle in FLASH_ANGLES:
            light = LightParams(picks[FLASH], radians(angle), 1.0)
            levels.append(Level(sweep, f"flash at {angle} deg", angle, partial(_by_light, yaw, light)))
    return levels + [Level("box", f"{share} %", share, partial(_by_box, share, box)) for share in BOX_SHARES]


def _by_yaw(yaw_deg: float, scene: SceneParams, points: Floats) -> SceneParams:
    return turned(scene, yaw_deg)


def _by_features(features: Sequence[str], scene: SceneParams, points: Floats) -> SceneParams:
    return hidden(frontal(scene), points, features)


def _by_light(yaw_deg: float, light: LightParams, scene: SceneParams, points: Floats) -> SceneParams:
    return replace(turned(scene, yaw_deg), light=light)


def _by_box(percent: float, box: FaceBox, scene: SceneParams, points: Floats) -> SceneParams:
    return jittered(frontal(scene), percent / 100, box)


def turned(scene: SceneParams, yaw_deg: float) -> SceneParams:
    """The scene with its main face turned to a yaw, every second one to the other side, pitch and roll a third."""
    face = scene.faces[0]
    side = 1.0 if scene.index % 2 == 0 else -1.0
    euler = np.array([face.euler[0] / 3, side * radians(yaw_deg), face.euler[2] / 3])
    return _with_face(scene, replace(face, euler=euler))


def frontal(scene: SceneParams) -> SceneParams:
    """The scene with a share of its pose."""
    face = scene.faces[0]
    return _with_face(scene, replace(face, euler=FRONTAL_SHARE * face.euler))


def hidden(scene: SceneParams, points: Floats, features: Sequence[str]) -> SceneParams:
    """The scene with a grey box over each feature. points: (68, 2) px of this scene."""
    boxes = []
    for name in features:
        some = points[list(FEATURES[name])]
        low, high = some.min(axis=0), some.max(axis=0)
        # A nose seen from below is flat: no side of a box is shorter than half the other one.
        size = np.maximum((1 + 2 * MARGIN) * (high - low), 0.5 * (high - low).max())
        boxes.append(OccluderParams("box", (low + high) / 2, size, 0.0, _GREY, 0.0, scene.index))
    return replace(scene, occluders=tuple(boxes))


def jittered(scene: SceneParams, share: float, box: FaceBox) -> SceneParams:
    """The scene as a detector crops it whose box is off by `share` of its side, in a direction of the sample's own, and
    larger or smaller by as much."""
    face = scene.faces[0]
    random = rng_from_key(_KEY, scene.index)
    angle, sign = 2 * pi * random.random(), 1.0 if random.random() < 0.5 else -1.0
    # A box that is larger by a share shows the face smaller.
    zoom = 1.0 / (1.0 + sign * share)
    side = box.side * face.scale * zoom
    middle = np.array([scene.size[1], scene.size[0]]) / 2
    centre = middle + zoom * (face.centre - middle) + share * side * np.array([cos(angle), sin(angle)])
    return _with_face(scene, replace(face, scale=face.scale * zoom, centre=centre))


def _with_face(scene: SceneParams, face: FaceParams) -> SceneParams:
    return replace(scene, faces=(face,), occluders=())
