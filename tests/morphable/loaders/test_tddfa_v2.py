"""3DDFA_V2's folder becomes the model that was written into it; each broken convention is noticed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.loaders.tddfa_v2_pickle import read_tddfa_v2
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.model_file import load_model, save_model
from synthgen.morphable.template import evaluate_points
from tests.morphable.loaders.face_fixtures import CHECKS
from tests.morphable.loaders.known_answers import BASEL_CHIN_V, BASEL_NOSE_UV, check_basel_mean
from tests.morphable.loaders.pickle_fixtures import dump
from tests.morphable.loaders.tddfa_v2_fixtures import STDDEV, basel_face, npy, texture, write_tddfa_v2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tddfa_v2(tmp_path_factory.mktemp("3DDFA_V2") / "configs", basel_face())


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    path = tmp_path_factory.mktemp("model") / "v2.npz"
    save_model(import_model(folder), path)
    return load_model(path)


def test_known_answers(model: MorphableModel) -> None:
    """M6 of the mean that 'u' holds in um, M9 of the fixture's texture."""
    points = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, model.mean.astype(float))
    check_basel_mean(points)
    rows = 2 * basel_face().landmarks  # as indices.npy says
    np.testing.assert_allclose(texture(basel_face())[rows[30]], BASEL_NOSE_UV)
    np.testing.assert_allclose(texture(basel_face())[rows[8], 1], BASEL_CHIN_V)


@pytest.mark.parametrize("name", CHECKS)
def test_the_model_is_what_was_written(model: MorphableModel, name: str) -> None:
    CHECKS[name](model, basel_face())


def test_coefficients_of_the_release_give_the_same_vertices(folder: Path, model: MorphableModel) -> None:
    release = read_tddfa_v2(folder)
    rng = np.random.default_rng(0)
    identity, expression = rng.standard_normal(40) * 4e5, rng.standard_normal(10) * 1.5
    moved = np.tensordot(identity, release.identity, 1) + np.tensordot(expression, release.expression, 1)
    ours = evaluate_vertices(
        model, (identity / model.identity_stddev)[None], (expression / model.expression_stddev)[None]
    )
    assert np.abs(ours[0] - (release.mean + moved) / 1000.0).max() < 2e-3  # mm, float32 sums


def test_the_published_spread_is_the_unit(model: MorphableModel) -> None:
    np.testing.assert_allclose(np.concatenate([model.identity_stddev, model.expression_stddev]), STDDEV, rtol=1e-6)
    assert model.expression_unit == "stddev" and "standard deviation of the training fittings" in model.source
    np.testing.assert_array_equal(model.expression_pca, np.eye(10))


@pytest.mark.parametrize("protocol", [0, 2])
def test_other_protocols_and_the_checkout_are_read(protocol: int, tmp_path: Path) -> None:
    write_tddfa_v2(tmp_path / "configs", basel_face(), protocol=protocol)
    arrays = read_tddfa_v2(tmp_path / "configs")
    np.testing.assert_allclose(arrays.mean, basel_face().mean * 1000.0, atol=0.02)
    (tmp_path / "configs" / "tri.pkl").unlink()
    with pytest.raises(ModelError, match=r"configs/tri\.pkl: file not found"):
        import_model(tmp_path)


@pytest.mark.parametrize(
    ("broken", "check", "complaint"),
    [
        ("unit", "unit", "another unit"),
        ("stddev", "stddev", "'std' of the identity"),
        ("index base", "index base", "1-based"),
        ("winding", "winding", "clockwise"),
        ("expression mean", "unit", "ncc_code.*mean expression added"),
        ("landmark base", "landmarks", "0-based flattened"),
        ("v", "unit", r"BFM_UV\.mat: the nose tip lies at \(0\.5, 0\.3783\), expected \(0\.5, 0\.6217\), v up"),
    ],
)
def test_a_broken_convention_is_refused(broken: str, check: str, complaint: str, tmp_path: Path) -> None:
    write_tddfa_v2(tmp_path, basel_face(), broken)
    with pytest.raises(ModelError, match=complaint):
        CHECKS[check](import_model(tmp_path), basel_face())


def test_a_missing_expression_mean_shows_without_the_code_too(tmp_path: Path) -> None:
    write_tddfa_v2(tmp_path, basel_face(), "expression mean")
    (tmp_path / "ncc_code.npy").unlink()
    with pytest.raises(AssertionError):
        CHECKS["unit"](import_model(tmp_path), basel_face())


def test_triangles_may_be_stored_as_rows(tmp_path: Path) -> None:
    write_tddfa_v2(tmp_path, basel_face(), "transposition")
    np.testing.assert_array_equal(read_tddfa_v2(tmp_path).triangles, basel_face().triangles[:, [0, 2, 1]])


MALICIOUS = b"cos\nsystem\n(S'touch canary'\ntR."
DAMAGES = {
    "a list": ("bfm_noneck_v3.pkl", dump([1, 2]), "expected a dictionary"),
    "no mean": ("bfm_noneck_v3.pkl", dump({"w_shp": 1}), "'u' is missing"),
    "text": ("bfm_noneck_v3.pkl", dump({"u": "x"}), "'u' has shape"),
    "not finite": ("bfm_noneck_v3.pkl", dump({"u": np.full((9, 1), np.nan)}), "must be finite"),
    "malicious": ("bfm_noneck_v3.pkl", MALICIOUS, r"'os\.system'"),
    "malicious triangles": ("tri.pkl", MALICIOUS, r"'os\.system'"),
    "malicious statistics": ("param_mean_std_62d_120x120.pkl", MALICIOUS, r"'os\.system'"),
    "short indices": ("indices.npy", npy(np.arange(5)), r"index list has shape \(5,\)"),
    "indices that are no array": ("indices.npy", b"rubbish", "not an .npy file"),
    "objects": ("indices.npy", npy(np.arange(5)).replace(b"<i8", b"|O "), "not an .npy file"),
    "statistics": ("param_mean_std_62d_120x120.pkl", dump({"mean": 1}), "'std' is missing"),
    "triangles out of range": ("tri.pkl", dump(np.full((3, 4), 10**6)), "holds indices 1000000"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(damage: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = shutil.copytree(folder, tmp_path / "configs")
    name, data, complaint = DAMAGES[damage]
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=complaint) as caught:
        import_model(copy, "3ddfa-v2")
    assert name in str(caught.value) and not (tmp_path / "canary").exists()


def test_without_statistics_there_is_no_unit(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "configs")
    (copy / "param_mean_std_62d_120x120.pkl").unlink()
    with pytest.raises(ModelError, match="what a usual coefficient is"):
        import_model(copy)
