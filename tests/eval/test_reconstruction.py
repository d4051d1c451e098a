"""Reconstruction errors with a real head as the scan: exact answers for moved copies, known ones for known changes."""

from pathlib import Path

import numpy as np
import pytest

from eval.reconstruction import (
    MICC_RADIUS_MM,
    NOSE_TIP,
    Alignment,
    icp_points_nme,
    landmark_alignment,
    reconstruction_errors,
)
from eval.registration import Transform
from eval.scans import Scan, cropped, load_scan
from synthgen.core.errors import DatasetError, UsageError
from synthgen.geometry.rotation import rotation_from_euler

FACE = 9409  # vertices of ICT's full face come first
CM = 10.0
MOVED = Transform(1.0, rotation_from_euler(np.array([0.2, -0.5, 0.1])), np.array([30.0, -200.0, 70.0]))


@pytest.fixture(scope="module")
def head(shared_data: Path) -> tuple[Scan, np.ndarray]:
    """ICT's mean face in mm as a scan, and its 68 landmarks."""
    with np.load(shared_data / "ict_facekit.npz", allow_pickle=False) as data:
        vertices = CM * data["vertices"][:FACE].astype(np.float64)
        triangles = data["faces"][(data["faces"] < FACE).all(axis=1)].astype(np.int64)
        landmarks = data["landmarks_68"]
    return Scan(vertices, triangles, np.full((FACE, 3), 200, np.uint8)), vertices[landmarks]


def moved(scan: Scan, transform: Transform) -> Scan:
    return Scan(transform(scan.vertices), scan.triangles, scan.colours)


@pytest.mark.parametrize("scale", [1.0, 0.37])
def test_a_moved_copy_has_no_error(head: tuple[Scan, np.ndarray], scale: float) -> None:
    scan, points = head
    back = Transform(scale, MOVED.rotation, MOVED.shift)
    alignment = Alignment(with_scale=scale != 1.0, radius=MICC_RADIUS_MM)
    found = reconstruction_errors(moved(scan, back), back(points), scan, points, alignment)
    for values in (found.to_points, found.to_surface, found.to_plane, found.from_surface):
        assert values.max() < 1e-6
    assert found.nme < 1e-8 and found.symmetric < 1e-6
    assert found.interocular == pytest.approx(89.18, abs=0.01)  # CONVENTIONS M11: 8.918 cm
    assert found.transform.scale == pytest.approx(1 / scale)


def test_a_head_blown_up_by_a_millimetre(head: tuple[Scan, np.ndarray]) -> None:
    """Every vertex goes 1 mm along its normal; nothing is aligned, so the surface is 1 mm away but where it folds."""
    scan, points = head
    corners = scan.vertices[scan.triangles]
    of_triangle = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(scan.vertices)
    for corner in range(3):
        np.add.at(normals, scan.triangles[:, corner], of_triangle)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    blown = Scan(scan.vertices + normals, scan.triangles, scan.colours)
    found = reconstruction_errors(blown, points, scan, points, Alignment(with_scale=False, icp=False))
    assert np.median(found.to_surface) == pytest.approx(1.0, abs=0.02)
    assert np.median(found.to_plane) == pytest.approx(1.0, abs=0.02)
    assert found.to_surface.max() <= 1.0 + 1e-9
    assert (found.to_points >= found.to_surface - 1e-9).all()
    assert found.nme == pytest.approx(found.to_points.mean() / 89.18, rel=1e-3)


def test_icp_repairs_wrong_landmarks(head: tuple[Scan, np.ndarray]) -> None:
    scan, points = head
    noisy = points + np.random.default_rng(0).normal(0, 1.5, points.shape)
    only = reconstruction_errors(scan, noisy, scan, points, Alignment(with_scale=False, icp=False))
    refined = reconstruction_errors(
        scan, noisy, scan, points, Alignment(with_scale=False, iterations=20, icp_points=1500)
    )
    assert refined.to_surface.mean() < 0.2 * only.to_surface.mean()


def test_errors_do_not_depend_on_where_the_head_lies(head: tuple[Scan, np.ndarray]) -> None:
    scan, points = head
    other = Scan(scan.vertices * [1.05, 1.0, 0.97], scan.triangles, scan.colours)
    one = reconstruction_errors(other, points * [1.05, 1.0, 0.97], scan, points, Alignment(iterations=5))
    elsewhere = moved(other, MOVED), MOVED(points * [1.05, 1.0, 0.97])
    two = reconstruction_errors(*elsewhere, scan, points, Alignment(iterations=5))
    assert one.nme == pytest.approx(two.nme, rel=1e-6)
    assert one.symmetric > 0.3


