"""Dense vertices: a shift and a missing face by hand."""

from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request
from eval.protocols.dense_vertices import run
from synthgen.core.errors import DatasetError, UsageError
from synthgen.morphable.model_file import save_model
from tests.fittings.tddfa_fixtures import random_face, small_model, stored_points, variables, write_pair


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


def test_other_faces_axes_and_vertices_are_refused(tmp_path: Path) -> None:
    truth = np.random.default_rng(0).uniform(0, 100, (3, 90, 3))
    data, said = tmp_path / "data.npz", tmp_path / "said.npz"
    np.savez(data, ids=["a", "b", "c"], vertices=truth, landmarks=np.arange(68))
    for arrays, words in (
        (
            {"ids": ["a", "b", "c", "d"], "vertices": np.concatenate([truth, truth[:1]])},
            r"1 of 4 ids are no face .*\(d",
        ),
        ({"ids": ["a", "b", "c"], "vertices": truth[..., [1, 0, 2]]}, "x and y are exchanged"),
        ({"ids": ["a", "b", "c"], "vertices": truth[:, :80]}, "expected equal shapes"),
    ):
        np.savez(said, **arrays)
        with pytest.raises(UsageError, match=words):
            run(Request(data, predictions=said, resamples=0))
    np.savez(data, ids=["a", "b", "c"], vertices=truth, landmarks=np.arange(68) - 1)
    with pytest.raises(DatasetError, match="68 numbers of vertices, from 0"):
        run(Request(data, predictions=said))


def test_the_release_is_rebuilt_with_its_model(tmp_path: Path) -> None:
    """Vertices of AFLW2000-3D's .mat against P = f R v + t spelled out (tddfa_fixtures)."""
    model = small_model()
    save_model(model, tmp_path / "model.npz")
    stored = []
    for row in range(3):
        face = random_face(row, model, 20.0 * row)
        write_pair(tmp_path / "AFLW2000", f"image{row:05d}", variables(model, face))
        stored.append(stored_points(model, face, 450).T - [0.5, 0.5, 0.0])  # MATLAB's first pixel is 1
    ids = [f"image{row:05d}" for row in range(3)]
    np.savez(tmp_path / "said.npz", ids=ids, vertices=np.array(stored, np.float32) + np.float32([3, -4, 0]))
    with pytest.raises(UsageError, match="--set model=FILE"):
        run(Request(tmp_path / "AFLW2000", predictions=tmp_path / "said.npz"))
    options = {"model": str(tmp_path / "model.npz")}
    result = run(Request(tmp_path / "AFLW2000", predictions=tmp_path / "said.npz", options=options, resamples=0))
    values = {number.variant: number.value for number in result.numbers}
    boxes = [np.sqrt(np.ptp(points[:68, :2], axis=0).prod()) for points in stored]
    expected = np.mean([500 / box for box in boxes])
    assert values["3D, box of 68 points"] == pytest.approx(expected, rel=1e-4)
    assert values["2D, box of 68 points"] == pytest.approx(expected, rel=1e-4)
