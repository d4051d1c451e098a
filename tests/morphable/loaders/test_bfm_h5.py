"""BFM 2017/2019 files become the model that was written into them; each broken convention is noticed."""

import builtins
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import bfm_h5
from synthgen.morphable.loaders.landmark_lists import BFM2017_53149
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model, save_model
from synthgen.morphable.template import evaluate_points
from tests.morphable.loaders.bfm_h5_fixtures import write_bfm_h5, write_landmarks, written_face
from tests.morphable.loaders.face_fixtures import CHECKS, Face, built_in_face


@pytest.fixture(scope="module")
def face() -> Face:
    return written_face(built_in_face())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bfm")
    write_landmarks(folder / "landmarks.json", built_in_face())
    return write_bfm_h5(folder / "model2017-1_face12_nomouth.h5", built_in_face())


@pytest.fixture(scope="module")
def model(file: Path, tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    path = tmp_path_factory.mktemp("model") / "bfm.npz"
    save_model(import_model(file), path)
    return load_model(path)


@pytest.mark.parametrize("name", CHECKS)
def test_the_model_is_what_was_written(model: MorphableModel, face: Face, name: str) -> None:
    CHECKS[name](model, face)


def test_coefficients_are_the_publishers(model: MorphableModel) -> None:
    assert model.name == "bfm-2017" and model.expression_unit == "stddev"
    np.testing.assert_array_equal(model.identity_stddev, np.ones(6))
    np.testing.assert_array_equal(model.expression_pca, np.eye(10, 4))
    assert "landmarks from landmarks.json" in model.source and "sha256" in model.source


@pytest.mark.parametrize(
    ("broken", "check", "complaint"),
    [
        ("unit", "unit", "another unit"),
        ("variance", "stddev", "moves a vertex by"),
        ("index base", "index base", "1-based"),
        ("winding", "winding", "clockwise"),
        ("transposed basis", "stddev", "'shape/model/pcaBasis' has shape"),
        ("orthonormal", "stddev", "not orthonormal"),
    ],
)
def test_a_broken_convention_is_refused(broken: str, check: str, complaint: str, face: Face, tmp_path: Path) -> None:
    write_landmarks(tmp_path / "landmarks.json", built_in_face())
    write_bfm_h5(tmp_path / "bfm.h5", built_in_face(), broken)
    with pytest.raises(ModelError, match=complaint):
        CHECKS[check](import_model(tmp_path / "bfm.h5"), face)


def test_a_missing_expression_mean_shows(face: Face, tmp_path: Path) -> None:
    write_landmarks(tmp_path / "landmarks.json", built_in_face())
    write_bfm_h5(tmp_path / "bfm.h5", built_in_face(), "expression mean")
    with pytest.raises(AssertionError):
        CHECKS["unit"](import_model(tmp_path / "bfm.h5"), face)


def test_unknown_landmarks_are_completed(face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture's mesh stands in for the one with eos's 26 points."""
    source = built_in_face()
    known = {point: int(source.landmarks[point]) for point in BFM2017_53149}
    monkeypatch.setattr(bfm_h5, "BFM2017_53149", known)
    monkeypatch.setattr(bfm_h5, "_KNOWN_MESH", len(source.mean))
    model = import_model(write_bfm_h5(tmp_path / "bfm.h5", source), "bfm2017")
    assert "26 landmarks are eos's list, the other 42 are estimates" in model.source
    template = model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean)
    apart = np.linalg.norm(points - face.mean[face.landmarks], axis=1)
    assert apart[list(known)].max() < 1e-3 and apart.max() < 6.0  # the written ones are snapped by up to 3 mm too


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"index_base": 2, "ibug68": []}, "index_base"),
        ({"index_base": 0, "ibug68": [1] * 67}, "found 67"),
        ({"index_base": 0, "ibug68": [1.5] * 68}, "68 whole numbers"),
        ({"index_base": 0, "ibug68": [*range(67), 10**7]}, "names vertex 10000000 for point 67"),
        ({"index_base": 1, "ibug68": list(range(68))}, "names vertex 0 for point 0, expected 1 to"),
        ({"index_base": 0, "ibug68": [1] * 68}, "twice"),
        (["no dictionary"], "index_base"),
        (None, "cannot be read as JSON"),
    ],
)
def test_a_wrong_landmark_file_is_refused(content: Any, complaint: str, tmp_path: Path) -> None:
    text = "{" if content is None else json.dumps(content)
    (tmp_path / "bfm.landmarks.json").write_text(text, encoding="ascii")
    write_bfm_h5(tmp_path / "bfm.h5", built_in_face())
    with pytest.raises(ModelError, match=rf"bfm\.landmarks\.json.*{complaint}"):
        import_model(tmp_path / "bfm.h5")


def test_a_landmark_file_counted_from_one(model: MorphableModel, tmp_path: Path) -> None:
    write_landmarks(tmp_path / "landmarks.json", built_in_face(), base=1)
    other = import_model(write_bfm_h5(tmp_path / "bfm2019.h5", built_in_face()))
    np.testing.assert_array_equal(
        other.template.landmarks["ibug68"].triangle, model.template.landmarks["ibug68"].triangle
    )
    assert other.name == "bfm-2019"


def test_a_mesh_without_known_landmarks_says_what_to_do(tmp_path: Path) -> None:
    write_bfm_h5(tmp_path / "bfm.h5", built_in_face())
    with pytest.raises(ModelError, match=r"bfm\.h5: no landmarks are known .* landmarks\.json"):
        import_model(tmp_path / "bfm.h5")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = write_bfm_h5(tmp_path / "bfm.h5", built_in_face())
    with h5py.File(path, "a") as file:
        del file["expression/model/pcaVariance"]
    with pytest.raises(ModelError, match=r"'expression/model/pcaVariance' is missing"):
        import_model(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ModelError, match="not a readable HDF5 file"):
        import_model(path)
    with pytest.raises(ModelError, match=r"absent\.h5: file not found"):
        import_model(tmp_path / "absent.h5", "bfm2017")


def test_without_h5py_the_message_names_the_extra(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_h5py(name: str, *rest: Any, **named: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return real_import(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_h5py)
    with pytest.raises(ModelError, match=r"pip install 'synthgen\[bfm\]'"):
        import_model(file)
