import numpy as np
import pytest

from eval.plausibility import check_depth_sign, check_plausible
from synthgen.core.errors import UsageError
from tests.eval.benchmark_files import faces

POINTS, _ = faces(12)
TRUTH = POINTS[..., :2]
NOISE = np.random.default_rng(3).normal(0, 2, TRUTH.shape)
USED = np.ones(TRUTH.shape[:2], bool)


def test_good_predictions_pass_with_their_offset() -> None:
    (note,) = check_plausible(TRUTH + 0.05 * NOISE, TRUTH, USED, "mine")
    assert note.startswith("Median offset of the points: (") and "first pixel" not in note


def test_bad_predictions_are_no_other_axes() -> None:
    shuffled = TRUTH[:, np.random.default_rng(0).permutation(68)]
    check_plausible(shuffled, TRUTH, USED, "mine")
    check_plausible(TRUTH + 4 * NOISE, TRUTH, USED, "mine")


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda p: p[..., ::-1], "x and y are exchanged"),
        (lambda p: 450.0 - p * [-1.0, 1.0] - [450.0, 0.0], "y runs upward"),
        (lambda p: p * [-1.0, 1.0] + [450.0, 0.0], "left and right are exchanged"),
        (lambda p: p / 450.0, "fractions of the picture"),
        (lambda p: p * 20.0, "expected pixels of the whole picture"),
    ],
    ids=["swapped", "flipped", "mirrored", "normalised", "scaled"],
)
def test_other_coordinates_are_noticed(turn, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=words):
        check_plausible(turn(TRUTH + NOISE), TRUTH, USED, "mine")


@pytest.mark.parametrize("shift", [0.5, -1.0])
def test_another_first_pixel_is_hinted_at(shift: float) -> None:
    (note,) = check_plausible(TRUTH + shift + 0.2 * NOISE, TRUTH, USED, "mine")
    assert "check --first-pixel" in note


def test_points_that_do_not_count_are_ignored() -> None:
    truth, used = TRUTH.copy(), USED.copy()
    truth[:, :30], used[:, :30] = np.nan, False
    check_plausible(TRUTH + NOISE, truth, used, "mine")
    assert check_plausible(TRUTH, truth, np.zeros_like(used), "mine") == ()


def test_depth_that_runs_away_from_the_viewer_is_noticed() -> None:
    check_depth_sign(POINTS[..., 2] + 7.0, POINTS[..., 2], "mine")
    with pytest.raises(UsageError, match="larger z is nearer"):
        check_depth_sign(-POINTS[..., 2], POINTS[..., 2], "mine")
