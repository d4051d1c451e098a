"""Agreement with the gradients of PyTorch3D in the interior, where a user has it."""

from importlib.util import find_spec

import pytest
import torch

from synthgen.raster.pytorch3d import rasterize_pytorch3d
from synthgen.raster.rasterize import rasterize
from synthgen.raster.surface_gradient import differentiable_fragments
from tests.raster.gradient_scenes import ball, to_image

SIZE = (28, 40)


@pytest.mark.skipif(find_spec("pytorch3d") is None, reason="PyTorch3D is not installed")
@pytest.mark.parametrize("perspective", [False, True])
def test_barycentric_and_depth_move_with_the_vertices_alike(perspective: bool) -> None:
    sphere, triangles = ball(2)
    image = to_image(sphere[None], perspective, (20.3, 14.2), 11.0).float().contiguous()
    ours, theirs = (image.clone().requires_grad_() for _ in range(2))
    seen = rasterize(image, triangles, SIZE, perspective)
    found = differentiable_fragments(seen, ours, triangles, perspective)
    expected = rasterize_pytorch3d(theirs, triangles, SIZE, perspective)
    # The interior: both draw the same triangle, well inside of it.
    inside = (found.triangle_id == expected.triangle_id) & (found.barycentric.amin(dim=-1) > 0.02)
    assert inside.sum() > 200
    generator = torch.Generator().manual_seed(0)
    by_weights = torch.randn((int(inside.sum()), 3), generator=generator)
    by_depth = torch.randn(int(inside.sum()), generator=generator) / 100
    gradients = []
    for fragments, vertices in ((found, ours), (expected, theirs)):
        planes = [fragments.barycentric[inside], fragments.depth[inside]]
        gradients += torch.autograd.grad(planes, vertices, [by_weights, by_depth])
    assert gradients[1].abs().max() > 0.1
    assert (gradients[0] - gradients[1]).norm() < 0.01 * gradients[1].norm()
