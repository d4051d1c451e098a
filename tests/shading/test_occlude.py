from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.asset_io.cutouts import open_cutouts
from synthgen.core.errors import UsageError
from synthgen.sampling.scene import OccluderParams
from synthgen.shading.occlude import polygon_corners, render_occluders

RED, BLUE = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def occluder(kind: Any, centre: tuple[float, float], size: tuple[float, float], **changes: Any) -> OccluderParams:
    values: dict[str, Any] = {"angle": 0.0, "colour": RED, "pick": 0.0, "seed": 7, **changes}
    return OccluderParams(kind, np.array(centre), np.array(size), **values)


def mask_of(*shapes: OccluderParams, size: tuple[int, int] = (8, 10)) -> np.ndarray:
    return render_occluders(shapes, size)[1]


def test_nothing() -> None:
    colour, mask = render_occluders((), (5, 7))
    assert colour.shape == (5, 7, 3) and colour.dtype == np.uint8 and not colour.any()
    assert mask.shape == (5, 7) and mask.dtype == np.bool_ and not mask.any()


def test_box_covers_the_pixel_centres_inside_it() -> None:
    # x from 2 to 6, y from 1 to 4: centres 2.5 .. 5.5 and 1.5 .. 3.5.
    expected = np.zeros((8, 10), bool)
    expected[1:4, 2:6] = True
    np.testing.assert_array_equal(mask_of(occluder("box", (4.0, 2.5), (4.0, 3.0))), expected)
    # x from 2.6 to 5.4: the centres 2.5 and 5.5 lie outside.
    expected[:, [2, 5]] = False
    np.testing.assert_array_equal(mask_of(occluder("box", (4.0, 2.5), (2.8, 3.0))), expected)


def test_boxes_edge_to_edge_on_pixel_centres_cover_each_pixel_once() -> None:
    left = mask_of(occluder("box", (2.5, 4.0), (4.0, 8.0)))  # right edge at x = 4.5
    right = mask_of(occluder("box", (6.5, 4.0), (4.0, 8.0)))  # left edge at x = 4.5
    assert not (left & right).any()
    assert (left | right)[:, 1:8].all()


def test_turning_is_counter_clockwise_in_the_image() -> None:
    # A flat box turned by 45 degrees runs from the lower left to the upper right.
    mask = mask_of(occluder("box", (10.0, 10.0), (16.0, 2.0), angle=np.pi / 4), size=(20, 20))
    assert mask[5, 14] and mask[14, 5] and not mask[5, 5] and not mask[14, 14]
    quarter = mask_of(occluder("box", (5.0, 4.0), (2.0, 6.0), angle=np.pi / 2))
    np.testing.assert_array_equal(quarter, mask_of(occluder("box", (5.0, 4.0), (6.0, 2.0))))


def test_ellipse_by_its_equation() -> None:
    mask = mask_of(occluder("ellipse", (15.0, 12.0), (20.0, 10.0), angle=0.5), size=(24, 32))
    for row in range(24):
        for column in range(32):
            x, y = column + 0.5 - 15.0, -(row + 0.5 - 12.0)  # y up
            along = x * np.cos(0.5) + y * np.sin(0.5)
            across = -x * np.sin(0.5) + y * np.cos(0.5)
            assert mask[row, column] == ((along / 10) ** 2 + (across / 5) ** 2 < 1), (row, column)


@pytest.mark.parametrize("seed", range(12))
def test_polygon_by_crossing_number(seed: int) -> None:
    corners = polygon_corners(seed).astype(np.float64)
    assert 5 <= len(corners) <= 9 and (np.linalg.norm(corners, axis=1) <= 1.0 + 1e-6).all()
    mask = mask_of(occluder("polygon", (20.0, 16.0), (30.0, 24.0), seed=seed), size=(32, 40))
    points = corners * (15.0, 12.0) + (20.0, 16.0)
    starts, ends = points, np.roll(points, -1, axis=0)
    wrong = 0
    for row, column in np.ndindex(32, 40):
        x, y = column + 0.5, row + 0.5
        inside = False
        for (x0, y0), (x1, y1) in zip(starts, ends, strict=True):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                inside = not inside
        wrong += inside != mask[row, column]
    assert wrong == 0 and mask.sum() > 100


def test_polygons_differ_by_seed() -> None:
    shapes = {mask_of(occluder("polygon", (16, 16), (30, 30), seed=s), size=(32, 32)).tobytes() for s in range(20)}
    assert len(shapes) == 20


