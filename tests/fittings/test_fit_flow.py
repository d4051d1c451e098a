"""`synthgen fit` on flow: files of predictions and datasets, what comes out of them, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from synthgen.cli.failures import with_exit_codes
from synthgen.cli.fit import fit
from synthgen.core.errors import AssetError, UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.fittings.fit_flow import fit_flow
from synthgen.fittings.fitting_file import load_fittings
from synthgen.fittings.flow_file import open_flow_files
from synthgen.fittings.flow_set import is_flow_source, match_weight, open_flow_set
from synthgen.fittings.ground_truth import open_renderer
from synthgen.morphable.model_file import load_model, save_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.recipe.load import parse_recipe
from synthgen.report.tiles import save_picture
from tests.alignment.dense_photos import SIDE, DensePhotos, MemoryFlow, draw_clip, draw_dense
from tests.alignment.head_photos import angle_between_deg

Arrays = dict[str, NDArray[Any]]
app = typer.Typer()
app.command()(with_exit_codes(fit))


MODEL: list[Path] = []  # the built-in head as a file, which opens faster than it is built


@pytest.fixture(scope="module", autouse=True)
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "builtin.npz"
    save_model(build_procedural_model("base"), path)
    MODEL[:] = [path]
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "140"})
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def dense() -> DensePhotos:
    return draw_dense(np.linspace(-40.0, 40.0, 4), seed=9)


def arrays_of(dense: DensePhotos, **changes: Any) -> Arrays:
    rng = np.random.default_rng(1)
    count = len(dense.focal)
    arrays = {
        "flow": dense.flow,
        "matchability": (dense.code == 1).astype(np.float32) * 0.9,
        "names": np.array([f"set/head_{n}" for n in range(count)]),
        "image": rng.integers(60, 200, (count, SIDE, SIDE, 3)).astype(np.uint8),
    }
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def write(path: Path, arrays: Arrays) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def fit_of(tmp_path: Path, arrays: Arrays, *options: object) -> tuple[int, str]:
    source = write(tmp_path / "predicted.npz", arrays)
    return run(source, "--model", MODEL[0], "-o", tmp_path / "fitted.npz", *options)


HIDDEN = np.zeros((SIDE, SIDE), bool)
HIDDEN[50:86, 44:78] = True  # about a fifth of the face


@pytest.fixture(scope="module")
def completed(dense: DensePhotos, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a fit with all that the command can write, and what it said; part of the flow is withheld."""
    folder = tmp_path_factory.mktemp("completed")
    match = np.where(HIDDEN, 0.0, (dense.code == 1) * 0.9).astype(np.float32)
    code, text = fit_of(
        folder, arrays_of(dense, matchability=match), "--report", folder / "r.json", "--curve", folder / "c.png",
        "--sheet", folder / "s.png", "--out-labels", folder / "labels",
    )  # fmt: skip
    assert code == 0, text
    return folder, text


def test_a_prediction_becomes_fittings_with_a_report(completed: tuple[Path, str], dense: DensePhotos) -> None:
    folder, text = completed
    assert "4 pictures fitted" in text and "0 left out" in text
    found = load_fittings(folder / "fitted.npz")
    assert found.names == tuple(f"set/head_{n}" for n in range(4)) and found.perspective
    assert angle_between_deg(found.rotation, dense.rotation).max() < 0.1
    report = json.loads((folder / "r.json").read_text("utf-8"))
    row = report["fitted"][0]
    assert row["used"] > 900 and row["median_px"] < 0.1 and row["rejected"] < 0.05 and row["converged"]
    assert set(row["energies"]) == {"data", "identity", "expression", "focal"}
    assert report["curve"][0]["stage"] == "pose" and report["curve"][-1]["energies"]["data"] >= 0
    assert (folder / "c.png").stat().st_size > 2000 and (folder / "s.png").stat().st_size > 20000


