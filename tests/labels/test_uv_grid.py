"""The grid of a fixed picture against brute force over all of its pixels."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import IGNORED, INVENTED, MATCHABLE, NO_FACE, NO_NEAR_UV
from synthgen.core.errors import UsageError
from synthgen.labels.nearest_uv import match_nearest_uv
from synthgen.labels.uv_grid import ChartedFragments, build_uv_grid, chart_coordinates, match_uv_grid
from synthgen.raster.fragments import Fragments

THRESHOLD = 0.015
Plane = NDArray[np.float32]


def brute_force(source: Plane, target: Plane, threshold: float) -> tuple[Plane, NDArray[np.uint8]]:
    """The rule in words: every pixel of the target, float32 distances, the first of equally near ones in row order."""
    flow = np.full(source.shape, np.nan, np.float32)
    code = np.full(source.shape[:2], NO_FACE, np.uint8)
    rows, columns = np.nonzero(np.isfinite(target).all(axis=-1))
    there = target[rows, columns]
    for row, column in np.argwhere(np.isfinite(source).all(axis=-1)):
        code[row, column] = NO_NEAR_UV
        if not len(there):
            continue
        du, dv = (there - source[row, column]).T
        squared = du * du + dv * dv
        nearest = int(squared.argmin())
        flow[row, column] = columns[nearest] - column, rows[nearest] - row
        if np.sqrt(squared[nearest]) < np.float32(threshold):
            code[row, column] = MATCHABLE
    return flow, code


def curved_chart(size: tuple[int, int], shift: float) -> Plane:
    """A head-like chart: an ellipse of uv values that crowd towards its rim, NaN around it."""
    y, x = ((np.indices(size) + 0.5) / np.array(size)[:, None, None] * 2 - 1).astype(np.float64)
    inside = (x / 0.8) ** 2 + (y / 0.9) ** 2 < 1
    uv = np.stack([0.5 + np.arcsin(x / 0.8001 * np.sqrt(inside)) / np.pi + shift, 0.5 - 0.45 * y], axis=-1)
    return np.where(inside[..., None], uv, np.nan).astype(np.float32)


def both(source: Plane, target: Plane, threshold: float = THRESHOLD) -> tuple[Plane, Plane, Plane, Plane]:
    flow, code = match_uv_grid(torch.from_numpy(source)[None], build_uv_grid(target), threshold)
    return flow[0].numpy(), code[0].numpy(), *brute_force(source, target, threshold)


@pytest.mark.parametrize("shift", (0.0, 0.013, 0.2))
def test_equals_brute_force_on_a_face_like_chart(shift: float) -> None:
    flow, code, expected_flow, expected_code = both(curved_chart((61, 47), shift), curved_chart((53, 71), 0.0))
    np.testing.assert_array_equal(flow, expected_flow)
    np.testing.assert_array_equal(code, expected_code)
    assert (code == MATCHABLE).sum() > 300


def test_equals_brute_force_on_random_coordinates() -> None:
    random = np.random.default_rng(0)
    for density in (0.002, 0.05, 0.9):
        target = random.random((64, 64, 2), np.float32)
        target[random.random((64, 64)) > density] = np.nan
        source = random.random((40, 50, 2), np.float32)
        source[random.random((40, 50)) > 0.8] = np.nan
        flow, code, expected_flow, expected_code = both(source, target, 0.05)
        np.testing.assert_array_equal(flow, expected_flow)
        np.testing.assert_array_equal(code, expected_code)


def test_the_first_of_equally_near_pixels_in_row_order() -> None:
    """Coordinates on a lattice, every one twice, and queries half way between: ties everywhere."""
    steps = (np.arange(16) + 0.5) / 16
    lattice = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).astype(np.float32)
    target = np.concatenate([lattice[::-1], lattice])
    queries = np.concatenate([lattice, lattice + np.float32(1 / 32), lattice - np.float32(1 / 32)])
    flow, code, expected_flow, expected_code = both(queries, target)
    np.testing.assert_array_equal(flow, expected_flow)
    np.testing.assert_array_equal(code, expected_code)


def test_coordinates_on_and_beyond_the_rim_of_the_chart() -> None:
    target = curved_chart((32, 32), 0.0)
    source = np.array([[[0.0, 0.0], [1.0, 1.0], [1.0, 0.3], [-1e-6, 0.5], [1.0000001, 0.5]]], np.float32)
    flow, code, expected_flow, expected_code = both(source, target)
    np.testing.assert_array_equal(flow, expected_flow)
    np.testing.assert_array_equal(code, expected_code)


def test_agrees_with_the_general_matcher() -> None:
    """The k-d tree of `match_nearest_uv` may choose another of two equally near pixels, never a farther one."""
    source, target = curved_chart((90, 90), 0.004), curved_chart((90, 90), 0.0)
    flow, code = match_uv_grid(torch.from_numpy(source)[None], build_uv_grid(target), THRESHOLD)
    tree_flow, tree_code = match_nearest_uv(torch.from_numpy(source)[None], torch.from_numpy(target)[None], THRESHOLD)
    assert torch.equal(code, tree_code)
    differs = ((flow != tree_flow) & ~torch.isnan(flow)).any(dim=-1)[0].numpy()
    assert differs.mean() < 0.01
    for row, column in np.argwhere(differs):
        ends = [(np.array([column, row]) + f[0, row, column].numpy()).astype(int) for f in (flow, tree_flow)]
        near, far = (np.linalg.norm(target[y, x] - source[row, column]) for x, y in ends)
        assert near <= far * (1 + 1e-6)


def test_fragments_give_what_their_coordinates_give() -> None:
    """Looked up on the way, row by row, with masks; more columns than are fetched ahead, and not a multiple."""
    random = np.random.default_rng(2)
    shape = (2, 33, 77)
    triangle = torch.from_numpy(random.integers(-1, 9, shape).astype(np.int32))
    weights = random.random((*shape, 3)).astype(np.float32)
    barycentric = torch.from_numpy(weights / weights.sum(axis=-1, keepdims=True))
    uv = torch.from_numpy(random.random((9, 3, 2), np.float32))
    fragments = Fragments(triangle, barycentric, torch.zeros(shape))
    ignored, invented = (torch.from_numpy(random.random(shape) < 0.2) for _ in range(2))
    target = random.random((64, 64, 2), np.float32)
    grid = build_uv_grid(target)
    found = match_uv_grid(ChartedFragments(fragments, uv), grid, 0.01, ignored, invented)
    chart = chart_coordinates(fragments, uv)
    expected = match_uv_grid(chart, grid, 0.01, ignored, invented)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(np.unique(found[1])) == {NO_FACE, MATCHABLE, NO_NEAR_UV, IGNORED, INVENTED}
    flow, code = brute_force(chart[1].numpy(), target, 0.01)
    clear = ~(ignored | invented)[1].numpy() | (code == NO_FACE)
    np.testing.assert_array_equal(found[1][1][clear], code[clear])
    np.testing.assert_array_equal(found[0][1][clear], flow[clear])
    assert torch.isnan(found[0][ignored & (triangle >= 0)]).all()


def test_a_target_without_a_face_matches_nothing() -> None:
    flow, code, expected_flow, expected_code = both(curved_chart((20, 20), 0.0), np.full((9, 9, 2), np.nan, np.float32))
    assert np.isnan(flow).all() and np.isnan(expected_flow).all()
    np.testing.assert_array_equal(code, expected_code)


def test_refuses_other_shapes() -> None:
    grid = build_uv_grid(curved_chart((8, 8), 0.0))
    with pytest.raises(UsageError, match="target_uv"):
        build_uv_grid(np.zeros((8, 8), np.float32))
    with pytest.raises(UsageError, match="source_uv"):
        match_uv_grid(torch.zeros(4, 4, 2), grid, THRESHOLD)
    with pytest.raises(UsageError, match="threshold"):
        match_uv_grid(torch.zeros(1, 4, 4, 2), grid, 0.0)
