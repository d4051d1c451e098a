from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import UsageError
from synthgen.report.energy_chart import draw_energy_chart


def colours(path: Path) -> set[tuple[int, int, int]]:
    with Image.open(path) as image:
        return {tuple(colour) for colour in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}  # type: ignore[misc]


def test_each_term_has_a_line_and_stages_are_parted(tmp_path: Path) -> None:
    points = [("pose", {"data": 900.0}), ("pose", {"data": 500.0}), ("shape", {"data": 30.0, "identity": 12.0})]
    draw_energy_chart(points, tmp_path / "chart.png")
    found = colours(tmp_path / "chart.png")
    assert {(31, 119, 180), (255, 127, 14), (40, 40, 40)} <= found  # data, identity, their sum
    draw_energy_chart(points[:2], tmp_path / "one.png")
    assert (255, 127, 14) not in colours(tmp_path / "one.png")


def test_energies_of_nothing(tmp_path: Path) -> None:
    draw_energy_chart([("pose", {"data": 0.0})], tmp_path / "zero.png")
    assert (tmp_path / "zero.png").is_file()
    with pytest.raises(UsageError, match="no step"):
        draw_energy_chart([], tmp_path / "none.png")
