"""The fine resolution is the base with a vertex in the middle of every edge."""

import numpy as np
import pytest

from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import evaluate_points


@pytest.fixture(scope="module")
def fine() -> MorphableModel:
    return build_procedural_model("fine")


def test_counts(head: MorphableModel, fine: MorphableModel) -> None:
    triangles = len(head.template.triangles)
    edges = triangles * 3 // 2
    assert len(fine.mean) == len(head.mean) + edges
    assert len(fine.template.triangles) == 4 * triangles
    assert fine.template.label_count == 4 * head.template.label_count
    assert 44_000 <= len(fine.mean) <= 50_000


def test_children_cover_their_parent(head: MorphableModel, fine: MorphableModel) -> None:
    rng = np.random.default_rng(0)
    identity, expression = rng.normal(size=(1, 40)), rng.uniform(size=(1, 10))
    coarse = evaluate_vertices(head, identity, expression)[0].astype(np.float64)
    dense = evaluate_vertices(fine, identity, expression)[0].astype(np.float64)

    def area_vectors(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        corner = vertices[triangles]
        return np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])

    children = area_vectors(dense, fine.template.triangles).reshape(-1, 4, 3)
    parents = area_vectors(coarse, head.template.triangles)
    np.testing.assert_allclose(children, np.repeat(parents[:, None] / 4, 4, axis=1), atol=2e-3)


def test_surface_points_stay(head: MorphableModel, fine: MorphableModel) -> None:
    coarse = evaluate_points(head.template.landmarks["ibug68"], head.template.triangles, head.mean)
    dense = evaluate_points(fine.template.landmarks["ibug68"], fine.template.triangles, fine.mean)
    np.testing.assert_allclose(dense, coarse, atol=1e-3)
    assert fine.template.landmarks["ibug68"].barycentric.min() >= -1e-6


def test_chart_stays(head: MorphableModel, fine: MorphableModel) -> None:
    base, dense = (
        np.einsum("kcd,kc->kd", m.template.uv[p.triangle], p.barycentric)
        for m, p in ((head, head.template.landmarks["ibug68"]), (fine, fine.template.landmarks["ibug68"]))
    )
    np.testing.assert_allclose(dense, base, atol=1e-5)


def test_every_directed_edge_once(fine: MorphableModel) -> None:
    edges = fine.template.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    assert len(np.unique(edges[:, 0] * len(fine.mean) + edges[:, 1])) == len(edges)
