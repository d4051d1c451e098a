"""Density layers of the procedural albedo for any model with the project's chart.

albedo_rgb(uv) = exp(-sum_k layers[uv, k] * absorbance[k, rgb]), after Beer and Lambert: layers belong to the model,
absorbances (sampling/albedo.py) to the sample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.albedo import eyes, hair, skin
from synthgen.morphable.albedo.ambient import open_sky
from synthgen.morphable.albedo.canvas import Canvas, Plane, open_canvas
from synthgen.morphable.albedo.names import LAYER_NAMES
from synthgen.morphable.albedo.texels import paint_texels
from synthgen.morphable.template import Template, evaluate_points

SIZE = 512

_PAINTERS: dict[str, Callable[[Canvas], Plane]] = {
    "dermis": skin.paint_dermis,
    "melanin": skin.paint_melanin,
    "haemoglobin": skin.paint_haemoglobin,
    "lips": skin.paint_lips,
    "brows": hair.paint_brows,
    "lashes": hair.paint_lashes,
    "periorbital": skin.paint_periorbital,
    "stubble": hair.paint_stubble,
    "freckles": skin.paint_freckles,
    "pores": skin.paint_pores,
    "hair": hair.paint_hair,
    "white": eyes.paint_white,
    "iris": eyes.paint_iris,
    "dark": eyes.paint_dark,
    "mouth": eyes.paint_mouth,
    "shade": skin.paint_shade,
}


@dataclass(frozen=True)
class AlbedoModel:
    """layers: (S, S, K) float32 densities >= 0, row 0 at v = 1; names: K layer names, `names.LAYER_NAMES`."""

    layers: NDArray[np.float32]
    names: tuple[str, ...]


def build_albedo_model(template: Template, mean_vertices: NDArray[np.floating], size: int = SIZE) -> AlbedoModel:
    """Density layers for a mean head (V, 3), mm, world space, with the project's chart and iBUG-68 landmarks.

    A pure function of its arguments: every process paints the same layers. size: texels a side, a power of two.
    """
    vertices = np.asarray(mean_vertices, np.float64)
    sky = open_sky(vertices, template.triangles)
    landmarks = evaluate_points(template.landmarks["ibug68"], template.triangles, vertices)
    canvas = open_canvas(paint_texels(template, vertices, sky, size), landmarks)
    layers = [np.maximum(_PAINTERS[name](canvas), 0.0).astype(np.float32) for name in LAYER_NAMES]
    return AlbedoModel(np.stack(layers, axis=-1), LAYER_NAMES)


def mip_levels(layers: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The layers (S, S, K) and their halvings down to 1 x 1, each the box average of the level before."""
    levels = [layers]
    while len(levels[-1]) > 1:
        fine = levels[-1]
        half = len(fine) // 2
        levels.append(fine.reshape(half, 2, half, 2, -1).mean(axis=(1, 3), dtype=np.float32))
    return levels
