import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.geometry.rotation_vector import rotation_from_vector


def test_a_vector_turns_about_itself_by_its_length() -> None:
    vectors = torch.tensor([[0.0, 0.3, 0], [0.2, 0, 0], [0, 0, -0.4], [0, 0, 0]], dtype=torch.float64)
    euler = np.array([[0, 0.3, 0], [0.2, 0, 0], [0, 0, -0.4], [0, 0, 0]])  # pitch, yaw, roll
    torch.testing.assert_close(rotation_from_vector(vectors), torch.from_numpy(rotation_from_euler(euler)))
    skew = rotation_from_vector(torch.tensor([[0.7, -1.1, 2.0]], dtype=torch.float64))[0]
    axis = torch.tensor([0.7, -1.1, 2.0], dtype=torch.float64)
    torch.testing.assert_close(skew @ axis, axis)
    assert float(torch.trace(skew)) == pytest.approx(1 + 2 * np.cos(float(axis.norm())))


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.0], [1e-9, 0, 0], [0.7, -1.1, 2.0]])
def test_gradcheck_of_a_rotation(vector: list[float]) -> None:
    at = torch.tensor([vector], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_vector, at)


@pytest.mark.parametrize("perspective", [False, True])
def test_gradcheck_of_posing_and_projection(perspective: bool) -> None:
    random = np.random.default_rng(3)
    points = torch.from_numpy(random.normal(scale=80, size=(2, 5, 3)))
    vector = torch.from_numpy(random.normal(scale=0.4, size=(2, 3)))
    translation = torch.tensor([[5.0, -3, 600], [1, 2, 700]], dtype=torch.float64)
    focal = torch.tensor([900.0, 800.0] if perspective else [1.2, 0.7], dtype=torch.float64)
    principal = torch.tensor([[64.0, 60], [50, 70]], dtype=torch.float64)
    inputs = tuple(tensor.requires_grad_() for tensor in (points, vector, translation, focal, principal))

    def image(points, vector, translation, focal, principal):
        cameras = Cameras(perspective, rotation_from_vector(vector), translation, focal, principal)
        return project(cameras, to_camera_space(cameras, points))

    assert torch.autograd.gradcheck(image, inputs)
