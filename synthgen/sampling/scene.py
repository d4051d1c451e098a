"""Everything that decides one picture, before a vertex is computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthgen.sampling.albedo import SkinParams

Vector = NDArray[np.float64]
OccluderKind = Literal["box", "ellipse", "polygon", "cutout"]


@dataclass(frozen=True)
class FaceParams:
    """One head in the picture.

    identity: (I,) standard deviations. expression: (E,) in the model's unit.
    euler: (3,) pitch, yaw, roll in radians (core.conventions).
    scale: pixels per mm at the depth of the model's anchor.
    centre: (2,) pixels, where the anchor (centre of the mean face's landmark box) appears.
    skin: paint of the procedural albedo; texture: in [0, 1), picks a texture file instead.
    """

    identity: Vector
    expression: Vector
    euler: Vector
    scale: float
    centre: Vector
    skin: SkinParams
    texture: float


@dataclass(frozen=True)
class LightParams:
    """Environment light: `pick` in [0, 1) chooses the environment, turned by `rotation` radians about +y, times
    `intensity`."""

    pick: float
    rotation: float
    intensity: float


@dataclass(frozen=True)
class BackgroundParams:
    """Picture behind the heads: `pick` in [0, 1) chooses the file; the crop is the largest one of the right aspect,
    reduced by `zoom` >= 1 and placed at fractions `x`, `y` of the free play; `colour` (3,) is sRGB in [0, 1]."""

    kind: str
    pick: float
    zoom: float
    x: float
    y: float
    colour: Vector
    seed: int


@dataclass(frozen=True)
class OccluderParams:
    """A shape in front of the face: centre (2,) px, size (2,) px (width, height), angle in radians counter-clockwise,
    sRGB colour (3,), `pick` for cut-outs, `seed` for polygons and surface texture."""

    kind: OccluderKind
    centre: Vector
    size: Vector
    angle: float
    colour: Vector
    pick: float
    seed: int


@dataclass(frozen=True)
class SensorParams:
    """noise: standard deviation in 8-bit levels; blur: Gaussian sigma in px; exposure: linear gain; seed of the
    noise."""

    noise: float
    blur: float
    exposure: float
    seed: int


@dataclass(frozen=True)
class SceneParams:
    """One picture of sample `index`. `focal`: image heights for perspective, None for scaled orthographic. The first
    face is the main one; the others stand behind it. `rejected`: what was drawn in vain before this, by name: "scene",
    "background", "texture", "cutout"; nothing for nearly all samples."""

    index: int
    size: tuple[int, int]
    focal: float | None
    faces: tuple[FaceParams, ...]
    light: LightParams
    background: BackgroundParams
    occluders: tuple[OccluderParams, ...]
    sensor: SensorParams
    rejected: Mapping[str, int] = field(default_factory=dict)
