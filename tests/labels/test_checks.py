"""Each check must be near zero on right labels and large on wrong ones."""

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.labels.checks import (
    coverage,
    forward_backward_error,
    landmark_depth_error,
    reprojection_error,
)
from synthgen.raster.fragments import Fragments
from synthgen.raster.rasterize import rasterize


@pytest.fixture
def plane():
    """A slanted square of two triangles, 600 mm from a pinhole camera."""
    vertices = torch.tensor([[[-60.0, -60, 20], [60, -60, -20], [60, 60, -20], [-60, 60, 20]]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    camera = Cameras(
        True, torch.eye(3)[None], torch.tensor([[3.0, 2, 600]]), torch.tensor([200.0]), torch.tensor([[32.0, 32.0]])
    )
    in_camera = to_camera_space(camera, vertices)
    fragments = rasterize(project(camera, in_camera), triangles, (64, 64), True)
    return fragments, triangles, in_camera, camera


def test_reprojection_finds_a_shift_of_half_a_pixel(plane):
    fragments, triangles, in_camera, camera = plane
    assert reprojection_error(fragments, triangles, in_camera, camera)[0] < 1e-3
    shifted = Cameras(True, camera.rotation, camera.translation, camera.focal, camera.principal + 0.5)
    assert reprojection_error(fragments, triangles, in_camera, shifted)[0] == pytest.approx(np.sqrt(0.5), abs=1e-3)
    swapped = Fragments(fragments.triangle_id, fragments.barycentric.roll(1, -1), fragments.depth)
    assert reprojection_error(swapped, triangles, in_camera, camera)[0] > 5


def test_coverage_counts_pixels(plane):
    index = torch.zeros((2, 4, 5), dtype=torch.uint8)
    index[1, 0], index[1, 1] = 1, 3
    np.testing.assert_allclose(coverage(index), [0, 0.5])


def test_landmark_depth(plane):
    depth = np.full((10, 10), 500.0, np.float32)
    points = np.array([[2.5, 3.5], [4.5, 4.5], [50.0, 2.0], [1.5, 1.5]], np.float32)
    space = np.array([[0, 0, 501.0], [0, 0, 503.0], [0, 0, 900], [0, 0, 900]], np.float32)
    codes = np.array([1, 1, 1, 2], np.uint8)  # the third lies outside, the fourth is hidden
    batch = [np.stack([array, array]) for array in (depth, points, space)]
    codes = np.stack([codes, np.full(4, 2, np.uint8)])
    np.testing.assert_allclose(landmark_depth_error(*batch, codes), [2.0, np.nan])


def test_forward_backward():
    flow = torch.zeros(1, 16, 16, 2)
    flow[..., 0], flow[..., 1] = 2.25, -1.5
    codes = torch.zeros(1, 16, 16, dtype=torch.uint8)
    codes[:, 4:12, 4:12] = 1
    assert forward_backward_error(flow, -flow, codes)[0] == pytest.approx(0, abs=1e-5)
    assert forward_backward_error(flow, -flow + torch.tensor([0.3, 0.4]), codes)[0] == pytest.approx(0.5, abs=1e-5)
    assert np.isnan(forward_backward_error(flow, -flow, torch.zeros_like(codes))[0])
