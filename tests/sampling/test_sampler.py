"""What sample_scene draws: moments, mixture weights, independence, and yaw found again in projected points."""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import pytest
from scipy import stats

from synthgen.morphable.model import MorphableModel
from synthgen.recipe.schema import Recipe
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.sampler import sample_scene
from synthgen.sampling.scene import SceneParams

# The seed is fixed, so a right sampler passes for good. Some thirty comparisons share it, and one comes out at 3e-4
# (noise; over 40 seeds its p-values are uniform). A wrong sampler gives 1e-10 and less.
SMALLEST_P = 1e-5
COUNT = 1500
BOX = FaceBox(np.array([1.0, -20.0, 70.0]), 140.0)
NAMES = ("jawOpen", "smile_L", "smile_R", "browUp")


@dataclass(frozen=True)
class TinyModel:
    """What sampling reads of a model: 40 identity and 4 expression coefficients."""

    identity_basis: np.ndarray
    expression_names: tuple[str, ...] = NAMES
    expression_unit: str = "weight"


def tiny_model() -> MorphableModel:
    model: Any = TinyModel(np.zeros((40, 1, 3), np.float32))
    object.__setattr__(model, "expression_range", np.tile(np.array([[0.0, 1.0]], np.float32), (4, 1)))
    object.__setattr__(model, "expression_pca_mean", np.zeros(4, np.float32))
    object.__setattr__(model, "expression_pca", np.eye(10, 4, dtype=np.float32))
    return cast(MorphableModel, model)


MODEL = tiny_model()
YAW = {
    "distribution": "mixture",
    "components": [
        {"weight": 0.6, "distribution": "normal", "mean": 0, "stddev": 5},
        {"weight": 0.2, "distribution": "uniform", "low": 40, "high": 80},
        {"weight": 0.2, "distribution": "uniform", "low": -80, "high": -40},
    ],
}
PAIRS = {
    "kind": "pairs", "seed": 11, "count": COUNT, "size": [64, 96],
    "camera": {"projection": "perspective", "focal": {"distribution": "uniform", "low": 2, "high": 4}},
    "pose": {
        "yaw_deg": YAW,
        "pitch_deg": {"distribution": "normal", "mean": 3, "stddev": 12},
        "roll_deg": {"distribution": "truncated_normal", "stddev": 10, "low": -15, "high": 15},
        "translation": {"distribution": "normal", "stddev": 0.05},
        "scale": {"distribution": "uniform", "low": 0.5, "high": 0.9},
    },
    "light": {"intensity": {"distribution": "uniform", "low": 0.5, "high": 2}},
    "background": {"kind": "folder", "images": "/x", "zoom": {"distribution": "uniform", "low": 1, "high": 3}},
    "occluders": {
        "count": {"distribution": "choice", "values": [0, 1, 2], "weights": [0.5, 0.3, 0.2]},
        "kinds": ["box", "ellipse"], "size": {"distribution": "uniform", "low": 0.1, "high": 0.5},
        "colour": {"distribution": "uniform", "low": 0.2, "high": 0.4},
    },
    "sensor": {
        "noise": {"distribution": "uniform", "low": 0, "high": 6}, "blur": {"distribution": "choice", "values": [0, 1]},
        "exposure": {"distribution": "uniform", "low": -1, "high": 1},
    },
}  # fmt: skip


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({**PAIRS, **changes})


@cache
def scenes() -> tuple[tuple[SceneParams, ...], ...]:
    """COUNT pairs of the recipe above."""
    asked = recipe()
    return tuple(sample_scene(asked, MODEL, BOX, index) for index in range(COUNT))


def of_views(read: Any) -> np.ndarray:
    """read(scene) of every view, source and target of each pair side by side: (COUNT, 2, ...)."""
    return np.array([[read(view) for view in views] for views in scenes()])


def degrees(axis: int) -> np.ndarray:
    return np.degrees(of_views(lambda scene: scene.faces[0].euler[axis]))


def fits(values: np.ndarray, reference: Any) -> None:
    assert stats.kstest(np.ravel(values), reference.cdf).pvalue > SMALLEST_P


# --- moments and shapes --------------------------------------------------------------------------------------------


