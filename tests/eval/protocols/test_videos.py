"""300VW and Menpo-3D."""

import math
from pathlib import Path

import numpy as np
import pytest

from eval.readers.pts_folders import VW300_CATEGORIES
from synthgen.core.errors import AssetError
from tests.eval.benchmark_files import faces, write_predictions, write_pts, write_vw300
from tests.eval.protocols.scored import published_keys, run, scored

RANDOM = np.random.default_rng(3)


def video(frames: int, seed: int) -> np.ndarray:
    """One face that moves a little."""
    face = faces(3, seed)[0][1]
    path = np.cumsum(RANDOM.normal(0, 2, (frames, 1, 3)), axis=0)
    return face[None] + path


VIDEOS = {"114": video(5, 0), "203": video(4, 1), "410": video(3, 2), "001": video(3, 3)}
TRUTH = np.concatenate(list(VIDEOS.values()))
PREDICTED = TRUTH + RANDOM.normal(0, 1, TRUTH.shape)
STARTS = (0, 5, 9, 12, 15)


def test_categories_are_the_competitions() -> None:
    counts = [len(set(listed.split())) for listed in VW300_CATEGORIES.values()]
    assert counts == [31, 19, 14]  # 64 videos


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("vw300")
    ids = write_vw300(folder / "300VW", VIDEOS)
    return folder / "300VW", write_predictions(folder / "p.npz", sorted(ids), _sorted(PREDICTED)[..., :2])


def _sorted(points: np.ndarray) -> np.ndarray:
    parts = {name: points[first:last] for name, first, last in zip(VIDEOS, STARTS, STARTS[1:])}
    return np.concatenate([parts[name] for name in sorted(parts)])


def test_300vw(files: tuple[Path, Path]) -> None:
    numbers = scored("vw300", *files)
    assert published_keys("vw300") <= set(numbers)
    rms = []
    for predicted, truth in zip(PREDICTED[..., :2], TRUTH[..., :2]):
        square = sum(math.dist(p, t) ** 2 for p, t in zip(predicted, truth)) / 68
        rms.append(math.sqrt(square) / math.dist(truth[36], truth[45]))
    area = np.mean([max(0, 0.1 - e) / 0.1 for e in rms])
    assert numbers["all/inter-ocular: AUC10 RMS"] == pytest.approx(area, rel=1e-5)
    assert numbers["category 1/inter-ocular: RMS"] == pytest.approx(100 * np.mean(rms[:5]), rel=1e-5)
    assert numbers["category 3/inter-ocular: RMS"] == pytest.approx(100 * np.mean(rms[9:12]), rel=1e-5)


def slow_stability(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    """tddfa_v2 section 3.1, by loops: percent."""
    errors = []
    for first, last in zip(STARTS, STARTS[1:]):
        for t in range(first + 1, last):
            low, high = truth[t, :, :2].min(axis=0), truth[t, :, :2].max(axis=0)
            lengths = [
                math.dist(truth[t, k] - truth[t - 1, k], predicted[t, k] - predicted[t - 1, k]) for k in range(68)
            ]
            errors.append(100 * sum(lengths) / 68 / math.sqrt(math.prod(high - low)))
    return errors


def test_stability_and_jitter_stay_within_videos(files: tuple[Path, Path]) -> None:
    numbers = scored("vw300", *files)
    expected = np.mean(slow_stability(PREDICTED[..., :2], TRUTH[..., :2]))
    assert numbers["68-2d/box-of-points: stability"] == pytest.approx(expected, rel=1e-5)
    second = []
    for first, last in zip(STARTS, STARTS[1:]):
        for t in range(first + 1, last - 1):
            middle = (PREDICTED[t - 1, :, :2] + PREDICTED[t + 1, :, :2]) / 2
            edge = np.ptp(TRUTH[t, :, :2], axis=0).max()
            second.append(100 * math.sqrt(np.square(PREDICTED[t, :, :2] - middle).sum(axis=1).mean()) / edge)
    assert numbers["68-2d/longest-edge: jitter"] == pytest.approx(np.mean(second), rel=1e-5)


def test_intervals_draw_videos(files: tuple[Path, Path]) -> None:
    result = run("vw300", *files, resamples=100)
    assert set(result.errors[0].clusters) == set(VIDEOS)
    assert any("drawing videos" in note for note in result.notes)


def test_a_missing_frame_breaks_its_video(files: tuple[Path, Path], tmp_path: Path) -> None:
    with np.load(files[1]) as stored:
        kept = stored["ids"] != "114/000003"
        np.savez(tmp_path / "p.npz", ids=stored["ids"][kept], points=stored["points"][kept])
    result = run("vw300", files[0], tmp_path / "p.npz", missing="exclude")
    (stability,) = [part for part in result.errors if part.variant.endswith("stability")]
    assert "114/000003" not in stability.ids and "114/000004" not in stability.ids and "114/000005" in stability.ids


@pytest.mark.parametrize("layout", ["pts", "npz"])
def test_menpo3d(tmp_path: Path, layout: str) -> None:
    ids = [f"{name}/{frame:04d}" for name, points in VIDEOS.items() for frame in range(len(points))]
    if layout == "pts":
        data = tmp_path / "menpo"
        for name, face in zip(ids, TRUTH):
            write_pts(data / f"{name}.pts", face)
    else:
        data = tmp_path / "menpo.npz"
        stored = TRUTH.copy()
        stored[..., :2] -= 0.5
        np.savez(data, ids=np.array(ids), points=stored, videos=np.array([name.split("/")[0] for name in ids]))
    moved = PREDICTED + np.array([0.0, 0.0, 50.0])  # where z begins does not matter
    numbers = scored("menpo3d", data, write_predictions(tmp_path / "p.npz", ids, moved))
    assert published_keys("menpo3d") <= set(numbers)
    spaces = [array - np.array([0.0, 0.0, 1.0]) * array[..., 2:].mean(axis=1, keepdims=True)
              for array in (PREDICTED, TRUTH)]  # fmt: skip
    errors = []
    for predicted, truth in zip(*spaces):
        low, high = truth[:, :2].min(axis=0), truth[:, :2].max(axis=0)
        errors.append(
            100 * np.mean([math.dist(p, t) for p, t in zip(predicted, truth)]) / math.sqrt(math.prod(high - low))
        )
    assert numbers["68-3d/box-of-points: NME"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert numbers["68-3d/box-of-points: stability"] == pytest.approx(np.mean(slow_stability(*spaces)), rel=1e-5)


def test_folders_without_videos(tmp_path: Path) -> None:
    write_pts(tmp_path / "a.pts", TRUTH[0])
    np.savez(tmp_path / "p.npz", ids=np.array(["a"]), points=TRUTH[:1])
    for name in ("vw300", "menpo3d"):
        with pytest.raises(AssetError, match="VIDEO/"):
            run(name, tmp_path, tmp_path / "p.npz")
    np.savez(tmp_path / "truth.npz", ids=np.array(["a"]), points=TRUTH[:1])
    with pytest.raises(AssetError, match="no array `videos`"):
        run("menpo3d", tmp_path / "truth.npz", tmp_path / "p.npz")
