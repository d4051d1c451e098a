import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize

TRIANGLES = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
VERTICES = torch.tensor(
    [[[1.0, 1, 10], [1, 7, 20], [7, 7, 40], [7, 1, 30]], [[0.0, 2, 9], [2, 6, 8], [6, 7, 7], [5, 0, 6]]]
)


def centres(size: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    return torch.stack([x, y], dim=-1)


def test_positions_interpolate_to_the_pixel_centres() -> None:
    fragments = rasterize(VERTICES, TRIANGLES, (8, 8), False)
    found = interpolate(fragments, TRIANGLES, VERTICES)
    seen = fragments.triangle_id >= 0
    assert seen.sum() > 40
    torch.testing.assert_close(found[..., :2][seen], centres(8).expand(2, 8, 8, 2)[seen])
    torch.testing.assert_close(found[..., 2][seen], fragments.depth[seen])
    assert torch.isnan(found[~seen]).all() and not torch.isnan(found[seen]).any()


def test_in_perspective_attributes_are_linear_on_the_surface() -> None:
    # Camera-space x of the pinhole (x - 4) / 10 * depth must agree with the pixel and the interpolated depth.
    fragments = rasterize(VERTICES, TRIANGLES, (8, 8), True)
    camera = torch.cat([(VERTICES[..., :2] - 4) / 10 * VERTICES[..., 2:], VERTICES[..., 2:]], dim=-1)
    found = interpolate(fragments, TRIANGLES, camera)
    seen = fragments.triangle_id >= 0
    back = found[..., :2] / found[..., 2:] * 10 + 4
    torch.testing.assert_close(back[seen], centres(8).expand(2, 8, 8, 2)[seen], atol=1e-4, rtol=0)


def test_attributes_of_corners_may_jump_between_triangles() -> None:
    fragments = rasterize(VERTICES, TRIANGLES, (8, 8), False)
    corners = torch.tensor([[[1.0]] * 3, [[5.0]] * 3])
    # N = T here and V = 3 is not: the per-corner form is (T, 3, C) with N = 1.
    first = interpolate(rasterize(VERTICES[:1], TRIANGLES, (8, 8), False), TRIANGLES, corners)[0, ..., 0]
    ids = fragments.triangle_id[0]
    torch.testing.assert_close(first[ids == 0], torch.ones(int((ids == 0).sum())))
    torch.testing.assert_close(first[ids == 1], torch.full((int((ids == 1).sum()),), 5.0))


def test_gradient_is_the_barycentric_weight() -> None:
    fragments = rasterize(VERTICES[:1], TRIANGLES, (8, 8), True)
    attributes = torch.zeros((1, 4, 1), requires_grad=True)
    interpolate(fragments, TRIANGLES, attributes).nansum().backward()
    expected = np.zeros(4)
    seen = fragments.triangle_id[0] >= 0
    for triangle, weights in zip(fragments.triangle_id[0][seen], fragments.barycentric[0][seen], strict=True):
        expected[TRIANGLES[triangle].numpy()] += weights.numpy()
    assert attributes.grad is not None
    np.testing.assert_allclose(attributes.grad[0, :, 0].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 4, 1), (2, 4), (3, 3, 2)])
def test_attributes_that_fit_neither_form_are_refused(shape: tuple[int, ...]) -> None:
    fragments = rasterize(VERTICES[:1], TRIANGLES, (8, 8), True)
    with pytest.raises(UsageError, match="attributes"):
        interpolate(fragments, TRIANGLES, torch.zeros(shape))
