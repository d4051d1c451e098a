"""From a template coordinate back to the triangle, against the triangle that the coordinate was made from."""

import numpy as np
import pytest

from synthgen.labels.chart_search import build_chart_search, locate_in_chart
from synthgen.morphable.model import MorphableModel

SQUARE = np.array([[[0.0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)


def test_two_triangles_by_hand() -> None:
    triangle, weights = locate_in_chart(build_chart_search(SQUARE), np.array([[0.75, 0.25], [0.25, 0.5], [1.0, 1.0]]))
    assert triangle[:2].tolist() == [0, 1] and triangle[2] in (0, 1)
    np.testing.assert_allclose(weights[:2], [[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]], atol=1e-12)
    np.testing.assert_allclose(SQUARE[triangle[2]].T @ weights[2], [1, 1], atol=1e-12)


def test_what_is_on_no_triangle() -> None:
    small = build_chart_search(SQUARE * np.float32(0.25))
    triangle, weights = locate_in_chart(
        small, np.array([[0.9, 0.9], [np.nan, 0.1], [-0.1, 0.1], [1.5, 0.1], [0.1, 0.1]])
    )
    assert triangle[:4].tolist() == [-1] * 4 and np.isnan(weights[:4]).all()
    assert triangle[4] >= 0
    nothing, _ = locate_in_chart(small, np.zeros((0, 2)))
    assert nothing.shape == (0,)
    flat = build_chart_search(np.zeros((1, 3, 2), np.float32))  # no area: found for no coordinate
    _, weights = locate_in_chart(flat, np.array([[0.0, 0.0]]))
    assert np.isnan(weights).all()


def test_a_point_in_every_triangle_of_the_head_is_found(procedural_model: MorphableModel) -> None:
    template = procedural_model.template
    uv = template.uv[: template.label_count].astype(np.float64)
    rng = np.random.default_rng(0)
    weights = rng.dirichlet([2, 2, 2], len(uv))
    found, barycentric = locate_in_chart(
        build_chart_search(template.uv[: template.label_count]), np.einsum("tk,tkc->tc", weights, uv)
    )
    assert (found == np.arange(len(uv))).mean() > 0.9999
    own = found == np.arange(len(uv))
    np.testing.assert_allclose(barycentric[own], weights[own], atol=1e-6)


@pytest.mark.parametrize("shift", [1 / 256, 0.03])
def test_a_wrong_coordinate_leads_elsewhere(procedural_model: MorphableModel, shift: float) -> None:
    template = procedural_model.template
    uv = template.uv[: template.label_count]
    found, weights = locate_in_chart(build_chart_search(uv), uv.mean(axis=1) + np.float32(shift))
    there = np.einsum("tk,tkc->tc", weights, uv[found])
    away = np.linalg.norm(there - uv.mean(axis=1), axis=-1)
    assert np.nanmedian(away) == pytest.approx(np.sqrt(2) * shift, rel=1e-3)
