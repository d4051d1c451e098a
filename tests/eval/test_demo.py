"""The demonstration: a page for every model that is there, advice where none is."""

from pathlib import Path

import numpy as np
import pytest

from eval import demo
from eval.protocol import Number, Request, Result, SampleErrors
from synthgen.core.errors import UsageError


def test_without_models_there_is_advice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make train-compact"):
        demo.demo_pages(tmp_path, tmp_path, tmp_path, tmp_path)


def test_every_model_that_is_there_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Request] = []

    def scored(request: Request) -> Result:
        seen.append(request)
        number = Number("all [x]", "NME of 68 points over the true box", 4.25, "%", 4.0, 4.5, 8)
        return Result("synthetic", "title", (number,), (SampleErrors("all [x]", ("0", "1"), np.array([1.0, 2.0])),))

    monkeypatch.setattr(demo, "run", scored)
    for method in ("dfc", "anisotropic"):
        (tmp_path / "out" / method / "compact" / "best").mkdir(parents=True)
    pages = tmp_path / "pages"
    pages.mkdir()
    first = demo.demo_pages(tmp_path / "out", tmp_path / "images", tmp_path / "pairs", pages)
    text = first.read_text()
    assert "4.25 %" in text and "[4.00, 4.50]" in text and "densereg" in text
    assert (
        "| dfc | NME of 68 points over the true box | 4.25 % | [4.00, 4.50] | 8 |" in (pages / "table.md").read_text()
    )
    assert sorted(path.name for path in pages.iterdir()) == [
        "anisotropic.html",
        "dfc.html",
        "dfc_pairs.html",
        "index.html",
        "table.md",
    ]
    assert [request.data.name for request in seen] == ["images", "pairs", "images"]
