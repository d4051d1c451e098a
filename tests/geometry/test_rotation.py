import numpy as np
import pytest

from synthgen.geometry.rotation import (
    euler_from_rotation,
    rotation_from_euler,
    rotation_from_zhu_euler,
    zhu_euler_from_rotation,
)

NOSE, UP, LEFT = np.array([0, 0, 1.0]), np.array([0, 1.0, 0]), np.array([1.0, 0, 0])


def image_direction(rotation, axis):
    """Where an axis of the head points in the picture: x right, y down."""
    x, y, _ = np.diag([1, -1, -1]) @ rotation @ axis
    return x, y


def test_positive_yaw_turns_the_nose_to_image_right():
    x, y = image_direction(rotation_from_euler(np.radians([0, 20, 0])), NOSE)
    assert x == pytest.approx(np.sin(np.radians(20))) and y == pytest.approx(0)


def test_positive_pitch_looks_down():
    x, y = image_direction(rotation_from_euler(np.radians([20, 0, 0])), NOSE)
    assert x == pytest.approx(0) and y == pytest.approx(np.sin(np.radians(20)))


def test_positive_roll_is_counter_clockwise_in_the_image():
    # the image-right axis moves up in the picture, which is towards smaller y
    x, y = image_direction(rotation_from_euler(np.radians([0, 0, 20])), LEFT)
    assert x > 0 and y == pytest.approx(-np.sin(np.radians(20)))


def test_zhu_signs_of_conventions_b1():
    yaw = rotation_from_zhu_euler(np.radians([0, 20, 0]))
    assert image_direction(yaw, NOSE)[0] < 0  # nose to image left
    pitch = rotation_from_zhu_euler(np.radians([20, 0, 0]))
    assert image_direction(pitch, NOSE)[1] < 0  # looks up
    roll = rotation_from_zhu_euler(np.radians([0, 0, 20]))
    assert image_direction(roll, LEFT)[1] > 0  # clockwise in the image


def test_zhu_matrix_is_the_product_written_in_conventions_b1():
    phi, gamma, theta = 0.3, -0.7, 0.2
    c, s = np.cos, np.sin
    rx = np.array([[1, 0, 0], [0, c(phi), s(phi)], [0, -s(phi), c(phi)]])
    ry = np.array([[c(gamma), 0, -s(gamma)], [0, 1, 0], [s(gamma), 0, c(gamma)]])
    rz = np.array([[c(theta), s(theta), 0], [-s(theta), c(theta), 0], [0, 0, 1]])
    np.testing.assert_allclose(rotation_from_zhu_euler(np.array([phi, gamma, theta])), rx @ ry @ rz, atol=1e-12)


def test_public_angles_of_conventions_b3():
    """Zhu (39.96, 65.62, 19.99) deg is (61.12, -49.07, 36.56) deg (yaw, pitch, roll) by the public matrix2angle."""
    r = rotation_from_zhu_euler(np.radians([39.96, 65.62, 19.99]))
    yaw = np.arcsin(r[2, 0])
    pitch, roll = np.arctan2(r[2, 1], r[2, 2]), np.arctan2(r[1, 0], r[0, 0])
    np.testing.assert_allclose(np.degrees([yaw, pitch, roll]), [61.12, -49.07, 36.56], atol=0.02)


@pytest.mark.parametrize(
    ("forward", "backward"),
    [(rotation_from_euler, euler_from_rotation), (rotation_from_zhu_euler, zhu_euler_from_rotation)],
)
def test_round_trip(forward, backward):
    random = np.random.default_rng(3)
    angles = random.uniform([-1.5, -1.5, -3], [1.5, 1.5, 3], (500, 3))
    np.testing.assert_allclose(backward(forward(angles)), angles, atol=1e-9)
    rotations = forward(angles)
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3)[None].repeat(500, 0), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-12)
