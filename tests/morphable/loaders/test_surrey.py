"""eos's files of the Surrey model become the model that was written into them; each broken convention is noticed."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.registry import import_model
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model, save_model
from synthgen.morphable.template import evaluate_points
from tests.morphable.loaders.face_fixtures import CHECKS, Face, built_in_face
from tests.morphable.loaders.known_answers import SURREY_CHIN_V, SURREY_NOSE_UV
from tests.morphable.loaders.surrey_fixtures import NAMES, WITHOUT, eigen, texture, write_surrey, written_face


def check_listed_landmarks(model: MorphableModel, face: Face) -> None:
    """The 50 points that eos lists."""
    listed = [point for point in range(68) if point not in WITHOUT]
    template = model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean)
    np.testing.assert_allclose(points[listed], face.mean[face.landmarks[listed]], atol=2e-4)


SURREY_CHECKS = CHECKS | {"landmarks": check_listed_landmarks}


@pytest.fixture(scope="module")
def face() -> Face:
    return written_face(built_in_face())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_surrey(tmp_path_factory.mktemp("eos") / "share", built_in_face())


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> MorphableModel:
    path = tmp_path_factory.mktemp("model") / "surrey.npz"
    save_model(import_model(folder.parent), path)
    return load_model(path)


def test_the_fixture_holds_the_known_answer() -> None:
    """M10: the nose of the texture, v down, and A11's chin."""
    face = built_in_face()
    np.testing.assert_allclose(texture(face)[face.landmarks[30]], SURREY_NOSE_UV)
    np.testing.assert_allclose(texture(face)[face.landmarks[8], 1], SURREY_CHIN_V)


@pytest.mark.parametrize("name", SURREY_CHECKS)
def test_the_model_is_what_was_written(model: MorphableModel, face: Face, name: str) -> None:
    SURREY_CHECKS[name](model, face)


def test_expressions_are_weights(model: MorphableModel) -> None:
    assert model.expression_names == NAMES and model.expression_unit == "weight"
    np.testing.assert_array_equal(model.expression_range, np.tile([[0.0, 1.0]], (6, 1)))
    np.testing.assert_array_equal(model.identity_stddev, np.ones(6))
    assert "50 landmarks are eos's list" in model.source and "sha256" in model.source
    # Six expressions give six numbers; the others are nothing.
    assert np.abs(model.expression_pca[:6]).sum(axis=1).min() > 0 and not model.expression_pca[6:].any()


def test_the_missing_landmarks_lie_where_they_should(model: MorphableModel, face: Face) -> None:
    template = model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean)
    corners = np.linalg.norm(points[[60, 64]] - face.mean[face.landmarks[[60, 64]]], axis=1)
    assert corners.max() < 4.0
    jaw, line = points[:17], face.mean[face.landmarks[:17]]
    between = np.concatenate([line[:-1] + (line[1:] - line[:-1]) * t for t in np.linspace(0, 1, 30)])
    assert max(np.linalg.norm(between - point, axis=1).min() for point in jaw) < 5.0
    # From the subject's right ear down to the chin and up to the left ear, at even steps.
    assert (np.diff(jaw[:, 0]) > -1.0).all() and (np.diff(jaw[:9, 1]) < 0).all() and (np.diff(jaw[8:, 1]) > 0).all()
    steps = np.linalg.norm(np.diff(jaw, axis=0), axis=1)
    assert steps.min() > 0.4 * steps.mean() and steps.max() < 2.0 * steps.mean()


@pytest.mark.parametrize(
    ("broken", "check", "complaint"),
    [
        ("unit", "unit", "another unit"),
        ("variance", "stddev", "moves a vertex by"),
        ("index base", "index base", "1-based"),
        ("winding", "winding", "clockwise"),
        ("transposition", "stddev", "not orthonormal"),
        ("v", "unit", "expected v to run down"),
        ("another texture", "unit", r"nose tip lies at \(0\.5, 0\.645\) of the texture, expected \(0\.5, 0\.545\)"),
        ("point base", "landmarks", "neither chin"),
    ],
)
def test_a_broken_convention_is_refused(broken: str, check: str, complaint: str, face: Face, tmp_path: Path) -> None:
    write_surrey(tmp_path, built_in_face(), broken)
    with pytest.raises(ModelError, match=complaint):
        SURREY_CHECKS[check](import_model(tmp_path), face)


@pytest.mark.parametrize(
    ("broken", "check"), [("landmark base", "landmarks"), ("offsets", "stddev"), ("order", "stddev")]
)
def test_another_broken_convention_shows(broken: str, check: str, face: Face, tmp_path: Path) -> None:
    write_surrey(tmp_path, built_in_face(), broken)
    with pytest.raises(AssertionError):
        SURREY_CHECKS[check](import_model(tmp_path), face)


DAMAGES = {
    "version": ("sfm_shape_3448.bin", struct.pack("<I", 4) + bytes(100), "version 4 of eos's model format"),
    "cut": ("sfm_shape_3448.bin", struct.pack("<Iii", 1, 10344, 1) + bytes(100), "ends early"),
    "negative": ("sfm_shape_3448.bin", struct.pack("<Iii", 1, -1, -1), "a matrix of -1 x -1"),
    "huge": ("sfm_shape_3448.bin", struct.pack("<Iii", 1, 2**31 - 1, 2**31 - 1), "ends early"),
    "nothing": ("sfm_shape_3448.bin", b"", "ends early"),
    "count": ("expression_blendshapes_3448.bin", struct.pack("<Q", 2**63), "not a blendshape file"),
    "name": ("expression_blendshapes_3448.bin", struct.pack("<QQ", 1, 2**62), "a blendshape name of"),
    "no text": ("expression_blendshapes_3448.bin", struct.pack("<QQ", 1, 2) + b"\xff\xff", "not text"),
    "size": (
        "expression_blendshapes_3448.bin",
        struct.pack("<QQ", 1, 1) + b"a" + eigen(np.zeros((9, 1))),
        "'a' has 3 vertices",
    ),
    "no toml": ("ibug_to_sfm.txt", b"landmarkMappings\n{\n 9 33\n}", "expected TOML"),
    "no table": ("ibug_to_sfm.txt", b"9 = 33", "expected TOML"),
    "text vertex": ("ibug_to_sfm.txt", b"[landmark_mappings]\n9 = 'x'", "expected TOML"),
    "vertex": ("ibug_to_sfm.txt", b"[landmark_mappings]\n9 = 1000000", "point 9 lies on vertex 1000000"),
    "no chin": ("ibug_to_sfm.txt", b"[landmark_mappings]\n18 = 1", "neither chin"),
    "binary list": ("ibug_to_sfm.txt", b"\xff\xfe", "not a text file"),
    "no contours": ("sfm_model_contours.json", b"{}", "expected JSON with model_contour"),
    "short contour": (
        "sfm_model_contours.json",
        b'{"model_contour": {"right_contour": [1], "left_contour": [2]}}',
        "8 or more vertices",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(damage: str, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "share")
    name, data, complaint = DAMAGES[damage]
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=complaint) as caught:
        import_model(copy)
    assert name in str(caught.value)


def test_trailing_bytes_and_missing_files(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "share")
    with open(copy / "sfm_shape_3448.bin", "ab") as stream:
        stream.write(b"1234")
    with pytest.raises(ModelError, match="4 bytes too many"):
        import_model(copy / "sfm_shape_3448.bin")
    (copy / "sfm_shape_3448.bin").unlink()
    with pytest.raises(ModelError, match=r"sfm_shape_3448\.bin: file not found"):
        import_model(copy, "surrey")
