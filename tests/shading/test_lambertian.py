import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.shading.lambertian import lambertian_shading
from synthgen.shading.spherical_harmonics import shading


def unit(count: int) -> torch.Tensor:
    """Unit vectors (2, count, 4, 3)."""
    directions = np.random.default_rng(1).normal(size=(2, count, 4, 3))
    return torch.from_numpy(directions / np.linalg.norm(directions, axis=-1, keepdims=True))


def lights(ambient: float) -> torch.Tensor:
    light = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 9, 3)))
    light[:, 0] += ambient
    return light


def test_is_the_shading_of_the_convention() -> None:
    light, normals = lights(0.5), unit(5)
    found = lambertian_shading(light, normals)
    expected = np.stack([shading(light[n].numpy(), normals[n].numpy()) for n in range(2)])
    assert (expected == 0).any() and (expected > 0).any()  # some of it is clamped
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_gradcheck_by_light_and_normals() -> None:
    light, normals = lights(0.5).requires_grad_(), unit(2).requires_grad_()
    assert torch.autograd.gradcheck(lambertian_shading, (light, normals))


def test_light_from_above_brightens_what_turns_up() -> None:
    light = torch.zeros((1, 9, 1), dtype=torch.float64)
    light[:, 0], light[:, 1] = 1.0, 0.5  # L1-1 is the y lobe
    normals = torch.tensor([[[1.0, 0, 0]]], dtype=torch.float64, requires_grad=True)
    lambertian_shading(light, normals).sum().backward()
    assert normals.grad is not None
    # d shading / dy = (2 pi / 3) sqrt(3 / 4 pi) 0.5 / pi
    expected = (2 / 3) * np.sqrt(3 / (4 * np.pi)) * 0.5
    np.testing.assert_allclose(normals.grad[0, 0].numpy(), [0, expected, 0], rtol=1e-12)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="light"):
        lambertian_shading(torch.zeros(2, 4, 3), torch.zeros(2, 5, 3))
