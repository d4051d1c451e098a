import math
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import AssetError
from synthgen.fittings.wflw import ATTRIBUTES
from tests.eval.benchmark_files import faces, wflw_points, write_predictions, write_wflw
from tests.eval.protocols.scored import published_keys, run, scored

POINTS = wflw_points(faces(10)[0])
PREDICTED = POINTS + np.random.default_rng(7).normal(0, 5, POINTS.shape)
HAS = np.random.default_rng(8).random((10, 6)) < 0.5
HAS[0] = True


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("wflw")
    ids = write_wflw(folder / "WFLW", POINTS, HAS)
    return folder / "WFLW", write_predictions(folder / "p.npz", ids, PREDICTED)


@pytest.mark.parametrize("subset", ["all", *ATTRIBUTES])
def test_every_subset(files: tuple[Path, Path], subset: str) -> None:
    numbers = scored("wflw", *files)
    assert published_keys("wflw") <= set(numbers)
    rows = [row for row in range(10) if subset == "all" or HAS[row, ATTRIBUTES.index(subset)]]
    errors = []
    for row in rows:
        lengths = [math.dist(p, t) for p, t in zip(PREDICTED[row], POINTS[row])]
        errors.append(100 * sum(lengths) / 98 / math.dist(POINTS[row, 60], POINTS[row, 72]))
    expected = [
        np.mean(errors),
        100 * np.mean([e > 10 for e in errors]),
        np.mean([max(0, 10 - e) / 10 for e in errors]),
    ]
    found = [numbers[f"{subset}/inter-ocular: {metric}"] for metric in ("NME", "FR10", "AUC10")]
    assert found == pytest.approx(expected, rel=1e-4)


def test_inter_pupil_is_shorter_than_inter_ocular(files: tuple[Path, Path]) -> None:
    errors = {part.variant: part.values for part in run("wflw", *files).errors}
    assert (errors["all/inter-pupil"] > errors["all/inter-ocular"]).all()


def test_two_faces_of_one_picture(files: tuple[Path, Path]) -> None:
    ids = run("wflw", *files).errors[0].ids
    assert ids[-2:] == ("0--Parade/0_Parade_8", "0--Parade/0_Parade_8#2")


def test_list_files_that_are_none(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="no list_98pt_rect_attr_test.txt"):
        run("wflw", tmp_path, files[1])
    short = tmp_path / "list_98pt_rect_attr_test.txt"
    short.write_text(" ".join(["1.0"] * 196) + " a.jpg\n")
    with pytest.raises(AssetError, match=r":1: no box and attributes"):
        run("wflw", short, files[1])
    short.write_text("1 2 3\n")
    with pytest.raises(AssetError, match=r":1: 3 entries, expected 207"):
        run("wflw", short, files[1])


def test_intervals_hold_their_number(files: tuple[Path, Path]) -> None:
    means = [n for n in run("wflw", *files, resamples=50).numbers if n.metric == "NME" and n.count > 1]
    assert len(means) > 10
    assert all(n.low is not None and n.high is not None and n.low <= n.value <= n.high for n in means)
