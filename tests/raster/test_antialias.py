import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.raster.antialias import antialias
from synthgen.raster.rasterize import rasterize
from synthgen.raster.topology import side_neighbours
from tests.raster.gradient_scenes import ball, coverage_of, disk, disk_triangles, fragments_of, ring, to_image

QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
SIZE = (12, 14)


def rectangle(left: float, top: float, right: float, bottom: float, depth: float = 10.0) -> torch.Tensor:
    """(1, 4, 3) float64 px, the corners in the order of QUAD."""
    corners = [[left, top], [left, bottom], [right, bottom], [right, top]]
    return torch.tensor([[[x, y, depth] for x, y in corners]], dtype=torch.float64)


def exact_share(low: float, high: float, count: int) -> np.ndarray:
    """(count,) share of each pixel's interval that [low, high] covers."""
    start = np.arange(count)
    return np.clip(np.minimum(high, start + 1) - np.maximum(low, start), 0, 1)


@pytest.mark.parametrize(("left", "right"), [(3.3, 9.8), (3.7, 9.2), (3.5, 9.5), (4.0, 10.0)])
def test_coverage_of_an_upright_edge_is_exact(left: float, right: float) -> None:
    found = coverage_of(rectangle(left, 2.6, right, 8.9), QUAD, SIZE)[0].numpy()
    inner = slice(4, 8)  # away from the corners
    np.testing.assert_allclose(found[inner], np.tile(exact_share(left, right, 14), (4, 1)), atol=1e-6)
    np.testing.assert_allclose(found[:, 5:8], np.tile(exact_share(2.6, 8.9, 12)[:, None], (1, 3)), atol=1e-6)


@pytest.mark.parametrize("left", [3.3, 3.7])
def test_coverage_moves_with_its_edge(left: float) -> None:
    """An edge that moves by one pixel uncovers one pixel in each of its rows, and moves nothing else."""
    vertices = rectangle(left, 2.6, 9.8, 8.9).requires_grad_()
    found = coverage_of(vertices, QUAD, SIZE)[0]
    (gradient,) = torch.autograd.grad(found[5, 3], vertices, retain_graph=True)
    # The crossing of row 5 divides the left side in the proportion of its heights.
    share = (5.5 - 2.6) / (8.9 - 2.6)
    expected = torch.zeros_like(gradient)
    expected[0, 0, 0], expected[0, 1, 0] = -(1 - share), -share
    torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)
    (whole,) = torch.autograd.grad(found.sum(), vertices)
    rows, columns = 6, 6 + (left < 3.5)  # centres inside
    torch.testing.assert_close(whole[0, :2, 0].sum(), torch.tensor(-float(rows), dtype=torch.float64))
    torch.testing.assert_close(whole[0, (0, 3), 1].sum(), torch.tensor(-float(columns), dtype=torch.float64))


@pytest.mark.parametrize(("rings", "sectors"), [(1, 40), (3, 100), (60, 400)], ids=["fan", "cells", "below_a_pixel"])
def test_a_disk_grows_by_its_circumference(rings: int, sectors: int) -> None:
    """Also with 48,000 triangles a tenth of a pixel wide, whose rim no seen triangle touches."""
    polygon = sectors * np.sin(2 * np.pi / sectors) / 2  # area at radius 1
    growth = []
    triangles = disk_triangles(rings, sectors)
    for size in np.linspace(8.0, 10.0, 20):
        radius = torch.tensor(size, requires_grad=True)
        area = coverage_of(disk(radius, rings, sectors, (14.3, 13.8)), triangles, (28, 28)).sum()
        area.backward()
        assert radius.grad is not None
        growth.append(float(radius.grad) / (2 * polygon * size))
        assert float(area.detach()) == pytest.approx(polygon * size**2, rel=0.01)
        assert growth[-1] == pytest.approx(1, abs=0.05)  # pixel rows are samples of the rim
    assert np.mean(growth) == pytest.approx(1, abs=0.01)


def test_a_moving_disk_keeps_its_area() -> None:
    vertices = disk(torch.tensor(9.3, dtype=torch.float64), 3, 100, (14.3, 13.8)).requires_grad_()
    coverage_of(vertices, disk_triangles(3, 100), (28, 28)).sum().backward()
    assert vertices.grad is not None
    assert (vertices.grad.sum(dim=1).abs() < 0.03 * 2 * np.pi * 9.3).all()


@pytest.mark.parametrize("mesh", [lambda: ball(2), lambda: ball(5), ring], ids=["ball", "tiny_triangles", "ring"])
def test_coverage_is_near_that_of_supersampling(mesh) -> None:
    """256 samples per pixel; without blending differences reach 0.5, and their root sum of squares is 5 times it."""
    points, triangles = mesh()
    turned = points @ torch.linalg.matrix_exp(torch.tensor([[0, 0.5, -0.2], [-0.5, 0, -0.8], [0.2, 0.8, 0]])).double()
    vertices = to_image(turned[None], False, (24.3, 23.6), 14.0)
    finer = (vertices * torch.tensor([16.0, 16, 1])).float()
    samples = (rasterize(finer, triangles, (768, 768), False).triangle_id >= 0).double()
    expected = torch.nn.functional.avg_pool2d(samples, 16)
    found, hard = coverage_of(vertices, triangles, (48, 48)), samples[:, 8::16, 8::16]
    assert (found - expected).abs().max() < 0.25  # where two silhouettes meet in a point
    assert (found - expected).norm() < 0.2 * (hard - expected).norm()


