"""An optimisation that must converge: the pose of the built-in head from its own silhouette and shading."""

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation_vector import rotation_from_vector
from synthgen.morphable.model import MorphableModel
from synthgen.render.differentiable import DrawnHeads, HeadMesh, draw_heads, open_head_mesh

SIZE = (96, 96)
FOCAL, DISTANCE = 240.0, 800.0  # 0.3 px per mm
TRUE_PLACE = torch.tensor([[6.0, -9.0, DISTANCE]])
TRUE_ROTATION = rotation_from_vector(torch.tensor([[0.1, 0.35, -0.05]]))
# The start: 10 degrees about a slanted axis, 5 px across the picture, 40 mm too far away.
START_ROTATION = rotation_from_vector(np.deg2rad(10.0) * torch.tensor([[0.48, 0.8, 0.36]])) @ TRUE_ROTATION
START_PLACE = TRUE_PLACE + torch.tensor([[3.0 * DISTANCE / FOCAL, -4.0 * DISTANCE / FOCAL, 40.0]])
# A step of one in each unknown: radians of a turn after the start, mm.
UNITS = torch.tensor([[0.1, 0.1, 0.1, 10.0, 10.0, 50.0]])
STEPS = 120
MOST_DEGREES, MOST_PIXELS, MOST_DEPTH_MM = 0.1, 0.05, 1.0


def draw(mesh: HeadMesh, rotation: torch.Tensor, place: torch.Tensor, smooth_edges: bool = True) -> DrawnHeads:
    centre = torch.tensor([[SIZE[1] / 2, SIZE[0] / 2]])
    cameras = Cameras(True, rotation, place, torch.tensor([FOCAL]), centre)
    light = torch.zeros((1, 9, 3))
    light[:, 0], light[:, 1], light[:, 2], light[:, 3] = 2.5, 0.6, 0.8, 0.5
    albedo = torch.full((1, len(mesh.mean) // 3, 3), 0.6)
    return draw_heads(mesh, torch.zeros((1, len(mesh.basis))), cameras, light, albedo, SIZE, smooth_edges)


def errors(rotation: torch.Tensor, place: torch.Tensor) -> tuple[float, float, float]:
    """Degrees of rotation, pixels across the picture, mm along the optical axis."""
    # The chord of the angle: its cosine has no digits left near zero.
    chord = (rotation - TRUE_ROTATION).norm() / np.sqrt(8.0)
    off = (place - TRUE_PLACE)[0]
    return 2 * float(torch.rad2deg(torch.arcsin(chord))), float(off[:2].norm()) * FOCAL / DISTANCE, abs(float(off[2]))


def recovered(mesh: HeadMesh, smooth_edges: bool) -> tuple[float, float, float]:
    """Errors after gradient descent (Adam) on the squared difference of picture and coverage."""
    target = draw(mesh, TRUE_ROTATION, TRUE_PLACE)
    unknowns = torch.zeros((1, 6), requires_grad=True)
    optimiser = torch.optim.Adam([unknowns], lr=0.15, betas=(0.8, 0.99))
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.97)

    def pose() -> tuple[torch.Tensor, torch.Tensor]:
        step = unknowns * UNITS
        return rotation_from_vector(step[:, :3]) @ START_ROTATION, START_PLACE + step[:, 3:]

    for _ in range(STEPS):
        optimiser.zero_grad()
        drawn = draw(mesh, *pose(), smooth_edges)
        loss = (drawn.image - target.image).square().mean() + (drawn.coverage - target.coverage).square().mean()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return errors(*pose())


def test_pose_is_recovered_from_silhouette_and_shading(builtin: MorphableModel) -> None:
    assert errors(START_ROTATION, START_PLACE) == pytest.approx((10.0, 5.0, 40.0), rel=1e-3)
    degrees, pixels, depth = recovered(open_head_mesh(builtin), smooth_edges=True)
    assert degrees < MOST_DEGREES
    assert pixels < MOST_PIXELS
    assert depth < MOST_DEPTH_MM


def test_without_silhouettes_it_is_not(builtin: MorphableModel) -> None:
    """So the test above does not pass by shading alone."""
    degrees, pixels, _ = recovered(open_head_mesh(builtin), smooth_edges=False)
    assert degrees > 10 * MOST_DEGREES or pixels > 10 * MOST_PIXELS
