"""AFLW2000-3D against the formulas of the public scripts, written out on the stored numbers."""

import math
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import AssetError, UsageError
from tests.eval.benchmark_files import faces, write_aflw2000, write_predictions
from tests.eval.protocols.scored import published_keys, run, scored

COUNT = 26
POINTS, ANGLES = faces(COUNT)
PREDICTED = POINTS + np.random.default_rng(1).normal(0, 2, POINTS.shape)
VISIBLE = np.random.default_rng(2).random((COUNT, 68)) < 0.6


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("aflw2000")
    ids = write_aflw2000(folder / "AFLW2000-3D", POINTS, ANGLES)
    np.save(folder / "visible.npy", VISIBLE.astype(np.uint8))
    return folder / "AFLW2000-3D", write_predictions(folder / "mine.npz", ids, PREDICTED), folder / "visible.npy"


def slow_nme(predicted: np.ndarray, truth: np.ndarray, used: np.ndarray | None = None) -> list[float]:
    """3DDFA's: mean distance over the root of the area of the box of the true 68 points, in percent."""
    errors = []
    for row in range(len(truth)):
        xs, ys = truth[row, :, 0].tolist(), truth[row, :, 1].tolist()
        size = math.sqrt((max(xs) - min(xs)) * (max(ys) - min(ys)))
        chosen = range(68) if used is None else np.flatnonzero(used[row])
        lengths = [math.dist(predicted[row, k], truth[row, k]) for k in chosen]
        errors.append(100.0 * sum(lengths) / len(lengths) / size)
    return errors


def slow_bins(errors: list[float], yaw_deg: np.ndarray) -> dict[str, float]:
    small = [e for e, yaw in zip(errors, np.abs(yaw_deg)) if yaw <= 30]
    medium = [e for e, yaw in zip(errors, np.abs(yaw_deg)) if 30 < yaw <= 60]
    large = [e for e, yaw in zip(errors, np.abs(yaw_deg)) if yaw > 60]
    means = [sum(part) / len(part) for part in (small, medium, large)]
    return {
        "NME 0-30": means[0], "NME 30-60": means[1], "NME 60-90": means[2], "NME bins": sum(means) / 3,
        "NME bins std": float(np.std(means)), "NME images": sum(errors) / len(errors),
        "NME without worst 20": sum(sorted(errors)[:-20]) / (len(errors) - 20),
    }  # fmt: skip


def check(numbers: dict[str, float], variant: str, errors: list[float]) -> None:
    expected = slow_bins(errors, np.rad2deg(ANGLES[:, 1]))
    for split in ("yaw-fitted", "yaw-labelled"):
        found = {metric: numbers[f"{variant}/{split}: {metric}"] for metric in expected}
        assert found == pytest.approx(expected, rel=1e-4), variant


def test_every_variant_agrees_with_the_scripts(files: tuple[Path, Path, Path]) -> None:
    data, predictions, visible = files
    numbers = scored("aflw2000", data, predictions, options={"visible": str(visible)})
    assert published_keys("aflw2000") <= set(numbers)
    check(numbers, "68-2d/original/box-of-points", slow_nme(PREDICTED[..., :2], POINTS[..., :2]))
    check(numbers, "68-2d/re-annotated/box-of-points", slow_nme(PREDICTED[..., :2], POINTS[..., :2]))
    inner = VISIBLE & (np.arange(68) >= 17)
    check(numbers, "visible-inner-2d/original/box-of-points", slow_nme(PREDICTED[..., :2], POINTS[..., :2], inner))
    for alignment, origin in (("min", np.min), ("mean", np.mean)):
        spaces = [array.copy() for array in (PREDICTED, POINTS)]
        for array in spaces:
            for face in array:
                face[:, 2] -= origin(face[:, 2])
        check(numbers, f"68-3d-{alignment}-z/original/box-of-points", slow_nme(*spaces))


def test_box_variants_only_change_the_normaliser(files: tuple[Path, Path, Path]) -> None:
    data, predictions, visible = files
    result = run("aflw2000", data, predictions, options={"visible": str(visible)})
    errors = {part.variant: part.values for part in result.errors}
    low, high = POINTS[..., :2].min(axis=1), POINTS[..., :2].max(axis=1)
    ratio = np.sqrt((high - low).prod(axis=1) / (high - low + 40).prod(axis=1))
    tight = errors["68-2d/original/box-of-points"]
    np.testing.assert_allclose(errors["68-2d/original/given-box"], tight * ratio, rtol=1e-4)
    diagonal = np.sqrt((high - low).prod(axis=1)) / np.hypot(*(high - low).T)
    np.testing.assert_allclose(errors["68-2d/original/diagonal-of-points"], tight * diagonal, rtol=1e-4)


