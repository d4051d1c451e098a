"""Dense vertices: a shift and a missing face by hand."""

from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request
from eval.protocols.dense_vertices import run
from synthgen.core.errors import DatasetError, UsageError


def test_a_shift_in_the_picture(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).uniform(0, 100, (3, 90, 3))
    truth[:, 0], truth[:, 1] = (0, 0, 0), (100, 100, 0)
    landmarks = np.arange(68)
    landmarks[[36, 45]] = (0, 1)
    np.savez(tmp_path / "data.npz", ids=["a", "b", "c"], vertices=truth, landmarks=landmarks)
    np.savez(tmp_path / "said.npz", ids=["c", "b", "a"], vertices=truth[::-1] + [3.0, 4.0, 9.0])
    result = run(Request(tmp_path / "data.npz", predictions=tmp_path / "said.npz", resamples=0))
    values = {number.variant: number.value for number in result.numbers}
    assert values["3D, box of vertices"] == values["2D, box of vertices"] == pytest.approx(5.0)
    assert values["after ICP, outer eye corners"] == pytest.approx(0.0, abs=1e-6)
    np.savez(tmp_path / "said.npz", ids=["c"], vertices=truth[2:])
    with pytest.raises(UsageError, match="2 of 3"):
        run(Request(tmp_path / "data.npz", predictions=tmp_path / "said.npz"))
    np.savez(tmp_path / "said.npz", ids=["c", "c"], vertices=truth[1:])
    with pytest.raises(DatasetError, match="twice"):
        run(Request(tmp_path / "data.npz", predictions=tmp_path / "said.npz"))
