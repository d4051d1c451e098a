"""Landmark marching: rotating the picture rotates the marched points, and a sphere's outline is found by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from synthgen.labels.landmarks import march_jaw

RADIUS = 50.0


def ring_template(points: int = 36) -> tuple[SimpleNamespace, np.ndarray]:
    """Contour lines on a sphere: jaw point j has the ring of latitude -5 j degrees; vertices (V, 3) mm."""
    longitude = np.linspace(-np.pi / 2, np.pi / 2, points)
    latitude = -np.deg2rad(5.0 * np.arange(17))[:, None]
    ring = np.stack(np.broadcast_arrays(
        np.sin(longitude) * np.cos(latitude), np.sin(latitude) + 0 * longitude, np.cos(longitude) * np.cos(latitude)
    ), axis=-1)  # fmt: skip
    return SimpleNamespace(contours=np.arange(17 * points).reshape(17, points)), RADIUS * ring.reshape(-1, 3)


@pytest.mark.parametrize("yaw", [-0.6, 0.6])
@pytest.mark.parametrize("roll", [0.0, 1.2, -2.5])
def test_the_outline_of_a_sphere(yaw: float, roll: float) -> None:
    template, vertices = ring_template()
    turn_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    posed = vertices @ (turn_z @ turn_y).T
    camera = torch.tensor(posed[None] * [1.0, -1.0, -1.0], dtype=torch.float32)
    fixed = np.zeros((1, 68, 2), np.float32)
    marched = march_jaw(template, camera, camera, np.array([[0.0, yaw, roll]]), fixed)[0]
    far = range(9, 17) if yaw > 0 else range(8)
    sign = 1.0 if yaw > 0 else -1.0
    for point in range(68):
        if point in far:  # the rim of the sphere at the point's latitude, seen from the front, then rolled
            latitude = -np.deg2rad(5.0 * point)
            rim = RADIUS * np.array([sign * np.cos(latitude), np.sin(latitude), 0.0])
            expected = (turn_z @ rim)[:2] * [1, -1]
            assert np.hypot(*(marched[point] - expected)) < 0.1  # candidates are 5 degrees apart
        else:
            assert (marched[point] == 0).all()