@pytest.mark.parametrize("kind", ["box", "ellipse", "polygon"])
def test_parts_outside_the_frame_are_cut_and_change_nothing_inside(kind: str) -> None:
    shape = occluder(kind, (3.0, 2.0), (14.0, 12.0), angle=0.4)
    moved = occluder(kind, (23.0, 22.0), (14.0, 12.0), angle=0.4)
    colour, mask = render_occluders([shape], (16, 16))
    large_colour, large_mask = render_occluders([moved], (60, 60))
    np.testing.assert_array_equal(mask, large_mask[20:36, 20:36])
    assert mask.any() and colour[mask].any() and large_colour[large_mask].any()
    far = occluder(kind, (500.0, -300.0), (20.0, 20.0))
    assert not mask_of(far).any()


def test_a_box_larger_than_the_frame_covers_it() -> None:
    colour, mask = render_occluders([occluder("box", (160.0, 150.0), (2000.0, 2000.0))], (300, 320))
    assert mask.all() and (colour[..., 0] > 100).all() and not colour[..., 1:].any()


def test_the_last_one_is_in_front() -> None:
    back = occluder("box", (4.0, 4.0), (6.0, 6.0))
    front = occluder("box", (6.0, 4.0), (4.0, 4.0), colour=BLUE)
    colour, mask = render_occluders([back, front], (8, 10))
    assert colour[4, 5, 2] > 100 and colour[4, 5, 0] == 0
    assert colour[4, 2, 0] > 100 and colour[4, 2, 2] == 0
    np.testing.assert_array_equal(mask, mask_of(back) | mask_of(front))
    assert not colour[~mask].any()


def test_surface_is_about_the_colour_but_not_flat() -> None:
    means, spreads = [], []
    for seed in range(30):
        shape = occluder("box", (32, 32), (50, 50), colour=np.array([0.5, 0.4, 0.6]), seed=seed)
        colour, mask = render_occluders([shape], (64, 64))
        means.append(colour[mask].mean(axis=0))
        spreads.append(colour[mask].std(axis=0).max())
    np.testing.assert_allclose(np.mean(means, axis=0), [127.5, 102, 153], atol=4)
    assert min(spreads) > 1 and max(spreads) < 60
    again, _ = render_occluders([shape], (64, 64))
    np.testing.assert_array_equal(colour, again)


def test_surfaces_differ_by_seed() -> None:
    boxes = [occluder("box", (16, 16), (30, 30), colour=np.full(3, 0.5), seed=seed) for seed in range(20)]
    assert len({render_occluders([box], (32, 32))[0].tobytes() for box in boxes}) == 20


def test_bright_parts_keep_their_hue() -> None:
    for seed in range(20):
        orange = occluder("box", (32, 32), (64, 64), colour=np.array([1.0, 0.5, 0.0]), seed=seed)
        colour, _ = render_occluders([orange], (64, 64))
        np.testing.assert_allclose(colour[..., 1], colour[..., 0] / 2.0, atol=1)


def test_bright_colours_do_not_wrap_around() -> None:
    white = occluder("box", (32, 32), (64, 64), colour=np.ones(3), seed=3)
    colour, _ = render_occluders([white], (64, 64))
    assert colour.min() > 80


def test_cutouts_show_the_thing_and_its_outline(shared_data: Path) -> None:
    coco = shared_data / "coco"
    cutouts = open_cutouts(str(coco / "images"), str(coco / "instances.json"))
    shape = occluder("cutout", (64.0, 64.0), (60.0, 60.0), pick=0.3)
    colour, mask = render_occluders([shape], (128, 128), cutouts)
    thing = cutouts.load(0.3)
    share = (thing[..., 3] > 127).mean()
    assert mask.sum() == pytest.approx(3600 * share, rel=0.1)
    np.testing.assert_allclose(colour[mask].mean(axis=0), thing[thing[..., 3] > 127][:, :3].mean(axis=0), atol=8)
    rows, columns = np.nonzero(mask)
    assert abs((rows.min() + rows.max() + 1) / 2 - 64) <= 1 and abs((columns.min() + columns.max() + 1) / 2 - 64) <= 1
    at_the_edge = occluder("cutout", (0.0, 128.0), (60.0, 60.0), pick=0.3, angle=1.0)
    assert 0 < render_occluders([at_the_edge], (128, 128), cutouts)[1].sum() < mask.sum()


def test_wrong_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="needs opened cut-outs"):
        mask_of(occluder("cutout", (4, 4), (4, 4)))
    with pytest.raises(UsageError, match="unknown occluder kind 'star'"):
        mask_of(occluder("star", (4, 4), (4, 4)))
