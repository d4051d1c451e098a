from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import UsageError
from synthgen.report.columns import IMAGE_COLUMNS
from synthgen.report.contact_sheet import GAP, HEADER, MARGIN, NUMBER, TILE, compose_sheet, contact_sheet
from synthgen.report.label_colours import REASON_COLOURS
from synthgen.report.landmark_drawing import COLOURS, draw_landmarks
from synthgen.report.tiles import fitted

SIDE = 64


def ball(side: int = SIDE) -> dict[str, np.ndarray]:
    """A sample of kind images: a ball instead of a face."""
    middle = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = np.meshgrid(middle, middle)
    inside = x**2 + y**2 < 0.6
    z = -np.sqrt(np.maximum(1 - x**2 - y**2, 0.1))
    empty = np.where(inside, 1.0, np.nan)
    normals = np.stack([x, y, z], -1) * empty[..., None]
    circle = np.linspace(0, 2 * np.pi, 68)
    return {
        "image": np.full((side, side, 3), 90, np.uint8),
        "amodal_mask": inside,
        "occluder_mask": (x > 0.5) & (np.abs(y) < 0.2),
        "ignore_mask": y < -0.9,
        "uv": np.stack([(x + 1) / 2, (1 - y) / 2], -1) * empty[..., None],
        "depth": (500 + 100 * z) * empty,
        "normals": normals,
        "pncc": (normals + 1) / 2,
        "parts": np.where(inside, 8, 0).astype(np.uint8),
        "albedo": np.full((side, side, 3), 0.5) * empty[..., None],
        "shading": np.full((side, side, 3), 0.8) * empty[..., None],
        "landmarks_2d": (np.stack([np.cos(circle), np.sin(circle)], -1) * 20 + side / 2).astype(np.float32),
        "landmarks_visibility": np.resize(np.array([1, 2, 3, 5], np.uint8), 68),
    }


def pair(side: int = SIDE) -> dict[str, np.ndarray]:
    """A sample of kind pairs: everything moves 6 px to the right."""
    flow = np.full((side, side, 2), np.nan, np.float32)
    flow[10:50, 10:40] = (6.0, 0.0)
    reasons = np.zeros((side, side), np.uint8)
    reasons[10:50, 10:40] = 1
    reasons[10:20, 10:20] = 4
    image = np.full((side, side, 3), 120, np.uint8)
    return {
        "source_image": image,
        "target_image": image,
        "flow": flow,
        "flow_backward": -flow,
        "matchability": reasons,
        "matchability_backward": reasons,
    }


def tile_of(sheet: Image.Image, row: int, column: int) -> np.ndarray:
    left = MARGIN + NUMBER + column * (TILE + GAP)
    top = MARGIN + HEADER + row * (TILE + GAP)
    return np.asarray(sheet.crop((left, top, left + TILE, top + TILE)))


def test_images_sheet_has_every_label_beside_the_picture() -> None:
    sheet = compose_sheet([ball(), ball()])
    assert len(IMAGE_COLUMNS) == 10
    assert sheet.width == NUMBER + 2 * MARGIN + 10 * (TILE + GAP) - GAP
    assert (tile_of(sheet, 0, 0) == 90).all()
    titles = [column.title for column in IMAGE_COLUMNS]
    middle = TILE // 2
    normals = tile_of(sheet, 1, titles.index("normals"))[middle, middle].astype(int)
    assert normals[2] > 245 and abs(normals[0] - 128) < 8  # the middle of the ball faces the viewer


def test_absent_labels_leave_their_column_out() -> None:
    sample = ball()
    del sample["albedo"], sample["shading"], sample["pncc"]
    assert compose_sheet([sample]).width == NUMBER + 2 * MARGIN + 7 * (TILE + GAP) - GAP


def test_pairs_sheet_shows_flow_and_reasons() -> None:
    sheet = compose_sheet([pair()])
    flow = tile_of(sheet, 0, 2)[TILE // 2, TILE // 2].astype(int)
    assert flow[0] == 255 and flow[1] < 10 and flow[2] < 10  # 6 px to the right on a radius of 6 px: pure red
    reasons = tile_of(sheet, 0, 4)
    assert tuple(reasons[TILE // 2, TILE // 2]) == REASON_COLOURS["matchable"]
    assert tuple(reasons[TILE * 15 // 64, TILE * 15 // 64]) == REASON_COLOURS["behind an external occluder there"]


def test_the_file_is_a_png_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.png"
    contact_sheet([pair()], path)
    with Image.open(path) as image:
        assert image.format == "PNG" and image.mode == "RGB"
    assert [file.name for file in path.parent.iterdir()] == ["sheet.png"]


def test_rows_are_numbered_from_the_first_sample() -> None:
    third = np.asarray(compose_sheet([ball()], first=3))
    fourth = np.asarray(compose_sheet([ball(), ball()], first=3))
    from_zero = np.asarray(compose_sheet([ball()] * 4))
    at, width = MARGIN + HEADER, MARGIN + NUMBER
    np.testing.assert_array_equal(third[at : at + TILE, :width], from_zero[at + 3 * (TILE + GAP) :][:TILE, :width])
    assert (fourth[at : at + TILE, :width] == third[at : at + TILE, :width]).all()


def test_nothing_to_show_is_an_error() -> None:
    with pytest.raises(UsageError, match="at least one sample"):
        compose_sheet([])
    with pytest.raises(UsageError, match="store `image`"):
        compose_sheet([{"triangle_id": np.zeros((4, 4), np.int32)}])


def test_landmarks_take_the_colour_of_their_visibility() -> None:
    points = np.full((68, 2), -100.0)
    points[[0, 20, 33, 60]] = [(10.0, 10.0), (50.0, 10.0), (10.0, 50.0), (50.0, 50.0)]
    codes = np.ones(68, np.uint8)
    codes[[0, 20, 33, 60]] = [1, 2, 3, 5]
    tile = np.asarray(draw_landmarks(Image.new("RGB", (256, 256)), points, codes, scale=4.0)).astype(int)
    for (x, y), code in (((10, 10), 1), ((50, 10), 2), ((10, 50), 3), ((50, 50), 5)):
        assert np.abs(tile[4 * y, 4 * x] - COLOURS[code]).max() <= 2


@pytest.mark.parametrize("height", [16, 128, 167, 168, 300, 512])
def test_fitted_tiles_have_one_height_and_keep_constants(height: int) -> None:
    tile = fitted(np.full((height, 2 * height, 3), 77, np.uint8), TILE)
    assert tile.size == (2 * TILE, TILE)
    assert np.asarray(tile).min() == np.asarray(tile).max() == 77
