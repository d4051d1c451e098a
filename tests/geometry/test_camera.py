import numpy as np
import torch

from synthgen.geometry.camera import Cameras, camera_from_world, intrinsics, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler


def cameras(perspective):
    rotation = torch.tensor(rotation_from_euler(np.radians([[10, 20, 30]])), dtype=torch.float32)
    translation = torch.tensor([[5.0, -7.0, 600.0]]) if perspective else torch.zeros(1, 3)
    focal = torch.tensor([400.0 if perspective else 0.7])
    return Cameras(perspective, rotation, translation, focal, torch.tensor([[64.0, 60.0]]))


def test_perspective_by_hand():
    straight = Cameras(
        True, torch.eye(3)[None], torch.tensor([[0.0, 0, 500]]), torch.tensor([250.0]), torch.tensor([[64.0, 64]])
    )
    # 20 mm to the subject's left, 10 mm up, 100 mm towards the viewer: depth 400
    image = project(straight, to_camera_space(straight, torch.tensor([[[20.0, 10, 100]]])))
    np.testing.assert_allclose(image[0, 0], [64 + 250 * 20 / 400, 64 - 250 * 10 / 400, 400], rtol=1e-6)


def test_orthographic_is_the_paper_equation_with_y_flipped():
    camera = cameras(False)
    v = torch.tensor([[[30.0, -40, 50]]])
    posed = camera.rotation[0] @ v[0, 0]
    image = project(camera, to_camera_space(camera, v))
    expected = [64 + 0.7 * posed[0], 60 - 0.7 * posed[1], -posed[2]]
    np.testing.assert_allclose(image[0, 0], expected, rtol=1e-5)


def test_matrices_reproduce_the_projection():
    camera = cameras(True)
    points = torch.randn(1, 50, 3) * 60
    homogeneous = torch.cat([points, torch.ones(1, 50, 1)], -1)
    in_camera = (camera_from_world(camera) @ homogeneous.transpose(1, 2)).transpose(1, 2)[..., :3]
    pixel = (intrinsics(camera) @ in_camera.transpose(1, 2)).transpose(1, 2)
    image = project(camera, to_camera_space(camera, points))
    np.testing.assert_allclose(pixel[..., :2] / pixel[..., 2:], image[..., :2], atol=1e-3)
    np.testing.assert_allclose(in_camera[..., 2], image[..., 2], atol=1e-3)
