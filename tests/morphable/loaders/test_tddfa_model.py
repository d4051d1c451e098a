"""3DDFA's folder and face3d's file: the known face again; and MATLAB files that are none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from synthgen.cli.model import ModelFormat
from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import basel_model, mat_file
from synthgen.morphable.loaders.mat_file import MatArray, read_mat, read_mat_struct
from synthgen.morphable.loaders.registry import LOADERS, import_model
from synthgen.morphable.model import MorphableModel
from tests.morphable.loaders import bfm_fixtures as fixtures
from tests.morphable.loaders.bfm_facts import violated_facts

Arrays = dict[str, Any]
VALUE = {"value": MatArray(("N", 1), "number", "some numbers")}


@pytest.fixture(scope="module")
def face() -> fixtures.KnownFace:
    return fixtures.known_face()


def write_folder(folder: Path, face: fixtures.KnownFace, changes: Arrays | None = None) -> Path:
    arrays = fixtures.shape_arrays(face) | fixtures.expression_arrays(face) | (changes or {})
    moving = ("mu_exp", "w_exp", "sigma_exp")
    fixtures.write_mat(folder / "Model_Exp.mat", {key: arrays[key] for key in moving if arrays[key] is not None})
    rest = {key: value for key, value in arrays.items() if key not in moving and value is not None}
    fixtures.write_mat(folder / "Model_Shape.mat", rest)
    return folder


@pytest.fixture(scope="module")
def model(face: fixtures.KnownFace, tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    return import_model(write_folder(tmp_path_factory.mktemp("3ddfa"), face))


def test_every_fact_holds_of_a_right_folder(model: MorphableModel, face: fixtures.KnownFace) -> None:
    assert violated_facts(model, face, trimmed=True) == []
    assert model.name == "bfm2009-3ddfa"
    assert "must not be passed on" in model.licence
    np.testing.assert_array_equal(model.expression_range, [[-3, 3], [-3, 3]])
    np.testing.assert_array_equal(model.expression_pca, np.eye(10, 2))
    np.testing.assert_array_equal(model.expression_pca_mean, [0, 0])


def test_the_other_name_of_the_expressions_and_the_file_itself(face: fixtures.KnownFace, tmp_path: Path) -> None:
    write_folder(tmp_path, face)
    (tmp_path / "Model_Exp.mat").rename(tmp_path / "Model_Expression.mat")
    fixtures.write_mat(tmp_path / "01_MorphableModel.mat", {"other": 1.0})  # Basel's own file beside it is not meant
    model = import_model(tmp_path / "Model_Shape.mat")
    assert model.name == "bfm2009-3ddfa"
    assert "Model_Expression.mat sha256" in model.source
    (tmp_path / "Model_Expression.mat").unlink()
    with pytest.raises(ModelError, match="neither Model_Exp.mat nor Model_Expression.mat"):
        import_model(tmp_path)


def test_face3d_holds_the_same_face(face: fixtures.KnownFace, tmp_path: Path) -> None:
    arrays = fixtures.face3d_arrays(face)
    fixtures.write_mat(tmp_path / "BFM.mat", arrays)
    model = import_model(tmp_path / "BFM.mat")
    assert model.name == "bfm2009-face3d"
    assert violated_facts(model, face, trimmed=True) == []
    del arrays["model"]["expMU"]
    fixtures.write_mat(tmp_path / "BFM.mat", arrays)
    with pytest.raises(ModelError, match=r"array 'model\.expMU' is missing.*the file holds model, model\.shapeMU"):
        import_model(tmp_path)
    fixtures.write_mat(tmp_path / "BFM.mat", {"model": 3.0})
    with pytest.raises(ModelError, match="expected one MATLAB struct 'model'; the file holds model"):
        import_model(tmp_path)


def interleaved_wrongly(array: np.ndarray) -> np.ndarray:
    """All x, then all y, then all z."""
    return array.reshape(fixtures.TRIMMED_COUNT, 3, -1).transpose(1, 0, 2).reshape(3 * fixtures.TRIMMED_COUNT, -1)


NOTICED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "no mean expression": (lambda a: {"mu_exp": a["mu_exp"] * 0}, "mean expression"),
    "variances of the expressions": (lambda a: {"sigma_exp": a["sigma_exp"] ** 2}, "expression stddev"),
    "expressions in planes": (lambda a: {"w_exp": interleaved_wrongly(a["w_exp"])}, "expression stddev"),
}


@pytest.mark.parametrize("name", NOTICED)
def test_a_turned_convention_breaks_its_fact(
    name: str, model: MorphableModel, face: fixtures.KnownFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate, fact = NOTICED[name]
    changes = mutate(fixtures.shape_arrays(face) | fixtures.expression_arrays(face))
    # None of them changes the template, which takes most of the time.
    monkeypatch.setattr(basel_model, "face_template", lambda *_arguments: model.template)
    assert fact in violated_facts(import_model(write_folder(tmp_path, face, changes)), face, trimmed=True)


def test_a_point_on_another_vertex_breaks_its_fact(face: fixtures.KnownFace, tmp_path: Path) -> None:
    tip = fixtures.KEYPOINTS_TRIMMED_1B[30] - 1
    beside = face.trimmed_triangles[(face.trimmed_triangles == tip).any(axis=1)][0]
    moved = np.where(np.arange(68) == 30, beside[beside != tip][0] + 1, fixtures.KEYPOINTS_TRIMMED_1B)
    model = import_model(write_folder(tmp_path, face, {"keypoints": moved[None]}))
    assert violated_facts(model, face, trimmed=True) == ["landmarks"]


REFUSED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "millimetres": (lambda a: {"mu_shape": a["mu_shape"] / 1000, "mu_exp": a["mu_exp"] / 1000}, "micrometres"),
    "variances": (lambda a: {"sigma": a["sigma"] ** 2}, "identity component 0 moves .* not variances"),
    "triangles from 0": (lambda a: {"tri": a["tri"] - 1}, "'tri' holds 0, expected whole numbers from 1"),
    "points from 0": (lambda a: {"keypoints": a["keypoints"] - 1}, "3DDFA's 68 points as 0-based"),
    "points beyond": (lambda a: {"keypoints": a["keypoints"] + 1000}, "from 3216 to 53614, expected the 68"),
    "67 points": (lambda a: {"keypoints": a["keypoints"][:, 1:]}, r"'keypoints' has shape \(67, 1\)"),
    "counter-clockwise": (lambda a: {"tri": a["tri"][[0, 2, 1]]}, "clockwise seen from outside"),
    "planes": (lambda a: {"mu_shape": interleaved_wrongly(a["mu_shape"])}, "no face that looks along"),
    "quads": (lambda a: {"tri": a["tri"][[0, 1, 2, 2]]}, r"\(4, \d+\), expected \(3, T\)"),
    "raw mesh": (lambda a: {"mu_shape": np.zeros((160470, 1))}, r"shape \(160470, 1\), expected \(159645, 1\)"),
    "no sigma_exp": (lambda a: {"sigma_exp": None}, "Model_Exp.mat: array 'sigma_exp' is missing"),
    "infinite": (lambda a: {"mu_exp": a["mu_exp"] + np.inf}, r"'mu_exp' holds inf at \(0,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_array_is_refused(name: str, face: fixtures.KnownFace, tmp_path: Path) -> None:
    mutate, complaint = REFUSED[name]
    changes = mutate(fixtures.shape_arrays(face) | fixtures.expression_arrays(face))
    with pytest.raises(ModelError, match=complaint) as caught:
        import_model(write_folder(tmp_path, face, changes))
    assert str(tmp_path) in str(caught.value)


def test_files_that_are_no_matlab_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.mat"
    with pytest.raises(ModelError, match="file not found"):
        read_mat(path, VALUE)
    with pytest.raises(ModelError, match="not a file"):
        read_mat(tmp_path, VALUE)
    savemat(path, {"value": np.arange(400.0)})
    whole = path.read_bytes()
    for raw in (b"", b"x" * 1000, whole[:100], whole[:-1500]):
        path.write_bytes(raw)
        with pytest.raises(ModelError, match=r"file.mat: not a readable MATLAB 5 file"):
            read_mat(path, VALUE)
    for raw in (b"MATLAB 7.3 MAT-file" + bytes(493) + b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(600)):
        path.write_bytes(raw)
        with pytest.raises(ModelError, match="7.3 .HDF5. file; .* save.*-v7"):
            read_mat(path, VALUE)
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_mat(path, VALUE)["value"], np.arange(400.0))
    monkeypatch.setattr(mat_file, "MOST_FOREIGN_ARRAY_BYTES", 100)
    with pytest.raises(ModelError, match="larger than any known model"):
        read_mat(path, VALUE)


def damaged_files(whole: bytes, count: int) -> Iterator[bytes]:
    """Cut off, or with a few bytes changed, half of them among the headers."""
    random = np.random.default_rng(3)
    for _ in range(count):
        data = bytearray(whole[: random.integers(100, len(whole))] if random.random() < 0.3 else whole)
        end = len(data) if random.random() < 0.5 else min(400, len(data))
        for place in random.integers(0, end, int(random.integers(1, 5))):
            data[place] ^= int(random.integers(1, 256))
        yield bytes(data)


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_files_give_arrays_or_a_model_error(tmp_path: Path, compressed: bool) -> None:
    """scipy.io.loadmat ends some of these with a segmentation fault, others with exceptions of its own."""
    random = np.random.default_rng(0)
    arrays = {"value": random.random((20, 1)), "other": random.random((20, 3))}
    unread = {"cell": np.array([[1, "x"]], object), "text": "text"}
    savemat(tmp_path / "whole.mat", {**unread, "model": {**arrays, **unread}, **arrays}, do_compression=compressed)
    specs = VALUE | {"other": MatArray(("N", "M"), "number", "x")}
    path, outcomes = tmp_path / "file.mat", dict.fromkeys((True, False), 0)
    for data in damaged_files((tmp_path / "whole.mat").read_bytes(), 800):
        path.write_bytes(data)
        for read in (lambda: read_mat(path, specs), lambda: read_mat_struct(path, "model", specs)):
            try:
                found = read()
            except ModelError as error:
                assert str(path) in str(error)
                outcomes[False] += 1
            else:
                assert all(np.isfinite(array).all() for array in found.values())
                outcomes[True] += 1
    assert min(outcomes.values()) > 100


def test_a_struct_is_read_as_scipy_wrote_it(tmp_path: Path) -> None:
    value, path = np.random.default_rng(0).random((30, 1)), tmp_path / "file.mat"
    for compressed in (True, False):
        savemat(path, {"first": 1.0, "model": {"name": "x", "value": value}, "last": 2.0}, do_compression=compressed)
        np.testing.assert_array_equal(read_mat_struct(path, "model", VALUE)["value"], value[:, 0])
    savemat(path, {"model": np.array([({"value": 1.0},), ({"value": 2.0},)], [("value", object)])})
    with pytest.raises(ModelError, match="expected one MATLAB struct 'model'"):
        read_mat_struct(path, "model", VALUE)
    savemat(path, {"model": {"value": {"deeper": 1.0}}})
    with pytest.raises(ModelError, match=r"'model\.value' is a MATLAB struct, expected numbers"):
        read_mat_struct(path, "model", VALUE)


def test_the_command_line_knows_every_format() -> None:
    assert {str(entry) for entry in ModelFormat} == set(LOADERS)
    for loader in LOADERS.values():
        assert callable(loader.function(loader.importer))
        assert not loader.recogniser or not loader.function(loader.recogniser)(Path("/nowhere/at/all"))
