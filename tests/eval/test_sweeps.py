"""dfc's sweeps: what each level does to a face, and how predictions of them are scored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request
from eval.protocols.sweeps import run
from eval.sweep_scenes import BOX_SHARES, FEATURES, FLASH_ANGLES, LIGHT_YAWS, YAWS, jittered, turned
from eval.sweep_set import open_sweeps, write_sweeps
from synthgen.core.conventions import LANDMARK_OCCLUDED
from synthgen.core.errors import DatasetError, UsageError
from synthgen.recipe.load import load_recipe
from synthgen.render.assets import open_assets
from synthgen.sampling.sampler import sample_scene

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "benchmark.yaml"
FACES = 2


@pytest.fixture(scope="module")
def recipe():
    return load_recipe(RECIPE, ("size=[64,64]", "sensor.supersampling=1"))


@pytest.fixture(scope="module")
def sweeps(recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "set"
    levels = len(YAWS) + len(FEATURES) + 1 + len(LIGHT_YAWS) * (1 + len(FLASH_ANGLES)) + len(BOX_SHARES)
    assert write_sweeps(recipe, folder, FACES) == FACES * levels
    return folder


def points_of(sweeps: Path, sweep: str) -> tuple[list[float], np.ndarray, np.ndarray]:
    """Values of the levels of a sweep, landmarks (L, FACES, 68, 2) and visibility (L, FACES, 68)."""
    found = open_sweeps(sweeps)
    rows = [row for row, level in enumerate(found.levels) if level["sweep"] == sweep]
    values = [found.levels[row]["value"] for row in rows]
    at = [found.level == row for row in rows]
    return values, np.stack([found.landmarks[mask] for mask in at]), np.stack([found.visibility[mask] for mask in at])


def test_more_and_more_features_disappear(sweeps: Path) -> None:
    values, points, visibility = points_of(sweeps, "occlusion")
    assert values == [0, 1, 2, 3, 4]
    for count in values:
        hidden = {point for name in list(FEATURES)[: int(count)] for point in FEATURES[name]}
        for face in range(FACES):
            occluded = set(np.flatnonzero(visibility[int(count), face] == LANDMARK_OCCLUDED).tolist())
            # A brow's end may already be turned away, which comes before an occluder.
            assert len(hidden & occluded) >= 0.8 * len(hidden)
            assert not occluded & set(FEATURES["left eye"]) - hidden or count >= 2
    np.testing.assert_allclose(points[0], points[4], atol=1e-4)


def test_yaw_turns_to_both_sides_and_narrows_the_eyes(sweeps: Path) -> None:
    values, points, _ = points_of(sweeps, "yaw")
    width = np.abs(points[:, :, 45, 0] - points[:, :, 36, 0])
    assert values == list(YAWS) and (np.diff(width[:, 0])[:4] < 0).all()
    nose = points[3, :, 30, 0] - points[3, :, [36, 45], 0].mean(axis=0)
    assert nose[0] > 0 > nose[1]


def test_light_moves_no_landmark_but_changes_the_picture(sweeps: Path) -> None:
    _, points, _ = points_of(sweeps, "light, yaw 30 deg")
    np.testing.assert_allclose(points, np.broadcast_to(points[:1], points.shape), atol=1e-4)
    found = open_sweeps(sweeps)
    names = [(level["sweep"], level["level"]) for level in found.levels]
    means = [
        found.picture(int(np.flatnonzero(found.level == names.index(("light, yaw 30 deg", name)))[0])).mean()
        for name in ("flash at 0 deg", "flash at 135 deg")
    ]
    assert means[0] > means[1] + 5


@pytest.mark.parametrize("percent", [0, 10, 20])
def test_a_wrong_box_is_wrong_by_its_share(recipe, percent: int) -> None:
    assets = open_assets(recipe, "cpu")
    middle = np.array([32.0, 32.0])
    for index in range(6):
        scene = sample_scene(recipe, assets.model, assets.box, index)[0]
        moved = jittered(scene, percent / 100, assets.box).faces[0]
        face = scene.faces[0]
        zoom = moved.scale / face.scale
        assert np.isclose(zoom, 1 / (1 + percent / 100)) or np.isclose(zoom, 1 / (1 - percent / 100))
        shift = moved.centre - (middle + zoom * (face.centre - middle))
        assert np.linalg.norm(shift) == pytest.approx(percent / 100 * assets.box.side * moved.scale)


def test_turning_keeps_all_but_the_pose(recipe) -> None:
    assets = open_assets(recipe, "cpu")
    scene = sample_scene(recipe, assets.model, assets.box, 3)[0]
    found = turned(scene, 40.0)
    assert np.degrees(found.faces[0].euler[1]) == pytest.approx(-40.0)  # odd samples to the other side
    assert replace(found, faces=scene.faces, occluders=scene.occluders) == scene


def written(folder: Path, points: np.ndarray, ids: np.ndarray | None = None) -> Path:
    arrays = {"landmarks_2d": points} | ({} if ids is None else {"ids": ids})
    file = folder.parent / "predictions.npz"
    np.savez(file, **arrays)
    return file


def test_the_truth_has_no_error_and_a_shift_its_own(sweeps: Path) -> None:
    found = open_sweeps(sweeps)
    result = run(Request(sweeps, predictions=written(sweeps, found.landmarks), resamples=0))
    assert {number.value for number in result.numbers} == {0.0}
    assert all(found.fingerprint[:12] in number.variant for number in result.numbers)
    width = np.ptp(found.landmarks.astype(np.float64), axis=1).prod(axis=-1) ** 0.5
    shifted = found.landmarks + np.float32([0, 3])
    result = run(Request(sweeps, predictions=written(sweeps, shifted), resamples=5))
    first = result.numbers[0]
    assert first.value == pytest.approx((300 / width[found.level == 0]).mean(), rel=1e-4)
    assert first.count == FACES and first.low is not None
    assert result.draw is not None and result.draw("5").shape == (256, 256, 3)


def test_pictures_without_a_prediction(sweeps: Path) -> None:
    found = open_sweeps(sweeps)
    last = np.arange(1, len(found.level))
    file = written(sweeps, found.landmarks[1:], last)
    with pytest.raises(UsageError, match="choose --missing"):
        run(Request(sweeps, predictions=file))
    failed = run(Request(sweeps, predictions=file, missing="fail", resamples=0))
    assert failed.numbers[0].value == pytest.approx(100.0 / FACES)
    left_out = run(Request(sweeps, predictions=file, missing="exclude", resamples=0))
    assert left_out.numbers[0].value == 0.0 and left_out.numbers[0].count == FACES - 1


def test_predictions_of_other_pictures_are_refused(sweeps: Path) -> None:
    points = open_sweeps(sweeps).landmarks
    with pytest.raises(DatasetError, match="of no sample"):
        run(Request(sweeps, predictions=written(sweeps, np.concatenate([points, points[:1]]))))
    with pytest.raises(UsageError, match="x and y are exchanged"):
        run(Request(sweeps, predictions=written(sweeps, points[..., ::-1])))


def test_folders_that_hold_no_sweeps(sweeps: Path, recipe, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="make-sweeps"):
        run(Request(tmp_path, predictions=tmp_path / "x.npz"))
    with pytest.raises(UsageError, match="not empty"):
        write_sweeps(recipe, sweeps, 1)
    (tmp_path / "levels.json").write_text("{}")
    with pytest.raises(DatasetError, match="damaged"):
        open_sweeps(tmp_path)