def test_the_completed_flow_is_the_exact_flow(completed: tuple[Path, str], dense: DensePhotos) -> None:
    dataset = open_dataset(completed[0] / "labels")
    for n in range(4):
        sample = dataset[n]
        matched = dense.code[n] == 1
        both = (sample["matchability"] == 1) & matched
        assert both.sum() > 0.99 * matched.sum() and (both & HIDDEN).sum() > 300
        distance = np.linalg.norm(sample["flow"] - dense.flow[n], axis=-1)
        # 0.01 px is how flow is stored, in float16.
        assert np.percentile(distance[both & ~HIDDEN], 95) < 0.02
        assert np.percentile(distance[both & HIDDEN], 95) < 0.02
    dataset.close()


def test_a_dataset_gives_its_heads_back(completed: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = completed
    code, text = run(folder / "labels", "--model", MODEL[0], "-o", tmp_path / "again.npz")
    assert code == 0, text
    first, again = load_fittings(folder / "fitted.npz"), load_fittings(tmp_path / "again.npz")
    assert angle_between_deg(again.rotation, first.rotation).max() < 0.1
    np.testing.assert_allclose(again.expression, first.expression, atol=0.02)
    assert (tmp_path / "again_photos" / "set" / "head_0.png").is_file()


def test_backward_flow_and_a_folder_of_single_pictures(dense: DensePhotos, tmp_path: Path) -> None:
    folder = tmp_path / "predicted"
    folder.mkdir()
    for n in range(2):
        codes = dense.code_backward[n].astype(np.uint8)
        write(folder / f"face_{n}.npz", {"flow_backward": dense.backward[n], "matchability_backward": codes})
    code, text = run(folder, "--model", MODEL[0], "-o", tmp_path / "fitted.npz")
    assert code == 0, text
    found = load_fittings(tmp_path / "fitted.npz")
    assert found.names == ("face_0", "face_1")
    assert angle_between_deg(found.rotation, dense.rotation[:2]).max() < 0.1
    code, text = run(folder, "--model", MODEL[0], "-o", tmp_path / "f.npz", "--sheet", tmp_path / "s.png")
    assert code == 2 and "neither pictures nor the names of photos" in text


def test_real_portraits_are_the_same_heads_again(shared_data: Path, ict_model_path: Path, tmp_path: Path) -> None:
    """Landmarks to fittings to flow, and the flow to the same fittings."""
    landmarks = json.loads((shared_data / "photos" / "landmarks.json").read_text("utf-8"))
    landmarks["images"] = landmarks["images"][:2]
    (tmp_path / "landmarks.json").write_text(json.dumps(landmarks), "utf-8")
    photos = shared_data / "photos"
    model = ("--model", ict_model_path, "--photos", photos)
    code, text = run(tmp_path / "landmarks.json", "-o", tmp_path / "f.npz", "--camera", "perspective", *model)
    assert code == 0, text
    recipe = {
        "kind": "fittings", "count": 2, "size": [192, 192], "model": {"path": str(ict_model_path)},
        "crop": {"rule": "landmark_box"}, "fittings": {"path": str(tmp_path / "f.npz"), "photos": str(photos)},
    }  # fmt: skip
    samples = open_renderer(parse_recipe(json.dumps(recipe))).render(0, ("flow", "matchability", "intrinsics"))[:2]
    source = MemoryFlow(
        ("a", "b"), ("", ""), (192, 192), None,
        np.stack([sample.arrays["flow"] for sample in samples]),
        np.stack([sample.arrays["matchability"] == 1 for sample in samples]),
        principal=np.stack([sample.arrays["intrinsics"][:2, 2] for sample in samples]),
    )  # fmt: skip
    first, again = load_fittings(tmp_path / "f.npz"), fit_flow(source, load_model(ict_model_path)).fittings
    angle = angle_between_deg(again.rotation, first.rotation)
    assert angle.max() < 0.01
    np.testing.assert_allclose(again.identity, first.identity, atol=0.02)
    np.testing.assert_allclose(again.expression, first.expression, atol=0.01)


def test_bad_pictures_are_told_or_left_out(dense: DensePhotos, tmp_path: Path) -> None:
    match = arrays_of(dense)["matchability"].copy()
    match[1] = 0.2  # no pixel is probable: a picture without a face
    match[2] = np.where(np.arange(SIDE)[:, None] == 64, match[2], 0.0)  # one row of pixels
    arrays = arrays_of(dense, matchability=match)
    code, text = fit_of(tmp_path, arrays)
    assert code == 1 and "2 of 4 pictures cannot be fitted" in text and "--skip-bad" in text
    assert not (tmp_path / "fitted.npz").exists() and "Traceback" not in text
    code, text = fit_of(tmp_path, arrays, "--skip-bad", "--report", tmp_path / "r.json")
    assert code == 0, text
    assert "2 pictures fitted" in text and "2 left out" in text
    assert "does the picture show a face" in text and "line of the picture" in text
    assert load_fittings(tmp_path / "fitted.npz").names == ("set/head_0", "set/head_3")
    skipped = json.loads((tmp_path / "r.json").read_text("utf-8"))["skipped"]
    assert [entry["name"] for entry in skipped] == ["set/head_1", "set/head_2"]
    odd = arrays_of(dense)["matchability"].copy()
    odd[3] *= 5.0
    code, text = fit_of(tmp_path, arrays_of(dense, matchability=odd), "--skip-bad")
    assert code == 0 and "left out: set/head_3: matchability goes from 0 to 4.5" in text, text
    code, text = fit_of(tmp_path, arrays_of(dense, matchability=0 * match), "--skip-bad")
    assert code == 1 and "nothing is left to use" in text


def test_photos_beside_the_prediction(dense: DensePhotos, tmp_path: Path) -> None:
    arrays = arrays_of(dense, names=None, image=None, photos=np.array([f"p/{n}.png" for n in range(4)]))
    photos = tmp_path / "photos"
    for name in arrays["photos"]:
        save_picture(np.full((SIDE, SIDE, 3), 90, np.uint8), photos / str(name))
    code, text = fit_of(tmp_path, arrays, "--photos", photos, "--sheet", tmp_path / "s.png")
    assert code == 0, text
    found = load_fittings(tmp_path / "fitted.npz")
    assert found.photos == tuple(arrays["photos"]) and found.names[3] == "predicted_00003"
    assert (tmp_path / "s.png").stat().st_size > 20000
    code, text = fit_of(tmp_path, arrays, "--sheet", tmp_path / "s.png")
    assert code == 1 and "p/0.png" in text and "Traceback" not in text


def test_clips_are_solved_together(tmp_path: Path) -> None:
    clip = draw_clip(5, seed=3)
    noisy = clip.flow + np.random.default_rng(2).standard_normal(clip.flow.shape).astype(np.float32)
    arrays = {"flow": noisy, "matchability": clip.code == 1, "clip": np.array([7] * 5)}
    code, text = fit_of(tmp_path, arrays, "--temporal", "--share-identity")
    assert code == 0, text
    found = load_fittings(tmp_path / "fitted.npz")
    assert np.ptp(found.identity, axis=0).max() == 0.0
    del arrays["clip"]
    code, text = fit_of(tmp_path, arrays, "--temporal")
    assert code == 2 and "clip" in text


def test_weights_from_yaml(dense: DensePhotos, tmp_path: Path) -> None:
    path = tmp_path / "energy.yaml"
    path.write_text("paper: dfc\nidentity: 1\n", "utf-8")
    code, text = fit_of(tmp_path, arrays_of(dense), "--energy", path)
    assert code == 0, text
    # Read literally, the paper's weight of the identity lets it go anywhere.
    path.write_text("paper: dfc\n", "utf-8")
    code, text = fit_of(tmp_path, arrays_of(dense), "--energy", path)
    assert code == 1 and "standard deviations, over 10" in text
    path.write_text("identity: -1\n", "utf-8")
    code, text = fit_of(tmp_path, arrays_of(dense), "--energy", path)
    assert code == 2 and "energy.yaml:1:11: identity: must be >= 0" in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"matchability": None}, "'matchability' is missing beside 'flow'"),
        ({"matchability": np.zeros((4, 5, 5), bool)}, "has shape (4, 5, 5)"),
        ({"flow": np.zeros((4, SIDE, SIDE, 2), np.int32)}, "has type int32"),
        ({"flow": np.zeros((4, SIDE, SIDE), np.float32)}, "flow has shape"),
        ({"names": np.array(["a", "a", "b", "c"])}, "occurs twice"),
        ({"names": np.array(["../a", "x", "b", "c"])}, "'..'"),
        ({"odd": np.zeros(3)}, "unknown array 'odd'"),
        ({"matchability": np.full((4, SIDE, SIDE), 3.0, np.float32)}, "expected probabilities in [0, 1]"),
        ({"flow": np.full((4, SIDE, SIDE, 2), np.nan, np.float32)}, "does the picture show a face"),
    ],
)
def test_files_that_are_no_flow_are_refused(dense: DensePhotos, tmp_path: Path, change: Arrays, expected: str) -> None:
    code, text = fit_of(tmp_path, arrays_of(dense, **change))
    assert code == 1 and expected in text.replace("\n", " "), text
    assert not (tmp_path / "fitted.npz").exists()


