from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import UsageError
from synthgen.report.charts import Curve, Panel, draw_chart, draw_energy_chart, draw_rounds_chart, energy_pieces

BLUE, ORANGE, INK = (31, 119, 180), (255, 127, 14), (40, 40, 40)


def colours(path: Path) -> set[tuple[int, int, int]]:
    with Image.open(path) as image:
        return {tuple(colour) for colour in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}  # type: ignore[misc]


def rows_of(path: Path, colour: tuple[int, int, int], share: float = 0.6) -> np.ndarray:
    """Rows of the pixels of a colour, in the left part of a picture, where there is no legend."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return np.nonzero((pixels[:, : int(share * pixels.shape[1])] == colour).all(axis=-1))[0]


def test_each_term_has_a_line_and_stages_are_parted(tmp_path: Path) -> None:
    points = [("pose", {"data": 900.0}), ("pose", {"data": 500.0}), ("shape", {"data": 30.0, "identity": 12.0})]
    draw_energy_chart(points, tmp_path / "chart.png")
    assert {BLUE, ORANGE, INK} <= colours(tmp_path / "chart.png")  # data, identity, their sum
    draw_energy_chart(points[:2], tmp_path / "one.png")
    assert ORANGE not in colours(tmp_path / "one.png")
    assert energy_pieces([9.0, 5.0, 3.0], [0, 2]) == ((range(2), [9.0, 5.0]), (range(2, 3), [3.0]))


def test_energies_of_nothing(tmp_path: Path) -> None:
    draw_energy_chart([("pose", {"data": 0.0})], tmp_path / "zero.png")
    assert (tmp_path / "zero.png").is_file()
    for nothing in ("draw_energy_chart([], path)", "draw_chart([], path)"):
        with pytest.raises(UsageError, match=r"no (step|curve)"):
            eval(nothing, {"draw_energy_chart": draw_energy_chart, "draw_chart": draw_chart, "path": tmp_path / "x"})


def test_rounds_do_not_join(tmp_path: Path) -> None:
    """Two rounds far apart in energy: nothing of the line lies between them."""
    draw_rounds_chart([("1/2", {"data": (1000.0, 900.0)}), ("1/1", {"data": (2.0, 1.0)})], tmp_path / "two.png", "")
    rows = np.unique(rows_of(tmp_path / "two.png", BLUE, 0.8))
    assert np.diff(rows).max() > 100
    draw_chart(
        [Panel("", (Curve("data", (((0.1, 0.9, 1.1, 1.9), (1000.0, 900.0, 2.0, 1.0)),)),), logarithmic=True)],
        tmp_path / "joined.png",
    )
    assert np.diff(np.unique(rows_of(tmp_path / "joined.png", BLUE, 0.8))).max() < 10
    draw_rounds_chart([], tmp_path / "none.png", "the photo was not used: too dark")
    assert BLUE not in colours(tmp_path / "none.png")


def test_equal_curves_equal_bytes_and_higher_is_higher(tmp_path: Path) -> None:
    def panel(height: float) -> Panel:
        flat = Curve("flat", (((0, 1), (0.0, 0.0)),))
        return Panel("t", (flat, Curve("up", (((0, 1), (height, height)),)), Curve("top", (((0, 1), (9.0, 9.0)),))))

    for name, height in (("a", 2.0), ("b", 2.0), ("c", 7.0)):
        draw_chart([panel(height)], tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert rows_of(tmp_path / "c.png", ORANGE).mean() < rows_of(tmp_path / "a.png", ORANGE).mean() - 50
