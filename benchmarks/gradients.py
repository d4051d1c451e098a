"""Forward and backward passes of drawing on one core, ms per picture at 128 x 128: heads of 11,424 vertices."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time

import numpy as np
import torch

from benchmarks.figures import Figure
from benchmarks.raster import SIZE, posed_batch
from synthgen.geometry.camera import Cameras
from synthgen.geometry.normals import smooth_normals
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.raster.antialias import antialias
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize
from synthgen.raster.surface_gradient import differentiable_fragments
from synthgen.render.differentiable import HeadMesh, draw_heads, open_head_mesh
from synthgen.shading.lambertian import lambertian_shading

BATCH, REPEATS = 8, 15
MOST_RATIO = 3.0  # backward / forward


@dataclass(frozen=True)
class Leaves:
    """What gradients are taken by: vertices_image, normals and albedo (N, V, 3), light (N, 9, 3)."""

    vertices_image: torch.Tensor
    normals: torch.Tensor
    albedo: torch.Tensor
    light: torch.Tensor


def measure_gradients() -> dict[str, list[Figure]]:
    """Section title -> figures."""
    model = build_procedural_model("base")
    mesh = open_head_mesh(model)
    cameras, in_camera, in_image = posed_batch(model, True, 1)
    random = torch.Generator().manual_seed(0)
    light = torch.randn((BATCH, 9, 3), generator=random) + 2.0
    albedo = torch.rand((BATCH, len(model.mean), 3), generator=random)
    normals = smooth_normals(in_camera[:BATCH], mesh.triangles)
    leaves = Leaves(*(x.clone().requires_grad_() for x in (in_image[:BATCH], normals, albedo, light)))
    stages: dict[str, Callable[[], torch.Tensor]] = {
        "raster + interpolate + shade": lambda: shaded(mesh, leaves, smooth_edges=False),
        "the same with antialias": lambda: shaded(mesh, leaves, smooth_edges=True),
        "draw_heads, from coefficients and pose": whole_heads(mesh, cameras, leaves),
    }
    figures = []
    for name, draw in stages.items():
        forward, backward = pass_times(draw)
        figures += [
            Figure(f"{name}, forward", forward, "ms a picture"),
            Figure(f"{name}, backward", backward, "ms a picture"),
            Figure(f"{name}, backward / forward", backward / forward, "", MOST_RATIO, False),
        ]
    return {f"gradients, one core, {SIZE} x {SIZE}, {len(model.mean)} vertices, batches of {BATCH}": figures}


def shaded(mesh: HeadMesh, leaves: Leaves, smooth_edges: bool) -> torch.Tensor:
    """Pictures (N, H, W, 3 or 4) of vertices that are in the image already."""
    vertices = leaves.vertices_image
    seen = rasterize(vertices.detach(), mesh.triangles, (SIZE, SIZE), True)
    fragments = differentiable_fragments(seen, vertices, mesh.triangles, True)
    covered = (fragments.triangle_id >= 0)[..., None]
    at_pixels = interpolate(fragments, mesh.triangles, torch.cat([leaves.normals, leaves.albedo], dim=-1))
    at_pixels = torch.where(covered, at_pixels, 0.0)
    shading = lambertian_shading(leaves.light, torch.nn.functional.normalize(at_pixels[..., :3], dim=-1))
    colour = at_pixels[..., 3:] * shading
    if not smooth_edges:
        return colour
    picture = torch.cat([colour, covered.to(colour.dtype)], dim=-1)
    return antialias(picture, fragments, vertices, mesh.triangles, mesh.neighbours)


def whole_heads(mesh: HeadMesh, cameras: Cameras, leaves: Leaves) -> Callable[[], torch.Tensor]:
    """Drawing with gradients by coefficients, pose, light and albedo."""
    random = np.random.default_rng(1)
    coefficients = torch.from_numpy(0.5 * random.standard_normal((BATCH, len(mesh.basis)))).float().requires_grad_()
    rotation = cameras.rotation[:BATCH].clone().requires_grad_()
    translation = cameras.translation[:BATCH].clone().requires_grad_()
    posed = Cameras(True, rotation, translation, cameras.focal[:BATCH], cameras.principal[:BATCH])

    def draw() -> torch.Tensor:
        drawn = draw_heads(mesh, coefficients, posed, leaves.light, leaves.albedo, (SIZE, SIZE))
        return torch.cat([drawn.image, drawn.coverage[..., None]], dim=-1)

    return draw


def pass_times(draw: Callable[[], torch.Tensor]) -> tuple[float, float]:
    """Median processor time of the forward and the backward pass, ms per picture."""
    draw().square().sum().backward()
    forward, backward = [], []
    for _ in range(REPEATS):
        started = process_time()
        loss = draw().square().sum()
        between = process_time()
        loss.backward()
        forward.append(between - started)
        backward.append(process_time() - between)
    return 1e3 * median(forward) / BATCH, 1e3 * median(backward) / BATCH
