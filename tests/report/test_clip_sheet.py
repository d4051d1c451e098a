"""Sheets of clips and their animations."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.core.errors import UsageError
from synthgen.report.animation import save_animation
from synthgen.report.clip_sheet import CLIP_GAP, GAP, MARGIN, TILE, TITLES, clip_bands, frame_count, is_clip
from synthgen.report.contact_sheet import compose_sheet
from synthgen.report.flow_colour import colour_flow, rounded_radius

SIDE, FRAMES = 32, 4


def clip(flow: str = "first", landmarks: bool = True) -> dict[str, np.ndarray]:
    """A bright square that moves 3 px to the right per frame."""
    arrays: dict[str, np.ndarray] = {}
    for k in range(FRAMES):
        image = np.full((SIDE, SIDE, 3), 40, np.uint8)
        image[8:20, 4 + 3 * k : 16 + 3 * k] = (200, 150, 90)
        arrays[f"frame{k}_image"] = image
        if landmarks:
            arrays[f"frame{k}_landmarks_2d"] = np.full((68, 2), 10.0 + 3 * k, np.float32)
    pairs = {"first": [(0, k) for k in range(1, FRAMES)], "next": [(k, k + 1) for k in range(FRAMES - 1)]}[flow]
    for a, b in pairs:
        moved = np.full((SIDE, SIDE, 2), np.nan, np.float32)
        square = (slice(8, 20), slice(4 + 3 * a, 16 + 3 * a))
        moved[square] = (3.0 * (b - a), 0.0)
        arrays[f"flow_{a}_{b}"] = moved
        arrays[f"matchability_{a}_{b}"] = np.isfinite(moved[..., 0]).astype(np.uint8)
    return arrays


def tile_of(sheet: Image.Image, row: int, band: int, frame: int, bands: int) -> np.ndarray:
    left = MARGIN + TITLES + frame * (TILE + GAP)
    top = MARGIN + row * (bands * (TILE + GAP) + CLIP_GAP) + band * (TILE + GAP)
    return np.asarray(sheet.crop((left, top, left + TILE, top + TILE)))


def test_a_clip_is_known_by_its_arrays() -> None:
    assert is_clip(clip()) and frame_count(clip()) == FRAMES
    assert not is_clip({"image": np.zeros((4, 4, 3), np.uint8)})


def test_frames_lie_side_by_side_and_flow_below() -> None:
    sheet = compose_sheet([clip(), clip()])
    titles = [band.title for band in clip_bands(clip(), 1.0)]
    assert titles == ["frames", "landmarks", "flow from\nframe 0", "matchability", "warped back\nto frame 0"]
    scale = TILE / SIDE
    for row in (0, 1):
        for k in range(FRAMES):
            frame = tile_of(sheet, row, 0, k, len(titles))
            assert frame[int(14 * scale), int((10 + 3 * k) * scale)].tolist() == [200, 150, 90]
        expected = colour_flow(np.array([[[6.0, 0.0]]]), rounded_radius([clip()["flow_0_3"]]))[0, 0]
        np.testing.assert_array_equal(
            tile_of(sheet, row, 2, 2, len(titles))[int(14 * scale), int(10 * scale)], expected
        )
        assert tile_of(sheet, row, 2, 0, len(titles)).min() == 255  # no flow of frame 0 to itself
        warped = tile_of(sheet, row, 4, 3, len(titles))
        assert warped[int(14 * scale), int(10 * scale)].tolist() == [200, 150, 90]


def test_flow_between_neighbours_is_shown_where_no_other_is_stored() -> None:
    titles = [band.title for band in clip_bands(clip("next", landmarks=False), 1.0)]
    assert titles == ["frames", "flow from\nframe before", "matchability", "warped back\nto frame before"]
    sheet = compose_sheet([clip("next", landmarks=False)])
    warped = tile_of(sheet, 0, 3, 2, len(titles))
    # Frame 2 warped back shows the square where it is in frame 1: from column 7 on.
    assert warped[int(14 * TILE / SIDE), int(8 * TILE / SIDE)].tolist() == [200, 150, 90]


def test_a_clip_without_pictures_has_no_sheet() -> None:
    with pytest.raises(UsageError, match="store `image`"):
        compose_sheet([{"frame0_landmarks_2d": np.zeros((68, 2), np.float32)}])


def test_an_animation_is_read_back_as_it_was(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 24, 40, 3), dtype=np.uint8)
    frames[2] = frames[1]  # equal frames stay frames
    path = tmp_path / "new" / "clip.webp"
    save_animation(frames, path, 0.08)
    with Image.open(path) as image:
        assert image.format == "WEBP" and image.info["loop"] == 0 and image.size == (40, 24)
        durations = []
        for k in range(image.n_frames):
            image.seek(k)
            pixels = np.asarray(image.convert("RGB"))
            durations.append(image.info["duration"])
            # An equal frame may be merged with the one before: then that one is shown as long as both.
            index = sum(durations[:-1]) // 80
            np.testing.assert_array_equal(pixels, frames[index])
    assert sum(durations) == 5 * 80
    assert [file.name for file in path.parent.iterdir()] == ["clip.webp"]


def test_a_lossy_animation_is_smaller_and_close(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    frames = np.stack([np.stack([2 * x + 5 * k, 2 * y, x + y], -1) for k in range(4)]).astype(np.uint8)
    save_animation(frames, tmp_path / "a.webp", 0.1, lossless=False)
    with Image.open(tmp_path / "a.webp") as image:
        assert image.n_frames == 4
        image.seek(3)
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - frames[3]).mean() < 4


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\(n, H, W, 3\) uint8"):
        save_animation(np.zeros((4, 4, 3), np.uint8), tmp_path / "a.webp", 0.1)
    with pytest.raises(UsageError, match="seconds_per_frame"):
        save_animation(np.zeros((2, 4, 4, 3), np.uint8), tmp_path / "a.webp", 0.0)
