"""`synthgen model`: what a user sees of an import."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthgen.cli.main import main
from synthgen.cli.model import ModelFormat
from synthgen.cli.model_facts import model_facts
from synthgen.morphable.loaders.registry import LOADERS
from synthgen.morphable.model_file import load_model
from tests.morphable.loaders.face_fixtures import built_in_face
from tests.morphable.loaders.surrey_fixtures import write_surrey


@pytest.fixture(scope="module")
def surrey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_surrey(tmp_path_factory.mktemp("eos") / "share", built_in_face())


@pytest.fixture(scope="module")
def model_path(surrey: Path) -> Path:
    path = surrey.parent / "surrey.npz"
    with pytest.raises(SystemExit) as ended:
        main(["model", "import", str(surrey), "-o", str(path), "--format", "surrey"])
    assert ended.value.code == 0
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int | str | None, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_every_format_can_be_named() -> None:
    assert {item.value for item in ModelFormat} == set(LOADERS)


def test_import_recognises_the_folder_and_says_what_it_read(
    surrey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "surrey.npz"
    code, data, about = run(capsys, "model", "import", surrey.parent, "-o", out)
    assert code == 0 and data == f"{out}\n"
    for text in ("surrey", "non-commercial", "outer eye corners", "sha256", "synthgen model info"):
        assert text in about
    assert len(load_model(out).mean) == len(built_in_face().mean)


def test_pose_correctives_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, about = run(
        capsys, "model", "import", tmp_path / "flame.pkl", "-o", tmp_path / "x.npz", "--with-pose-correctives"
    )
    assert code == 1 and "pose correctives and skinning are not supported" in about
    assert not (tmp_path / "x.npz").exists()


def test_a_malicious_pickle_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "generic_model.pkl").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    code, _, about = run(capsys, "model", "import", tmp_path / "generic_model.pkl", "-o", tmp_path / "x.npz")
    assert code == 1 and "'os.system'" in about and "Traceback" not in about
    assert not (tmp_path / "x.npz").exists() and not (tmp_path / "canary").exists()


def test_info_measures_in_millimetres(model_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every figure against the arrays that were written."""
    face = built_in_face()
    width, height, depth = np.ptp(face.mean, axis=0)
    apart = np.linalg.norm(face.mean[face.landmarks[36]] - face.mean[face.landmarks[45]])
    model = load_model(model_path)
    labelled = np.unique(model.template.triangles[: model.template.label_count])
    moved = np.linalg.norm(model.identity_basis[0][labelled], axis=1).mean()
    furthest = np.linalg.norm(face.expression[0], axis=1).max()
    code, out, _ = run(capsys, "model", "info", model_path)
    assert code == 0
    assert f"{width:.1f} x {height:.1f} x {depth:.1f} mm" in out
    assert f"outer eye corners {apart:.1f} mm apart" in out
    assert f"one standard deviation moves the face by {moved:.2f}, " in out
    assert f"anger  0 .. 1, moves a vertex by up to {furthest:.1f} mm" in out
    assert "ibug68, 68 points" in out and "50 landmarks are eos's list" in out


def test_publishers_units_are_told(model_path: Path) -> None:
    from dataclasses import replace

    model = load_model(model_path)
    foreign = replace(model, identity_stddev=np.linspace(5e5, 1e5, len(model.identity_basis), dtype=np.float32))
    text = "\n".join(text for _, text in model_facts(foreign))
    assert "one is 5e+05 in the publisher's first coefficient, 1e+05 in its last" in text


def test_the_picture_shows_the_mean_with_its_labels(
    model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "model", "info", model_path, "--picture", tmp_path / "mean.png")
    assert code == 0 and str(tmp_path / "mean.png") in out
    with Image.open(tmp_path / "mean.png") as image:
        rows = np.asarray(image).astype(int).reshape(3, 256, 5, 256, 3).transpose(0, 2, 1, 3, 4)
    shaded, parts, chart = rows
    assert (np.abs(shaded[2] - shaded[2, 0, 0]).sum(axis=2) > 40).mean() > 0.1
    # The nose in its colour of the parts; u grows to the right: more red on the subject's left.
    assert (np.abs(parts[2] - (84, 162, 75)).sum(axis=2) == 0).sum() > 100
    coloured = np.abs(chart[2] - shaded[2]).sum(axis=2) > 60
    columns = np.nonzero(coloured)[1]
    left, right = (chart[2][:, half][coloured[:, half]][:, 0].mean() for half in (slice(0, 128), slice(128, 256)))
    assert len(columns) > 2000 and right > left + 30
