import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.raster.interpolate import interpolate
from synthgen.raster.rasterize import rasterize
from synthgen.raster.surface_gradient import differentiable_fragments
from tests.raster.gradient_scenes import ball, fragments_of, to_image

SIZE = (14, 16)
PROJECTIONS = pytest.mark.parametrize("perspective", [False, True], ids=["orthographic", "perspective"])


def scene(perspective: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Two balls (2, V, 3) float64 in the image, one of them dented."""
    sphere, triangles = ball(1)
    dents = torch.from_numpy(np.random.default_rng(4).normal(1.0, 0.1, (len(sphere), 1)))
    return to_image(torch.stack([sphere, sphere * dents]), perspective, (7.6, 6.9), 5.0).contiguous(), triangles


def plain_surface(vertices, triangles, triangle_id, perspective):
    """The same planes by plain torch in another way: planar weights by Cramer's rule, then division by depth."""
    batch, row, column = torch.nonzero(triangle_id >= 0, as_tuple=True)
    a, b, c = vertices[batch[:, None], triangles[triangle_id[batch, row, column].long()].long()].unbind(dim=1)
    offset = torch.stack([column + 0.5, row + 0.5], dim=-1) - a[:, :2]
    u, v = (b - a)[:, :2], (c - a)[:, :2]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    s = (offset[:, 0] * v[:, 1] - offset[:, 1] * v[:, 0]) / area
    t = (u[:, 0] * offset[:, 1] - u[:, 1] * offset[:, 0]) / area
    weights = torch.stack([1 - s - t, s, t], dim=-1)
    z = torch.stack([a[:, 2], b[:, 2], c[:, 2]], dim=-1)
    if perspective:
        depth = 1 / (weights / z).sum(dim=-1)
        weights = weights / z * depth[:, None]
    return weights, (weights * z).sum(dim=-1)


@PROJECTIONS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_those_of_the_rasteriser(perspective: bool, dtype: torch.dtype) -> None:
    vertices, triangles = scene(perspective)
    seen = rasterize(vertices.float(), triangles, SIZE, perspective)
    found = differentiable_fragments(seen, vertices.to(dtype), triangles, perspective)
    assert found.barycentric.dtype == found.depth.dtype == dtype
    assert torch.equal(found.triangle_id, seen.triangle_id)
    assert (seen.triangle_id >= 0).float().mean() > 0.2
    torch.testing.assert_close(found.barycentric.float(), seen.barycentric, atol=2e-5, rtol=0, equal_nan=True)
    torch.testing.assert_close(found.depth.float(), seen.depth, atol=1e-3, rtol=0, equal_nan=True)


@PROJECTIONS
def test_gradients_are_those_of_plain_torch(perspective: bool) -> None:
    vertices, triangles = scene(perspective)
    vertices.requires_grad_()
    found = fragments_of(vertices, triangles, SIZE, perspective)
    seen = found.triangle_id >= 0
    weights, depth = plain_surface(vertices, triangles, found.triangle_id, perspective)
    torch.testing.assert_close(found.barycentric[seen], weights)
    torch.testing.assert_close(found.depth[seen], depth)
    random = np.random.default_rng(1)
    by_weights = torch.from_numpy(random.normal(size=tuple(weights.shape)))
    by_depth = torch.from_numpy(random.normal(size=tuple(depth.shape)))
    (ours,) = torch.autograd.grad([found.barycentric[seen], found.depth[seen]], vertices, [by_weights, by_depth])
    (expected,) = torch.autograd.grad([weights, depth], vertices, [by_weights, by_depth])
    assert expected.abs().max() > 1
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@PROJECTIONS
def test_gradcheck_of_the_planes(perspective: bool) -> None:
    vertices, triangles = scene(perspective)
    ids = fragments_of(vertices, triangles, SIZE, perspective)
    seen = ids.triangle_id >= 0

    def planes(moved: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = differentiable_fragments(ids, moved, triangles, perspective)
        return found.barycentric[seen], found.depth[seen]

    assert torch.autograd.gradcheck(planes, vertices.requires_grad_())


@PROJECTIONS
def test_gradcheck_through_interpolation(perspective: bool) -> None:
    vertices, triangles = scene(perspective)
    attributes = torch.from_numpy(np.random.default_rng(2).normal(size=(2, vertices.shape[1], 2))).requires_grad_()
    ids = fragments_of(vertices, triangles, SIZE, perspective)
    seen = ids.triangle_id >= 0

    def interpolated(moved: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return interpolate(differentiable_fragments(ids, moved, triangles, perspective), triangles, values)[seen]

    assert torch.autograd.gradcheck(interpolated, (vertices.requires_grad_(), attributes))


def test_depth_of_a_sliding_plane() -> None:
    """Depth 3 x - 2 y + 50 at vertices: sliding by (dx, dy) changes the depth seen by -3 dx + 2 dy, everywhere."""
    flat = torch.tensor([[1.0, 1], [1, 12], [13, 12], [13, 1]], dtype=torch.float64)
    depth = 3 * flat[:, :1] - 2 * flat[:, 1:] + 50
    vertices = torch.cat([flat, depth], dim=-1)[None].requires_grad_()
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    found = fragments_of(vertices, triangles, SIZE, False)
    found.depth[0, 5, 6].backward()
    assert vertices.grad is not None
    torch.testing.assert_close(vertices.grad.sum(dim=1)[0], torch.tensor([-3.0, 2.0, 1.0], dtype=torch.float64))


def test_depth_of_a_sliding_plane_in_perspective() -> None:
    """1 / depth is linear in the image: 1 / depth = p x + 0.02, so sliding by dx changes depth by depth^2 p dx."""
    slope = 0.001
    flat = torch.tensor([[1.0, 1], [1, 12], [13, 12], [13, 1]], dtype=torch.float64)
    vertices = torch.cat([flat, 1 / (slope * flat[:, :1] + 0.02)], dim=-1)[None].requires_grad_()
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    depth = fragments_of(vertices, triangles, SIZE, True).depth[0, 5, 6]
    assert float(depth.detach()) == pytest.approx(1 / (slope * 6.5 + 0.02), rel=1e-12)
    depth.backward()
    assert vertices.grad is not None
    assert float(vertices.grad[0, :, 0].sum()) == pytest.approx(float(depth.detach()) ** 2 * slope, rel=1e-9)


def test_empty_pixels_are_nan_and_give_no_gradient() -> None:
    vertices, triangles = scene(True)
    vertices.requires_grad_()
    found = fragments_of(vertices, triangles, SIZE, True)
    empty = found.triangle_id < 0
    assert torch.isnan(found.depth[empty]).all() and torch.isnan(found.barycentric[empty]).all()
    torch.where(empty, 0.0, found.depth).sum().backward()
    assert vertices.grad is not None and torch.isfinite(vertices.grad).all() and vertices.grad.abs().max() > 0


def test_the_backward_pass_has_equal_bytes_every_time() -> None:
    vertices, triangles = scene(True)
    gradients = []
    for _ in range(2):
        moved = vertices.float().requires_grad_()
        torch.nan_to_num(fragments_of(moved, triangles, SIZE, True).barycentric).square().sum().backward()
        gradients.append(moved.grad)
    assert torch.equal(gradients[0], gradients[1])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda v: v.half(), "float32 or float64"),
        (lambda v: v[:1], "vertices_image"),
        (lambda v: v[..., :2], "vertices_image"),
        (lambda v: v.transpose(1, 2).contiguous().transpose(1, 2), "contiguous"),
    ],
)
def test_wrong_vertices_are_refused(change, named: str) -> None:
    vertices, triangles = scene(True)
    seen = rasterize(vertices.float(), triangles, SIZE, True)
    with pytest.raises(UsageError, match=named):
        differentiable_fragments(seen, change(vertices), triangles, True)
