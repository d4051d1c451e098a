"""From flow to surface points, against brute force; the choice of a few, against its promises."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.alignment.flow_points import TargetSurface, matches_of_flow, surface_at, triangles_beyond
from synthgen.alignment.stratify import stratified
from synthgen.core.errors import UsageError
from synthgen.fittings.mean_face_surface import mean_face_surface
from synthgen.morphable.model import MorphableModel
from tests.alignment.dense_photos import SIDE, DensePhotos

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def target(builtin: MorphableModel) -> TargetSurface:
    return mean_face_surface(builtin, (SIDE, SIDE))


def test_a_place_lies_in_the_triangle_that_is_seen_there(builtin: MorphableModel, target: TargetSurface) -> None:
    rng = np.random.default_rng(1)
    place = rng.uniform(0, SIDE, (400, 2))
    triangle, barycentric = surface_at(target, place)
    image = target.corners
    depth = -builtin.mean[builtin.template.triangles, 2]
    checked = 0
    for point, found, weights in zip(place, triangle, barycentric):
        # Every triangle that holds the place and faces the viewer; the nearest is seen.
        first, second = image[:, 1] - image[:, 0], image[:, 2] - image[:, 0]
        area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        offset = point - image[:, 0]
        beta = (offset[:, 0] * second[:, 1] - offset[:, 1] * second[:, 0]) / area
        gamma = (first[:, 0] * offset[:, 1] - first[:, 1] * offset[:, 0]) / area
        inside = np.flatnonzero((beta >= 0) & (gamma >= 0) & (beta + gamma <= 1) & (area < 0))  # y runs down
        if found < 0:
            continue
        if weights.min() > 1e-3:
            share = np.stack([1 - beta - gamma, beta, gamma], axis=-1)
            at = {row: share[row] @ depth[row] for row in inside}
            assert at[found] <= min(at.values()) + 2.0  # mm: a place beside a rim may be taken for what lies behind it
            checked += 1
        np.testing.assert_allclose(weights @ image[found], point, atol=1e-9)
    assert checked > 100


def test_triangles_across_a_side() -> None:
    # Two triangles of a square share the side 0-2, opposite vertex 1 and vertex 3.
    found = triangles_beyond(np.array([[0, 1, 2], [0, 2, 3]]))
    assert found.tolist() == [[-1, 1, -1], [-1, -1, 0]]


def test_exact_flow_leads_to_the_very_point(target: TargetSurface, dense: DensePhotos) -> None:
    there = matches_of_flow(target, dense.flow[0], dense.code[0] == 1)
    assert len(there.points) > 0.97 * (dense.code[0] == 1).sum()
    np.testing.assert_allclose(there.points % 1.0, 0.5)
    back = matches_of_flow(target, dense.backward[0], dense.code_backward[0] == 1, backward=True)
    np.testing.assert_allclose(back.place % 1.0, 0.5)
    # Flow there and flow back are two samplings of one map: near matches agree.
    nearest = np.linalg.norm(back.points[None] - there.points[::20, None], axis=-1).argmin(axis=1)
    moved = np.linalg.norm(back.points[nearest] - there.points[::20], axis=1)
    apart = np.linalg.norm(back.place[nearest] - there.place[::20], axis=1)
    assert np.median(apart[moved < 0.5]) < 1.0


def test_what_is_no_match_is_left_out(target: TargetSurface, dense: DensePhotos) -> None:
    flow, weight = dense.flow[1].copy(), (dense.code[1] == 1).astype(np.float32) * 0.75
    row, column = np.argwhere(weight > 0)[100]
    flow[row, column] = np.nan
    flow[row, column + 1] = 1000.0
    found = matches_of_flow(target, flow, weight)
    before = matches_of_flow(target, dense.flow[1], weight)
    assert len(found.points) == len(before.points) - 2
    assert set(found.weight) == {0.75}
    with pytest.raises(UsageError, match=r"\(128, 128, 2\)"):
        matches_of_flow(target, flow[:64], weight)


def test_a_choice_is_even_and_repeatable() -> None:
    rng = np.random.default_rng(2)
    # Three quarters of the correspondences lie in a quarter of the picture.
    place = np.concatenate([rng.uniform(0, 40, (6000, 2)), rng.uniform(0, 80, (2000, 2))])
    found = stratified(place, 400, seed=5, index=9)
    assert len(found.rows) == len(set(found.rows.tolist())) == 400
    np.testing.assert_allclose(found.share.sum(), 8000)
    dense_part = (place[found.rows] < 40).all(axis=1)
    assert abs(dense_part.mean() - 0.25) < 0.05  # its share of the picture, not of the correspondences
    np.testing.assert_allclose(found.share[dense_part].sum(), (place < 40).all(axis=1).sum(), rtol=0.05)
    # The weighted sum estimates the sum over all.
    value = np.sin(place[:, 0] / 9) + place[:, 1] / 40
    np.testing.assert_allclose((found.share * value[found.rows]).sum(), value.sum(), rtol=0.05)
    again, other = stratified(place, 400, 5, 9), stratified(place, 400, 5, 10)
    np.testing.assert_array_equal(again.rows, found.rows)
    assert not np.array_equal(other.rows, found.rows)
    few = place[found.rows[:40]]
    assert abs((few < 40).all(axis=1).mean() - 0.25) < 0.2  # a beginning is even too


def test_a_choice_of_all() -> None:
    found = stratified(np.random.default_rng(3).uniform(0, 9, (50, 2)), 60, seed=0)
    assert sorted(found.rows.tolist()) == list(range(50))
    assert (found.share == 1.0).all()
    assert len(stratified(np.zeros((0, 2)), 10, seed=0).rows) == 0
