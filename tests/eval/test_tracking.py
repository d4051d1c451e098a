"""Tracking with aligners whose answers are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request, Result
from eval.protocols.tracking import placed_in_box, run
from eval.tracking import track, unaligned
from synthgen.core.errors import UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.predict.card import NetworkCard
from synthgen.predict.landmark_shapes import LandmarkShapes
from synthgen.recipe.load import parse_recipe
from tests.eval.test_benchmark_model import Fixed
from tests.fittings.ground_truth_fixtures import write_set
from training.cascade.descriptors import Patches, describe
from training.cascade.regressors import Cascade, Step
from training.cascade.store import save_cascades

PICTURES = [np.full((40, 40, 3), frame, np.uint8) for frame in range(4)]
TRUTH = np.stack([np.random.default_rng(0).uniform(10, 30, (68, 2)) + frame for frame in range(4)])


def half_way(picture: np.ndarray, start: np.ndarray) -> np.ndarray:
    return (start + TRUTH[int(picture[0, 0, 0])]) / 2


def test_warm_starts_go_on_from_the_frame_before() -> None:
    start = TRUTH[0] + 8.0
    found = track(PICTURES, half_way, lambda picture, frame: start, "warm", start)
    assert found.restarts == (0,)
    # Half of 8 is left; then each frame moves by 1 and half of what is left goes.
    np.testing.assert_allclose(
        found.points - TRUTH, np.broadcast_to(np.array([4, 1.5, 0.25, -0.375])[:, None, None], TRUTH.shape)
    )
    np.testing.assert_allclose(found.starts[1:], found.points[:-1])


def test_per_frame_starts_do_not_depend_on_what_was_before() -> None:
    found = track(PICTURES, half_way, lambda picture, frame: TRUTH[frame] + 8.0, "per frame", TRUTH[0])
    assert found.restarts == (0, 1, 2, 3)
    np.testing.assert_allclose(found.points - TRUTH, 4.0)


def test_a_lost_face_is_looked_for_again() -> None:
    def throws_away(picture: np.ndarray, start: np.ndarray) -> np.ndarray:
        return start + (1000.0 if picture[0, 0, 0] == 1 else 0.0)

    found = track(PICTURES, throws_away, lambda picture, frame: TRUTH[frame], "warm", TRUTH[0])
    assert found.restarts == (0, 2)
    np.testing.assert_array_equal(found.points[2], TRUTH[2])
    nothing = track(PICTURES, unaligned, lambda picture, frame: None, "per frame", TRUTH[3])
    np.testing.assert_array_equal(nothing.points, np.broadcast_to(TRUTH[3], TRUTH.shape))


def test_a_mean_shape_fills_the_box() -> None:
    placed = placed_in_box(3 * TRUTH[0] - 100, TRUTH[2])
    np.testing.assert_allclose(placed, TRUTH[2])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of each of the fittings, of two frames."""
    folder = tmp_path_factory.mktemp("tracking")
    write_set(folder)
    recipe = parse_recipe(
        json.dumps(
            {"kind": "video", "seed": 7, "size": [32, 32], "fittings": {"path": str(folder / "fittings.npz")},
             "crop": {"rule": "landmark_box"}, "video": {"frames": 2, "flow": "next"}, "codec": "png"}
        )
    )  # fmt: skip
    generate(recipe, folder / "video", GenerateOptions(workers=0))
    return folder / "video"


def truth_of(video: Path) -> np.ndarray:
    """(clips, frames, 68, 2)"""
    return np.array([[clip[f"frame{frame}_landmarks_2d"] for frame in range(2)] for clip in open_dataset(video)], float)


def nme_of(result: Result) -> dict[str, float]:
    return {n.variant.split(" [")[0]: n.value for n in result.numbers if n.metric == "NME of 68 points"}


def percent(found: np.ndarray, truth: np.ndarray) -> float:
    """NME by hand: mean distance over the root of the area of the true box."""
    size = np.sqrt(np.ptp(truth, axis=-2).prod(axis=-1))
    return float((np.linalg.norm(found - truth, axis=-1).mean(axis=-1) / size).mean() * 100)


def test_a_video_without_an_aligner(video: Path) -> None:
    """The mean shape in the true box of each frame is better than the one of the first frame, kept."""
    with pytest.raises(UsageError, match="aligner=none"):
        run(Request(video))
    nme = nme_of(run(Request(video, options={"aligner": "none"}, resamples=0)))
    assert 1.0 < nme["mean shape, per frame"] < nme["mean shape, warm"]


def test_a_cascade_and_a_network(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cascade that moves every point by a twentieth of the shape's size, and a network that always says the same."""
    mean = TRUTH[0] - TRUTH[0].mean(axis=0)
    mean /= np.sqrt(np.square(mean).sum(axis=1).mean())
    shapes = LandmarkShapes(mean, np.zeros((1, 68, 2)), np.ones(1))
    patches = Patches(0.5, 1)
    features = describe(np.zeros((1, 32, 32)), TRUTH[:1], mean, patches).shape[1]
    weight = np.zeros((features + 1, 136), np.float32)
    weight[-1, ::2] = 0.05
    save_cascades(tmp_path, {"box": Cascade(shapes, (Step(patches, weight),))})
    said = TRUTH[0].astype(np.float32)
    card = NetworkCard("anisotropic", (32, 32), 0.7, ("picture",), ("landmarks",))
    monkeypatch.setattr("eval.networks.open_network", lambda path: Fixed(card, {"landmarks": said}))
    result = run(Request(video, model=tmp_path, options={"aligner": str(tmp_path)}, resamples=20))
    truth = truth_of(video)
    placed = np.array([[placed_in_box(mean, points) for points in clip] for clip in truth])
    found = {"mean shape, per frame": placed, "network, per frame": np.broadcast_to(said.astype(float), truth.shape)}
    for name, starts in found.items():
        centred = starts - starts.mean(axis=-2, keepdims=True)
        size = np.sqrt(np.square(centred).sum(axis=-1).mean(axis=-1))[..., None]
        moved = starts + 0.05 * np.stack([size, np.zeros_like(size)], axis=-1)
        assert nme_of(result)[name] == pytest.approx(percent(moved, truth), rel=1e-3), name
    assert "network, warm" in nme_of(result)


def test_other_datasets_are_refused(benchmark: Path) -> None:
    with pytest.raises(UsageError, match="needs kind video"):
        run(Request(benchmark))
