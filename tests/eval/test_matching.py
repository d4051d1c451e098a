from dataclasses import replace

import numpy as np
import pytest

from eval.matching import MISSING_ERROR, match
from eval.predictions import Predictions
from eval.truth import Truth, checked_sizes, new_truth
from synthgen.core.errors import AssetError, UsageError

POINTS = np.random.default_rng(0).uniform(10, 90, (4, 5, 2))
IDS = ("a", "b", "c", "d")


def truth() -> Truth:
    return new_truth("any", IDS, POINTS, "benchmark")


def predictions(rows: list[int], **changes: object) -> Predictions:
    found = Predictions(tuple(IDS[row] for row in rows), POINTS[rows] - 0.5, None, None, "mine.npz")
    return replace(found, **changes)  # type: ignore[arg-type]


def test_order_of_predictions_does_not_matter() -> None:
    matched = match(predictions([2, 0, 3, 1]), truth(), (5,), None, 0.0, False)
    np.testing.assert_allclose(matched.points, POINTS)
    assert matched.found.all()


def test_first_pixel_is_taken_away() -> None:
    one = match(predictions([0, 1, 2, 3], points=POINTS + 0.5), truth(), (5,), None, 1.0, False)
    said = match(predictions([0, 1, 2, 3], points=POINTS + 0.5, first_pixel=1.0), truth(), (5,), None, 0.0, False)
    for matched in (one, said):
        np.testing.assert_allclose(matched.points, POINTS)
        assert "give 1 to the centre" in matched.notes[-1]


def test_z_has_no_first_pixel() -> None:
    space = np.concatenate([POINTS, np.ones((4, 5, 1))], axis=2)
    matched = match(predictions([0, 1, 2, 3], points=space), truth(), (5,), None, 1.0, False)
    assert (matched.points[..., 2] == 1.0).all()


def test_missing_needs_a_choice() -> None:
    with pytest.raises(UsageError, match=r"2 of 4 faces have no prediction: b, d; choose --missing fail .*exclude"):
        match(predictions([0, 2]), truth(), (5,), None, 0.0, False)
    failed = match(predictions([0, 2]), truth(), (5,), "fail", 0.0, False)
    assert failed.found.tolist() == [True, False, True, False] and len(failed.truth) == 4
    assert f"{100 * MISSING_ERROR:g} %" in failed.notes[0]
    left_out = match(predictions([2, 0]), truth(), (5,), "exclude", 0.0, False)
    assert left_out.truth.ids == ("a", "c") and left_out.found.all()
    np.testing.assert_allclose(left_out.points, POINTS[[0, 2]])
    assert "not comparable" in left_out.notes[0]
    with pytest.raises(AssetError, match="no face of benchmark has a prediction"):
        match(predictions([]), truth(), (5,), "exclude", 0.0, False)


def test_predictions_of_nobody_are_refused() -> None:
    with pytest.raises(AssetError, match=r"1 of 4 ids are no face of benchmark: x; its ids are like a, b, c"):
        match(predictions([0, 1, 2, 3], ids=("a", "b", "c", "x")), truth(), (5,), "fail", 0.0, False)


def test_no_ids() -> None:
    nameless = predictions([0, 1, 2, 3], ids=None)
    with pytest.raises(UsageError, match="has no ids; add the array `ids`, or say --in-order"):
        match(nameless, truth(), (5,), None, 0.0, False)
    np.testing.assert_allclose(match(nameless, truth(), (5,), None, 0.0, True).points, POINTS)
    with pytest.raises(AssetError, match="3 faces without ids, but benchmark has 4"):
        match(predictions([0, 1, 2], ids=None), truth(), (5,), "fail", 0.0, True)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(AssetError, match="5 points for each face, expected 21 or 68"):
        match(predictions([0, 1, 2, 3]), truth(), (21, 68), None, 0.0, False)
    broken = POINTS.copy()
    broken[2, 3, 1] = np.nan
    with pytest.raises(AssetError, match="1 faces have coordinates that are NaN or infinite: c"):
        match(predictions([0, 1, 2, 3], points=broken), truth(), (5,), None, 0.0, False)


def test_truth_is_checked() -> None:
    with pytest.raises(AssetError, match="1 ids occur more than once: a"):
        new_truth("any", ["a", "a"], POINTS[:2], "benchmark")
    with pytest.raises(AssetError, match="no annotated face"):
        new_truth("any", [], POINTS[:0], "benchmark")
    with pytest.raises(AssetError, match="the box of 1 faces is zero or no number.*: b;"):
        checked_sizes(np.array([1.0, 0.0, 2.0, 3.0]), truth(), "the box")
