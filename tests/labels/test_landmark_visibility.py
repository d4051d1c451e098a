import numpy as np
import pytest
import torch

from synthgen.core.conventions import LANDMARK_HIDDEN, LANDMARK_OCCLUDED, LANDMARK_OUTSIDE, LANDMARK_VISIBLE
from synthgen.labels.landmark_visibility import landmark_visibility
from synthgen.morphable.template import SurfacePoints
from synthgen.raster.rasterize import rasterize

# A floor z = 50 over the whole picture of 8 x 8 (triangles 0, 1) and a square before it, x in (2, 5), y in (0, 4).
VERTICES = torch.tensor(
    [[[-9.0, -9, 50], [-9, 17, 50], [17, 17, 50], [17, -9, 50], [2, 0, 40], [2, 4, 40], [5, 4, 40], [5, 0, 40]]]
)
TRIANGLES = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=torch.int32)


def on_floor(x: float, y: float) -> tuple[int, list[float]]:
    """Triangle and barycentrics of a point of the floor, both halves of which are right-angled."""
    u, v = (x + 9) / 26, (y + 9) / 26
    return (0, [1 - v, v - u, u]) if v >= u else (1, [1 - u, v, u - v])


def codes(
    places: list[tuple[float, float]], mask: torch.Tensor | None = None, vertices: torch.Tensor = VERTICES
) -> list:
    triangle, weights = zip(*(on_floor(*place) for place in places), strict=True)
    points = SurfacePoints(np.array(triangle, np.int32), np.array(weights, np.float32))
    occluder = torch.zeros((1, 8, 8), dtype=torch.bool) if mask is None else mask
    return landmark_visibility(points, TRIANGLES, vertices.contiguous(), occluder, False)[0].tolist()


def test_each_code_computed_by_hand() -> None:
    mask = torch.zeros((1, 8, 8), dtype=torch.bool)
    mask[0, 6, 1] = mask[0, 1, 3] = True
    places = [(1.5, 5.5), (3.3, 1.2), (-1.0, 4.0), (8.5, 4.0), (4.0, 9.0), (1.9, 6.1), (2.1, 3.9), (1.9, 3.9)]
    expected = [LANDMARK_VISIBLE, LANDMARK_HIDDEN, LANDMARK_OUTSIDE, LANDMARK_OUTSIDE, LANDMARK_OUTSIDE]
    expected += [LANDMARK_OCCLUDED, LANDMARK_HIDDEN, LANDMARK_VISIBLE]
    assert codes(places, mask) == expected


def test_points_that_face_away_are_hidden() -> None:
    mirrored = VERTICES * torch.tensor([-1.0, 1, 1]) + torch.tensor([8.0, 0, 0])
    assert codes([(1.5, 5.5), (6.5, 2.5)], vertices=mirrored) == [LANDMARK_HIDDEN] * 2


def test_before_near_counts_as_outside() -> None:
    points = SurfacePoints(np.array([0], np.int32), np.array([[0.4, 0.3, 0.3]], np.float32))
    closer = VERTICES.clone()
    closer[..., 2] = 0.5
    occluder = torch.zeros((1, 8, 8), dtype=torch.bool)
    assert landmark_visibility(points, TRIANGLES, closer, occluder, True).tolist() == [[LANDMARK_OUTSIDE]]


def test_agrees_with_a_ray_cast_on_real_heads(pair, ray_hidden) -> None:
    points = pair.model.template.landmarks["ibug68"]
    hidden = total = 0
    for view in (pair.source, pair.target):
        occluder = torch.zeros(view.fragments.triangle_id.shape, dtype=torch.bool)
        perspective = view.cameras.perspective
        found = landmark_visibility(points, pair.triangles, view.vertices_image, occluder, perspective)
        for n, codes_of_head in enumerate(found):
            surface = (points.triangle, points.barycentric)
            expected = ray_hidden(view, pair.triangles.numpy(), n, surface)
            inside = codes_of_head != LANDMARK_OUTSIDE
            # A landmark on a vertex lies on all triangles around it, which may face either way at an outline.
            assert ((codes_of_head == LANDMARK_HIDDEN) != expected)[inside].sum() <= 1
            hidden, total = hidden + int(expected[inside].sum()), total + int(inside.sum())
    assert total > 300
    assert 0.05 < hidden / total < 0.7


@pytest.mark.gpu
def test_cuda_equals_the_cpu(pair) -> None:
    points, view = pair.model.template.landmarks["ibug68"], pair.source
    occluder = torch.zeros(view.fragments.triangle_id.shape, dtype=torch.bool)
    arguments = (pair.triangles, view.vertices_image, occluder)
    expected = landmark_visibility(points, *arguments, view.cameras.perspective)
    moved = landmark_visibility(points, *(tensor.cuda() for tensor in arguments), view.cameras.perspective)
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("size", [(128, 128), (300, 90), (61, 259)])
def test_the_rasterisers_list_of_fronts_changes_no_code(pair, size: tuple[int, int]) -> None:
    points, view = pair.model.template.landmarks["ibug68"], pair.source
    perspective, occluder = view.cameras.perspective, torch.zeros((len(view.vertices_image), *size), dtype=torch.bool)
    scale = torch.tensor([size[1] / 128, size[0] / 128, 1.0])
    vertices = view.vertices_image * scale
    fronts = rasterize(vertices, pair.triangles, size, perspective).fronts
    assert fronts is not None
    listed = landmark_visibility(points, pair.triangles, vertices, occluder, perspective, fronts=fronts)
    assert (listed == LANDMARK_HIDDEN).any()
    np.testing.assert_array_equal(listed, landmark_visibility(points, pair.triangles, vertices, occluder, perspective))
