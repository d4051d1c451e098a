from pathlib import Path

import numpy as np
import pytest

from eval.console import print_result
from eval.page import write_page
from eval.protocol import Number, Result
from eval.tables import comparisons, grids, interval_text, value_text


def test_variants_of_the_same_metrics_share_a_table() -> None:
    numbers = [Number("a", "NME", 1.0, "%"), Number("a", "FR", 2.0, "%"), Number("b", "jitter", 3.0, "px"),
               Number("c", "NME", 4.0, "%"), Number("c", "FR", 5.0, "%")]  # fmt: skip
    first, second = grids(numbers)
    assert (first.metrics, first.variants) == (("NME", "FR"), ("a", "c"))
    assert [[number.value for number in row] for row in first.cells] == [[1.0, 2.0], [4.0, 5.0]]
    assert (second.metrics, second.variants, second.units) == (("jitter",), ("b",), ("px",))


def test_texts() -> None:
    assert value_text(Number("a", "NME", 3.456, "%")) == "3.46"
    assert value_text(Number("a", "AUC", 0.52187)) == "0.5219"
    assert value_text(Number("a", "NME", float("nan"), "%")) == "none"
    assert interval_text(Number("a", "NME", 3.0, "%", 2.871, 3.14)) == "[2.87, 3.14]"
    assert interval_text(Number("a", "NME", 3.0, "%")) == ""


def test_our_row_stands_below_the_columns_that_name_it() -> None:
    variant = "68-3d/box-of-points"
    result = Result("menpo3d", "Menpo-3D", (Number(variant, "NME", 1.5, "%"), Number(variant, "stability", 0.4, "%")))
    found = {item.table.title: item.ours for item in comparisons(result)}
    assert found["tddfa_v2, Table 4"] == ("1.50 / 0.40",)
    assert found["tddfa_v2, Table 2"] == ("-", "-", "1.50 / 0.40", "-", "-", "-")
    only_half = Result("menpo3d", "Menpo-3D", (Number(variant, "NME", 1.5, "%"),))
    assert comparisons(only_half) == []


def test_a_metric_may_hold_a_slash() -> None:
    metric = "NME to nearest vertex / outer eye corners"
    result = Result("florence", "Florence", (Number("similarity, whole", metric, 3.6, "%"),))
    (item,) = comparisons(result)
    assert item.ours[0] == "3.60" and np.count_nonzero(np.array(item.ours) != "-") == 1


@pytest.mark.parametrize("count", [3, 12])
def test_a_terminal_shows_the_whole_name_of_every_metric(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Many metrics stand below each other; side by side their names would be cut into syllables."""
    names = [f"end-point error of code {number}" for number in range(count)]
    numbers = [Number(variant, name, 1.0, "px", 0.5, 1.5) for variant in ("all", "turned") for name in names]
    print_result(Result("synthetic", "Synthetic", tuple(numbers)), "mine")
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)
    assert "turned" in shown and "[0.500, 1.500]" in shown


@pytest.mark.parametrize(("count", "first"), [(3, "variant"), (12, "metric")])
def test_a_page_has_many_metrics_down(count: int, first: str, tmp_path: Path) -> None:
    numbers = [Number(variant, f"m{n}", 1.5 + n, "px") for variant in ("all", "turned") for n in range(count)]
    write_page(Result("synthetic", "Synthetic", tuple(numbers)), "mine", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f'<th scope="col">{first}</th>' in text
    row = f'<th scope="row">{"m2 " if first == "metric" else "all"}'
    assert row in text and "3.500" in text.split(row)[1].split("</tr>")[0]
