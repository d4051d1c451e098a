"""Commands that render, on the built-in head."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.core.check_limits import CHECKS
from synthgen.report.contact_sheet import GAP, HEADER, MARGIN, NUMBER, TILE

Run = Callable[..., Any]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text("kind: pairs\ncount: 1000\nsize: [32, 32]\nshard_size: 100\n")
    return file


def test_preview_shows_faces(run: Run, small: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = run("preview", small, "-n", 2, "-o", sheet)
    assert result.code == 0 and result.out == f"{sheet}\n"
    with Image.open(sheet) as image:
        pixels = np.asarray(image)
    top = MARGIN + HEADER
    first = pixels[top : top + TILE, MARGIN + NUMBER : MARGIN + NUMBER + TILE]
    assert first.std() > 10  # a face on gray, not an empty tile
    flow = pixels[top : top + TILE, MARGIN + NUMBER + 2 * (TILE + GAP) :][:, :TILE]
    assert len(np.unique(flow.reshape(-1, 3), axis=0)) > 20


def test_preview_begins_anywhere_and_tells_of_broken_labels(
    run: Run, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, second = tmp_path / "both.png", tmp_path / "second.png"
    assert run("preview", small, "--first", 31, "-n", 2, "-o", both).err == ""  # in two blocks
    strict = replace(CHECKS["reprojection_px"], limit=0.0)
    monkeypatch.setitem(CHECKS, "reprojection_px", strict)
    told = run("preview", small, "--first", 32, "-n", 1, "-o", second)
    assert told.code == 0 and "sample 32: check source_reprojection_px is " in told.err
    rows = [np.asarray(Image.open(file))[MARGIN + HEADER :] for file in (both, second)]
    across = slice(MARGIN + NUMBER, MARGIN + NUMBER + 2 * TILE)  # the two pictures; flow is drawn to the sheet's scale
    np.testing.assert_array_equal(rows[0][TILE + GAP :][:TILE, across], rows[1][:TILE, across])


def test_dry_run_measures_and_touches_nothing(run: Run, small: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = run("generate", small, "-o", tmp_path / "data", "--dry-run", "--workers", 4, "--device", "cpu")
    assert result.code == 0
    assert "1000 in 10 shards, 2000 pictures" in result.out
    assert "kB per sample" in result.out and "with 4 workers on cpu" in result.out
    assert sorted(tmp_path.rglob("*")) == before
    assert run("generate", small, "--dry-run", "--count", 7, "--device", "cpu").out.count("7 in 1 shards") == 1


def test_dry_run_reports_what_generating_would(run: Run, small: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    background = f"background={{kind: folder, images: {tmp_path / 'empty'}}}"
    result = run("generate", small, "--dry-run", "--set", background, "--device", "cpu")
    assert result.code == 1 and "empty" in result.err


def test_model_preview_turns_the_head(run: Run, tmp_path: Path) -> None:
    result = run("model", "preview", "-n", 1, "--size", 64, "-o", tmp_path / "heads.png")
    assert result.code == 0
    with Image.open(tmp_path / "heads.png") as image:
        views = np.split(np.asarray(image).astype(int), 5, axis=1)
    assert views[0].shape == (64, 64, 3)
    skin = [np.abs(view - view[0, 0]).sum(axis=2) > 40 for view in views]
    assert all(mask.sum() > 400 for mask in skin)
    left, right = (np.nonzero(mask[20:44])[1].mean() for mask in (skin[0], skin[4]))
    assert left != pytest.approx(right, abs=1)


def test_cuda_without_a_device_is_one_message(run: Run, small: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    result = run("generate", small, "-o", tmp_path / "data", "--device", "cuda", "--count", 1)
    assert result.code == 2 and "--device cpu" in result.err
    assert not list((tmp_path / "data").glob("*"))


def test_recipes_that_never_show_a_face_are_refused(run: Run, small: Path, tmp_path: Path) -> None:
    arguments = ["--count", 3, "--device", "cpu", "--set", "pose.translation=2"]
    result = run("generate", small, "-o", tmp_path / "away", *arguments)
    assert result.code == 1 and "pose.translation puts the face at" in result.err


def test_pictures_without_a_face_are_counted(run: Run, small: Path, tmp_path: Path) -> None:
    # Further away scenes would be drawn again: the square about the landmarks still touches the corner.
    arguments = ["--count", 3, "--device", "cpu", "--set", "pose.scale=0.6", "--set", "pose.translation=-0.79"]
    result = run("generate", small, "-o", tmp_path / "away", *arguments)
    assert result.code == 0 and "3 of 3 samples have a picture without any face" in result.err
    result = run("generate", small, "-o", tmp_path / "here", *arguments[:4])
    assert result.code == 0 and "without any face" not in result.err
