"""Head pose on AFLW2000-3D's format: turns of known size."""

from pathlib import Path

import numpy as np
import pytest

from eval.protocol import Request
from eval.protocols.aflw2000_pose import run
from synthgen.core.errors import DatasetError, UsageError
from synthgen.geometry.rotation import rotation_from_zhu_euler
from tests.eval.benchmark_files import faces, write_aflw2000


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, list[str], np.ndarray]:
    """Six faces, one of which is turned by more than 99 degrees."""
    points, angles = faces(6)
    angles[5, 1] = np.radians(120.0)
    return tmp_path / "data", write_aflw2000(tmp_path / "data", points, angles, tables=False), angles


def values(result) -> dict[str, float]:
    return {f"{n.variant}: {n.metric}": n.value for n in result.numbers}


def test_known_differences_of_angles(data, tmp_path: Path) -> None:
    folder, ids, angles = data
    file = tmp_path / "said.npz"
    with pytest.raises(DatasetError, match="whole turn"):
        np.savez(file, ids=ids, euler_deg=np.full((6, 3), 400.0))
        run(Request(folder, predictions=file))
    np.savez(file, ids=ids[::-1], euler_deg=np.degrees(angles)[::-1] + [1.0, -2.0, 6.0])
    found = values(run(Request(folder, predictions=file, resamples=10)))
    for metric, expected in (("pitch", 1.0), ("yaw", 2.0), ("roll", 6.0), ("mean of the three", 3.0)):
        assert found[f"angles up to 99: {metric}"] == pytest.approx(expected)
    assert 6.0 < found["angles up to 99: geodesic"] < 9.0


def test_a_turn_of_the_whole_head(data, tmp_path: Path) -> None:
    """Whatever the axis, the geodesic angle of a turn by 10 degrees is 10."""
    folder, ids, angles = data
    turn = rotation_from_zhu_euler(np.array([0.0, np.radians(10.0), 0.0]))
    file = tmp_path / "said.npz"
    np.savez(file, ids=ids, rotation=turn @ rotation_from_zhu_euler(angles))
    result = run(Request(folder, predictions=file, resamples=0))
    assert values(result)["all: geodesic"] == pytest.approx(10.0)
    assert [number.count for number in result.numbers if number.metric == "yaw"] == [5, 6]
    np.savez(file, ids=ids[:5], rotation=rotation_from_zhu_euler(angles)[:5])
    with pytest.raises(UsageError, match="1 of 6 faces have no prediction; choose"):
        run(Request(folder, predictions=file))
    failed = values(run(Request(folder, predictions=file, missing="fail", resamples=0)))
    assert failed["all: geodesic"] == pytest.approx(30.0) and failed["angles up to 99: geodesic"] < 1e-5
    assert values(run(Request(folder, predictions=file, missing="exclude", resamples=0)))["all: geodesic"] < 1e-5


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"ids": ["nobody"], "euler_deg": np.zeros((1, 3))}, "1 of 1 ids are no face"),
        ({"ids": ["a", "a"], "euler_deg": np.zeros((2, 3))}, "twice"),
        ({"ids": ["a"], "euler_deg": np.zeros((3, 1))}, "expected NPZ of ids and euler_deg"),
        ({"ids": ["a"], "rotation": 2 * np.eye(3)[None]}, "is not one"),
        ({"ids": ["a"], "euler_deg": np.full((1, 3), np.nan)}, "NaN"),
    ],
)
def test_other_files_are_refused(data, tmp_path: Path, arrays: dict, words: str) -> None:
    np.savez(tmp_path / "said.npz", **arrays)
    with pytest.raises((DatasetError, UsageError), match=words):
        run(Request(data[0], predictions=tmp_path / "said.npz"))
