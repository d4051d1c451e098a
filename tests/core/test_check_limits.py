"""The table of checks, its page, and what a value beyond a limit says."""

import re
from pathlib import Path

import pytest

from synthgen.core.check_limits import CHECKS, broken_limits, check_limit, worst_checks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "labels_checks.md"


@pytest.mark.parametrize("name", ["warp_px", "source_reprojection_px", "target_drawn_share", "frame12_coverage"])
def test_prefixes_of_views(name: str) -> None:
    row = check_limit(name)
    assert row is not None and name.endswith(row.name)


@pytest.mark.parametrize("name", ["", "warp", "frame_coverage", "source_target_coverage", "xwarp_px"])
def test_unknown_checks(name: str) -> None:
    assert check_limit(name) is None


def test_what_is_beyond_a_limit() -> None:
    inf, nan = float("inf"), float("nan")
    fine = {"coverage": 0.0, "reprojection_px": 0.01, "drawn_share": 0.75, "landmark_fit_px": nan, "unknown": 1e9}
    assert list(broken_limits(fine)) == []
    wrong = {"reprojection_px": 0.0101, "source_drawn_share": 0.4, "warp_px": inf, "depth_mm": nan}
    lines = list(broken_limits(wrong))
    assert len(lines) == 4
    assert lines[0].startswith("check reprojection_px is 0.0101 px, limit at most 0.01: pixel centres")
    assert lines[1].startswith("check source_drawn_share is 0.4 share, limit at least 0.75: ")
    assert "is inf px" in lines[2] and "is nan mm" in lines[3]


def test_the_worst_of_several_pictures() -> None:
    rows = [{"warp_px": 0.1, "drawn_share": 0.9, "strange": 1.0}, {"warp_px": 0.3}, {"drawn_share": 0.7}]
    assert worst_checks(rows) == {"drawn_share": 0.7, "warp_px": 0.3}
    assert worst_checks([{"warp_px": float("nan")}, {"warp_px": 0.3}])["warp_px"] != 0.3


def test_measured_values_keep_a_margin() -> None:
    """Limits are far from what sound samples give: twice, or twice what is missing to 1."""
    for row in CHECKS.values():
        if row.limit is None:
            continue
        assert row.measured is not None and row.holds(row.measured), row.name
        if row.side == "most":
            assert 2 * row.measured <= row.limit, row.name
        else:
            assert 1 - row.limit >= 2 * (1 - row.measured), row.name


def test_the_page_lists_every_check_with_its_limit() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    rows = {found[1]: row for row in cells if (found := re.fullmatch(r"`(\w+)`", row[0]))}
    assert rows.keys() == CHECKS.keys()
    for name, row in CHECKS.items():
        sign = "≤" if row.side == "most" else "≥"
        limit, measured = rows[name][2:4]
        assert limit == ("told" if row.limit is None else f"{sign} {row.limit:g} {row.unit}".removesuffix(" share")), (
            name
        )
        assert measured == ("" if row.measured is None else f"{row.measured:g}"), name
