"""Gradients of losses over whole pictures against differences, with silhouettes that move.

The anti-aliased picture bends where a silhouette passes a pixel centre. So central differences are taken over 1e-4 px,
where nothing bends (tolerance 1e-4 of the gradient's length), and over two whole pixels the gradient must add up to the
change of the loss (tolerance 3 % of the way): what bends leaves no bias. That is so for coverage; a colour jumps when a
pixel centre is covered, by half of what it differs from the next pixel's, and no gradient knows of that.
"""

import numpy as np
import pytest
import torch

from synthgen.geometry.rotation_vector import rotation_from_vector
from synthgen.raster.antialias import antialias
from synthgen.raster.interpolate import interpolate
from synthgen.raster.topology import side_neighbours
from tests.raster.gradient_scenes import ball, fragments_of, ring, to_image

SIZE, CENTRE, SCALE = (56, 60), (29.3, 29.6), 11.0
STEP = 1e-5  # of a radian, of the unit length and of the scale: 1e-4 px
TOLERANCE = 1e-4
# Sideways, up, away; rotation about three axes; scale.
PARAMETERS = torch.tensor([0.05, -0.03, 0.1, 0.4, -0.3, 0.2, 0.1], dtype=torch.float64)

BOTH = torch.ones(2)


def picture_weights() -> torch.Tensor:
    """(H, W, 2) smooth weights of the loss: a bright patch here, a dark one there."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] / 10.0
    return torch.from_numpy(np.stack([np.sin(x + 0.5) * np.cos(0.7 * y), np.cos(0.8 * x - y)], axis=-1))


def loss_of(parameters, mesh, perspective, smooth_edges=True, channels=BOTH):
    """Weighted sum of the picture: coverage, and a colour that varies over the surface."""
    points, triangles = mesh
    shift, vector, growth = parameters[:3], parameters[3:6], parameters[6]
    world = torch.exp(growth) * points @ rotation_from_vector(vector[None])[0].T + shift
    vertices = to_image(world[None], perspective, CENTRE, SCALE).contiguous()
    fragments = fragments_of(vertices, triangles, SIZE, perspective)
    seen = (fragments.triangle_id >= 0)[..., None]
    colour = interpolate(fragments, triangles, (0.6 + 0.4 * torch.sin(2 * points[..., :1]))[None])
    picture = torch.cat([seen.to(colour.dtype), torch.where(seen, colour, 0.0)], dim=-1)
    if smooth_edges:
        picture = antialias(picture, fragments, vertices, triangles, side_neighbours(triangles, len(points)))
    return (picture * channels * picture_weights()).sum()


def gradient(mesh, perspective, smooth_edges=True, at=PARAMETERS, channels=BOTH):
    parameters = at.clone().requires_grad_()
    loss_of(parameters, mesh, perspective, smooth_edges, channels).backward()
    return parameters.grad


def central_differences(mesh, perspective):
    steps = torch.eye(len(PARAMETERS), dtype=torch.float64) * STEP
    ends = [[loss_of(PARAMETERS + sign * step, mesh, perspective) for sign in (1, -1)] for step in steps]
    return torch.stack([(up - down) / (2 * STEP) for up, down in ends])


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("mesh", [lambda: ball(1), lambda: ball(3), ring], ids=["coarse_ball", "fine_ball", "ring"])
def test_gradient_of_a_moving_silhouette(mesh, perspective: bool) -> None:
    found, expected = gradient(mesh(), perspective), central_differences(mesh(), perspective)
    assert (found - expected).norm() < TOLERANCE * expected.norm()
    # Without anti-aliasing the same comparison fails by far: most of the gradient is the silhouette's.
    hard = gradient(mesh(), perspective, smooth_edges=False)
    assert (hard - expected).norm() > 0.5 * expected.norm()


@pytest.mark.parametrize("mesh", [lambda: ball(3), ring], ids=["ball", "ring"])
@pytest.mark.parametrize(
    ("parameter", "length"), [(0, 0.2), (1, 0.2), (4, 0.3), (6, 0.2)], ids=["right", "up", "yaw", "scale"]
)
def test_the_gradient_of_coverage_adds_up_along_a_path(mesh, parameter: int, length: float) -> None:
    """Two pixels sideways or up, 17 degrees, or 22 % larger, in 100 steps."""
    made, count = mesh(), 100
    covered = torch.tensor([1.0, 0.0])
    slopes = []
    for share in (np.arange(count) + 0.5) / count:
        slopes.append(float(gradient(made, True, at=moved(parameter, length * share), channels=covered)[parameter]))
    start, end = (float(loss_of(moved(parameter, way), made, True, channels=covered)) for way in (0.0, length))
    way = max(np.abs(slopes).mean() * length, 3.0)  # at least 3 px of weighted silhouette
    assert np.mean(slopes) * length == pytest.approx(end - start, abs=0.03 * way)


def moved(parameter: int, way: float) -> torch.Tensor:
    at = PARAMETERS.clone()
    at[parameter] += way
    return at


def test_tiny_triangles_give_the_gradient_of_large_ones() -> None:
    """A ball of 20,480 triangles, half a pixel wide, against one of 1,280: the same shape to 0.3 % of its radius."""
    fine, coarse = gradient(ball(5), True), gradient(ball(3), True)
    assert (fine - coarse).norm() < 0.1 * coarse.norm()
