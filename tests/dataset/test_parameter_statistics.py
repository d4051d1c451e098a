"""Statistics over many parts equal those of the whole; what has none says what to do."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from synthgen.core.errors import UsageError
from synthgen.dataset.layout import SampleLayout
from synthgen.dataset.parameter_statistics import parameter_statistics, write_parameter_statistics


class Numbers:
    """A dataset that holds these rows and nothing else."""

    def __init__(self, rows: np.ndarray, kind: str = "images", labels: tuple[str, ...] = ("parameters_62",)) -> None:
        self.rows, self.layout, self.table = rows, SampleLayout(kind, (16, 16), labels, "png"), pyarrow.table({})

    def with_labels(self, *labels: str) -> "Numbers":
        assert labels == ("parameters_62",)
        return self

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        names = [prefix + "parameters_62" for prefix in self.layout.prefixes]
        return (dict(zip(names, pictures, strict=True)) for pictures in self.rows.reshape(-1, len(names), 62))


@pytest.mark.parametrize(("kind", "count"), [("images", 1), ("images", 4001), ("pairs", 4002)])
def test_parts_give_what_the_whole_gives(kind: str, count: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    # Far from zero and of different size, where summed squares would lose their digits.
    rows = random.normal(1e5 * random.uniform(-1, 1, 62), np.geomspace(1e-3, 1e3, 62), (count, 62))
    rows[:, 11] = 1 / 3
    source = Numbers(rows, kind)
    mean, deviation = parameter_statistics(source)
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-13)
    expected = np.where(np.arange(62) == 11, 1.0, rows.std(axis=0)) if count > 1 else np.ones(62)
    np.testing.assert_allclose(deviation, expected, rtol=1e-6)
    assert mean[11] == 1 / 3
    assert write_parameter_statistics(source, tmp_path / "parameters_62.json")
    stored = json.loads((tmp_path / "parameters_62.json").read_text())
    assert stored == {
        "format": "synthgen-parameters-62-1", "count": count, "mean": mean.tolist(), "std": deviation.tolist()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (Numbers(np.full((3, 62), np.nan)), "perspective.*--camera scaled_orthographic"),
        (Numbers(np.zeros((3, 62)), labels=("image",)), "holds no parameters_62; store `parameters`"),
        (Numbers(np.zeros((0, 62))), "no samples"),
    ],
)
def test_without_parameters_there_is_advice_and_no_file(source: Numbers, advice: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=advice):
        parameter_statistics(source)
    assert not write_parameter_statistics(source, tmp_path / "parameters_62.json")
    assert not list(tmp_path.iterdir())
