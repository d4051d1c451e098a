import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.parameters import parameters_62, to_tddfa_v2


class TwoMovements:
    """The two attributes that parameters_62 reads of a model."""

    expression_pca_mean = np.array([0.5, 0.25], np.float32)
    expression_pca = np.arange(20, dtype=np.float32).reshape(10, 2)


def cameras(perspective=False):
    rotation = torch.tensor(rotation_from_euler(np.radians([[5, -25, 12], [0, 40, 3]])), dtype=torch.float32)
    return Cameras(
        perspective, rotation, torch.zeros(2, 3), torch.tensor([0.62, 0.8]), torch.tensor([[58.0, 66.0], [61.0, 50.0]])
    )


def coefficients():
    random = np.random.default_rng(0)
    return random.normal(size=(2, 45)), random.uniform(size=(2, 2))


def test_pose_part_reprojects_vertices_as_3ddfa_does():
    """3DDFA's reader: P = [f R | t] (v, 1); 1-based, y up; x0 = Px - 1, y0 = 120 - Py with integer pixel centres."""
    camera = cameras()
    vertices = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(1)) * 60
    pose = parameters_62(TwoMovements, camera, coefficients(), 120)[:, :12].reshape(2, 3, 4)
    projected = np.einsum("nij,nvj->nvi", pose[:, :, :3], vertices.numpy()) + pose[:, None, :, 3]
    zero_based = np.stack([projected[..., 0] - 1, 120 - projected[..., 1]], -1)
    ours = project(camera, to_camera_space(camera, vertices)).numpy()[..., :2]
    np.testing.assert_allclose(zero_based + 0.5, ours, atol=1e-4)


def test_coefficients_part():
    identity, expression = coefficients()
    vector = parameters_62(TwoMovements, cameras(), (identity, expression), 120)
    assert vector.shape == (2, 62)
    np.testing.assert_allclose(vector[:, 12:52], identity[:, :40], rtol=1e-6)
    first_row = 0 * (expression[0, 0] - 0.5) + 1 * (expression[0, 1] - 0.25)
    assert vector[0, 52] == pytest.approx(first_row, rel=1e-5)


def test_perspective_has_no_such_vector():
    assert np.isnan(parameters_62(TwoMovements, cameras(True), coefficients(), 120)).all()


def test_tddfa_units():
    vector = np.ones((1, 62), np.float32)
    converted = to_tddfa_v2(vector, np.full(40, 3e5), np.full(10, 2.0))[0]
    np.testing.assert_allclose(converted[[0, 4, 8]], 1e-3)  # per micrometre
    np.testing.assert_allclose(converted[[3, 7, 11]], 1)  # translation stays in pixels
    np.testing.assert_allclose(converted[12:52], 3e5)
    np.testing.assert_allclose(converted[52:], 2)
