"""AFLW with 21, 19 and 34 points."""

import math
from pathlib import Path

import numpy as np
import pytest

import eval.readers.aflw
from eval.point_sets import AFLW21_FROM_IBUG68, aflw21_from_ibug68
from synthgen.core.errors import AssetError, UsageError
from tests.eval.benchmark_files import faces, write_aflw19, write_aflw21, write_predictions
from tests.eval.protocols.scored import published_keys, run, scored

RANDOM = np.random.default_rng(4)
POINTS_68 = faces(9)[0][..., :2]
POINTS = aflw21_from_ibug68(POINTS_68)
HIDDEN = RANDOM.random((9, 21)) < 0.3
YAW = np.array([0.0, 10.0, -29.0, 30.0, 31.0, -59.0, 60.5, -89.0, 120.0])
NOISE = RANDOM.normal(0, 2, POINTS_68.shape)


def slow_visible_nme(predicted: np.ndarray, truth: np.ndarray, visible: np.ndarray, box: np.ndarray) -> list[float]:
    errors = []
    for row in range(len(truth)):
        width, height = box[row, 2] - box[row, 0], box[row, 3] - box[row, 1]
        lengths = [math.dist(predicted[row, k], truth[row, k]) for k in np.flatnonzero(visible[row])]
        errors.append(100.0 * sum(lengths) / len(lengths) / math.sqrt(width * height))
    return errors


