from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import UsageError
from tests.eval.benchmark_files import faces, wflw_points, write_predictions, write_wflw
from tests.eval.protocols.scored import run

POINTS = wflw_points(faces(12)[0])
NOISE = np.random.default_rng(0).normal(0, 1, POINTS.shape)


def test_the_difference_is_that_of_the_same_faces(tmp_path: Path) -> None:
    ids = write_wflw(tmp_path / "WFLW", POINTS, np.ones((12, 6)))
    first = write_predictions(tmp_path / "truth.npz", ids, POINTS + NOISE)
    second = write_predictions(tmp_path / "given.npz", ids, POINTS + 3 * NOISE)
    result = run("gt_box", tmp_path / "WFLW", first, options={"given": str(second)}, resamples=200)
    numbers = {number.key: number for number in result.numbers}
    near, far = (numbers[f"crop-{kind}/all/inter-ocular: NME"].value for kind in ("truth", "given"))
    assert far == pytest.approx(3 * near, rel=1e-6)
    difference = numbers["all/inter-ocular: difference"]
    assert difference.value == pytest.approx(far - near)
    assert difference.low is not None and 0 < difference.low < difference.value
    assert float(difference.note.rpartition(" ")[2]) < 0.01


def test_both_predictions_are_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--set given=FILE"):
        run("gt_box", tmp_path, tmp_path / "a.npz")
    with pytest.raises(UsageError, match="benchmark=w300: expected wflw"):
        run("gt_box", tmp_path, tmp_path / "a.npz", options={"benchmark": "w300"})
