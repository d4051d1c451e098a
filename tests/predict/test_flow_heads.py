"""Landmarks from exact flow to the mean face are those of the heads that were drawn."""

import numpy as np
import pytest
import torch

from synthgen.core.conventions import MATCHABILITY_POLICIES
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.morphable.model import evaluate_vertices
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import evaluate_points
from synthgen.predict.flow_heads import flow_landmarks
from tests.alignment.dense_photos import draw_dense


@pytest.mark.slow
def test_exact_flow_gives_the_landmarks() -> None:
    model = build_procedural_model("base")
    drawn = draw_dense(np.array([-30.0, 10.0]), seed=4)
    vertices = torch.from_numpy(evaluate_vertices(model, drawn.identity, drawn.expression).astype(np.float32))
    camera = (drawn.rotation, drawn.translation, drawn.focal, drawn.principal)
    cameras = Cameras(drawn.perspective, *(torch.from_numpy(np.asarray(part, np.float32)) for part in camera))
    places = project(cameras, to_camera_space(cameras, vertices)).numpy()
    truth = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, places)[..., :2]
    matchable = np.isin(drawn.code, MATCHABILITY_POLICIES["dfc"]).astype(np.float32)
    blank = np.zeros_like(matchable[:1])
    points, reasons = flow_landmarks(
        np.concatenate([drawn.flow, drawn.flow[:1]]), np.concatenate([matchable, blank]), model
    )
    assert np.linalg.norm(points[:2] - truth, axis=-1).mean() < 0.5  # px of 128
    assert reasons[:2] == ["", ""] and reasons[2].startswith("no head explains the flow")
    assert np.isnan(points[2]).all()
