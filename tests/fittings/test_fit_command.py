import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from synthgen.cli.failures import with_exit_codes
from synthgen.cli.fit import fit
from synthgen.fittings.fitting_file import load_fittings

app = typer.Typer()
app.command()(with_exit_codes(fit))


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "140"})
    return result.exit_code, result.output


@pytest.fixture
def annotations(shared_data: Path, tmp_path: Path) -> Path:
    """The portraits' annotation with two faces, one of them shuffled."""
    folder = tmp_path / "photos"
    folder.mkdir()
    content = json.loads((shared_data / "photos" / "landmarks.json").read_text(encoding="utf-8"))
    content["images"] = content["images"][:2]
    for entry in content["images"]:
        shutil.copy(shared_data / "photos" / entry["file"], folder)
    points = content["images"][1]["faces"][0]["landmarks"]
    content["images"][1]["faces"][0]["landmarks"] = [points[k] for k in np.random.default_rng(0).permutation(68)]
    path = folder / "landmarks.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_fit_writes_fittings_and_a_report(annotations: Path, ict_model_path: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out" / "fittings.npz", tmp_path / "report.json"
    code, text = run(
        annotations, "--model", ict_model_path, "-o", out, "--camera", "perspective", "--skip-bad", "--report", report
    )
    assert code == 0, text
    assert "1 faces fitted" in text and "left out: " in text and "barak-obama" in text
    fittings = load_fittings(out)
    assert len(fittings) == 1 and fittings.perspective
    content = json.loads(report.read_text(encoding="utf-8"))
    assert content["fitted"][0]["mean_error"] < 0.03
    assert "of the eye distance away" in content["skipped"][0]["reason"]


def test_a_bad_face_ends_without_a_file(annotations: Path, ict_model_path: Path, tmp_path: Path) -> None:
    code, text = run(annotations, "--model", ict_model_path, "-o", tmp_path / "fittings.npz")
    assert code == 1
    assert "of the eye distance away" in text and "--skip-bad" in text and "Traceback" not in text
    assert not (tmp_path / "fittings.npz").exists()


def test_photos_with_an_exif_turn_and_the_first_pixel(annotations: Path, ict_model_path: Path, tmp_path: Path) -> None:
    content = json.loads(annotations.read_text(encoding="utf-8"))
    content["images"] = content["images"][:1]
    annotations.write_text(json.dumps(content), encoding="utf-8")
    path = annotations.parent / content["images"][0]["file"]
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    with Image.open(path) as image:
        size = image.size
        image.convert("RGB").save(path, "JPEG" if path.suffix == ".jpg" else "PNG", exif=exif.tobytes())
    command = [annotations, "--model", ict_model_path, "-o", tmp_path / "f.npz"]
    code, text = run(*command)
    assert code == 1 and "--exif stored" in text and path.name in text
    code, text = run(*command, "--exif", "stored")
    assert code == 0, text
    zero_based = load_fittings(tmp_path / "f.npz")
    assert zero_based.sizes.tolist() == [[size[1], size[0]]]
    code, text = run(*command, "--exif", "stored", "--first-pixel", "1")
    assert code == 0, text
    np.testing.assert_allclose(load_fittings(tmp_path / "f.npz").landmarks, zero_based.landmarks - 1.0)


def test_a_focal_length_needs_a_perspective_camera(tmp_path: Path) -> None:
    code, text = run(tmp_path, "--model", "procedural", "-o", tmp_path / "f.npz", "--focal", "900")
    assert code == 2 and "--camera perspective" in text