def test_two_flat_squares_by_hand() -> None:
    square = np.array([[0.0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]])
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    colours = np.zeros((4, 3), np.uint8)
    points = np.full((68, 3), np.nan)
    points[[36, 45, 48]] = [[0, 0, 0], [5, 0, 0], [0, 5, 0]]
    away = Scan(square + [0, 0, 2], triangles, colours)
    found = reconstruction_errors(
        away, points, Scan(square, triangles, colours), points, Alignment(with_scale=False, icp=False)
    )
    np.testing.assert_allclose(found.to_points, [2, 2, 2, 2])
    assert (found.nme, found.symmetric) == (pytest.approx(0.4), pytest.approx(2.0))


def test_missing_landmarks_and_surfaces_are_refused(head: tuple[Scan, np.ndarray]) -> None:
    scan, points = head
    few = np.where(np.arange(68)[:, None] < 40, points, np.nan)
    with pytest.raises(UsageError, match="only 2 of the landmarks"):
        landmark_alignment(np.where(np.isin(np.arange(68), [36, 39])[:, None], points, np.nan), points, True)
    with pytest.raises(UsageError, match="outer eye corners"):
        reconstruction_errors(scan, points, scan, few, Alignment())
    nose = np.where(np.arange(68)[:, None] == NOSE_TIP, np.nan, points)
    with pytest.raises(UsageError, match="nose tip"):
        reconstruction_errors(scan, points, scan, nose, Alignment(radius=95.0))
    with pytest.raises(UsageError, match="no triangles"):
        reconstruction_errors(
            Scan(scan.vertices, np.zeros((0, 3), int), scan.colours), points, scan, points, Alignment()
        )


def test_a_cut_keeps_what_is_near(head: tuple[Scan, np.ndarray]) -> None:
    scan, points = head
    cut = cropped(scan, points[NOSE_TIP], 60.0)
    away = np.linalg.norm(scan.vertices - points[NOSE_TIP], axis=1)
    assert len(cut.vertices) == (away <= 60).sum() and cut.triangles.max() < len(cut.vertices)
    whole = (away[scan.triangles] <= 60).all(axis=1).sum()
    assert len(cut.triangles) == whole
    with pytest.raises(UsageError, match="in mm"):
        cropped(scan, points[NOSE_TIP] + 1000.0, 95.0)


def test_dense_points_after_icp(head: tuple[Scan, np.ndarray]) -> None:
    scan, _ = head
    assert icp_points_nme(scan.vertices + [0, 0, 50], scan.vertices, 89.0, every=50) < 1e-3
    assert icp_points_nme(scan.vertices * [1, 1.1, 1], scan.vertices, 89.0, every=50) > 5e-3


def test_scans_are_read_as_they_were_written(head: tuple[Scan, np.ndarray], tmp_path: Path) -> None:
    vertices = np.array([[0.5, 0, 0], [1, 0, 0], [0, 2.25, 0], [7, 7, 7]])  # the last one belongs to no triangle
    (tmp_path / "a.obj").write_text(
        "# scan\n" + "".join(f"v {x} {y} {z} 1 0 0.5\n" for x, y, z in vertices) + "f 1 2 3\n"
    )
    header = "ply\nformat ascii 1.0\nelement vertex 4\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz")
    header += "".join(f"property uchar {colour}\n" for colour in ("red", "green", "blue"))
    header += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    rows = "".join(f"{x} {y} {z} 255 0 128\n" for x, y, z in vertices)
    (tmp_path / "a.ply").write_text(header + rows + "3 0 1 2\n")
    for name in ("a.obj", "a.ply"):
        found = load_scan(tmp_path / name)
        np.testing.assert_allclose(found.vertices, vertices)
        np.testing.assert_array_equal(found.triangles, [[0, 1, 2]])
        np.testing.assert_allclose(found.colours[0].astype(int), [255, 0, 128], atol=1)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.ply", "rubbish", "damaged"),
        ("a.obj", "v 1 2 3\nv nan 1 1\nv 1 1 1\nf 1 2 3\n", "not finite|damaged"),
        ("a.obj", "", "no mesh|no vertices"),
        ("a.stl", "", "expected a file that ends in"),
        ("b/missing.obj", None, "no such file"),
    ],
)
def test_files_that_are_no_scans(tmp_path: Path, name: str, content: str | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DatasetError, match=expected):
        load_scan(tmp_path / name)
