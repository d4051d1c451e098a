import math
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import AssetError
from tests.eval.benchmark_files import faces, write_predictions, write_pts, write_w300
from tests.eval.protocols.scored import published_keys, run, scored

POINTS = faces(21)[0][..., :2]
PREDICTED = POINTS + np.random.default_rng(7).normal(0, 4, POINTS.shape)
SUBSETS = {"common": (0, 1), "challenging": (2,), "private": (3, 4), "full": (0, 1, 2)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("w300")
    ids = write_w300(folder / "300W", POINTS)
    scored_rows = [row for row in range(len(POINTS)) if row % 7 < 5]
    return folder / "300W", write_predictions(folder / "p.npz", ids, PREDICTED[scored_rows])


def slow(row: int, normaliser: str) -> tuple[float, float]:
    """(mean, RMS) percent, by loops."""
    truth, predicted = POINTS[row], PREDICTED[row]
    if normaliser == "inter-ocular":
        size = math.dist(truth[36], truth[45])
    else:
        left = [sum(truth[k, axis] for k in range(36, 42)) / 6 for axis in range(2)]
        right = [sum(truth[k, axis] for k in range(42, 48)) / 6 for axis in range(2)]
        size = math.dist(left, right)
    squares = [(p[0] - t[0]) ** 2 + (p[1] - t[1]) ** 2 for p, t in zip(predicted, truth)]
    return 100 * sum(map(math.sqrt, squares)) / 68 / size, 100 * math.sqrt(sum(squares) / 68) / size


@pytest.mark.parametrize("normaliser", ["inter-pupil", "inter-ocular"])
@pytest.mark.parametrize("subset", sorted(SUBSETS))
def test_every_subset_and_normaliser(files: tuple[Path, Path], subset: str, normaliser: str) -> None:
    numbers = scored("w300", *files)
    assert published_keys("w300") <= set(numbers)
    rows = [row for row in range(len(POINTS)) if row % 7 in SUBSETS[subset]]
    means, roots = zip(*(slow(row, normaliser) for row in rows))
    expected = {
        "NME": np.mean(means), "RMS": np.mean(roots),
        "FR8": 100 * np.mean([e > 8 for e in means]), "FR10 RMS": 100 * np.mean([e > 10 for e in roots]),
        "AUC8": np.mean([max(0, 8 - e) / 8 for e in means]), "AUC10 RMS": np.mean([max(0, 10 - e) / 10 for e in roots]),
    }  # fmt: skip
    found = {metric: numbers[f"{subset}/{normaliser}: {metric}"] for metric in expected}
    assert found == pytest.approx(expected, rel=1e-6)


def test_training_faces_are_left_out_and_counts_are_told(files: tuple[Path, Path]) -> None:
    result = run("w300", *files)
    assert not any("trainset" in name or "afw" in name for part in result.errors for name in part.ids)
    assert "common holds 6 faces, the release 554." in result.notes


def test_folders_that_are_no_300w(tmp_path: Path) -> None:
    write_pts(tmp_path / "faces" / "a.pts", POINTS[0])
    np.savez(tmp_path / "p.npz", ids=np.array(["a"]), points=POINTS[:1])
    with pytest.raises(AssetError, match="no .pts file below helen/testset"):
        run("w300", tmp_path, tmp_path / "p.npz")
    write_pts(tmp_path / "ibug" / "a.pts", POINTS[0][:5])
    with pytest.raises(AssetError, match="n_points is 5, expected 68"):
        run("w300", tmp_path, tmp_path / "p.npz")


def test_eyes_in_one_place_cannot_be_divided_by(tmp_path: Path) -> None:
    flat = POINTS[0].copy()
    flat[45] = flat[36]
    write_pts(tmp_path / "ibug" / "a.pts", flat)
    np.savez(tmp_path / "p.npz", ids=np.array(["ibug/a"]), points=POINTS[:1] - 0.5)
    with pytest.raises(AssetError, match="inter-ocular distance of 1 faces is zero.*ibug/a"):
        run("w300", tmp_path, tmp_path / "p.npz")


def test_intervals_hold_their_number(files: tuple[Path, Path]) -> None:
    for number in run("w300", *files, resamples=200).numbers:
        assert number.low is not None and number.high is not None
        assert number.low <= number.value + 1e-9 and number.value <= number.high + 1e-9