def box_of(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def test_the_21_points_are_3ddfas() -> None:
    """CONVENTIONS.md C3, in its 1-based numbers."""
    words = "18; 20; 22; 23; 25; 27; 37; mean 37-42; 40; 43; mean 43-48; 46; 3; 32; 31; 36; 15; 49; mean 61-68; 55; 9"
    for word, group in zip(words.split("; "), AFLW21_FROM_IBUG68, strict=True):
        low, _, high = word.removeprefix("mean ").partition("-")
        assert list(group) == list(range(int(low) - 1, int(high or low)))


@pytest.mark.parametrize("count", [21, 68])
def test_aflw21(tmp_path: Path, count: int) -> None:
    ids = write_aflw21(tmp_path / "data", POINTS, HIDDEN, YAW, POINTS_68)
    predicted_68 = POINTS_68 + NOISE
    predicted = aflw21_from_ibug68(predicted_68)
    file = write_predictions(tmp_path / "p.npz", ids, predicted if count == 21 else predicted_68)
    numbers = scored("aflw21", tmp_path / "data", file)
    assert published_keys("aflw21") <= set(numbers)
    errors = slow_visible_nme(predicted, POINTS, ~HIDDEN, box_of(POINTS_68))
    bins = [np.mean(errors[:4]), np.mean(errors[4:6]), np.mean(errors[6:])]  # 30 belongs to the first
    found = [numbers[f"21-visible/box-of-68: NME {name}"] for name in ("0-30", "30-60", "60-90", "bins", "images")]
    assert found == pytest.approx([*bins, np.mean(bins), np.mean(errors)], rel=1e-5)


def test_aflw21_says_that_its_normaliser_is_missing(tmp_path: Path) -> None:
    ids = write_aflw21(tmp_path / "data", POINTS, HIDDEN, YAW, None)
    file = write_predictions(tmp_path / "p.npz", ids, POINTS)
    result = run("aflw21", tmp_path / "data", file)
    assert {number.variant for number in result.numbers} == {"21-visible/box-of-visible"}
    assert any("AFLW_GT_pts68.npy" in note and "not comparable" in note for note in result.notes)
    (tmp_path / "data" / "AFLW_GT_crop_yaws.npy").unlink()
    with pytest.raises(AssetError, match="no AFLW_GT_crop_yaws.npy"):
        run("aflw21", tmp_path / "data", file)


def test_aflw19(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eval.readers.aflw, "_TRAINING_FACES", 5)
    points = POINTS[:6, [*range(12), 13, 14, 15, 17, 18, 19, 20]]
    visible = np.ones((6, 19), bool)
    visible[4:, 3] = False
    truth = points.copy()
    truth[5, 3] = np.nan  # not annotated at all
    ids = write_aflw19(tmp_path, truth, visible, training=5)
    predicted = points + RANDOM.normal(0, 2, points.shape)
    numbers = scored("aflw19", tmp_path, write_predictions(tmp_path / "p.npz", ids, predicted))
    assert published_keys("aflw19") <= set(numbers)
    annotated = np.isfinite(truth).all(axis=2)
    low, high = np.nanmin(truth, axis=1), np.nanmax(truth, axis=1)
    errors = slow_visible_nme(predicted, np.nan_to_num(truth), annotated, np.concatenate([low, high], axis=1))
    assert numbers["19/full/box-area: NME"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert numbers["19/frontal/box-area: NME"] == pytest.approx(np.mean(errors[:4]), rel=1e-5)
    width, height = (high - low).T
    longest = np.array(errors) * np.sqrt(width * height) / np.maximum(width, height)
    assert numbers["19/full/box-longest-edge: NME"] == pytest.approx(longest.mean(), rel=1e-5)
    pupils = np.array([math.dist(face[7], face[10]) for face in truth])
    by_eyes = np.array(errors) * np.sqrt(width * height) / pupils
    assert numbers["19/full/inter-pupil: NME"] == pytest.approx(by_eyes.mean(), rel=1e-5)


def test_aflw19_without_an_eye(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A face whose eye centre is not annotated has no inter-pupil error, also where its prediction is missing."""
    monkeypatch.setattr(eval.readers.aflw, "_TRAINING_FACES", 5)
    truth = POINTS[:6, [*range(12), 13, 14, 15, 17, 18, 19, 20]].copy()
    truth[2, 10] = np.nan
    ids = write_aflw19(tmp_path, truth, np.ones((6, 19), bool), training=5)
    kept = [0, 1, 3, 4, 5]
    predicted = np.nan_to_num(truth)[kept] + 1.0
    file = write_predictions(tmp_path / "p.npz", [ids[row] for row in kept], predicted)
    result = run("aflw19", tmp_path, file, missing="fail")
    assert any("1 faces without annotated eye centres" in note for note in result.notes)
    numbers = {f"{number.variant}: {number.metric}": number.value for number in result.numbers}
    expected = [100.0 * math.sqrt(2.0) / math.dist(truth[row, 7], truth[row, 10]) for row in kept]
    assert numbers["19/full/inter-pupil: NME"] == pytest.approx(np.mean(expected), rel=1e-5)


def write_34(path: Path, points: np.ndarray, visible: np.ndarray) -> list[str]:
    ids = [f"face{row}" for row in range(len(points))]
    box = box_of(points) + np.array([-5.0, -5.0, 5.0, 5.0])
    np.savez(path, ids=np.array(ids), points=points - 0.5, visible=visible, boxes=box - 0.5)
    return ids


@pytest.mark.parametrize("name", ["aflw_pifa", "lfpa34"])
def test_34_points(tmp_path: Path, name: str) -> None:
    points = np.concatenate([POINTS, POINTS_68[:, 20:33]], axis=1)
    visible = RANDOM.random((9, 34)) < 0.6
    ids = write_34(tmp_path / "truth.npz", points, visible)
    predicted = points + RANDOM.normal(0, 2, points.shape)
    file = write_predictions(tmp_path / "p.npz", ids, predicted)
    numbers = scored(name, tmp_path / "truth.npz", file)
    assert published_keys(name) <= set(numbers)
    box = box_of(points) + np.array([-5.0, -5.0, 5.0, 5.0])
    all_34 = slow_visible_nme(predicted, points, visible, box)
    first_21 = slow_visible_nme(predicted[:, :21], points[:, :21], visible[:, :21], box)
    assert numbers["34-visible/given-box: NME images"] == pytest.approx(np.mean(all_34))
    assert numbers["21-visible/given-box: NME images"] == pytest.approx(np.mean(first_21))
    ranked = run(name, tmp_path / "truth.npz", file).errors[0].variant
    assert ranked.startswith("34" if name == "lfpa34" else "21")


def test_which_points_are_aflws_can_be_told(tmp_path: Path) -> None:
    points = np.concatenate([POINTS, POINTS_68[:, 20:33]], axis=1)
    ids = write_34(tmp_path / "truth.npz", points[:, ::-1], np.ones((9, 34)))
    file = write_predictions(tmp_path / "p.npz", ids, POINTS)
    order = ",".join(str(33 - k) for k in range(21))
    numbers = scored("aflw_pifa", tmp_path / "truth.npz", file, options={"aflw21": order})
    assert numbers["21-visible/given-box: NME images"] == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(UsageError, match="expected 21 different numbers from 0 to 33"):
        scored("aflw_pifa", tmp_path / "truth.npz", file, options={"aflw21": "0,1"})


def test_a_face_without_a_visible_point_is_left_out(tmp_path: Path) -> None:
    points = np.concatenate([POINTS, POINTS_68[:, 20:33]], axis=1)
    visible = np.ones((9, 34))
    visible[3] = 0
    ids = write_34(tmp_path / "truth.npz", points, visible)
    result = run("lfpa34", tmp_path / "truth.npz", write_predictions(tmp_path / "p.npz", ids, points))
    assert "face3" not in result.errors[0].ids and len(result.errors[0].ids) == 8