def test_identity_coefficients_are_standard_normal_and_uncorrelated() -> None:
    identity = of_views(lambda scene: scene.faces[0].identity).reshape(-1, 40)
    count = len(identity)
    assert np.abs(identity.mean(axis=0)).max() < 4.5 / np.sqrt(count)
    assert np.abs(identity.var(axis=0) - 1).max() < 4.5 * np.sqrt(2 / count)
    off_diagonal = np.corrcoef(identity.T)[np.triu_indices(40, 1)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(count)
    fits(identity, stats.norm())


def test_pose_follows_the_recipe() -> None:
    fits(degrees(0), stats.norm(3, 12))
    fits(degrees(2), stats.truncnorm(-1.5, 1.5, 0, 10))
    shift = of_views(lambda scene: (scene.faces[0].centre - (48, 32)) / (96, 64))
    fits(shift[..., 0], stats.norm(0, 0.05))
    fits(shift[..., 1], stats.norm(0, 0.05))
    # scale is a fraction of the image height, spread over the box's side
    fits(of_views(lambda scene: scene.faces[0].scale) * BOX.side / 64, stats.uniform(0.5, 0.4))


def test_yaw_has_the_true_weights_of_its_mixture() -> None:
    yaw = degrees(1).ravel()
    counts = np.array([np.sum(np.abs(yaw) < 30), np.sum(yaw >= 40), np.sum(yaw <= -40)])
    assert counts.sum() == yaw.size
    assert stats.chisquare(counts, np.array([0.6, 0.2, 0.2]) * yaw.size).pvalue > SMALLEST_P
    # What the best-known generator makes of .6/.2/.2 by drawing anew at every comparison.
    assert stats.chisquare(counts, np.array([0.6, 0.32, 0.08]) * yaw.size).pvalue < 1e-9
    fits(yaw[np.abs(yaw) < 30], stats.norm(0, 5))


def test_camera_light_and_sensor_follow_the_recipe() -> None:
    fits(of_views(lambda scene: scene.focal), stats.uniform(2, 2))
    fits(of_views(lambda scene: scene.light.rotation), stats.uniform(0, 2 * np.pi))
    fits(of_views(lambda scene: scene.light.intensity), stats.uniform(0.5, 1.5))
    fits(of_views(lambda scene: scene.light.pick), stats.uniform())
    fits(of_views(lambda scene: scene.sensor.noise), stats.uniform(0, 6))
    fits(np.log2(of_views(lambda scene: scene.sensor.exposure)), stats.uniform(-1, 2))
    blur = of_views(lambda scene: scene.sensor.blur).ravel()
    assert stats.chisquare([np.sum(blur == 0), np.sum(blur == 1)]).pvalue > SMALLEST_P


def test_background_picks_and_crops_evenly() -> None:
    for read in ("pick", "x", "y"):
        fits(of_views(lambda scene, name=read: getattr(scene.background, name)), stats.uniform())
    fits(of_views(lambda scene: scene.background.zoom), stats.uniform(1, 2))


def test_occluders_have_their_count_kind_size_and_colour() -> None:
    counts = of_views(lambda scene: len(scene.occluders)).ravel()
    observed = [int(np.sum(counts == number)) for number in range(3)]
    assert stats.chisquare(observed, np.array([0.5, 0.3, 0.2]) * counts.size).pvalue > SMALLEST_P
    shapes = [shape for views in scenes() for scene in views for shape in scene.occluders]
    boxes = sum(shape.kind == "box" for shape in shapes)
    assert stats.binomtest(boxes, len(shapes), 0.5).pvalue > SMALLEST_P
    fits(np.array([shape.size for shape in shapes]) / 64, stats.uniform(0.1, 0.4))
    fits(np.array([shape.colour for shape in shapes]), stats.uniform(0.2, 0.2))


def test_extra_faces_are_counted_as_asked() -> None:
    asked = recipe(kind="images", faces={"distribution": "choice", "values": [1, 3], "weights": [3, 1]})
    counts = np.array([len(sample_scene(asked, MODEL, BOX, index)[0].faces) for index in range(400)])
    assert set(counts) == {1, 3}
    assert stats.binomtest(int(np.sum(counts == 3)), counts.size, 0.25).pvalue > SMALLEST_P


# --- independence --------------------------------------------------------------------------------------------------


def numbers(scene: SceneParams) -> list[float]:
    """One number of every family that a scene draws."""
    face = scene.faces[0]
    return [
        face.identity[0], face.identity[39], face.expression[0], face.euler[0], face.euler[1], face.euler[2],
        face.centre[0], face.centre[1], face.scale, face.skin.melanin, face.texture, cast(float, scene.focal),
        scene.light.pick, scene.light.rotation, scene.light.intensity, scene.background.pick, scene.background.x,
        scene.background.y, scene.background.zoom, float(len(scene.occluders)), scene.sensor.noise, scene.sensor.blur,
        scene.sensor.exposure,
    ]  # fmt: skip


def test_families_views_and_neighbours_are_independent() -> None:
    """Rank correlation of every pair of numbers: within a picture, between the views, and with the next sample."""
    table = of_views(numbers)  # (COUNT, 2, families)
    both = table.reshape(COUNT, -1)  # source, then target
    limit = 5 / np.sqrt(COUNT - 2)
    columns = both.shape[1]
    correlations = np.abs(stats.spearmanr(np.hstack([both[:-1], both[1:]])).statistic)
    assert correlations.shape == (2 * columns, 2 * columns) and not np.isnan(correlations).any()
    assert correlations[:columns, :columns][np.triu_indices(columns, 1)].max() < limit
    assert correlations[:columns, columns:].max() < limit


def test_the_limit_would_see_a_shared_stream() -> None:
    table = of_views(numbers)[:, 0]
    shared = np.abs(stats.spearmanr(np.column_stack([table[:, 3], table[:, 3] + 0.5 * table[:, 0]])).statistic)
    assert shared > 5 / np.sqrt(COUNT - 1)


def test_another_seed_gives_other_scenes_and_seed_zero_is_a_seed() -> None:
    first, second, third = (sample_scene(recipe(seed=seed), MODEL, BOX, 4)[0] for seed in (0, 1, 0))
    assert not np.allclose(first.faces[0].identity, second.faces[0].identity)
    np.testing.assert_array_equal(numbers(first), numbers(third))


def test_a_scene_depends_on_recipe_and_index_alone() -> None:
    np.testing.assert_array_equal(
        [numbers(view) for view in sample_scene(recipe(count=7), MODEL, BOX, 33)],
        [numbers(view) for view in scenes()[33]],
    )


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"pose": {"yaw_deg": 5}}, ("light", "background", "sensor", "occluders_count", "identity", "albedo")),
        ({"background": {"kind": "gray"}}, ("light", "sensor", "occluders_count", "identity", "albedo", "pose")),
        ({"occluders": {"count": 0}}, ("light", "background", "sensor", "identity", "albedo", "pose")),
    ],
)
def test_changing_one_section_leaves_the_others(changes: dict[str, Any], same: tuple[str, ...]) -> None:
    def parts(scene: SceneParams) -> dict[str, list[float]]:
        values = numbers(scene)
        return {
            "identity": values[:2], "pose": values[3:9], "albedo": values[9:11], "light": values[12:15],
            "background": values[15:19], "occluders_count": values[19:20], "sensor": values[20:],
        }  # fmt: skip

    for index in range(5):
        before, after = parts(scenes()[index][0]), parts(sample_scene(recipe(**changes), MODEL, BOX, index)[0])
        for name in same:
            assert before[name] == after[name], name


