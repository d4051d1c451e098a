"""Colours computed by hand from the published wheel: 15, 6, 4, 11, 13 and 6 hues between the pure colours."""

import numpy as np
import pytest

from synthgen.report.flow_colour import HUES, NO_FLOW, colour_flow, hue_table, rounded_radius, wheel_picture


def colour_of(dx: float, dy: float, radius: float = 1.0) -> list[int]:
    return colour_flow(np.array([[[dx, dy]]]), radius)[0, 0].tolist()


def test_the_wheel_has_55_hues_in_the_published_places() -> None:
    table = hue_table()
    assert table.shape == (HUES, 3) == (55, 3)
    expected = {0: (1, 0, 0), 15: (1, 1, 0), 21: (0, 1, 0), 25: (0, 1, 1), 36: (0, 0, 1), 49: (1, 0, 1)}
    for place, colour in expected.items():
        np.testing.assert_allclose(table[place], colour, atol=1e-12)
    np.testing.assert_allclose(table[5], (1, 5 / 15, 0))
    np.testing.assert_allclose(table[54], (1, 0, 1 / 6))


@pytest.mark.parametrize(
    ("dx", "dy", "expected"),
    [
        (0, 0, [255, 255, 255]),
        (1, 0, [255, 0, 0]),  # right: hue 0
        (0, 1, [255, 229, 0]),  # down: hue 13.5, green 13.5 / 15
        (-1, 0, [0, 208, 255]),  # left: hue 27, two of eleven steps from cyan to blue
        (0, -1, [88, 0, 255]),  # up: hue 40.5, 4.5 of 13 steps from blue to magenta
        (0.5, 0, [255, 127, 127]),  # half the radius: half saturated
        (2, 0, [191, 0, 0]),  # beyond the radius: 0.75 of the pure colour
    ],
)
def test_directions(dx: float, dy: float, expected: list[int]) -> None:
    assert colour_of(dx, dy) == expected


def test_right_has_one_colour_whatever_the_sign_of_zero() -> None:
    assert colour_of(1, -0.0) == colour_of(1, 0.0) == [255, 0, 0]


def test_radius_scales() -> None:
    assert colour_of(30, 0, radius=30) == [255, 0, 0]
    assert colour_of(15, 0, radius=30) == colour_of(0.5, 0)


def test_missing_flow_has_its_own_colour() -> None:
    flow = np.array([[[np.nan, 0.0], [0.0, np.inf], [0.0, 0.0]]])
    assert colour_flow(flow, 1.0)[0].tolist() == [list(NO_FLOW), list(NO_FLOW), [255, 255, 255]]


def test_wheel_picture_shows_directions_where_they_point() -> None:
    wheel = wheel_picture(101)
    assert wheel.shape == (101, 101, 3)
    middle = 50
    assert wheel[middle, middle].min() > 245
    red, green, blue = wheel[middle, 98].astype(int)
    assert red == 255 and green < 20 and blue < 20
    red, green, blue = wheel[98, middle].astype(int)  # the bottom is down: yellow
    assert red == 255 and green > 200 and blue < 20
    assert wheel[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("longest", "radius"), [(0.9, 1), (1.0, 1), (37.0, 40), (7.1, 8), (61.0, 80), (120.0, 200)])
def test_rounded_radius(longest: float, radius: float) -> None:
    flow = np.full((4, 4, 2), np.nan)
    flow[1, 1] = (longest, 0.0)
    assert rounded_radius([flow]) == pytest.approx(radius)


def test_rounded_radius_without_flow() -> None:
    assert rounded_radius([]) == 1.0
    assert rounded_radius([np.full((2, 2, 2), np.nan)]) == 1.0
