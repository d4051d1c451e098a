from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from synthgen.core.errors import AssetError
from synthgen.fittings.fitting import FittingSet, fitting_cameras
from synthgen.fittings.read_fittings import read_fittings
from synthgen.geometry.camera import project, to_camera_space
from synthgen.labels.parameters import parameters_62
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from tests.fittings.tddfa_fixtures import (
    RELEASED,
    Convention,
    Face,
    random_face,
    small_model,
    stored_points,
    variables,
    write_pair,
    write_points,
)

torch = pytest.importorskip("torch")
MODEL = small_model()


def projected(model: MorphableModel, fittings: FittingSet) -> np.ndarray:
    """(N, V, 3) image points and depth, by the project's own camera, of every vertex."""
    vertices = torch.from_numpy(evaluate_vertices(model, fittings.identity, fittings.expression))
    cameras = fitting_cameras(fittings, np.arange(len(fittings)))
    return project(cameras, to_camera_space(cameras, vertices)).numpy().astype(np.float64)


def write_one(folder: Path, convention: Convention = RELEASED, face: Face | None = None) -> Face:
    face = face or random_face(1, MODEL)
    write_pair(folder, "AFW/AFW_1_1_0", variables(MODEL, face, convention=convention))
    return face


def largest_error(folder: Path) -> float:
    """px between the reader's projected vertices and the landmarks that lie beside them in the file."""
    fittings = read_fittings(folder, MODEL).fittings
    return float(np.abs(projected(MODEL, fittings)[:, :68, :2] - fittings.landmarks).max())


@pytest.mark.parametrize("compressed", [True, False])
def test_projected_vertices_meet_the_stored_points(tmp_path: Path, compressed: bool) -> None:
    faces = [random_face(seed, MODEL, yaw) for seed, yaw in enumerate((-60.0, -20.0, 5.0, 45.0, 88.0))]
    for number, face in enumerate(faces):
        write_pair(tmp_path, f"IBUG/IBUG_{number}_0", variables(MODEL, face), compressed=compressed)
    read = read_fittings(tmp_path, MODEL)
    assert read.skipped == ()
    for row, face in enumerate(faces):
        stored = stored_points(MODEL, face, 450)
        image = projected(MODEL, read.fittings)[row]
        assert np.abs(image[:, :2].T - (stored[:2] - 0.5)).max() < 0.01
        # Larger stored z is nearer, our depth grows away from the viewer.
        assert np.abs(face.pose[6] * image[:, 2] + stored[2] - face.pose[5]).max() < 0.01


def test_every_field_of_a_fitting(tmp_path: Path) -> None:
    face = write_one(tmp_path)
    fittings = read_fittings(tmp_path, MODEL).fittings
    assert fittings.names == ("AFW/AFW_1_1_0",) and fittings.photos == ("AFW/AFW_1_1_0.jpg",)
    assert fittings.sizes.tolist() == [[450, 450]] and not fittings.perspective and fittings.model == "small"
    np.testing.assert_allclose(fittings.identity[0], face.identity, atol=1e-5)
    np.testing.assert_allclose(fittings.expression[0], face.expression, atol=1e-5)
    np.testing.assert_allclose(fittings.focal, [face.pose[6]], rtol=1e-6)
    np.testing.assert_allclose(fittings.principal[0], [face.pose[3] - 0.5, 450.5 - face.pose[4]], atol=1e-4)
    np.testing.assert_allclose(fittings.depth_shift, [-60.0])
    assert not fittings.translation.any()
    assert fittings.ignore_boxes == ((),) and fittings.ignore_masks == ("",)


def test_the_62_parameters_hold_the_stored_pose_again(tmp_path: Path) -> None:
    face = write_one(tmp_path)
    fittings = read_fittings(tmp_path, MODEL).fittings
    coefficients = (fittings.identity, fittings.expression)
    cameras = fitting_cameras(fittings, np.arange(1))
    vector = parameters_62(MODEL, cameras, coefficients, 450, fittings.depth_shift)[0]
    np.testing.assert_allclose(vector[[3, 7, 11]], face.pose[3:6], atol=1e-3)
    yaw = np.arctan2(-vector[2], np.hypot(vector[0], vector[1]))
    assert yaw == pytest.approx(face.pose[1], abs=1e-5)


def test_the_right_convention_fits(tmp_path: Path) -> None:
    write_one(tmp_path)
    assert largest_error(tmp_path) < 0.01


def test_y_flip_off_by_one_is_noticed(tmp_path: Path) -> None:
    write_one(tmp_path, Convention(flip=0.0))
    assert largest_error(tmp_path) == pytest.approx(1.0, abs=0.01)


def test_zero_based_points_are_noticed(tmp_path: Path) -> None:
    write_one(tmp_path, Convention(first_pixel=0.0))
    assert largest_error(tmp_path) == pytest.approx(1.0, abs=0.01)


def test_a_transposed_rotation_is_noticed(tmp_path: Path) -> None:
    write_one(tmp_path, Convention(transposed=True))
    assert largest_error(tmp_path) > 20.0


def test_a_forgotten_identity_sigma_is_noticed(tmp_path: Path) -> None:
    write_one(tmp_path, Convention(carries_sigma=False))
    assert largest_error(tmp_path) > 5.0


def test_a_forgotten_expression_sigma_is_noticed(tmp_path: Path) -> None:
    write_one(tmp_path, Convention(expression_carries_sigma=False))
    assert largest_error(tmp_path) > 1.0


