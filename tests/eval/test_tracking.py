"""Tracking with aligners whose answers are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request
from eval.protocols.tracking import placed_in_box, run
from eval.tracking import track, unaligned
from synthgen.core.errors import UsageError
from synthgen.pipeline.run import GenerateOptions, generate
from synthgen.recipe.load import parse_recipe
from tests.fittings.ground_truth_fixtures import write_set

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


def test_a_video_without_an_aligner(tmp_path: Path) -> None:
    """The mean shape in the true box of each frame is better than the one of the first frame, kept."""
    write_set(tmp_path)
    recipe = parse_recipe(
        json.dumps(
            {"kind": "video", "seed": 7, "size": [32, 32], "fittings": {"path": str(tmp_path / "fittings.npz")},
             "crop": {"rule": "landmark_box"}, "video": {"frames": 3, "flow": "next"}, "codec": "png"}
        )
    )  # fmt: skip
    generate(recipe, tmp_path / "video", GenerateOptions(workers=0))
    with pytest.raises(UsageError, match="aligner=none"):
        run(Request(tmp_path / "video"))
    result = run(Request(tmp_path / "video", options={"aligner": "none"}, resamples=0))
    nme = {n.variant.split(" [")[0]: n.value for n in result.numbers if n.metric == "NME of 68 points"}
    assert 1.0 < nme["mean shape, per frame"] < nme["mean shape, warm"]


def test_other_datasets_are_refused(benchmark: Path) -> None:
    with pytest.raises(UsageError, match="needs kind video"):
        run(Request(benchmark))
