from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.asset_io.textures import open_textures
from synthgen.core.errors import AssetError


def save(path: Path, side: int, level: int) -> None:
    Image.fromarray(np.full((side, side, 3), level, np.uint8)).save(path)


def test_all_are_resampled_to_one_power_of_two(tmp_path: Path) -> None:
    save(tmp_path / "b.png", 200, 50)
    save(tmp_path / "a.png", 90, 100)
    textures = open_textures(str(tmp_path))
    assert textures.count == 2 and textures.side == 128 and textures.names == ("a.png", "b.png")
    assert [int(textures.load(pick)[5, 7, 1]) for pick in (0.0, 0.49, 0.5, 0.99)] == [100, 100, 50, 50]
    assert textures.load(0.0).shape == (128, 128, 3)


def test_an_image_of_the_right_size_is_untouched_and_shared(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    textures = open_textures(str(tmp_path))
    np.testing.assert_array_equal(textures.load(0.3), pixels)
    assert textures.load(0.3) is textures.load(0.4)
    with pytest.raises(ValueError, match="read-only"):
        textures.load(0.3)[0, 0] = 0


def test_orientation_survives_resampling(tmp_path: Path) -> None:
    ramp = np.zeros((100, 100, 3), np.uint8)
    ramp[..., 0] = np.arange(100)[:, None] * 2
    Image.fromarray(ramp).save(tmp_path / "a.png")
    texture = open_textures(str(tmp_path)).load(0)
    assert texture[0, 32, 0] < 10 and texture[-1, 32, 0] > 185


def test_limits_of_the_side(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 10, 0)
    assert open_textures(str(tmp_path)).side == 64
    save(tmp_path / "b.png", 2100, 0)
    assert open_textures(str(tmp_path)).side == 1024


def test_bad_files_and_empty_folder(
    tmp_path: Path, write_bad: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AssetError, match="no usable file"):
        open_textures(str(tmp_path))
    save(tmp_path / "a.png", 64, 0)
    write_bad(tmp_path, "rgba", "b.png")
    textures = open_textures(str(tmp_path))
    assert "1 of 2 textures" in caplog.text and "b.png: the image has an alpha channel" in caplog.text
    assert textures.names == ("a.png", "b.png")  # the set of files, and so the hash, is the same on every worker
    assert textures.usable_pick(0.75) == (0.25, 1) and textures.usable_pick(0.3) == (0.3, 0)
    (tmp_path / "a.png").unlink()
    with pytest.raises(AssetError, match=r"1 of 1 textures(.|\n)*b\.png: the image has an alpha channel"):
        open_textures(str(tmp_path))


def test_assets_name_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 64, 0)
    (record,) = open_textures(str(tmp_path)).assets()
    assert record.id == "albedo:textures" and record.path == str(tmp_path) and len(record.sha256) == 64
