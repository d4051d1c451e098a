"""The 62 parameters of a crop become landmarks, vertices, and parameters of the picture."""

from pathlib import Path

import numpy as np
import pytest
import torch

from synthgen.core.errors import ModelError
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.labels.parameters import moved_62, parameters_62, points_62, shape_basis_62
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import evaluate_points
from synthgen.predict.faces import FaceInput
from synthgen.predict.picture_predictions import PredictOptions, predict_faces
from tests.predict.networks import Stub, card


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return build_procedural_model("base")


def heads(model: MorphableModel) -> tuple[np.ndarray, np.ndarray]:
    """62 parameters (2, 62) of heads in pictures 64 px high, and where their vertices lie (2, V, 2) px.

    Expressions are those that ten numbers can say: the shortest for their axes of the PCA.
    """
    random = np.random.default_rng(0)
    identity = random.normal(size=(2, len(model.identity_basis)))
    identity[:, 40:] = 0
    axes = np.linalg.pinv(model.expression_pca.astype(np.float64))
    expression = model.expression_pca_mean + random.normal(size=(2, 10)) @ axes.T
    rotation = torch.tensor(rotation_from_euler(np.radians([[5, -25, 12], [0, 40, 3]])), dtype=torch.float32)
    principal = torch.tensor([[30.0, 36.0], [33.0, 29.0]])
    cameras = Cameras(False, rotation, torch.zeros(2, 3), torch.tensor([0.22, 0.3]), principal)
    vertices = torch.from_numpy(evaluate_vertices(model, identity, expression).astype(np.float32))
    places = project(cameras, to_camera_space(cameras, vertices))[..., :2].numpy()
    return parameters_62(model, cameras, (identity, expression), 64), places


def test_vertices_of_parameters_are_those_of_the_cameras(model: MorphableModel) -> None:
    parameters, places = heads(model)
    found = points_62(shape_basis_62(model), parameters, 64)
    assert np.abs(found[..., :2] - places).max() < 2e-3
    # The nose points to the viewer.
    tips = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, found)
    assert (tips[:, 30, 2] > tips[:, [0, 16], 2].max(axis=1)).all()


def test_parameters_move_with_the_picture(model: MorphableModel) -> None:
    parameters, _ = heads(model)
    shape = shape_basis_62(model, lambda vertices: vertices[..., ::500, :])
    scale, shift = np.array([2.0, 0.5]), np.array([[10.0, -4.0], [3.0, 70.0]])
    moved = points_62(shape, moved_62(parameters, scale, shift, (64, 300)), 300)
    before = points_62(shape, parameters, 64)
    expected = np.concatenate(
        [before[..., :2] * scale[:, None, None] + shift[:, None], before[..., 2:] * scale[:, None, None]], axis=-1
    )
    np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_a_mesh_lies_under_its_landmarks(model: MorphableModel) -> None:
    """The stub answers parameters of the crop: the vertices lie where the crop's are in the picture."""
    parameters, places = heads(model)
    points = evaluate_points(
        model.template.landmarks["ibug68"], model.template.triangles, np.concatenate([places, places[..., :1]], axis=-1)
    )

    def answer(picture: np.ndarray) -> dict[str, np.ndarray]:
        return {"parameters": parameters[:1], "landmarks": points[:1, :, :2]}

    stub = Stub(card("tddfa_v2", ("parameters", "landmarks")), answer)
    face = FaceInput("a", Path("a.png"), box=(40.0, 50.0, 140.0, 150.0))
    options = PredictOptions(tight=True, model=model)
    (found,) = predict_faces(stub, np.zeros((200, 300, 3), np.uint8), [face], options)
    assert found.vertices is not None and found.crop.side == 200.0
    np.testing.assert_allclose(found.vertices[:, :2], places[0] * 200 / 64 + (-10, 0), atol=0.01)

    def other(picture: np.ndarray) -> dict[str, np.ndarray]:
        return {"parameters": parameters[:1], "landmarks": points[:1, ::-1, :2]}

    with pytest.raises(ModelError, match="gives other landmarks than the network"):
        predict_faces(Stub(stub.card, other), np.zeros((200, 300, 3), np.uint8), [face], options)
