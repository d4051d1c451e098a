"""Faces are cut, and what a network says comes back to where it belongs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import eval.model_predictions as model_predictions
from eval.protocol import Request
from eval.truth import Truth, new_truth
from synthgen.core.errors import AssetError, UsageError
from synthgen.predict.card import NetworkCard
from tests.eval.benchmark_files import faces, picture
from tests.eval.protocols.scored import run

POINTS = faces(5)[0][..., :2]
CARD = NetworkCard("tddfa_v2", (64, 64), 0.6, ("picture",), ("parameters",))


class Oracle:
    """Says where the landmarks are, two pixels of its crop too far right."""

    def __init__(self, network: SimpleNamespace, section: object) -> None:
        self.network = network
        self.shapes: set[tuple[int, ...]] = set()

    def on_images(self, pictures: Sequence[np.ndarray], landmarks: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        assert all(one.shape == (64, 64, 3) and one.dtype == np.uint8 for one in pictures)
        return [{"landmarks_2d": points + np.array([2.0, 0.0])} for points in landmarks]


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Truth:
    monkeypatch.setattr(model_predictions, "open_network", lambda path: SimpleNamespace(card=CARD))
    monkeypatch.setattr(model_predictions, "BenchmarkModel", Oracle)
    ids = [f"face{row}" for row in range(5)]
    for name in ids:
        picture(tmp_path / f"{name}.jpg")
    paths = [tmp_path / f"{name}.jpg" for name in ids]
    low, high = POINTS.min(axis=1), POINTS.max(axis=1)
    boxes = np.concatenate([low - 10, high + 10], axis=1)
    return new_truth("ibug68", ids, POINTS, "here", None, boxes, paths)


def request(**options: str) -> Request:
    return Request(Path("."), model=Path("net.onnx"), options=options)


@pytest.mark.parametrize("crop", ["given", "truth"])
def test_points_come_back_to_the_picture(truth: Truth, crop: str) -> None:
    predictions, notes = model_predictions.predict_landmarks(request(crop=crop), truth)
    assert predictions.ids == truth.ids and predictions.first_pixel == 0.5
    offset = predictions.points - POINTS
    extent = np.ptp(POINTS, axis=1)
    if crop == "truth":  # the larger side of the points' box is 0.6 of 64 px
        np.testing.assert_allclose(offset[:, :, 0], (2.0 * extent.max(axis=1) / (0.6 * 64))[:, None] * np.ones(68))
    assert (offset[:, :, 0] > 0).all() and np.abs(offset[:, :, 1]).max() < 1e-9
    assert ("no system has" in notes[0]) == (crop == "truth")


def test_boxes_are_taken_where_they_are(truth: Truth) -> None:
    assert "benchmark's boxes" in model_predictions.predict_landmarks(request(), truth)[1][0]
    without = replace(truth, boxes=np.full((5, 4), np.nan))
    assert "annotated points" in model_predictions.predict_landmarks(request(), without)[1][0]
    with pytest.raises(UsageError, match="gives no boxes; say crop=truth"):
        model_predictions.predict_landmarks(request(crop="given"), without)
    with pytest.raises(UsageError, match="expected given or truth"):
        model_predictions.predict_landmarks(request(crop="mine"), truth)


def test_faces_without_a_picture_have_no_prediction(truth: Truth) -> None:
    some = replace(truth, pictures=(None, *truth.pictures[1:]))
    assert model_predictions.predict_landmarks(request(), some)[0].ids == truth.ids[1:]
    with pytest.raises(AssetError, match="its pictures are not there"):
        model_predictions.predict_landmarks(request(), replace(truth, pictures=(None,) * 5))


def test_a_protocol_runs_a_model(truth: Truth, tmp_path: Path) -> None:
    from tests.eval.benchmark_files import write_pts

    for name, points in zip(truth.ids, POINTS):
        write_pts(tmp_path / "ibug" / f"{name}.pts", points)
        picture(tmp_path / "ibug" / f"{name}.jpg")
    result = run("w300", tmp_path, None, model=Path("net.onnx"))  # type: ignore[arg-type]
    value = {number.key: number.value for number in result.numbers}["challenging/inter-ocular: NME"]
    sizes = np.linalg.norm(POINTS[:, 36] - POINTS[:, 45], axis=1)
    expected = np.mean(2.0 * np.ptp(POINTS, axis=1).max(axis=1) / (0.6 * 64) / sizes)
    assert value == pytest.approx(100 * expected, rel=1e-4)
    assert any("cut by the annotated points" in note for note in result.notes)