def test_stored_coordinates_with_their_own_first_pixel_score_nothing(files: tuple[Path, Path, Path]) -> None:
    """What the .mat files hold, given as predictions with --first-pixel 1, is the truth itself."""
    data, _, visible = files
    ids = [f"image{2 + 3 * row:05d}" for row in range(COUNT)]
    np.savez(data.parent / "stored.npz", ids=np.array(ids), points=POINTS[..., :2] + 0.5)
    numbers = scored("aflw2000", data, data.parent / "stored.npz", first_pixel=1.0, options={"visible": str(visible)})
    assert numbers["68-2d/original/box-of-points/yaw-fitted: NME images"] == pytest.approx(0.0, abs=1e-4)


def test_permuted_predictions_score_the_same(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    data, predictions, visible = files
    with np.load(predictions) as stored:
        order = np.random.default_rng(0).permutation(COUNT)
        np.savez(tmp_path / "p.npz", ids=stored["ids"][order], points=stored["points"][order])
    options = {"visible": str(visible)}
    first = scored("aflw2000", data, predictions, options=options)
    assert scored("aflw2000", data, tmp_path / "p.npz", options=options) == first


def test_without_tables_and_without_depth(tmp_path: Path) -> None:
    ids = write_aflw2000(tmp_path / "data", POINTS[:4], ANGLES[:4], tables=False)
    np.save(tmp_path / "visible.npy", np.ones((4, 68)))
    file = write_predictions(tmp_path / "p.npz", ids, PREDICTED[:4, :, :2])
    result = run("aflw2000", tmp_path / "data", file, options={"visible": str(tmp_path / "visible.npy")})
    variants = {number.variant for number in result.numbers}
    assert variants == {
        f"{name}/yaw-fitted" for name in ("68-2d/original/box-of-points", "68-2d/original/diagonal-of-points",
                                          "visible-inner-2d/original/box-of-points")
    }  # fmt: skip
    assert any("variants of it are missing: re-annotated points, labelled yaw, given boxes" in n for n in result.notes)


def test_missing_faces_count_as_wholly_wrong(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    data, predictions, visible = files
    options = {"visible": str(visible)}
    with np.load(predictions) as stored:
        np.savez(tmp_path / "p.npz", ids=stored["ids"][2:], points=stored["points"][2:])
    with pytest.raises(UsageError, match="2 of 26 faces have no prediction"):
        run("aflw2000", data, tmp_path / "p.npz", options=options)
    failed = run("aflw2000", data, tmp_path / "p.npz", missing="fail", options=options)
    assert failed.errors[0].values[:2].tolist() == [100.0, 100.0]
    left_out = run("aflw2000", data, tmp_path / "p.npz", missing="exclude", options=options)
    np.testing.assert_allclose(left_out.errors[0].values, failed.errors[0].values[2:])


def test_visibility_of_a_mean_face(files: tuple[Path, Path, Path]) -> None:
    """Frontal: every inner point is seen. Turned to Zhu's +80 degrees the nose points to image left, so the far eye,
    on the subject's right, is hidden and the near one is not."""
    from eval.visible_points import mean_face_visibility

    visible = mean_face_visibility(np.deg2rad([[0.0, 0.0, 0.0], [0.0, 80.0, 0.0], [0.0, -80.0, 0.0]]))
    assert visible[0, 17:].all()
    assert not visible[1, 36:42].any() and visible[1, 42:48].all()
    assert visible[2, 36:42].all() and not visible[2, 42:48].any()


@pytest.mark.parametrize(
    ("name", "table", "words"),
    [
        ("AFLW2000-3D-new.pose.npy", np.zeros(3), r"shape \(3,\).*expected numbers \(26,\)"),
        ("AFLW2000-3D_crop.roi_box.npy", np.zeros((COUNT, 4)), "given-box of 26 faces is zero"),
    ],
)
def test_bad_tables(files: tuple[Path, Path, Path], tmp_path: Path, name: str, table: np.ndarray, words: str) -> None:
    data, predictions, visible = files
    np.save(tmp_path / name, table)
    option = {"AFLW2000-3D-new.pose.npy": "yaw", "AFLW2000-3D_crop.roi_box.npy": "boxes"}[name]
    with pytest.raises(AssetError, match=words):
        run("aflw2000", data, predictions, options={"visible": str(visible), option: str(tmp_path / name)})


def test_depth_must_grow_towards_the_viewer(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    data, _, visible = files
    ids = [f"image{2 + 3 * row:05d}" for row in range(COUNT)]
    file = write_predictions(tmp_path / "p.npz", ids, PREDICTED * np.array([1.0, 1.0, -1.0]))
    with pytest.raises(UsageError, match="larger z is nearer"):
        run("aflw2000", data, file, options={"visible": str(visible)})
