"""`synthgen labels` on photos of the built-in head: what it makes, what it says, what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.dataset.reader import open_dataset
from synthgen.pipeline.run import GenerateOptions
from tests.fittings.ground_truth_fixtures import COUNT, HEIGHT, WIDTH, fitting_set, write_set

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker process, which would load torch and paint the head again for every dataset."""

    def options(count: int | None, workers: int, device: str, resume: bool, cluster: None) -> GenerateOptions:
        return GenerateOptions(count, 0, device, resume)

    monkeypatch.setattr("synthgen.pipeline.run.GenerateOptions", options)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    write_set(folder)
    return folder


def test_makes_a_dataset_and_goes_on_with_it(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    command = ["labels", photos / "fittings.npz", "-o", out, "--model", "procedural", "--set", "augment.copies=2"]
    result = run(*command)
    assert result.code == 0 and result.out == f"{out}\n"
    assert f"fittings: {COUNT} used, 0 skipped" in result.err and "no fitting has annotated ones" in result.err
    dataset = open_dataset(out)
    assert len(dataset) == 2 * COUNT and dataset.layout.size == (HEIGHT, WIDTH)  # whole photos, all of one size
    assert {"flow", "matchability", "landmarks_2d_contour", "ignore_mask"} <= set(dataset[0])
    with Image.open(out / "source" / "contact_sheet.png") as sheet:
        assert sheet.width > 300
    assert json.loads((out / "source" / "skipped.json").read_text()) == []
    again = run(*command)
    assert again.code != 0 and "--resume" in again.err
    resumed = run(*command, "--resume")
    assert resumed.code == 0 and "nothing to do" in resumed.err


def test_photos_of_several_sizes_become_squares_about_the_face(run: Run, tmp_path: Path) -> None:
    fittings = fitting_set(perspective=True)
    sizes = fittings.sizes.copy()
    sizes[1] = (HEIGHT + 10, WIDTH)
    landmarks = np.full((COUNT, 68, 2), np.nan)
    landmarks[0] = 60.0
    write_set(tmp_path, perspective=True, sizes=sizes, landmarks=landmarks, ignore_masks=("", "", "set/none.png"))
    Image.fromarray(np.zeros((HEIGHT + 10, WIDTH, 3), np.uint8)).save(tmp_path / "set/face_1.png")
    out = tmp_path / "data"
    command = ["labels", tmp_path / "fittings.npz", "-o", out, "--model", "procedural", "--labels", "image,parameters"]
    refused = run(*command)
    assert refused.code != 0 and "none.png" in refused.err and not (out / "dataset.json").exists()
    result = run(*command, "--skip-bad")
    assert result.code == 0
    assert f"fittings: {COUNT - 1} used, 1 skipped" in result.err and "set/face_2" in result.err
    assert "px from the annotated ones (median of 1 photos" in result.err
    dataset = open_dataset(out)
    assert len(dataset) == COUNT - 1 and dataset.layout.size == (256, 256)
    assert dataset.recipe["crop"]["rule"] == "landmark_box"
    assert set(dataset[0]) >= {"image", "parameters_62"} and "flow" not in dataset[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "nowhere.npz"), "nowhere.npz"),
        (("--model", "procedural", "--labels", "image,uw"), "uw"),
        (("--model", "procedural", "--set", "augment.copys=2"), "copys"),
        (("--model", "procedural", "--size", "64", "48", "--crop", "none"), "crop rule"),
        (("--model", "procedural-fine"), "procedural-base"),
    ],
)
def test_says_what_is_wrong(run: Run, photos: Path, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    write_set(photos, model="procedural-base")
    result = run("labels", photos / "fittings.npz", "-o", tmp_path / "data", *options)
    assert result.code != 0 and message in result.err, result.err
    assert not (tmp_path / "data" / "dataset.json").exists()


def test_leaves_other_folders_alone(run: Run, photos: Path, tmp_path: Path) -> None:
    result = run("labels", photos / "fittings.npz", "-o", photos, "--model", "procedural")
    assert result.code != 0 and "is not empty" in result.err and not (photos / "source").exists()
    missing = run("labels", tmp_path / "nothing", "-o", tmp_path / "data", "--model", "procedural")
    assert missing.code != 0 and "no such file or folder" in missing.err
