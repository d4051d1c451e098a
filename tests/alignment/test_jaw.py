import numpy as np
import pytest
import torch

from synthgen.alignment.chin import CHIN, ChinLines, chin_edges
from synthgen.alignment.fit_landmarks import open_landmark_fitter
from synthgen.alignment.initial_pose import initial_pose
from synthgen.alignment.jaw import jaw_rows
from synthgen.alignment.shape_space import ShapePriors, open_shape_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.landmarks import march_jaw
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.template import evaluate_points
from tests.alignment.head_photos import angle_between_deg

YAWS_DEG = np.array([-80.0, -35.0, -4.0, 4.0, 35.0, 80.0])


def upright(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    turned = points @ rotation.transpose(0, 2, 1)
    return np.stack([200 + 1.3 * turned[..., 0], 220 - 1.3 * turned[..., 1]], axis=-1)


def test_marched_points_equal_the_label(any_model: MorphableModel) -> None:
    fitter = open_landmark_fitter(any_model)
    euler = np.deg2rad(np.stack([np.full(6, 5.0), YAWS_DEG, np.array([0, 20, -70, 120, -10, 35])], axis=1))
    rotation = rotation_from_euler(euler)
    template, mean = any_model.template, any_model.mean.astype(np.float64)
    in_camera = mean[None] @ rotation.transpose(0, 2, 1) * [1.0, -1.0, -1.0]
    vertices = (torch.from_numpy(part.astype(np.float32)) for part in (in_camera, upright(mean[None], rotation)))
    fixed = upright(evaluate_points(template.landmarks["ibug68"], template.triangles, mean)[None], rotation)
    expected = march_jaw(template, *vertices, euler, fixed.astype(np.float32))
    table = upright(fitter.basis.mean[None], rotation)
    rows = jaw_rows(fitter.basis, "marched", rotation, fitter.basis.mean[None], table)
    np.testing.assert_allclose(np.take_along_axis(table, rows[..., None], axis=1), expected, atol=1e-3)
    assert (np.abs(expected - fixed)[:, :17].max(axis=(1, 2)) > 1.0).all()


def test_points_beside_the_chin_of_a_slightly_turned_head_stay_on_the_outline(any_model: MorphableModel) -> None:
    # Outermost across the picture is the front of the chin, 10 to 25 mm further up in the face.
    basis = open_landmark_fitter(any_model).basis
    rotation = rotation_from_euler(np.deg2rad([[pitch, yaw, 0] for pitch in (-20, 0, 20) for yaw in (-25, -8, 8, 25)]))
    image = upright(basis.mean[None], rotation)
    rows = jaw_rows(basis, "marched", rotation, basis.mean[None], image)
    moved = np.take_along_axis(image, rows[..., None], axis=1) - image[:, :68]
    assert np.abs(moved[:, 5:12, 1]).max() < 1.3 * 8.0  # px per mm, mm


@pytest.mark.parametrize("style", ["annotated", "marched"])
def test_a_roll_changes_no_choice(builtin: MorphableModel, style: str) -> None:
    fitter = open_landmark_fitter(builtin)
    euler = np.deg2rad(np.stack([np.full(6, -8.0), YAWS_DEG, np.zeros(6)], axis=1))
    straight = rotation_from_euler(euler)
    rolled = rotation_from_euler(euler + np.array([0, 0, 2.3]))
    mean = fitter.basis.mean[None]
    np.testing.assert_array_equal(
        jaw_rows(fitter.basis, style, straight, mean, upright(mean, straight)),
        jaw_rows(fitter.basis, style, rolled, mean, upright(mean, rolled)),
    )


def test_fixed_points_stay(builtin: MorphableModel) -> None:
    fitter = open_landmark_fitter(builtin)
    rotation = rotation_from_euler(np.array([[0.1, 1.2, 0.0]]))
    mean = fitter.basis.mean[None]
    rows = jaw_rows(fitter.basis, "fixed", rotation, mean, upright(mean, rotation))
    np.testing.assert_array_equal(rows, np.arange(68)[None])


def test_the_chin_ends_where_it_turns_under() -> None:
    # Normals at 30, 60, 80 and 100 degrees below the view: seen from the front the third is the first beyond 70.
    angles = np.deg2rad([30.0, 60.0, 80.0, 100.0])
    normals = np.zeros((len(CHIN), 4, 3))
    normals[:, :, 1], normals[:, :, 2] = -np.sin(angles), np.cos(angles)
    lines = ChinLines(np.zeros((len(CHIN), 3), np.int32), normals)
    pitches = np.deg2rad([0.0, 20.0, -20.0, 50.0, 70.0, -50.0])  # > 0 looks down: the underside turns away
    edges, faces = chin_edges(lines, rotation_from_euler(np.stack([pitches, 0 * pitches, 0 * pitches], axis=1)))
    np.testing.assert_array_equal(edges[:, 0], [1, 0, 2, -1, -1, 2])
    np.testing.assert_array_equal(faces[:, 0], [True, True, True, True, False, True])


def test_the_chin_of_a_model_ends_just_below_its_landmark(any_model: MorphableModel) -> None:
    basis = open_landmark_fitter(any_model).basis
    rotation = np.eye(3)[None]
    mean = basis.mean[None]
    edge = basis.mean[jaw_rows(basis, "annotated", rotation, mean, upright(mean, rotation))[0]]
    for point in (6, 7, 8, 9, 10):
        shift = edge[point] - basis.mean[point]
        assert -10.0 < shift[1] <= 0.5, point
        assert np.linalg.norm(shift) < 15.0
    np.testing.assert_allclose(edge[6:8] * [-1, 1, 1], edge[10:8:-1], atol=1.0)


def test_a_frontal_jaw_point_outside_its_line_stays(ict: MorphableModel) -> None:
    # ICT-FaceKit's line of point 3 lies 15 mm below the point, where the jaw is narrower.
    basis = open_landmark_fitter(ict).basis
    rotation = rotation_from_euler(np.deg2rad([[0.0, -3.0, 0.0], [0.0, -50.0, 0.0]]))
    table = upright(basis.mean[None], rotation)
    annotated, marched = (
        jaw_rows(basis, style, rotation, basis.mean[None], table) for style in ("annotated", "marched")
    )
    assert annotated[0, 3] == 3 != marched[0, 3]
    assert annotated[1, 3] == marched[1, 3] != 3


def test_first_pose_of_rigid_heads_at_any_roll_with_outliers(builtin: MorphableModel) -> None:
    rng = np.random.default_rng(8)
    yaw, roll = np.meshgrid(np.deg2rad(np.linspace(-90, 90, 13)), np.deg2rad(np.arange(0, 360, 45)))
    euler = np.stack([rng.uniform(-0.35, 0.35, yaw.size), yaw.ravel(), roll.ravel()], axis=1)
    rotation = rotation_from_euler(euler)
    mean = open_landmark_fitter(builtin).basis.mean[:68]
    points = upright(mean[None], rotation)
    gross = rng.random(points.shape[:2]) < 0.25
    points = np.where(gross[..., None], points + rng.uniform(-120, 120, points.shape), points)
    pose = initial_pose(mean, points, (rng.random(gross.shape) > 0.15).astype(float))
    assert angle_between_deg(pose.rotation, rotation).max() < 30.0
    np.testing.assert_allclose(pose.scale, 1.3, rtol=0.15)


def test_coefficients_of_a_shape_make_the_same_points(any_model: MorphableModel) -> None:
    space = open_shape_space(any_model, ShapePriors())
    fitter = open_landmark_fitter(any_model)
    shape = space.limited(np.random.default_rng(2).uniform(-1.0, 1.5, (4, len(space.lower))))
    identity, expression = space.coefficients(shape)
    template = any_model.template
    landmarks = template.landmarks["ibug68"]
    expected = evaluate_points(landmarks, template.triangles, evaluate_vertices(any_model, identity, expression))
    np.testing.assert_allclose(fitter.basis.points(shape)[:, :68], expected, atol=2e-3)
    low, high = any_model.expression_range.T
    assert (expression >= low - 1e-9).all() and (expression <= high + 1e-9).all()


def test_mouth_close_never_exceeds_jaw_open(ict: MorphableModel) -> None:
    space = open_shape_space(ict, ShapePriors())
    shape = space.limited(np.random.default_rng(3).uniform(-0.5, 1.5, (200, len(space.lower))))
    _, expression = space.coefficients(shape)
    closing = expression[:, ict.expression_names.index("mouthClose")]
    opening = expression[:, ict.expression_names.index("jawOpen")]
    assert (closing <= opening + 1e-9).all()
    assert (opening <= 1.0 + 1e-9).all()
    assert closing.max() > 0.5
