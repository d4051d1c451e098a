"""FLAME's files become the model that was written into them; each broken convention is noticed."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.flame import refuse_pose_correctives
from synthgen.morphable.loaders.inert_arrays import array_of
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.loaders.safe_pickle import parse_pickle
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model, save_model
from tests.morphable.loaders.bfm_h5_fixtures import write_landmarks
from tests.morphable.loaders.face_fixtures import CHECKS, Face, built_in_face
from tests.morphable.loaders.flame_fixtures import flame_content, write_embeddings, write_flame, written_face
from tests.morphable.loaders.pickle_fixtures import (
    Pickled,
    chumpy_array,
    chumpy_select,
    dump,
    object_npy,
    sparse_matrix,
)


@pytest.fixture(scope="module")
def face() -> Face:
    return written_face(built_in_face())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_flame(tmp_path_factory.mktemp("flame"), built_in_face())


@pytest.fixture(scope="module")
def model(file: Path, tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    path = tmp_path_factory.mktemp("model") / "flame.npz"
    save_model(import_model(file), path)
    return load_model(path)


@pytest.mark.parametrize("name", CHECKS)
def test_the_model_is_what_was_written(model: MorphableModel, face: Face, name: str) -> None:
    CHECKS[name](model, face)


def test_components_and_what_is_left_out(model: MorphableModel) -> None:
    assert len(model.identity_basis) == 300 and len(model.expression_basis) == 100
    assert not model.identity_basis[5:].any() and not model.expression_basis[3:].any()
    assert "pose correctives and skinning are not part" in model.source
    with pytest.raises(ModelError, match="pose correctives and skinning are not supported"):
        refuse_pose_correctives()


def test_eyeballs_carry_labels_in_front(model: MorphableModel) -> None:
    """The fixture's eyeballs are pieces of their own, as FLAME's are."""
    template = model.template
    for part, side in ((1, -1.0), (2, 1.0)):
        rows = template.triangles[: template.label_count][template.parts[: template.label_count] == part]
        assert len(rows) > 300
        assert (model.mean[rows][..., 0] * side > 0).all()


@pytest.mark.parametrize(
    ("broken", "check", "complaint"),
    [
        ("unit", "unit", "another unit"),
        ("index base", "index base", "1-based"),
        ("winding", "winding", "clockwise"),
        ("transposition", "stddev", "'shapedirs' has shape"),
    ],
)
def test_a_broken_convention_is_refused(broken: str, check: str, complaint: str, face: Face, tmp_path: Path) -> None:
    path = write_flame(tmp_path, built_in_face(), broken)
    with pytest.raises(ModelError, match=complaint):
        CHECKS[check](import_model(path), face)


@pytest.mark.parametrize(
    ("broken", "check"), [("split", "stddev"), ("variance", "stddev"), ("landmark base", "landmarks")]
)
def test_another_broken_convention_shows(broken: str, check: str, face: Face, tmp_path: Path) -> None:
    path = write_flame(tmp_path, built_in_face(), broken)
    with pytest.raises((AssertionError, ModelError)):
        CHECKS[check](import_model(path), face)


def test_the_jaw_is_that_of_the_frontal_pose(file: Path, face: Face, tmp_path: Path) -> None:
    (tmp_path / "generic_model.pkl").symlink_to(file)
    write_embeddings(tmp_path, built_in_face(), "frontal row")
    with pytest.raises((AssertionError, ModelError)):
        CHECKS["landmarks"](import_model(tmp_path), face)


def test_a_landmark_file_replaces_the_embeddings(file: Path, face: Face, tmp_path: Path) -> None:
    (tmp_path / "generic_model.pkl").symlink_to(file)
    with pytest.raises(ModelError, match=r"static_embedding\.pkl and flame_dynamic_embedding\.npy .* landmarks\.json"):
        import_model(tmp_path)
    write_landmarks(tmp_path / "landmarks.json", built_in_face())
    CHECKS["landmarks"](import_model(tmp_path, "flame"), face)


DAMAGES = {
    "malicious model": ("generic_model.pkl", b"cos\nsystem\n(S'touch canary'\ntR.", r"'os\.system'"),
    "malicious embedding": ("flame_static_embedding.pkl", b"cos\nsystem\n(S'touch canary'\ntR.", r"'os\.system'"),
    "malicious array": (
        "flame_dynamic_embedding.npy",
        object_npy(Pickled("subprocess", "Popen", {"args": "touch canary"})),
        r"'subprocess\.Popen'",
    ),
    "weights": (
        "flame_static_embedding.pkl",
        dump({"lmk_face_idx": np.zeros(51, np.uint32), "lmk_b_coords": np.zeros((51, 3))}),
        "sum to 1",
    ),
    "count": (
        "flame_static_embedding.pkl",
        dump({"lmk_face_idx": np.zeros(50, np.uint32), "lmk_b_coords": np.ones((50, 3)) / 3}),
        r"shape \(50,\), expected \(51\)",
    ),
    "number": ("generic_model.pkl", dump({"v_template": 3}), "'v_template' is a int"),
    "missing": ("generic_model.pkl", dump({"f": 3}), "'v_template' is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(damage: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "flame"
    folder.mkdir()
    for part in file.parent.iterdir():
        (folder / part.name).symlink_to(part)
    name, data, complaint = DAMAGES[damage]
    (folder / name).unlink()
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=complaint) as caught:
        import_model(folder)
    assert name in str(caught.value) and not (tmp_path / "canary").exists()


def test_inert_objects_hold_their_arrays() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3, 4))
    sparse = np.where(rng.random((3, 5)) < 0.5, rng.standard_normal((3, 5)), 0.0)
    whole = chumpy_array(values)
    reshaped = Pickled("chumpy.reordering", "Reshape", {"a": whole, "newshape": (4, 3)})
    objects = {
        "Ch": (whole, values),
        "Select": (chumpy_select(whole, np.array([5, 0, 11, 2]), (2, 2)), values.ravel()[[[5, 0], [11, 2]]]),
        "Reshape": (reshaped, values.reshape(4, 3)),
        "csc": (sparse_matrix("csc", sparse), sparse),
        "csr": (sparse_matrix("csr", sparse), sparse),
    }
    for name, (pickled, expected) in objects.items():
        actual = array_of("p", parse_pickle(dump(pickled), "p"))
        np.testing.assert_array_equal(actual, expected, err_msg=name)


def test_objects_whose_value_is_not_in_the_file_are_refused() -> None:
    wide = sparse_matrix("csc", np.eye(3))
    wide.state["_shape"] = (10**9, 10**9)
    cut = sparse_matrix("csr", np.eye(3))
    cut.state["indices"] = np.array([0, 1, 7], np.int32)
    chain: object = chumpy_array(np.ones(1))
    for _ in range(30):
        chain = Pickled("chumpy.reordering", "Reshape", {"a": chain, "newshape": (1,)})
    objects = [
        Pickled("chumpy.ch", "multiply", {"a": chumpy_array(np.ones(2)), "b": 2}),
        Pickled("chumpy.reordering", "Select", {"a": chumpy_array(np.ones(2)), "idxs": np.array([9])}),
        Pickled("chumpy.ch", "Ch", {}),
        chain,
        wide,
        cut,
        "text",
    ]
    for item in objects:
        with pytest.raises(ModelError, match="^p is"):
            array_of("p", parse_pickle(dump(item), "q"))


def test_the_content_is_read_exactly(file: Path) -> None:
    content = parse_pickle(file.read_bytes(), "p")
    written = flame_content(built_in_face())
    assert list(content) == list(written) and content["bs_style"] == "lbs"
    np.testing.assert_array_equal(content["kintree_table"], written["kintree_table"])
    regressor = array_of("p", content["J_regressor"])
    assert regressor.shape == (5, len(built_in_face().mean)) and regressor.sum() == 5.0
