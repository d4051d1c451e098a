"""Sets of fittings refined against photos on disk, and what is written about them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.rendered_heads import RenderedHeads, annotate, landmark_options, render_heads
from synthgen.alignment.fit_landmarks import CameraModel
from synthgen.alignment.photometric import PhotometricOptions
from synthgen.alignment.photometric_model import PhotometricModel, open_photometric_model
from synthgen.asset_io.images import read_image
from synthgen.core.errors import UsageError
from synthgen.fittings.decomposition_files import PLANES, SHEET, write_decompositions
from synthgen.fittings.fit_photos import PhotoFitOptions, fit_photos
from synthgen.fittings.fitting import FittingSet, PhotoLandmarks, select_fittings
from synthgen.fittings.fitting_file import load_fittings, save_fittings
from synthgen.fittings.photometric_photos import RefineOptions, refine_fittings
from synthgen.morphable.procedural.build import build_procedural_model

QUICK = RefineOptions(PhotometricOptions(points=(300, 600), rounds=1, steps=2))
COUNT = 2


@pytest.fixture(scope="module")
def model() -> PhotometricModel:
    return open_photometric_model(build_procedural_model("base"), landmark_options())


@pytest.fixture(scope="module")
def truth() -> RenderedHeads:
    return render_heads(COUNT)[0]


@pytest.fixture(scope="module")
def folder(truth: RenderedHeads, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for row in range(COUNT):
        Image.fromarray(truth.pixels[row]).save(place / f"face_{row}.png")
    points = annotate(truth)
    faces = {f"face_{row}.png": points[row].round(3).tolist() for row in range(COUNT)}
    (place / "landmarks.json").write_text(json.dumps(faces))
    return place


@pytest.fixture(scope="module")
def fittings(model: PhotometricModel, truth: RenderedHeads) -> FittingSet:
    points = annotate(truth)
    faces = [
        PhotoLandmarks(f"face_{row}", f"face_{row}.png", (128, 128), points[row], np.ones(68, bool), "ibug68")
        for row in range(COUNT)
    ]
    options = PhotoFitOptions(CameraModel("perspective"), landmark_options(), largest_error=0.2)
    return fit_photos(faces, model.model, options).fittings


def test_a_set_is_refined_and_stored(
    model: PhotometricModel, fittings: FittingSet, folder: Path, tmp_path: Path
) -> None:
    refined = refine_fittings(fittings, folder, model, QUICK)
    assert [row.accepted for row in refined.rows] == [True] * COUNT
    assert not np.array_equal(refined.fittings.identity, fittings.identity)
    assert all(row.rms[1] < row.rms[0] and 0 < row.inliers <= 1 for row in refined.rows)
    save_fittings(refined.fittings, tmp_path / "fit.npz")
    read = load_fittings(tmp_path / "fit.npz")
    np.testing.assert_allclose(read.identity, refined.fittings.identity, atol=1e-6)
    alone = refine_fittings(select_fittings(fittings, np.array([1])), folder, model, QUICK)
    np.testing.assert_array_equal(alone.fittings.identity[0], refined.fittings.identity[1])
    np.testing.assert_array_equal(alone.fittings.rotation[0], refined.fittings.rotation[1])


def test_decompositions_are_written(
    model: PhotometricModel, fittings: FittingSet, folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.png").write_bytes((folder / "face_0.png").read_bytes()[:300])
    both = replace(fittings, photos=("face_0.png", "broken.png"))
    refined = refine_fittings(both, folder, model, QUICK)
    assert refined.rows[1].accepted is False and "broken.png" in refined.rows[1].flags[0]
    np.testing.assert_array_equal(refined.fittings.identity[1], fittings.identity[1])
    files = write_decompositions(refined, model, tmp_path)
    assert files[-1] == tmp_path / SHEET
    names = {path.name for path in (tmp_path / "face_0").iterdir()}
    assert names == {f"{plane}.png" for plane in PLANES} | {"convergence.png", "fit.json"}
    assert {path.name for path in (tmp_path / "face_1").iterdir()} == {"convergence.png", "fit.json"}
    record = json.loads((tmp_path / "face_0" / "fit.json").read_text())
    assert np.shape(record["light"]) == (9, 3)
    assert record["rounds"][0]["energy"]["after"] <= record["rounds"][0]["energy"]["before"]
    assert record["landmark_error"]["before"] > 0
    planes = {plane: read_image(tmp_path / "face_0" / f"{plane}.png") for plane in PLANES}
    assert len({pixels.shape for pixels in planes.values()}) == 1
    assert all(pixels.std() > 5 for pixels in planes.values())


def test_a_start_that_is_not_finite_is_told(
    model: PhotometricModel, fittings: FittingSet, folder: Path, tmp_path: Path
) -> None:
    identity = fittings.identity.copy()
    identity[0, 3] = np.nan
    refined = refine_fittings(replace(fittings, identity=identity), folder, model, QUICK)
    assert [row.accepted for row in refined.rows] == [False, True]
    assert "not finite" in refined.rows[0].flags[0]
    write_decompositions(refined, model, tmp_path)
    record = json.loads((tmp_path / "face_0" / "fit.json").read_text(), parse_constant=pytest.fail)
    assert record["accepted"] is False and record["rounds"] == []


def test_fittings_of_another_model(model: PhotometricModel, fittings: FittingSet, folder: Path) -> None:
    with pytest.raises(UsageError, match="procedural-base"):
        refine_fittings(replace(fittings, identity=fittings.identity[:, :5]), folder, model, QUICK)


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from synthgen.cli.main import main

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        code = stop.value.code
        return code if isinstance(code, int) else 0, capsys.readouterr().err

    command = ["fit", folder / "landmarks.json", "--model", "procedural", "-o", tmp_path / "fit.npz"]
    code, err = run(*command, "--decomposition", tmp_path / "parts")
    assert code == 2 and "--photometric" in err
    parts = ["--photometric", "--decomposition", tmp_path / "parts", "--report", tmp_path / "report.json"]
    code, err = run(*command, *parts)
    assert code == 0, err
    assert "faces refined against their photos" in err
    assert (tmp_path / "parts" / SHEET).is_file()
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["photometric"]) == COUNT
    assert len(load_fittings(tmp_path / "fit.npz")) == COUNT
