"""densereg's decoding: landmarks in a field of template coordinates, parts by transfer, PCA shapes."""

import numpy as np
import pytest

from synthgen.dataset.derived import derive_labels, template_arrays
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.predict.landmark_shapes import LandmarkShapes, learn_shapes, nearest_shape
from synthgen.predict.template_tables import landmark_uv, part_chart, parts_at
from synthgen.predict.uv_landmarks import uv_faces

TABLE = np.stack(np.meshgrid((np.arange(9) + 0.5) / 9, (np.arange(8) + 0.5) / 8), axis=-1).reshape(-1, 2)[:68]


def field() -> np.ndarray:
    """(40, 100, 2): a face of 36 x 32 px from (2, 3), u and v linear; a smaller one at (60, 10); a speck."""
    uv = np.full((40, 100, 2), np.nan, np.float32)
    for left, top, width, height in ((2, 3, 36, 32), (60, 10, 18, 16)):
        x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
        uv[top : top + height, left : left + width] = np.stack([x, y], axis=-1)
    uv[0, 99] = 0.5
    return uv


def test_landmarks_of_every_component() -> None:
    first, second = uv_faces(field(), TABLE)
    # Pixel centres: the first face has four pixels per landmark each way, so points lie within half a pixel's diagonal.
    np.testing.assert_allclose(first.points, TABLE * (36, 32) + (2, 3), atol=0.5 + 1e-6)
    np.testing.assert_allclose(second.points, TABLE * (18, 16) + (60, 10), atol=0.5 + 1e-6)
    assert first.mask.sum() == 36 * 32 and second.mask.sum() == 18 * 16
    assert first.distance.max() < np.hypot(1 / 72, 1 / 64) + 1e-6


def test_the_nearest_pixel_by_brute_force() -> None:
    random = np.random.default_rng(0)
    uv = random.random((9, 7, 2)).astype(np.float32)
    (face,) = uv_faces(uv, TABLE)
    for goal, point, distance in zip(TABLE, face.points, face.distance, strict=True):
        every = {(c + 0.5, r + 0.5): np.hypot(*(uv[r, c].astype(float) - goal)) for r in range(9) for c in range(7)}
        assert tuple(point) == min(every, key=every.__getitem__)
        assert distance == pytest.approx(min(every.values()))


def test_specks_are_no_faces_and_nothing_is_nothing() -> None:
    assert len(uv_faces(field(), TABLE, least=0.0)) == 3
    assert uv_faces(np.full((5, 5, 2), np.nan), TABLE) == []


def turned(shapes: np.ndarray, scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return scale * shapes @ np.array([[cos, sin], [-sin, cos]]) + shift


@pytest.fixture(scope="module")
def population() -> np.ndarray:
    """Faces that differ by two movements, and by where they are."""
    random = np.random.default_rng(3)
    mean, moves = random.normal(size=(68, 2)), 0.1 * random.normal(size=(2, 68, 2))
    shapes = mean + np.tensordot(random.normal(size=(200, 2)), moves, axes=1)
    places = random.uniform([5, -0.3, -50, -50], [20, 0.3, 50, 50], (200, 4))
    return np.stack([turned(one, s, a, (x, y)) for one, (s, a, x, y) in zip(shapes, places, strict=True)])


def test_the_shape_model_holds_its_population(population: np.ndarray) -> None:
    model = learn_shapes(population, variance=0.999)
    np.testing.assert_allclose(model.mean.mean(axis=0), 0, atol=1e-12)
    assert (model.mean**2).sum(axis=1).mean() == pytest.approx(1.0)
    flat = model.basis.reshape(len(model.basis), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-9)
    for shape in population[:5]:
        size = np.sqrt(((shape - shape.mean(axis=0)) ** 2).sum(axis=1).mean())
        found = nearest_shape(model, shape, np.ones(68), noise=0.0)
        assert np.abs(found - shape).max() < 0.02 * size


def test_wrong_points_of_no_weight_are_repaired(population: np.ndarray) -> None:
    model = learn_shapes(population, variance=0.999)
    damaged, weight = population[7].copy(), np.ones(68)
    damaged[:17], weight[:17] = 1e4, 0.0
    damaged[17] = np.nan
    found = nearest_shape(model, damaged, weight, noise=0.0)
    size = np.sqrt(((population[7] - population[7].mean(axis=0)) ** 2).sum(axis=1).mean())
    assert np.abs(found - population[7]).max() < 0.05 * size


def test_shapes_move_with_the_picture(population: np.ndarray) -> None:
    model = learn_shapes(population)
    noisy = population[3] + np.random.default_rng(0).normal(size=(68, 2))
    place = (3.0, 0.7, (20.0, -8.0))
    moved = nearest_shape(model, turned(noisy, *place), np.ones(68))
    np.testing.assert_allclose(moved, turned(nearest_shape(model, noisy, np.ones(68)), *place), atol=1e-6)


def test_a_single_point_determines_nothing() -> None:
    model = LandmarkShapes(TABLE - TABLE.mean(axis=0), np.zeros((1, 68, 2)), np.ones(1))
    points = np.full((68, 2), np.nan)
    points[0] = 3.0
    np.testing.assert_array_equal(nearest_shape(model, points, np.ones(68)), points)


def test_tables_of_the_built_in_template() -> None:
    """Parts looked up by uv equal those of the triangles; landmarks lie on the chart where their triangles do."""
    template = template_arrays(build_procedural_model("base").template)
    chart, points = part_chart(template), landmark_uv(template)
    middle = template.uv[: template.label_count].mean(axis=1)
    same = parts_at(chart, middle) == template.parts[: template.label_count]
    area = np.abs(np.linalg.det(np.diff(template.uv[: template.label_count], axis=1)))
    assert (same * area).sum() / area.sum() > 0.99
    assert points.shape == (68, 2) and 0 <= points.min() <= points.max() <= 1
    arrays = {"triangle_id": template.landmark_triangle[None], "barycentric": template.landmark_barycentric[None]}
    again = derive_labels(arrays, template, ("uv",), ("",))["uv"][0]
    np.testing.assert_allclose(points, again, atol=1e-6)
    # Eyes above mouth, the subject's right eye at smaller u than the left one.
    assert points[36:48, 1].min() > points[48:68, 1].max() and points[36:42, 0].max() < points[42:48, 0].min()


def test_background_is_no_part() -> None:
    chart = np.array([[1, 2], [3, 4]], np.uint8)
    uv = np.array([[0.1, 0.9], [0.9, 0.9], [0.1, 0.1], [1.0, 0.0], [np.nan, 0.2]])
    np.testing.assert_array_equal(parts_at(chart, uv), [1, 2, 3, 4, 0])
