"""The same values and gradients from CUDA's launches: run on the CPU everywhere, on a GPU where there is one."""

import pytest
import torch

from synthgen.raster import warp_antialias, warp_surface_gradient
from synthgen.raster.antialias import antialias
from synthgen.raster.interpolate import interpolate
from synthgen.raster.topology import side_neighbours
from tests.raster.gradient_scenes import fragments_of, ring, to_image

SIZE = (24, 28)


def picture_and_gradient(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """An anti-aliased picture of two tori, coloured by place, and the gradient of its sum of squares by vertices."""
    points, triangles = ring()
    tilt = torch.linalg.matrix_exp(torch.tensor([[0, 0.5, -0.2], [-0.5, 0, -0.8], [0.2, 0.8, 0]])).double()
    image = to_image(torch.stack([points @ tilt, points @ tilt.T]), True, (14.3, 11.9), 7.0)
    vertices = image.to(device, dtype).contiguous().requires_grad_()
    triangles = triangles.to(device)
    fragments = fragments_of(vertices, triangles, SIZE, True)
    seen = (fragments.triangle_id >= 0)[..., None]
    colour = interpolate(fragments, triangles, torch.sin(points.to(device, dtype)).expand(2, -1, -1))
    picture = torch.cat([seen.to(dtype), torch.where(seen, colour, 0.0)], dim=-1)
    found = antialias(picture, fragments, vertices, triangles, side_neighbours(triangles, len(points)))
    found.square().sum().backward()
    assert vertices.grad is not None
    return found.detach().cpu(), vertices.grad.cpu()


def per_pixel(planes: torch.Tensor) -> tuple[tuple[int, int], int]:
    """What pixel_spans says on CUDA."""
    return (len(planes), planes.shape[1] * planes.shape[2]), 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_thread_per_pixel_gives_the_same(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = picture_and_gradient("cpu", dtype)
    for module in (warp_antialias, warp_surface_gradient):
        monkeypatch.setattr(module, "pixel_spans", per_pixel)
    found = picture_and_gradient("cpu", dtype)
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gpu_gives_the_same(dtype: torch.dtype) -> None:
    found, expected = picture_and_gradient("cuda", dtype), picture_and_gradient("cpu", dtype)
    differs = (found[0] - expected[0]).abs().amax(dim=-1) > 1e-3
    assert differs.float().mean() < 0.005  # centres on the boundary band of the rasteriser
    assert (found[1] - expected[1]).norm() < 0.05 * expected[1].norm()
