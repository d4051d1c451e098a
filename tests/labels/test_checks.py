"""Each check must be near zero on right labels and as large as the mistake on wrong ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, intrinsics, project, to_camera_space
from synthgen.labels.checks import (
    Lens,
    coverage,
    drawn_share,
    landmark_chart_distance,
    landmark_depth_error,
    largest,
    mean_share,
    projection_error,
    quantile,
)
from synthgen.labels.surface_sample import pick_pixels, sample_surface
from synthgen.raster.fragments import Fragments
from synthgen.raster.rasterize import rasterize

SIZE = (64, 64)
# Two triangles that cover the chart.
UV = torch.tensor([[[0.0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]])


@pytest.fixture
def plane():
    """Fragments of a slanted square of two triangles before a pinhole camera, its vertices there, and its lens."""
    vertices = torch.tensor([[[-60.0, -60, 20], [60, -60, -20], [60, 60, -20], [-60, 60, 20]]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    camera = Cameras(
        True, torch.eye(3)[None], torch.tensor([[3.0, 2, 600]]), torch.tensor([200.0]), torch.tensor([[32.0, 32.0]])
    )
    in_camera = to_camera_space(camera, vertices)
    fragments = rasterize(project(camera, in_camera), triangles, SIZE, True)
    return fragments, triangles, in_camera, Lens(intrinsics(camera).numpy(), True)


def reprojection(fragments: Fragments, triangles: torch.Tensor, in_camera: torch.Tensor, lens: Lens) -> float:
    sample = sample_surface(fragments, pick_pixels(fragments.triangle_id >= 0), triangles, in_camera)
    return float(projection_error(lens, sample.picture, sample.points, sample.centre)[0])


def test_reprojection_finds_a_shift_of_half_a_pixel(plane):
    fragments, triangles, in_camera, lens = plane
    assert reprojection(*plane) < 1e-3
    shifted = lens.matrix.copy()
    shifted[:, :2, 2] += 0.5
    assert reprojection(fragments, triangles, in_camera, Lens(shifted, True)) == pytest.approx(np.sqrt(0.5), abs=1e-3)
    swapped = replace(fragments, barycentric=fragments.barycentric.roll(1, -1))
    assert reprojection(swapped, triangles, in_camera, lens) > 5
    assert reprojection(fragments, triangles, in_camera * torch.nan, lens) == np.inf


def test_the_grid_looks_at_the_middle_of_its_cells():
    pixels = pick_pixels(torch.ones((2, 24, 48), dtype=torch.bool))  # steps of two pixels
    assert len(pixels.row) == 2 * 12 * 24
    assert pixels.row.unique().tolist() == list(range(1, 24, 2))
    plane = torch.arange(2 * 24 * 48).view(2, 24, 48)
    expected = plane[pixels.picture, pixels.row, pixels.column]
    torch.testing.assert_close(pixels.of(plane), expected)


def test_scaled_orthographic_and_skewed_lenses():
    matrix = np.array([[[2.0, 0.5, 10], [0, 3, 20], [0, 0, 1]]])
    points = np.array([[4.0, 6, 100]])
    np.testing.assert_allclose(Lens(matrix, False).project(np.array([0]), points), [[21, 38]])
    np.testing.assert_allclose(Lens(matrix, True).project(np.array([0]), points), [[10.11, 20.18]])


def test_numbers_of_pictures():
    picture = np.array([0, 0, 0, 2, 2, 3])
    errors = np.array([1.0, 5, 2, 4, np.nan, 7])
    np.testing.assert_array_equal(largest(4, picture, errors), [5, np.nan, np.inf, 7])
    np.testing.assert_array_equal(quantile(4, picture, errors, 0.5), [2, np.nan, np.inf, 7])
    np.testing.assert_array_equal(quantile(4, picture, errors, 0.5, fewest=2), [2, np.nan, np.inf, np.nan])
    np.testing.assert_array_equal(quantile(4, picture, errors, 0.0), [1, np.nan, 4, 7])
    hit = np.array([True, True, False, False, False, True])
    np.testing.assert_allclose(mean_share(4, picture, hit), [2 / 3, np.nan, 0, 1])
    np.testing.assert_array_equal(mean_share(4, picture, hit, fewest=2), [2 / 3, np.nan, 0, np.nan])
    assert np.isnan(largest(3, np.zeros(0, int), np.zeros(0))).all()


def test_coverage_counts_pixels():
    index = torch.zeros((2, 4, 5), dtype=torch.uint8)
    index[1, 0], index[1, 1] = 1, 3
    np.testing.assert_allclose(coverage(index), [0, 0.5])


def test_landmark_depth_in_pixels_of_that_depth():
    depth = np.full((10, 10), 500.0, np.float32)
    points = np.array([[2.5 + n, 3.5] for n in range(6)] + [[50.0, 2.0], [1.5, 1.5]], np.float32)
    space = np.array([[0, 0, 500.0 + n] for n in (1, 2, 3, 3, 4, 5)] + [[0, 0, 900]] * 2, np.float32)
    codes = np.array([1, 1, 1, 1, 1, 1, 1, 2], np.uint8)  # the seventh lies outside, the eighth is hidden
    batch = [np.stack([array, array]) for array in (depth, points, space)]
    codes = np.stack([codes, np.full(8, 2, np.uint8)])
    lens = Lens(np.tile(np.diag([0.5, 0.5, 1.0]), (2, 1, 1)), False)
    np.testing.assert_allclose(landmark_depth_error(*batch, codes, lens), [1.5, np.nan])
    pinhole = Lens(np.tile(np.diag([250.0, 250, 1]), (2, 1, 1)), True)
    np.testing.assert_allclose(landmark_depth_error(*batch, codes, pinhole), [3 * 250 / 503, np.nan])


def test_landmarks_are_looked_for_on_the_chart(plane):
    fragments, triangles, in_camera, lens = plane
    weights = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.3, 0.3, 0.4]] * 2)
    owner = np.repeat([0, 1], 3)
    points = np.einsum("kc,kcd->kd", weights, in_camera[0].numpy()[triangles.numpy()[owner]].astype(float))
    places = lens.project(np.zeros(6, int), points)[None]
    wanted = np.einsum("kc,kcd->kd", weights, UV.numpy()[owner])
    seen = np.ones((1, 6), bool)
    found = landmark_chart_distance(fragments, UV, wanted, seen, places)
    assert found[0] < 0.05
    moved = landmark_chart_distance(fragments, UV, wanted, seen, places + [3.0, -4.0])
    assert moved[0] == pytest.approx(5, rel=0.05)  # the slanted plane's scale changes a little
    assert landmark_chart_distance(fragments, UV, wanted, seen, places + 1000.0)[0] == np.inf
    assert np.isnan(landmark_chart_distance(fragments, UV, wanted, seen & False, places)[0])


def grid_mesh(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A square of 2 side^2 triangles over the pixels 8 .. 56 in image space, facing the camera, and the triangles."""
    axis = torch.linspace(8, 56, side + 1)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    vertices = torch.stack([x, y, torch.full_like(x, 100)], dim=-1).view(1, -1, 3)
    corner = torch.tensor([row * (side + 1) + column for row in range(side) for column in range(side)])
    upper = torch.stack([corner, corner + side + 1, corner + 1], dim=-1)
    lower = torch.stack([corner + 1, corner + side + 1, corner + side + 2], dim=-1)
    return vertices.contiguous(), torch.cat([upper, lower]).int()


def test_a_blank_picture_is_told_from_a_face_outside():
    vertices, triangles = grid_mesh(8)
    drawn = rasterize(vertices, triangles, SIZE, False).triangle_id
    nothing = torch.full_like(drawn, -1)

    def share(vertices: torch.Tensor, labelled: torch.Tensor, everything: torch.Tensor) -> float:
        return float(drawn_share(vertices, triangles, labelled, everything, False)[0])

    assert share(vertices, drawn, drawn) == 1
    assert share(vertices, nothing, nothing) == 0
    half = drawn.clone()
    half[:, :32] = -1
    assert share(vertices, half, half) == pytest.approx(0.5, abs=0.1)
    # Seen from behind, outside, or hidden by the rest of the head: nothing to be seen, and no mistake.
    backs = vertices * torch.tensor([-1.0, 1, 1]) + torch.tensor([64.0, 0, 0])
    assert np.isnan(share(backs, nothing, nothing))
    assert np.isnan(share(vertices + 200, nothing, nothing))
    assert share(vertices, nothing, torch.full_like(drawn, len(triangles))) == 1
    # What cannot be placed must not pass for a face outside.
    assert share(vertices * torch.nan, nothing, nothing) == 0
