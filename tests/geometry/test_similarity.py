"""In-plane similarities against explicit homogeneous matrices, and cameras against their moved pictures."""

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import euler_from_rotation, rotation_from_euler
from synthgen.geometry.similarity import (
    Similarity,
    about,
    compose,
    identity_similarity,
    inverse,
    move_cameras,
    move_points,
)


def random_similarity(seed: int, count: int = 5) -> Similarity:
    rng = np.random.default_rng(seed)
    return Similarity(rng.uniform(0.3, 3, count), rng.uniform(-3, 3, count), rng.uniform(-50, 50, (count, 2)))


def homogeneous(similarity: Similarity) -> np.ndarray:
    bottom = np.tile([[[0.0, 0.0, 1.0]]], (len(similarity.scale), 1, 1))
    return np.concatenate([similarity.matrix, bottom], axis=1)


def test_a_quarter_turn_is_counter_clockwise_as_seen() -> None:
    turn = Similarity(np.array([2.0]), np.array([np.pi / 2]), np.array([[10.0, 20.0]]))
    # A point to the right of the origin goes to above it; y points down.
    np.testing.assert_allclose(move_points(turn, np.array([[[3.0, 0.0]]]))[0, 0], [10.0, 20.0 - 6.0], atol=1e-12)


def test_composition_and_inverse_are_those_of_matrices() -> None:
    first, second = random_similarity(1), random_similarity(2)
    np.testing.assert_allclose(homogeneous(compose(second, first)), homogeneous(second) @ homogeneous(first), atol=1e-9)
    np.testing.assert_allclose(homogeneous(inverse(first)), np.linalg.inv(homogeneous(first)), atol=1e-9)
    np.testing.assert_array_equal(homogeneous(identity_similarity(2)), np.tile(np.eye(3), (2, 1, 1)))


def test_scaling_about_a_point_leaves_it_but_for_the_shift() -> None:
    centre, shift = np.array([[30.0, 40.0]]), np.array([[1.0, -2.0]])
    moved = about(centre, np.array([1.5]), np.array([0.3]), shift)
    np.testing.assert_allclose(move_points(moved, centre[:, None])[0], centre + shift)


@pytest.mark.parametrize("perspective", [False, True])
def test_moved_cameras_see_moved_points(perspective: bool) -> None:
    rng = np.random.default_rng(3)
    similarity = random_similarity(4)
    rotation = torch.from_numpy(rotation_from_euler(rng.uniform(-1, 1, (5, 3))))
    translation = torch.tensor([[5.0, -7.0, 600.0]]).double().repeat(5, 1) * perspective
    focal = torch.full((5,), 700.0 if perspective else 1.3).double()
    cameras = Cameras(perspective, rotation, translation, focal, torch.from_numpy(rng.uniform(0, 200, (5, 2))))
    vertices = torch.from_numpy(rng.uniform(-80, 80, (5, 20, 3)))

    def seen(of: Cameras) -> np.ndarray:
        return project(of, to_camera_space(of, vertices)).numpy()

    before, after = seen(cameras), seen(move_cameras(cameras, similarity))
    np.testing.assert_allclose(after[..., :2], move_points(similarity, before[..., :2]), atol=1e-9)
    np.testing.assert_allclose(after[..., 2], before[..., 2], atol=1e-9)


def test_turning_the_picture_is_roll() -> None:
    cameras = Cameras(False, torch.eye(3)[None], torch.zeros((1, 3)), torch.ones(1), torch.zeros((1, 2)))
    turned = move_cameras(cameras, Similarity(np.ones(1), np.array([0.4]), np.zeros((1, 2))))
    np.testing.assert_allclose(euler_from_rotation(turned.rotation.numpy()), [[0, 0, 0.4]], atol=1e-6)
