"""The cascade: descriptors by closed form, invariance, learning on hand-made faces, files."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import DatasetError, UsageError
from synthgen.predict.landmark_shapes import LandmarkShapes, learn_shapes
from training.cascade.descriptors import Patches, describe, frames_of
from training.cascade.experiment import Row
from training.cascade.regressors import CascadeOptions, train_cascade
from training.cascade.starts import box_starts, near_starts
from training.cascade.store import load_cascades, save_cascades
from training.cascade.table import cascade_table

SIDE = 48
MEAN = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2)


def ramp(angle: float) -> np.ndarray:
    """(1, 48, 48) brightness that grows by 0.01 a px towards an angle."""
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    return (0.01 * (np.cos(angle) * x + np.sin(angle) * y))[None].astype(np.float32)


def square(middle: tuple[float, float] = (24.0, 24.0), size: float = 8.0, angle: float = 0.0) -> np.ndarray:
    turned = (MEAN[:, 0] + 1j * MEAN[:, 1]) * np.exp(1j * angle) * size
    return np.stack([turned.real, turned.imag], axis=-1)[None] + middle


@pytest.mark.parametrize("orientation", range(8))
def test_a_ramp_has_one_orientation(orientation: int) -> None:
    """All gradients point the same way: every cell has its whole length in one of the eight."""
    patches = Patches(0.5, 2, 4)
    found = describe(ramp(orientation * np.pi / 4), square(), MEAN, patches).reshape(4, 2, 2, 8)
    assert np.abs(np.delete(found, orientation, axis=-1)).max() < 1e-3
    # Central differences over two samples of 0.5 * 8 / 4 = 1 px: 0.02 each, 16 a cell, 4 cells: norm 0.64.
    length = 0.02 * 16
    np.testing.assert_allclose(found[..., orientation], length / np.hypot(2 * length, 0.05), rtol=1e-3)


def test_between_two_orientations() -> None:
    found = describe(ramp(np.pi / 8), square(), MEAN, Patches(0.5, 2, 4)).reshape(4, 2, 2, 8)
    np.testing.assert_allclose(found[..., 0], found[..., 1], rtol=1e-3)


def test_descriptors_turn_with_the_shape() -> None:
    """A picture and a shape turned by a quarter together look the same."""
    random = np.random.default_rng(0)
    picture = random.random((1, SIDE, SIDE)).astype(np.float32)
    points = square((21.0, 26.0), 7.0, 0.2)
    turned_picture = np.ascontiguousarray(np.rot90(picture, axes=(2, 1)))  # clockwise: (x, y) to (SIDE - y, x)
    turned_points = np.stack([SIDE - points[..., 1], points[..., 0]], axis=-1)
    patches = Patches(0.4, 3, 4)
    one, other = describe(picture, points, MEAN, patches), describe(turned_picture, turned_points, MEAN, patches)
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_frames_undo_themselves() -> None:
    points = square((10.0, 30.0), 5.0, 0.7)
    frames = frames_of(points, MEAN)
    np.testing.assert_allclose(frames.into_frame(points), MEAN[None], atol=1e-12)
    np.testing.assert_allclose(frames.into_picture(MEAN[None]), points, atol=1e-12)


def blobs(truth: np.ndarray) -> np.ndarray:
    """(N, 48, 48): a bright spot at every landmark."""
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    distance = (x - truth[:, :, 0, None, None]) ** 2 + (y - truth[:, :, 1, None, None]) ** 2
    return np.exp(-distance / (2 * 2.0**2)).max(axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray, LandmarkShapes]:
    random = np.random.default_rng(1)
    truth = np.concatenate(
        [square(random.uniform(20, 28, 2), random.uniform(8, 12), 0.1 * random.normal()) for _ in range(80)]
    )
    truth = truth + random.normal(size=truth.shape)
    return blobs(truth), truth, learn_shapes(truth)


def test_steps_lead_to_the_truth(faces: tuple[np.ndarray, np.ndarray, LandmarkShapes], tmp_path: Path) -> None:
    pictures, truth, shapes = faces
    train, test = np.repeat(np.arange(60), 4), np.arange(60, 80)
    random = np.random.default_rng(2)
    starts = near_starts(truth[train], shapes, random)
    told = []
    cascade = train_cascade(
        pictures, truth, (train, starts), shapes, CascadeOptions((0.8, 0.6, 0.5)), lambda *step: told.append(step)
    )
    found = cascade.refine(pictures[test], near_starts(truth[test], shapes, random))
    errors = np.linalg.norm(found - truth[test], axis=-1).mean(axis=(1, 2))
    assert len(errors) == 4 and errors[-1] < 0.6 * errors[0]
    assert [step for step, _ in told] == [1, 2, 3] and told[-1][1] < told[0][1]
    save_cascades(tmp_path / "c", {"near": cascade})
    again = load_cascades(tmp_path / "c")["near"]
    np.testing.assert_array_equal(again.refine(pictures[test], found[0]), found)


def test_fewer_than_three_steps_are_refused(faces: tuple[np.ndarray, np.ndarray, LandmarkShapes]) -> None:
    pictures, truth, shapes = faces
    with pytest.raises(UsageError, match="at least three"):
        train_cascade(pictures, truth, (np.arange(80), truth), shapes, CascadeOptions((0.5, 0.4)))


def test_the_mean_shape_fills_the_box(faces: tuple[np.ndarray, np.ndarray, LandmarkShapes]) -> None:
    _, truth, shapes = faces
    starts = box_starts(truth, shapes, None)
    for one, start in zip(truth, starts, strict=True):
        np.testing.assert_allclose((start.min(axis=0) + start.max(axis=0)) / 2, (one.min(axis=0) + one.max(axis=0)) / 2)
        assert np.ptp(start, axis=0).max() == pytest.approx(np.ptp(one, axis=0).max())


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no cascade"):
        load_cascades(tmp_path)
    (tmp_path / "cascade.json").write_text("{}")
    (tmp_path / "cascade.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DatasetError, match="damaged"):
        load_cascades(tmp_path)


def test_the_table_by_hand() -> None:
    row = Row("box", np.array([0.2, 0.1, 0.05, 0.04]), np.array([0.3, 0.2, 0.1, 0.0512]), np.array([0.01, 0.02, 0.09]))
    lines = cascade_table([row]).splitlines()
    assert lines[0] == "| start | at the start | step 1 | step 2 | step 3 | median |"
    assert lines[2] == "| box | 20.00 | 10.00 | 5.00 | 4.00 | 2.00 |"
    assert lines[3].startswith("| box, turned over 30 degrees | 30.00 |") and "5.12" in lines[3]