# --- yaw after projection ------------------------------------------------------------------------------------------


def yaw_from_points(points: np.ndarray, image: np.ndarray) -> float:
    """Yaw in degrees from model points (K, 3) and their scaled-orthographic image (K, 2, y down).

    The affine map between them is found by least squares; its rows are the first two rows of the scaled rotation, and
    their cross product is the third, whose first entry is -sin(yaw) for R = Rz Ry Rx.
    """
    centred = points - points.mean(axis=0)
    rows = np.linalg.lstsq(centred, image - image.mean(axis=0), rcond=None)[0].T
    first, second = rows[0], -rows[1]
    third = np.cross(first / np.linalg.norm(first), second / np.linalg.norm(second))
    return float(np.degrees(np.arcsin(np.clip(-third[0], -1, 1))))


def rotation_about(axis: int, angle: float) -> np.ndarray:
    """Right-handed rotation about x, y or z, entry by entry."""
    cos, sin = np.cos(angle), np.sin(angle)
    if axis == 0:
        return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    if axis == 1:
        return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def test_yaw_histogram_after_projection() -> None:
    """Points posed and projected by hand: the yaw they show has the recipe's distribution, and its sign."""
    points = np.random.default_rng(0).normal(size=(68, 3)) * (40, 60, 25)
    asked = recipe(kind="images", camera={"projection": "scaled_orthographic"}, seed=12)
    shown = []
    for index in range(COUNT):
        face = sample_scene(asked, MODEL, BOX, index)[0].faces[0]
        pitch, yaw, roll = face.euler
        rotation = rotation_about(2, roll) @ rotation_about(1, yaw) @ rotation_about(0, pitch)
        posed = points @ rotation.T
        image = face.centre + face.scale * posed[:, :2] * (1, -1)
        shown.append(yaw_from_points(points, image))
    edges = np.array([-80, -70, -60, -50, -40, -10, -5, 0, 5, 10, 40, 50, 60, 70, 80.0])
    normal = stats.norm(0, 5).cdf(edges)
    left, right = stats.uniform(-80, 40).cdf(edges), stats.uniform(40, 40).cdf(edges)
    expected = np.diff(0.6 * normal + 0.2 * left + 0.2 * right) * COUNT
    observed = np.histogram(shown, edges)[0]
    assert observed.sum() == COUNT
    assert stats.chisquare(observed, expected * COUNT / expected.sum()).pvalue > SMALLEST_P
