import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.shading.texture import sample_texture


def bilinear(texture: np.ndarray, u: float, v: float) -> np.ndarray:
    """Row 0 is v = 1, texel centres at half-integers, the edge repeated."""
    height, width = texture.shape[:2]
    x, y = np.clip(u * width - 0.5, 0, width - 1), np.clip((1 - v) * height - 0.5, 0, height - 1)
    column, row = min(int(x), width - 2), min(int(y), height - 2)
    fx, fy = x - column, y - row
    rows = [(1 - fx) * texture[r, column] + fx * texture[r, column + 1] for r in (row, row + 1)]
    return (1 - fy) * rows[0] + fy * rows[1]


def test_values_by_hand() -> None:
    random = np.random.default_rng(0)
    textures, uv = random.normal(size=(2, 4, 6, 3)), random.uniform(-0.02, 1.02, (2, 3, 5, 2))
    found = sample_texture(torch.from_numpy(textures), torch.from_numpy(uv))
    for n, row, column in np.ndindex(2, 3, 5):
        expected = bilinear(textures[n], *uv[n, row, column])
        np.testing.assert_allclose(found[n, row, column].numpy(), expected, rtol=1e-9, atol=1e-12)
    one = sample_texture(torch.from_numpy(textures[:1]), torch.from_numpy(uv))
    torch.testing.assert_close(one[0], found[0])


def test_row_0_is_the_top_of_the_chart() -> None:
    texture = torch.arange(4.0)[None, :, None, None].expand(1, 4, 4, 1)
    assert sample_texture(texture, torch.tensor([[[[0.5, 0.999], [0.5, 0.001]]]])).flatten().tolist() == [0, 3]


def test_gradcheck_by_texture_and_place() -> None:
    random = np.random.default_rng(3)
    texture = torch.from_numpy(random.normal(size=(1, 4, 5, 2))).requires_grad_()
    uv = torch.from_numpy(random.uniform(0.15, 0.85, (2, 3, 2, 2))).requires_grad_()
    assert torch.autograd.gradcheck(sample_texture, (texture, uv))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="texture"):
        sample_texture(torch.zeros(3, 4, 4, 3), torch.zeros(2, 5, 5, 2))
