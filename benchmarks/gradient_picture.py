"""The picture of docs/differentiable.md: how each pixel of a head changes when the head turns or moves.

Run: python -m benchmarks.gradient_picture docs/silhouette_gradient.png   (a minute on one core)
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation_vector import rotation_from_vector
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.render.differentiable import HeadMesh, draw_heads, open_head_mesh
from synthgen.shading.transfer import srgb_from_linear

SIDE, ENLARGED, MARGIN, CAPTION = 64, 4, 8, 16
STEP = 1e-5
POSE = (0.1, 0.6, 0.0, 0.0, 12.0, 700.0)  # rotation vector, translation in mm
# Parameter, unit of the derivative, value of full colour.
ROWS = ((1, "per radian of yaw", 4.0), (3, "per mm to the right", 0.12))
Floats = NDArray[np.float64]


def grey(mesh: HeadMesh, pose: torch.Tensor, smooth_edges: bool = True) -> torch.Tensor:
    """(H, W) the mean of red, green and blue of a head before a dark background."""
    centre = torch.full((1, 2), SIDE / 2, dtype=torch.float64)
    focal = torch.tensor([150.0], dtype=torch.float64)
    cameras = Cameras(True, rotation_from_vector(pose[None, :3]), pose[None, 3:], focal, centre)
    light = torch.zeros((1, 9, 3), dtype=torch.float64)
    light[:, 0], light[:, 1], light[:, 2], light[:, 3] = 2.5, 0.6, 0.8, 0.8
    albedo = torch.full((1, len(mesh.mean) // 3, 3), 0.6, dtype=torch.float64)
    coefficients = torch.zeros((1, len(mesh.basis)), dtype=torch.float64)
    return draw_heads(mesh, coefficients, cameras, light, albedo, (SIDE, SIDE), smooth_edges).image[0].mean(dim=-1)


def analytic(mesh: HeadMesh, parameter: int, smooth_edges: bool) -> Floats:
    """(H, W) derivative of each pixel: one backward pass each."""
    pose = torch.tensor(POSE, dtype=torch.float64, requires_grad=True)
    picture = grey(mesh, pose, smooth_edges)
    values = np.zeros((SIDE, SIDE))
    for row, column in np.ndindex(SIDE, SIDE):
        (gradient,) = torch.autograd.grad(picture[row, column], pose, retain_graph=True)
        values[row, column] = float(gradient[parameter])
    return values


def differences(mesh: HeadMesh, parameter: int) -> Floats:
    """(H, W) central differences."""
    with torch.no_grad():
        step = torch.zeros(6, dtype=torch.float64)
        step[parameter] = STEP
        pose = torch.tensor(POSE, dtype=torch.float64)
        return np.asarray((grey(mesh, pose + step) - grey(mesh, pose - step)) / (2 * STEP))


def signed_colours(values: Floats, full: float) -> NDArray[np.uint8]:
    """(H, W, 3): white at 0, red at `full`, blue at -full."""
    share = np.clip(values / full, -1, 1)[..., None]
    red, blue = np.array([178, 24, 43]), np.array([33, 102, 172])
    end = np.where(share > 0, red, blue)
    return np.rint(255 + np.abs(share) * (end - 255.0)).astype(np.uint8)


def sheet(panels: list[list[tuple[str, NDArray[np.uint8]]]]) -> Image.Image:
    """Rows of captioned panels."""
    side = SIDE * ENLARGED
    width = len(panels[0]) * (side + MARGIN) + MARGIN
    whole = Image.new("RGB", (width, len(panels) * (side + MARGIN + CAPTION) + MARGIN), "white")
    draw = ImageDraw.Draw(whole)
    for row, line in enumerate(panels):
        for column, (caption, pixels) in enumerate(line):
            x, y = MARGIN + column * (side + MARGIN), MARGIN + row * (side + MARGIN + CAPTION)
            draw.text((x, y), caption, fill="black")
            whole.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST), (x, y + CAPTION))
    return whole


def main(path: Path, say: Callable[[str], None]) -> None:
    """Write the picture and say how well both sides agree."""
    torch.set_num_threads(1)
    mesh = open_head_mesh(build_procedural_model("base"), dtype=torch.float64)
    picture = np.asarray(grey(mesh, torch.tensor(POSE, dtype=torch.float64)))
    shown = np.rint(255 * np.repeat(srgb_from_linear(picture)[..., None], 3, axis=-1)).astype(np.uint8)
    panels = []
    for parameter, unit, full in ROWS:
        expected, found = differences(mesh, parameter), analytic(mesh, parameter, True)
        hard = analytic(mesh, parameter, False)
        for name, values in (("with", found), ("without", hard)):
            error = np.linalg.norm(values - expected) / np.linalg.norm(expected)
            say(f"{unit}: {name} anti-aliasing, relative difference to central differences {error:.4f}")
        panels.append(
            [
                ("picture", shown),
                (f"gradient, {unit}", signed_colours(found, full)),
                (f"central differences, step {STEP:g}", signed_colours(expected, full)),
                ("gradient without antialias", signed_colours(hard, full)),
            ]
        )
    sheet(panels).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), print)