def test_sources_are_told_apart(dense: DensePhotos, tmp_path: Path) -> None:
    path = write(tmp_path / "flow.npz", arrays_of(dense))
    assert is_flow_source(path) and is_flow_source(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write(other / "points.npz", {"landmarks": np.zeros((1, 68, 2))})
    (other / "broken.npz").write_bytes(b"PK")
    assert not is_flow_source(other) and not is_flow_source(other / "broken.npz")
    assert not is_flow_source(tmp_path / "absent.npz")
    smaller = {"flow": np.zeros((32, 32, 2), np.float32), "matchability": np.zeros((32, 32), bool)}
    small = write(tmp_path / "small.npz", smaller)
    with pytest.raises(AssetError, match="one size per fit"):
        open_flow_files([path, small])
    assert open_flow_set(small).names == ("small",)
    code, text = run(other, "--model", MODEL[0], "-o", tmp_path / "f.npz", "--temporal")
    assert code == 2 and "--temporal is for flow" in text


def test_pairs_lead_to_no_mean_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthgen.fittings import flow_dataset

    class Pairs:
        recipe = {"kind": "pairs"}

    monkeypatch.setattr(flow_dataset, "open_dataset", lambda path: Pairs())
    with pytest.raises(UsageError, match="kind pairs"):
        flow_dataset.open_flow_dataset(tmp_path)


def test_weights_of_matches() -> None:
    assert match_weight(np.array([True, False]), "m").tolist() == [1.0, 0.0]
    assert match_weight(np.array([0, 1, 2, 4, 5, 7], np.uint8), "m").tolist() == [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(match_weight(np.array([0.2, 0.8, np.nan]), "m"), [0.0, 0.8, 0.0])
    with pytest.raises(AssetError, match="type int64"):
        match_weight(np.array([1, 2]), "m")


def test_a_file_of_no_finite_parameter_is_not_written(dense: DensePhotos) -> None:
    """The last gate: save_fittings itself refuses what is not finite."""
    from synthgen.fittings.fitting_file import save_fittings
    from tests.fittings.ground_truth_fixtures import fitting_set

    bad = replace(fitting_set(True), focal=np.array([1.0, np.nan, 1.0]))
    with pytest.raises(AssetError, match="not finite; nothing was written"):
        save_fittings(bad, "unused.npz")
