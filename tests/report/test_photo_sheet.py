"""Sheets of photos with fittings: which columns, the target warped back, and the net over a chart of straight lines."""

import numpy as np
import pytest
from PIL import Image

from synthgen.report import contact_sheet as subject
from synthgen.report.columns import IMAGE_COLUMNS, photo_columns
from synthgen.report.label_colours import MASK_COLOURS, blended
from synthgen.report.wireframe import BORDER_COLOUR, LINES_PER_UNIT, NET_COLOUR, chart_net, draw_wireframe

SIDE = 64


def photo() -> dict[str, np.ndarray]:
    """A sample of kind fittings: a square face whose uv grows by 1 over 120 px, 4 px beside the mean face."""
    x, y = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    face = (np.abs(x - 32) < 24) & (np.abs(y - 32) < 24)
    uv = np.stack([x / 120, 1 - y / 120], -1)
    uv[~face] = np.nan
    flow = np.full((SIDE, SIDE, 2), (4.0, 0.0), np.float32)
    flow[~face] = np.nan
    return {
        "image": np.full((SIDE, SIDE, 3), 60, np.uint8),
        "uv": uv.astype(np.float32),
        "parts": np.where(face, np.where(x < 32, 7, 8), 0).astype(np.uint8),
        "amodal_mask": face,
        "occluder_mask": np.zeros_like(face),
        "ignore_mask": y < 4,
        "invented_mask": y > 60,
        "flow": flow,
        "matchability": face.astype(np.uint8),
    }


def tile_of(sheet: Image.Image, column: int) -> np.ndarray:
    left = subject.MARGIN + subject.NUMBER + column * (subject.TILE + subject.GAP)
    top = subject.MARGIN + subject.HEADER
    return np.asarray(sheet.crop((left, top, left + subject.TILE, top + subject.TILE)))


def mean_face() -> np.ndarray:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[..., 0] = 3 * np.arange(SIDE)
    return picture


def test_columns_follow_the_labels_that_are_there() -> None:
    titles = ["image", "wireframe", "uv over photo", "parts", "masks", "flow to mean face", "matchability"]
    wide = subject.compose_sheet([photo()], mean_face=mean_face())
    narrow = subject.compose_sheet([photo()])
    without = subject.compose_sheet([photo()], mean_face=np.zeros((0, 0, 3), np.uint8))
    assert [c.title for c in photo_columns(1.0, None) if all(need in photo() for need in c.needs)] == titles
    assert wide.width == subject.NUMBER + 2 * subject.MARGIN + 8 * (subject.TILE + subject.GAP) - subject.GAP
    np.testing.assert_array_equal(np.asarray(narrow), np.asarray(without))


def test_the_mean_face_is_warped_back_onto_the_photo() -> None:
    sheet = subject.compose_sheet([photo()], mean_face=mean_face())
    warped = tile_of(sheet, 7)
    middle = subject.TILE // 2
    # Tile pixel 84 shows photo column 32, whose flow ends at column 36 of the mean face.
    assert warped[middle, middle].tolist() == [3 * 36, 0, 0]
    assert warped[2, 2].min() > 230


def test_masks_show_invented_and_ignored_pixels() -> None:
    masks = tile_of(subject.compose_sheet([photo()]), 4).astype(int)

    def tint(name: str) -> np.ndarray:
        return 0.35 * round(110 + 60 * 145 / 255) + 0.65 * np.array(MASK_COLOURS[name])

    assert np.abs(masks[3, 84] - tint("ignored")).max() <= 1
    assert np.abs(masks[165, 84] - tint("invented")).max() <= 1
    assert np.abs(masks[84, 84] - tint("face")).max() <= 1


def test_images_keep_their_columns() -> None:
    sample = {name: array for name, array in photo().items() if name not in ("flow", "matchability", "invented_mask")}
    shown = [c for c in IMAGE_COLUMNS if all(need in sample for need in c.needs)]
    sheet = subject.compose_sheet([sample])
    assert sheet.width >= subject.NUMBER + 2 * subject.MARGIN + len(shown) * (subject.TILE + subject.GAP) - subject.GAP
    assert "wireframe" not in [column.title for column in shown]


def test_every_kind_of_recipe_has_sheet_labels() -> None:
    assert {"flow", "uv", "parts", "triangle_id"} <= set(subject.sheet_labels("fittings"))
    assert "flow" in subject.sheet_labels("video") and "flow" not in subject.sheet_labels("images")


def test_net_lies_on_multiples_of_a_24th() -> None:
    u = np.broadcast_to((np.arange(240) + 0.5) / 240, (6, 240))
    cover = chart_net(np.stack([u, np.full_like(u, 0.51)], -1))
    # Ten pixels from line to line; each line, 1.1 px wide, lies between two pixel centres and covers 0.55 of both.
    lines = np.flatnonzero(cover[3])
    assert LINES_PER_UNIT == 24
    assert lines.tolist() == [0, *sorted([*range(9, 239, 10), *range(10, 240, 10)]), 239]
    np.testing.assert_allclose(cover[3, lines], 0.55, atol=1e-9)


def test_dense_lines_and_missing_pixels_stay_empty() -> None:
    u = np.broadcast_to(np.arange(50) * 0.02, (50, 50))  # two pixels from line to line
    assert chart_net(np.stack([u, np.full_like(u, 0.51)], -1)).max() == 0
    assert chart_net(np.full((5, 5, 2), np.nan)).max() == 0


@pytest.mark.parametrize("size", [64, 168])
def test_large_triangles_are_drawn_themselves(size: int) -> None:
    sample = photo()
    ids = np.where(sample["amodal_mask"], 0, -1).astype(np.int32)
    ids[:, 20:] += sample["amodal_mask"][:, 20:]  # triangle 1 from column 20 on
    tile = np.asarray(draw_wireframe(sample["image"], sample["uv"], sample["parts"], ids, size)).astype(int)
    row = tile[size // 4]
    edge = np.flatnonzero(np.abs(row - (0.25 * 60 + 0.75 * np.array(NET_COLOUR))).max(axis=-1) <= 1)
    assert len(edge) == 1 and abs((edge[0] + 1) / size * SIDE - 20) <= 1  # one pixel, the last of triangle 0
    border = np.flatnonzero(row[:, 0] > 200)
    assert np.abs(row[border] - (0.9 * np.array(BORDER_COLOUR) + 6)).max() < 25
    assert (border / size * SIDE).round().tolist()[1] == pytest.approx(32, abs=1)  # between the two parts


def test_blended_keeps_the_picture_elsewhere() -> None:
    image = np.full((1, 2, 3), (200, 100, 0), np.uint8)
    mixed = blended(image, np.zeros((1, 2, 3), np.uint8), np.array([[True, False]]), 0.5)
    assert mixed[0].tolist() == [[100, 50, 0], [200, 100, 0]]
