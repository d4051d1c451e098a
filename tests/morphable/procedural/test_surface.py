"""The surface of the head: closed, oriented, symmetric, without folds, lids clear of the globes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model


def directed_edges(triangles: NDArray) -> NDArray:
    """Directed edges (3 T, 2)."""
    return triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)


def normals(vertices: NDArray, triangles: NDArray) -> NDArray:
    """Twice the area vectors (..., T, 3)."""
    a, b, c = (vertices[..., triangles[:, k], :].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a)


def shell_of(model: MorphableModel) -> NDArray:
    """Connected component (V,) of each vertex."""
    parent = np.arange(len(model.mean))
    edges = np.sort(directed_edges(model.template.triangles), axis=1)
    while True:
        smallest = parent.copy()
        np.minimum.at(smallest, edges[:, 0], parent[edges[:, 1]])
        np.minimum.at(smallest, edges[:, 1], parent[edges[:, 0]])
        smallest = smallest[smallest]
        if (smallest == parent).all():
            return parent
        parent = smallest


def test_vertex_counts(head: MorphableModel) -> None:
    assert 11_000 <= len(head.mean) <= 12_500
    assert head.identity_basis.shape == (40, len(head.mean), 3)
    assert head.expression_basis.shape == (10, len(head.mean), 3)


def test_every_vertex_is_used(head: MorphableModel) -> None:
    assert len(np.unique(head.template.triangles)) == len(head.mean)


def test_closed_and_consistently_wound(head: MorphableModel) -> None:
    edges = directed_edges(head.template.triangles).astype(np.int64)
    codes = edges[:, 0] * len(head.mean) + edges[:, 1]
    reverse = edges[:, 1] * len(head.mean) + edges[:, 0]
    assert len(np.unique(codes)) == len(codes)
    assert np.array_equal(np.sort(codes), np.sort(reverse))


def test_every_component_encloses_a_positive_volume(head: MorphableModel) -> None:
    component = shell_of(head)[head.template.triangles[:, 0]]
    corners = head.mean[head.template.triangles].astype(np.float64)
    volume = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    per_component = [volume[component == number].sum() for number in np.unique(component)]
    assert len(per_component) == 5  # head, two globes, two rows of teeth
    assert min(per_component) > 0


def test_forehead_faces_forward_and_nape_backward(head: MorphableModel) -> None:
    centre = head.mean[head.template.triangles].mean(axis=1)
    normal = normals(head.mean, head.template.triangles)
    forehead = (np.abs(centre[:, 0]) < 20) & (centre[:, 1] > 50) & (centre[:, 1] < 75) & (centre[:, 2] > 60)
    occiput = (np.abs(centre[:, 0]) < 20) & (centre[:, 1] > 20) & (centre[:, 1] < 75) & (centre[:, 2] < -60)
    assert forehead.any() and (normal[forehead, 2] > 0).all()
    assert occiput.any() and (normal[occiput, 2] < 0).all()


def test_mean_is_its_own_mirror_image(head: MorphableModel) -> None:
    mirror = head.mean * np.array([-1.0, 1.0, 1.0])
    order = np.lexsort(np.round(head.mean, 2).T)
    mirrored = np.lexsort(np.round(mirror, 2).T)
    np.testing.assert_allclose(head.mean[order].mean(axis=0) * [-1, 1, 1], mirror[mirrored].mean(axis=0), atol=1e-3)
    from scipy.spatial import cKDTree

    assert cKDTree(head.mean).query(mirror)[0].max() < 0.02


def test_no_triangle_of_the_mean_is_degenerate(head: MorphableModel) -> None:
    area = 0.5 * np.linalg.norm(normals(head.mean, head.template.triangles), axis=1)
    assert area.min() > 1e-3


def turned_over(model: MorphableModel, heads: NDArray) -> NDArray:
    """Share (N,) of label-carrying triangles that face away from where they face on the mean head."""
    triangles = model.template.triangles[: model.template.label_count]
    return np.einsum("ntc,tc->nt", normals(heads, triangles), normals(model.mean, triangles)) < 0


def test_nothing_turns_over_at_three_sigma(head: MorphableModel) -> None:
    signs = np.concatenate([3.0 * np.eye(40), -3.0 * np.eye(40)])
    heads = evaluate_vertices(head, signs, np.zeros((80, 10)))
    assert not turned_over(head, heads).any()


def test_random_heads_hardly_turn_over(head: MorphableModel, sampled_heads: NDArray) -> None:
    assert turned_over(head, sampled_heads[:200]).mean() < 2e-5


def globes(model: MorphableModel, vertices: NDArray) -> list[tuple[NDArray, float]]:
    """Centre (3,) and radius, mm, of the two globes of one head."""
    component = shell_of(model)
    found = []
    for number in np.unique(component):
        points = vertices[component == number]
        # Sphere through the points: |p|^2 = 2 c.p + d.
        system = np.concatenate([2.0 * points, np.ones((len(points), 1))], axis=1).astype(np.float64)
        solution = np.linalg.lstsq(system, (points.astype(np.float64) ** 2).sum(axis=1))[0]
        centre = solution[:3]
        radius = np.linalg.norm(points - centre, axis=1)
        if np.ptp(radius) < 0.2:
            found.append((centre, float(radius.mean())))
    return found


@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_lids_stay_outside_the_globes(head: MorphableModel, weight: float) -> None:
    blink = np.zeros((1, 10))
    blink[0, head.expression_names.index("blink")] = weight
    vertices = evaluate_vertices(head, np.zeros((1, 40)), blink)[0]
    both = globes(head, vertices)
    assert len(both) == 2
    face = np.unique(
        head.template.triangles[: head.template.label_count][head.template.parts[: head.template.label_count] == 8]
    )
    for centre, radius in both:
        distance = np.linalg.norm(vertices[face] - centre, axis=1)
        assert radius == pytest.approx(12.0, abs=0.3)
        assert distance.min() > radius + 0.4


def test_lids_of_sampled_heads_stay_outside_the_globes(head: MorphableModel, sampled_heads: NDArray) -> None:
    count = head.template.label_count
    face = np.unique(head.template.triangles[:count][head.template.parts[:count] == 8])
    for vertices in sampled_heads[:40]:
        for centre, radius in globes(head, vertices):
            assert np.linalg.norm(vertices[face] - centre, axis=1).min() > radius + 0.2


def test_two_builds_are_equal(head: MorphableModel) -> None:
    again = build_procedural_model("base")
    for name in ("mean", "identity_basis", "expression_basis", "expression_pca"):
        assert np.array_equal(getattr(head, name), getattr(again, name)), name
    for name in ("triangles", "uv", "parts", "pncc", "contours"):
        assert np.array_equal(getattr(head.template, name), getattr(again.template, name)), name


def test_unknown_resolution_is_refused() -> None:
    with pytest.raises(ValueError, match="'base' or 'fine'"):
        build_procedural_model("huge")  # type: ignore[arg-type]


def test_orthogonal_components_with_falling_variance(head: MorphableModel) -> None:
    flat = head.identity_basis.reshape(40, -1).astype(np.float64)
    gram = flat @ flat.T
    scale = np.sqrt(np.diag(gram))
    cosine = gram / np.outer(scale, scale)
    assert np.abs(cosine - np.eye(40)).max() < 1e-4
    assert (np.diff(scale) < 0).all()


def test_origin_lies_between_the_ears(head: MorphableModel) -> None:
    ears = head.mean[(np.abs(head.mean[:, 0]) > 76) & (head.mean[:, 1] > -60)]
    assert len(ears) > 50
    assert np.abs(ears.mean(axis=0)).max() < 25
