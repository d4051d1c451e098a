import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.raster.warp_pose import SPAN, launch_pose_and_project


@pytest.mark.parametrize("perspective", [True, False])
def test_one_pass_equals_the_two_torch_operations(perspective):
    generator = torch.Generator().manual_seed(0)
    vertices = torch.randn(3, 2 * SPAN + 7, 3, generator=generator) * 80
    rotation = torch.tensor(
        rotation_from_euler(np.radians([[5, 20, 9], [-30, 70, 0], [0, -5, 2]])), dtype=torch.float32
    )
    translation = torch.tensor([[1.0, 2, 500], [-20, 5, 900], [0, 0, 300]]) if perspective else torch.zeros(3, 3)
    focal = torch.tensor([300.0, 500, 250]) if perspective else torch.tensor([0.5, 0.7, 0.9])
    cameras = Cameras(perspective, rotation, translation, focal, torch.tensor([[64.0, 64], [60, 50], [10, 90]]))
    posed, image = launch_pose_and_project(cameras, vertices)
    expected = to_camera_space(cameras, vertices)
    np.testing.assert_allclose(posed, expected, atol=2e-4)
    np.testing.assert_allclose(image, project(cameras, expected), atol=5e-4)