def blended(vertices: torch.Tensor, triangles: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """(H, W, C): the colour of each triangle, black where none is seen, anti-aliased."""
    fragments = fragments_of(vertices, triangles, SIZE, False)
    ids = fragments.triangle_id.long()
    picture = torch.where((ids >= 0)[..., None], colours[ids.clamp(min=0)], 0.0)
    return antialias(picture, fragments, vertices, triangles, side_neighbours(triangles, vertices.shape[1]))[0]


def test_the_nearer_surface_owns_the_edge() -> None:
    """A near rectangle before a far one: its left edge blends the two colours and has all of the gradient."""
    near, far = rectangle(5.2, 3.0, 9.0, 9.0, depth=10), rectangle(2.0, 1.0, 12.0, 11.0, depth=20)
    vertices = torch.cat([far, near], dim=1).requires_grad_()
    triangles = torch.cat([QUAD, QUAD + 4])
    colours = torch.tensor([[0.2], [0.2], [1.0], [1.0]], dtype=torch.float64)
    found = blended(vertices, triangles, colours)[6, :, 0]
    torch.testing.assert_close(found[5], torch.tensor(0.8 * 1.0 + 0.2 * 0.2, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(found[5], vertices)
    assert gradient[0, :4].abs().max() == 0
    torch.testing.assert_close(gradient[0, 4:, 0].sum(), torch.tensor(-0.8, dtype=torch.float64))


def test_the_inside_of_a_surface_is_left_alone() -> None:
    """Sides between triangles of other colours are no silhouettes, wherever the surface does not end."""
    sphere, triangles = ball(3)
    vertices = to_image(sphere[None], True, (7.1, 6.2), 5.0)
    colours = torch.from_numpy(np.random.default_rng(0).uniform(size=(len(triangles), 3)))
    fragments = fragments_of(vertices, triangles, SIZE, True)
    picture = torch.where((fragments.triangle_id >= 0)[..., None], colours[fragments.triangle_id.long()], 0.0)
    found = antialias(picture, fragments, vertices, triangles, side_neighbours(triangles, len(sphere)))
    seen = (fragments.triangle_id[0] >= 0).float()
    beside = torch.nn.functional.max_pool2d(1 - seen[None], 3, stride=1, padding=1)[0] > 0
    inside = (seen > 0) & ~beside
    assert inside.sum() > 30
    assert torch.equal(found[0][inside], picture[0][inside])
    assert (found[0] != picture[0]).any(dim=-1).sum() > 20


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("mesh", [lambda: ball(1), lambda: ring(8, 6)], ids=["ball", "ring"])
def test_gradcheck_by_picture_and_vertices(mesh, perspective: bool) -> None:
    points, triangles = mesh()
    turned = points @ torch.linalg.matrix_exp(torch.tensor([[0, 0.5, -0.2], [-0.5, 0, -0.8], [0.2, 0.8, 0]])).double()
    vertices = to_image(torch.stack([turned, 0.8 * turned]), perspective, (4.13, 3.71), 2.6).contiguous()
    neighbours = side_neighbours(triangles, len(points))
    fragments = fragments_of(vertices, triangles, (7, 8), perspective)
    picture = torch.from_numpy(np.random.default_rng(5).uniform(size=(2, 7, 8, 2)))

    def result(colours: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
        return antialias(colours, fragments, moved, triangles, neighbours)

    inputs = (picture.requires_grad_(), vertices.requires_grad_())
    assert not torch.equal(result(*inputs), picture)
    assert torch.autograd.gradcheck(result, inputs)  # its fast mode does not see wrong terms here


def test_both_precisions_and_every_run_agree() -> None:
    sphere, triangles = ball(2)
    exact = to_image(sphere[None], True, (7.13, 6.21), 4.1)
    neighbours = side_neighbours(triangles, len(sphere))
    results, gradients = [], []
    for dtype in (torch.float64, torch.float32, torch.float32):
        vertices = exact.to(dtype, copy=True).requires_grad_()
        fragments = fragments_of(vertices, triangles, SIZE, True)
        picture = (fragments.triangle_id >= 0).to(dtype)[..., None]
        results.append(antialias(picture, fragments, vertices, triangles, neighbours))
        results[-1].square().sum().backward()
        gradients.append(vertices.grad)
    torch.testing.assert_close(results[1], results[0].float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(gradients[1], gradients[0].float(), atol=1e-4, rtol=0)
    assert torch.equal(results[1], results[2]) and torch.equal(gradients[1], gradients[2])


def test_nothing_in_the_picture_gives_nothing() -> None:
    vertices = (rectangle(3, 3, 9, 9) + torch.tensor([100.0, 0, 0])).requires_grad_()
    found = coverage_of(vertices, QUAD, SIZE)
    found.sum().backward()
    assert (found == 0).all() and vertices.grad is not None and (vertices.grad == 0).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda p: p.float(), "picture"),
        (lambda p: p[:, :5], "picture"),
        (lambda p: torch.full_like(p, float("nan")), "background"),
    ],
)
def test_wrong_pictures_are_refused(change, named: str) -> None:
    vertices = rectangle(3, 3, 9, 9)
    fragments = fragments_of(vertices, QUAD, SIZE, False)
    picture = change(torch.zeros((1, *SIZE, 1), dtype=torch.float64))
    with pytest.raises(UsageError, match=named):
        antialias(picture, fragments, vertices, QUAD, side_neighbours(QUAD, 4))
