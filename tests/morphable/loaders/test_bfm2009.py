"""Basel 2009: a file in the release's layout becomes the known face; each convention turned round is noticed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders import basel_model
from synthgen.morphable.loaders.bfm2009 import import_bfm2009
from synthgen.morphable.loaders.exp_pca import read_exp_pca
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.model_file import load_model, save_model
from tests.morphable.loaders import bfm_fixtures as fixtures
from tests.morphable.loaders.bfm_facts import violated_facts
from tests.morphable.loaders.known_answers import BASEL_MEAN_UM
from tests.morphable.test_unwrap import times_covered

Arrays = dict[str, Any]


@pytest.fixture(scope="module")
def face() -> fixtures.KnownFace:
    return fixtures.known_face()


def write_release(folder: Path, face: fixtures.KnownFace, expressions: str = "") -> Path:
    """01_MorphableModel.mat, and beside it the expressions named: "mat", "bin" or none."""
    fixtures.write_mat(folder / "01_MorphableModel.mat", fixtures.raw_arrays(face))
    if expressions:
        fixtures.write_mat(folder / "model_info.mat", fixtures.model_info_arrays(face))
    if expressions == "mat":
        fixtures.write_mat(folder / "Model_Exp.mat", fixtures.expression_arrays(face))
    if expressions == "bin":
        fixtures.write_exp_pca(folder, face)
    return folder


@pytest.fixture(scope="module")
def model(face: fixtures.KnownFace, tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    return import_model(write_release(tmp_path_factory.mktemp("bfm"), face, "mat"))


def test_the_fixture_is_what_the_sheet_describes(face: fixtures.KnownFace) -> None:
    """Known answers M1, M6 and M7, of the stored arrays themselves."""
    arrays = fixtures.raw_arrays(face)
    assert arrays["shapeMU"].shape == (160470, 1) and arrays["shapeMU"].dtype == np.float32
    assert arrays["tl"].min() == 1 and arrays["tl"].max() <= 53490
    np.testing.assert_array_equal(face.trim[fixtures.KEYPOINTS_TRIMMED_1B - 1], fixtures.KEYPOINTS_RAW_0B)
    stored = arrays["shapeMU"].reshape(3, -1, order="F").astype(np.float64)  # 3 x N, um
    p1, p2, p3 = (stored[:, arrays["tl"][:, corner] - 1] for corner in range(3))
    normal_z = np.cross(p2 - p1, p3 - p1, axis=0)[2]
    front = stored[2, arrays["tl"] - 1].min(axis=1) > 60000.0
    assert np.maximum(normal_z[front], 0).sum() < 0.05 * np.maximum(-normal_z[front], 0).sum()
    # M6 as written there: 3 x N, um, both means added, 3DDFA's keypoints.
    shape, moving = fixtures.shape_arrays(face), fixtures.expression_arrays(face)
    both = (shape["mu_shape"].astype(np.float64) + moving["mu_exp"]).reshape(3, -1, order="F")
    for point, expected in BASEL_MEAN_UM.items():
        np.testing.assert_allclose(both[:, fixtures.KEYPOINTS_TRIMMED_1B[point] - 1], expected, atol=0.1)
    assert (both[2] > both[2, fixtures.KEYPOINTS_TRIMMED_1B[30] - 1]).sum() <= 4
    points = stored[:, fixtures.KEYPOINTS_RAW_0B]
    assert points[0, 36] < points[0, 45] and points[1, 8] < points[1, 30] < points[1, 19]
    assert np.abs(arrays["shapePC"].T @ arrays["shapePC"] - np.eye(3)).max() < 1e-3


def test_every_fact_holds_of_a_right_file(model: MorphableModel, face: fixtures.KnownFace) -> None:
    assert violated_facts(model, face, trimmed=False) == []
    assert (model.name, model.expression_unit) == ("bfm2009", "stddev")
    assert "must not be passed on" in model.licence
    for name in ("01_MorphableModel.mat", "Model_Exp.mat", "model_info.mat"):
        assert f"{name} sha256 " in model.source


def test_the_model_file_gives_it_back_and_the_chart_is_injective(model: MorphableModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "bfm.npz")
    loaded = load_model(tmp_path / "bfm.npz")
    np.testing.assert_array_equal(loaded.identity_basis, model.identity_basis)
    assert times_covered(loaded.template.uv[: loaded.template.label_count], 1024).max() == 1


def test_coefficients_of_300w_lp_give_its_vertices(model: MorphableModel, face: fixtures.KnownFace) -> None:
    """A2: vertices = mu_shape + mu_exp + w Shape_Para + w_exp Exp_Para, here in double precision from the files."""
    shape, exp = fixtures.shape_arrays(face), fixtures.expression_arrays(face)
    shape_para, exp_para = np.array([4e5, -7e5, 1e5]), np.array([1.1, -0.4])
    column = shape["mu_shape"][:, 0] + exp["mu_exp"][:, 0] + shape["w"] @ shape_para + exp["w_exp"] @ exp_para
    expected = column.reshape(3, -1, order="F").T / 1000.0
    ours = evaluate_vertices(
        model, (shape_para / model.identity_stddev)[None], (exp_para / model.expression_stddev)[None]
    )
    np.testing.assert_allclose(ours[0][face.trim], expected, atol=2e-3)


def test_the_inner_mouth_moves_with_its_neighbours(model: MorphableModel, face: fixtures.KnownFace) -> None:
    inner = np.setdiff1d(np.unique(face.triangles), face.trim)
    assert len(inner) > 20
    for vertex in inner:
        near = face.trim[np.linalg.norm(face.shape_mean[face.trim] - face.shape_mean[vertex], axis=1).argmin()]
        np.testing.assert_array_equal(model.expression_basis[:, vertex], model.expression_basis[:, near])


def test_without_expression_files_there_are_no_components(face: fixtures.KnownFace, tmp_path: Path) -> None:
    path = write_release(tmp_path, face) / "01_MorphableModel.mat"
    bare = import_model(path)
    assert violated_facts(bare, face, trimmed=False, mean_expression=False) == []
    assert bare.expression_basis.shape == (0, fixtures.RAW_COUNT, 3)
    assert bare.expression_pca.shape == (10, 0)
    save_model(bare, tmp_path / "bare.npz")
    assert load_model(tmp_path / "bare.npz").expression_names == ()


def test_exp_pca_is_the_other_source_and_its_mean_is_dropped(face: fixtures.KnownFace, tmp_path: Path) -> None:
    folder = write_release(tmp_path, face, "bin")
    (folder / "model_info.mat").rename(folder / "BFM_exp_idx.mat")
    found = import_model(folder)
    assert violated_facts(found, face, trimmed=False, mean_expression=False) == []
    assert "Exp_Pca.bin sha256" in found.source and "std_exp.txt sha256" in found.source


def test_exp_pca_mixed_up_breaks_its_fact(face: fixtures.KnownFace, tmp_path: Path) -> None:
    """One component after another, not one number of every component after another."""
    fixtures.write_exp_pca(tmp_path, face)
    path, truth = tmp_path / "Exp_Pca.bin", face.expression[:, face.trim].reshape(2, -1).T * 1000.0

    def apart() -> float:
        basis = read_exp_pca(path, tmp_path / "std_exp.txt", fixtures.TRIMMED_COUNT)
        return float(np.abs(basis.columns * basis.stddev - truth).max())

    assert apart() < 1.0  # um
    raw = path.read_bytes()
    numbers = np.frombuffer(raw[4:], "<f4").reshape(3, -1)
    path.write_bytes(raw[:4] + numbers[0].tobytes() + np.ascontiguousarray(numbers[1:].T).tobytes())
    assert apart() > 1000.0


def interleaved_wrongly(array: np.ndarray) -> np.ndarray:
    """All x, then all y, then all z."""
    return array.reshape(fixtures.RAW_COUNT, 3, -1).transpose(1, 0, 2).reshape(3 * fixtures.RAW_COUNT, -1)


NOTICED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "columns of planes": (lambda a: {"shapePC": interleaved_wrongly(a["shapePC"])}, "identity stddev"),
    "twice the standard deviations": (lambda a: {"shapeEV": 2 * a["shapeEV"]}, "identity stddev"),
    "half the size": (lambda a: {"shapeMU": a["shapeMU"] / 2}, "millimetres"),
}


@pytest.mark.parametrize("name", NOTICED)
def test_a_turned_convention_breaks_its_fact(
    name: str, model: MorphableModel, face: fixtures.KnownFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate, fact = NOTICED[name]
    # None of them changes the template, which takes most of the time.
    monkeypatch.setattr(basel_model, "face_template", lambda *_arguments: model.template)
    arrays = fixtures.raw_arrays(face)
    fixtures.write_mat(tmp_path / "01_MorphableModel.mat", arrays | mutate(arrays))
    assert fact in violated_facts(import_bfm2009(tmp_path), face, trimmed=False, mean_expression=False)


REFUSED: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "millimetres": (lambda a: {"shapeMU": a["shapeMU"] / 1000}, "expected a head of 80000 to 1000000 micrometres"),
    "metres": (lambda a: {"shapeMU": a["shapeMU"] * 1e-6}, "micrometres"),
    "variances": (lambda a: {"shapeEV": a["shapeEV"] ** 2}, "component 0 moves .* not variances"),
    "0-based": (lambda a: {"tl": a["tl"] - 1}, "'tl' holds 0, expected whole numbers from 1"),
    "2-based": (lambda a: {"tl": a["tl"] + 1}, "name vertices 2 to 53491, expected 1-based"),
    "counter-clockwise": (lambda a: {"tl": a["tl"][:, [0, 2, 1]]}, "clockwise seen from outside"),
    "planes": (lambda a: {"shapeMU": interleaved_wrongly(a["shapeMU"])}, "no face that looks along"),
    "missing": (lambda a: {"shapePC": None}, "'shapePC' is missing, expected orthonormal .* file holds shapeMU"),
    "transposed": (lambda a: {"shapePC": a["shapePC"].T}, r"shape \(3, 160470\), expected \(160470, I\)"),
    "trimmed": (lambda a: {"shapeMU": a["shapeMU"][:159645]}, r"shape \(159645, 1\), expected \(160470, 1\)"),
    "one sigma less": (lambda a: {"shapeEV": a["shapeEV"][:2]}, r"'shapeEV' has shape \(2, 1\), expected \(I, 1\)"),
    "nan": (lambda a: {"shapePC": np.where(a["shapePC"] == a["shapePC"][7, 1], np.nan, a["shapePC"])}, "finite"),
    "sigma 0": (lambda a: {"shapeEV": a["shapeEV"] * [[1], [0], [1]]}, "'shapeEV' holds 0.0, expected .* above 0"),
    "text": (lambda a: {"shapeEV": "abc"}, "'shapeEV' is a MATLAB text, expected numbers"),
    "complex": (lambda a: {"shapeMU": a["shapeMU"] * 1j}, "complex"),
    "halves": (lambda a: {"tl": a["tl"] + 0.5}, "expected whole numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_array_is_refused_by_file_and_key(name: str, face: fixtures.KnownFace, tmp_path: Path) -> None:
    mutate, complaint = REFUSED[name]
    arrays = fixtures.raw_arrays(face)
    changed = {key: value for key, value in (arrays | mutate(arrays)).items() if value is not None}
    fixtures.write_mat(tmp_path / "01_MorphableModel.mat", changed)
    with pytest.raises(ModelError, match=complaint) as caught:
        import_model(tmp_path, "bfm2009")
    assert str(tmp_path / "01_MorphableModel.mat") in str(caught.value)


def test_expressions_without_their_vertices_are_refused(face: fixtures.KnownFace, tmp_path: Path) -> None:
    folder = write_release(tmp_path, face, "mat")
    info = fixtures.model_info_arrays(face)
    for trim, complaint in (
        (info["trimIndex"] - 1, "trimIndex' holds 0.0, expected whole numbers from 1"),
        (np.arange(1.0, 53216)[:, None], r"landmark \d+ .* on raw vertex \d+, expected \d+"),
        (info["trimIndex"][::-1], "expected growing"),
        (info["trimIndex"][:-1], r"shape \(53214, 1\), expected \(53215, 1\)"),
    ):
        fixtures.write_mat(folder / "model_info.mat", info | {"trimIndex": trim})
        with pytest.raises(ModelError, match=complaint):
            import_bfm2009(folder)
    (folder / "model_info.mat").unlink()
    with pytest.raises(ModelError, match="add model_info.mat or BFM_exp_idx.mat"):
        import_bfm2009(folder)


def test_damaged_exp_pca_is_refused(face: fixtures.KnownFace, tmp_path: Path) -> None:
    folder = write_release(tmp_path, face, "bin")
    path, whole = folder / "Exp_Pca.bin", (folder / "Exp_Pca.bin").read_bytes()
    for raw, complaint in (
        (whole[:-4], "declare 2 components, expected 4"),
        (whole[3::-1] + whole[4:], "declare 33554432 components"),
        (b"", "declare 0 components"),
        (whole[:-4] + np.float32(np.nan).tobytes(), "not finite"),
    ):
        path.write_bytes(raw)
        with pytest.raises(ModelError, match=f"Exp_Pca.bin: .*{complaint}"):
            import_bfm2009(folder)
    path.write_bytes(whole)
    for text in ("1.6", "1.6 x", "1.6 -1", "1.6 nan"):
        (folder / "std_exp.txt").write_text(text, encoding="ascii")
        with pytest.raises(ModelError, match=r"std_exp.txt: .*(expected|every number must be finite)"):
            import_bfm2009(folder)
    (folder / "std_exp.txt").unlink()
    with pytest.raises(ModelError, match="std_exp.txt: file not found"):
        import_bfm2009(folder)
