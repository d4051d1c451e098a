"""Every entry of the conversions to iBUG's 68 points, as CONVENTIONS.md prints them (sections C3 and I)."""

import numpy as np

from synthgen.fittings.fitting import PhotoLandmarks
from synthgen.fittings.landmark_schemes import as_ibug68, ibug68_from_wflw98

# C3: the 21 points of AFLW from the 68, which are counted from 1. Means stand for points that the 68 do not have, and
# 3 and 15 of the jaw for the ears.
AFLW21_FROM_68 = (
    "18; 20; 22; 23; 25; 27; 37; mean 37-42; 40; 43; mean 43-48; 46; 3; 32; 31; 36; 15; 49; mean 61-68; 55; 9"
)
EARS = (12, 16)


def face(scheme: str, count: int) -> PhotoLandmarks:
    points = np.random.default_rng(3).uniform(10, 90, (count, 2))
    visible = np.arange(count) % 5 != 0
    return PhotoLandmarks("a", "a.jpg", (100, 100), points, visible, scheme)


def check_copied(scheme: str, count: int, copied: dict[int, int]) -> None:
    """iBUG point -> source point, and nothing else."""
    source = face(scheme, count)
    found = as_ibug68(source)
    assert found.scheme == "ibug68"
    assert set(np.flatnonzero(np.isfinite(found.points).all(axis=1)).tolist()) == set(copied)
    for target, place in copied.items():
        np.testing.assert_array_equal(found.points[target], source.points[place], err_msg=str(target))
        assert found.visible[target] == source.visible[place], target
    assert found.visible.sum() == source.visible[list(copied.values())].sum()


def test_aflw_21() -> None:
    entries = enumerate(AFLW21_FROM_68.split("; "))
    copied = {int(text) - 1: place for place, text in entries if "mean" not in text and place not in EARS}
    assert len(copied) == 16
    check_copied("aflw21", 21, copied)


def test_aflw_19() -> None:
    # Section I: brows 0-2 and 3-5; eyes outer 6, centre 7, inner 8, inner 9, centre 10, outer 11; nose left 12, tip 13,
    # right 14; mouth left 15, centre 16, right 17; chin 18. Left is the picture's.
    brows = {17: 0, 19: 1, 21: 2, 22: 3, 24: 4, 26: 5}
    eyes = {36: 6, 39: 8, 42: 9, 45: 11}
    check_copied("aflw19", 19, brows | eyes | {31: 12, 30: 13, 35: 14, 48: 15, 54: 17, 8: 18})


def test_wflw_98() -> None:
    p = np.random.default_rng(4).uniform(10, 90, (98, 2))

    def brow(upper: int, lower: int) -> list[float]:
        return [p[upper, 0], (p[upper, 1] + p[lower, 1]) / 2]

    def lid(near: int, middle: int) -> list[float]:
        return ((2 * p[near] + p[middle]) / 3).tolist()

    rows = [p[2 * k].tolist() for k in range(17)]
    rows += [p[33].tolist(), brow(34, 41), brow(35, 40), brow(36, 39), brow(37, 38)]
    rows += [brow(42, 50), brow(43, 49), brow(44, 48), brow(45, 47), p[46].tolist()]
    rows += p[51:60].tolist()
    rows += [p[60].tolist(), lid(61, 62), lid(63, 62), p[64].tolist(), lid(65, 66), lid(67, 66)]
    rows += [p[68].tolist(), lid(69, 70), lid(71, 70), p[72].tolist(), lid(73, 74), lid(75, 74)]
    rows += p[76:96].tolist()
    np.testing.assert_allclose(ibug68_from_wflw98(p), rows, rtol=1e-12)


def test_a_wflw_point_is_visible_where_all_it_is_made_of_is() -> None:
    source = face("wflw98", 98)
    for hidden, targets in {
        0: [0],
        33: [17],
        41: [18],
        37: [21],
        62: [37, 38],
        61: [37],
        74: [46, 47],
        95: [67],
    }.items():
        visible = np.arange(98) != hidden
        found = as_ibug68(PhotoLandmarks("a", "a.jpg", (100, 100), source.points, visible, "wflw98"))
        assert np.flatnonzero(~found.visible).tolist() == targets, hidden