def test_a_focal_length_in_pixels_per_millimetre_is_refused(tmp_path: Path) -> None:
    write_one(tmp_path, Convention(focal_unit=1.0))
    with pytest.raises(AssetError, match=r"AFW_1_1_0\.mat: Pose_Para\[6\] makes the face .* pixels large"):
        read_fittings(tmp_path, MODEL)


def profiled_folder(folder: Path) -> list[Face]:
    """An original, and two profiled pictures that repeat its pt2d as the release does."""
    faces = [random_face(3, MODEL, yaw) for yaw in (10.0, 30.0, 50.0)]
    original = variables(MODEL, faces[0])
    for step, face in enumerate(faces):
        values = variables(MODEL, face) | {"pt2d": original["pt2d"]}
        write_pair(folder, f"HELEN/HELEN_7_1_{step}", values)
    return faces


def test_repeated_points_of_profiled_pictures_are_not_believed(tmp_path: Path) -> None:
    profiled_folder(tmp_path)
    landmarks = read_fittings(tmp_path, MODEL).fittings.landmarks
    assert np.isfinite(landmarks[0]).all() and np.isnan(landmarks[1:]).all()


def test_repeated_points_are_known_by_name_when_the_original_is_gone(tmp_path: Path) -> None:
    profiled_folder(tmp_path)
    for suffix in ("mat", "jpg"):
        (tmp_path / f"HELEN/HELEN_7_1_0.{suffix}").unlink()
    assert np.isnan(read_fittings(tmp_path, MODEL).fittings.landmarks).all()


def test_points_of_other_numbered_pictures_are_believed(tmp_path: Path) -> None:
    for number in range(3):
        write_pair(tmp_path, f"mine_{number}", variables(MODEL, random_face(number, MODEL)))
        write_pair(tmp_path, f"holiday/p_{number + 1}", variables(MODEL, random_face(number, MODEL)))
    assert np.isfinite(read_fittings(tmp_path, MODEL).fittings.landmarks).all()


@pytest.mark.parametrize("below", ["", "HELEN"])
def test_separate_landmarks_stand_for_profiled_pictures(tmp_path: Path, below: str) -> None:
    faces = profiled_folder(tmp_path)
    stored = stored_points(MODEL, faces[2], 450)[:2, :68].T
    write_points(tmp_path, "HELEN", "HELEN_7_1_2", stored)
    (tmp_path / "Code").mkdir()
    savemat(tmp_path / "Code" / "Model_Shape.mat", {"w": np.zeros(3)})
    landmarks = read_fittings(tmp_path / below, MODEL).fittings.landmarks
    np.testing.assert_allclose(landmarks[2], stored - 0.5)
    assert np.isnan(landmarks[1]).all()


def test_aflw2000_has_its_points_in_pt3d(tmp_path: Path) -> None:
    face = random_face(9, MODEL)
    values = variables(MODEL, face)
    values["pt3d_68"] = stored_points(MODEL, face, 450)[:, :68].astype(np.float32)
    values["pt2d"] = np.full((2, 21), -1.0)
    write_pair(tmp_path, "image00002", values)
    fittings = read_fittings(tmp_path, MODEL).fittings
    image = projected(MODEL, fittings)[0, :68]
    assert fittings.names == ("image00002",)
    assert np.abs(fittings.landmarks[0] - image[:, :2]).max() < 0.01
    # The known answer: pt3d_68 is (P_x, 451 - P_y, P_z) for a picture of 450 pixels.
    assert np.abs(values["pt3d_68"][1] - (image[:, 1] + 0.5)).max() < 0.01


def test_truncation_uses_the_first_coefficients_and_only_when_asked(tmp_path: Path) -> None:
    face = write_one(tmp_path)
    model = small_model(40, 10)
    with pytest.raises(
        AssetError, match=r"Shape_Para has 199 coefficients, model 'small' has 40; .*199 identity and 29"
    ):
        read_fittings(tmp_path, model)
    fittings = read_fittings(tmp_path, model, truncate=True).fittings
    np.testing.assert_allclose(
        fittings.identity[0] * model.identity_stddev, (face.identity * MODEL.identity_stddev)[:40]
    )
    assert fittings.expression.shape == (1, 10)
    with pytest.raises(AssetError, match="Shape_Para has 199 coefficients, model 'small' has 250"):
        read_fittings(tmp_path, small_model(250, 29), truncate=True)


def test_photos_may_lie_elsewhere_and_be_of_any_size(tmp_path: Path) -> None:
    face = random_face(2, MODEL)
    write_pair(tmp_path / "fits", "a", variables(MODEL, face, size=520))
    (tmp_path / "fits" / "a.jpg").unlink()
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (500, 520)).save(tmp_path / "photos" / "a.png")
    Image.new("RGB", (5, 5)).save(tmp_path / "photos" / "unrelated.png")
    fittings = read_fittings(tmp_path / "fits", MODEL, photos=tmp_path / "photos").fittings
    assert fittings.sizes.tolist() == [[520, 500]] and fittings.photos == ("a.png",)
    assert np.abs(projected(MODEL, fittings)[0, :68, :2] - fittings.landmarks[0]).max() < 0.01


def test_progress_counts_files(tmp_path: Path) -> None:
    profiled_folder(tmp_path)
    calls: list[tuple[int, int]] = []
    read_fittings(tmp_path, MODEL, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
