"""Photos that cannot be used neither end a run that may skip them nor leave a dataset that nothing can finish."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthgen.dataset.reader import open_dataset
from synthgen.fittings.fitting import FittingSet, select_fittings
from synthgen.fittings.fitting_file import load_fittings, save_fittings
from synthgen.fittings.photo_crop import fitted_landmarks
from synthgen.morphable.open_model import open_model
from synthgen.pipeline.run import GenerateOptions
from synthgen.recipe.sections import ProceduralModel
from tests.fittings.ground_truth_fixtures import HEIGHT, WIDTH, fitting_set, smooth_photo

Run = Callable[..., Any]

# What only decoding shows is not known to those who look at headers.
BAD = {"cmyk": "CMYK colours", "cut": "truncated", "damaged": "damaged or truncated"}
NAMES = ("good", *BAD)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker process, which would load torch and paint the head again for every dataset."""

    def options(count: int | None, workers: int, device: str, resume: bool, cluster: None) -> GenerateOptions:
        return GenerateOptions(count, 0, device, resume)

    monkeypatch.setattr("synthgen.pipeline.run.GenerateOptions", options)


def one_face_often(names: tuple[str, ...]) -> FittingSet:
    found = select_fittings(fitting_set(perspective=False), np.zeros(len(names), np.int64))
    return replace(found, names=names, photos=tuple(f"{name}.jpg" for name in names))


def write_jpeg(path: Path) -> bytes:
    Image.fromarray(smooth_photo(0)).save(path, quality=95)
    return path.read_bytes()


def damage(path: Path, kind: str) -> None:
    data = write_jpeg(path)
    if kind == "cmyk":
        Image.new("CMYK", (WIDTH, HEIGHT)).save(path)
    elif kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "damaged":
        path.write_bytes(data[: len(data) // 2] + b"\xff\xd9")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A fitting file of four faces, one of whose photos can be used."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in NAMES:
        damage(folder / f"{name}.jpg", name)
    save_fittings(one_face_often(NAMES), folder / "fittings.npz")
    return folder


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("labels", ("--labels", "image,parameters")),
        ("profile", ("--yaw", "0,20", "--set", "labels=[image, parameters]")),
        ("video", ("--frames", "2", "--size", "64", "64", "--set", "labels=[image, parameters]")),
    ],
)
def test_they_are_skipped_with_their_reasons(
    run: Run, photos: Path, tmp_path: Path, command: str, options: tuple[str, ...]
) -> None:
    arguments = [command, photos / "fittings.npz", "-o", tmp_path / "out", "--model", "procedural", *options]
    refused = run(*arguments)
    assert refused.code == 1 and not (tmp_path / "out" / "dataset.json").exists()
    assert all(BAD[kind] in refused.err for kind in ("cmyk", "cut")) and "--skip-bad" in refused.err
    done = run(*arguments, "--skip-bad")
    assert done.code == 0, done.err
    skipped = json.loads((tmp_path / "out" / "source" / "skipped.json").read_text())
    assert {item["name"] for item in skipped} == set(BAD)
    for item in skipped:
        assert f"{item['name']}.jpg" in item["reason"] and BAD[item["name"]] in item["reason"]
        assert item["reason"] in done.err
    assert load_fittings(tmp_path / "out" / "source" / "fittings.npz").names == ("good",)
    assert len(open_dataset(tmp_path / "out")) == (2 if command == "profile" else 1)


def test_fit_skips_them_too(run: Run, photos: Path, tmp_path: Path) -> None:
    model = open_model(ProceduralModel())
    points = fitted_landmarks(one_face_often(("good",)), model)[0] + 0.5  # .pts count from 1
    lines = "\n".join(f"{x} {y}" for x, y in points)
    for name in NAMES:
        (photos / f"{name}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    command = ["fit", photos, "--model", "procedural", "-o", tmp_path / "fittings.npz"]
    refused = run(*command)
    assert refused.code == 1 and BAD["cmyk"] in refused.err and BAD["cut"] in refused.err
    done = run(*command, "--skip-bad", "--report", tmp_path / "report.json")
    assert done.code == 0, done.err
    assert load_fittings(tmp_path / "fittings.npz").names == ("good",)
    skipped = json.loads((tmp_path / "report.json").read_text())["skipped"]
    assert {item["name"] for item in skipped} == {f"{kind}.jpg" for kind in BAD}


def test_a_photo_that_fails_later_leads_to_no_dead_end(run: Run, tmp_path: Path) -> None:
    names = ("a", "b", "c")
    originals = {name: write_jpeg(tmp_path / f"{name}.jpg") for name in names}
    save_fittings(one_face_often(names), tmp_path / "fittings.npz")
    damage(tmp_path / "c.jpg", "damaged")  # its header is in order
    fixed = ["--model", "procedural", "--labels", "image,parameters", "--set", "shard_size=1"]
    command = ["labels", tmp_path / "fittings.npz", "-o", tmp_path / "out", *fixed]
    stopped = run(*command)
    assert stopped.code == 1 and "c.jpg" in stopped.err and "in another folder with --skip-bad" in stopped.err
    resumed = run(*command, "--resume", "--skip-bad")
    assert resumed.code == 1 and "photos of 1 of its 3 fittings cannot be used" in resumed.err
    assert "c.jpg" in resumed.err and "in another folder with --skip-bad" in resumed.err
    assert run(*command).err.count("--resume") == 1  # and without it the folder is refused, as every dataset is
    (tmp_path / "b.jpg").unlink()
    gone = run(*command, "--resume")
    assert gone.code == 1 and "b.jpg: the file does not exist" in gone.err and "put back the photo" in gone.err
    (tmp_path / "b.jpg").write_bytes(originals["b"])
    elsewhere = run("labels", tmp_path / "fittings.npz", "-o", tmp_path / "other", *fixed, "--skip-bad")
    assert elsewhere.code == 0 and len(open_dataset(tmp_path / "other")) == 2


def test_a_run_that_read_nothing_reads_again(run: Run, photos: Path, tmp_path: Path) -> None:
    """Before there is a dataset nothing is fixed: --resume may still skip."""
    out = tmp_path / "out"
    command = ["labels", photos / "fittings.npz", "-o", out, "--model", "procedural", "--labels", "image,parameters"]
    (out / "source").mkdir(parents=True)
    save_fittings(one_face_often(("cut", "good")), out / "source" / "fittings.npz")
    done = run(*command, "--resume", "--skip-bad")
    assert done.code == 0 and load_fittings(out / "source" / "fittings.npz").names == ("good",)
