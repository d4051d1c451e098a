"""ICT-FaceKit: the official folder, written from the shared arrays, becomes the model that those arrays say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from synthgen.core.conventions import PARTS
from synthgen.core.errors import ModelError, UsageError
from synthgen.morphable.loaders import ict_tables
from synthgen.morphable.loaders.ict_arrays import IctArrays
from synthgen.morphable.loaders.ict_expressions import sample_weights
from synthgen.morphable.loaders.ict_facekit import read_ict_folder
from synthgen.morphable.loaders.registry import LOADERS, import_model
from synthgen.morphable.model import MorphableModel, evaluate_vertices
from synthgen.morphable.model_file import load_model
from synthgen.morphable.template import evaluate_points

IDENTITIES = 2
EXPRESSIONS = ("eyeBlink_L", "jawOpen", "mouthClose")


@pytest.fixture(scope="module")
def release(shared_data: Path) -> dict[str, np.ndarray]:
    with np.load(shared_data / "ict_facekit.npz") as data:
        return {key: data[key] for key in data.files}


@pytest.fixture(scope="module")
def official_folder(release: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's layout with a few of its files: v/vt tokens, 1-based indices, six digits, licence header."""
    folder = tmp_path_factory.mktemp("ICT-FaceKit") / "FaceXModel"
    folder.mkdir()
    texture = "\n".join(f"vt {row[0]:.6g} {row[1]:.6g}" for row in release["uv"][:100].tolist())
    rows = zip(release["faces_quad"].tolist(), release["faces_quad_uv"].tolist(), strict=True)
    faces = "\n".join("f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(*row, strict=True) if v >= 0) for row in rows)

    def write(name: str, vertices: np.ndarray) -> None:
        points = "\n".join(map("v %.6g %.6g %.6g".__mod__, map(tuple, vertices.tolist())))
        text = f"# ICT FaceKit\n\nmtllib ICTFaceModelMaterial.mtl\n{points}\n{texture}\nusemtl M_Face\ns 1\n{faces}\n"
        (folder / f"{name}.obj").write_text(text, encoding="ascii")

    neutral = release["vertices"].astype(np.float64)
    write("generic_neutral_mesh", neutral)
    for number in range(IDENTITIES):
        write(f"identity{number:03d}", neutral + release["id_deltas"][number])
    names = [str(name) for name in release["expression_names"]]
    for name in EXPRESSIONS:
        write(name, neutral + release["ex_deltas"][names.index(name)])
    index = {"expressions": list(EXPRESSIONS), "idx_to_landmark_verts": release["landmarks_68"].tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(index), encoding="ascii")
    return folder.parent


@pytest.fixture(scope="module")
def ict_model(ict_model_path: Path) -> MorphableModel:
    return load_model(ict_model_path)


def test_the_folder_holds_what_the_arrays_hold(official_folder: Path, release: dict[str, np.ndarray]) -> None:
    arrays = read_ict_folder(official_folder, identity_count=IDENTITIES)
    names = [str(name) for name in release["expression_names"]]
    chosen = [names.index(name) for name in EXPRESSIONS]
    assert arrays.expression_names == EXPRESSIONS
    np.testing.assert_array_equal(arrays.polygons, release["faces_quad"])
    # Six digits of up to 19 cm leave 5e-5 cm; two files are subtracted.
    np.testing.assert_allclose(arrays.neutral, release["vertices"], atol=6e-5)
    np.testing.assert_allclose(arrays.identity_deltas, release["id_deltas"][:IDENTITIES], atol=1.2e-4)
    np.testing.assert_allclose(arrays.expression_deltas, release["ex_deltas"][chosen], atol=1.2e-4)


def test_the_folder_inside_the_checkout_is_found(official_folder: Path) -> None:
    inside = read_ict_folder(official_folder / "FaceXModel", identity_count=1)
    assert inside.identity_deltas.shape == (1, ict_tables.VERTEX_COUNT, 3)


def test_an_incomplete_release_is_refused_by_file(official_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"identity002\.obj: file not found"):
        import_model(official_folder)
    with pytest.raises(ModelError, match=r"identity002\.obj: file not found"):
        import_model(official_folder, "ict-facekit")


def test_unknown_formats_and_folders(tmp_path: Path, official_folder: Path) -> None:
    assert "ict-facekit" in LOADERS
    with pytest.raises(UsageError, match="'bfm'.*ict-facekit"):
        import_model(official_folder, "bfm")
    with pytest.raises(ModelError, match="not a known model format"):
        import_model(tmp_path)
    with pytest.raises(ModelError, match="no such file"):
        import_model(tmp_path / "absent")


@pytest.fixture
def broken_folder(official_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage: the neutral, one identity, the index."""
    for name in ("generic_neutral_mesh.obj", "identity000.obj", "vertex_indices.json", "jawOpen.obj"):
        shutil.copy(official_folder / "FaceXModel" / name, tmp_path / name)
    (tmp_path / "vertex_indices.json").write_text('{"expressions": ["jawOpen"]}', encoding="ascii")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"\nv ", b"\nv 1 ", "expected three"),
        (b"\nv ", b"\nv x ", "not numbers"),
        (b"\nv ", b"\nv nan 0 0\nv ", "not finite"),
        (b"\nv ", b"\nv 0 0 0\nv ", "26720 vertices, expected 26719"),
        (b"\nf ", b"\nf 1/1 2/1 3/1\nf ", "polygons differ"),
        (b"\nf ", b"\nf 1/1 2/1\nf ", "polygons of"),
        (b"\nf ", b"\nf -1/1 2/1 3/1\nf ", "relative or zero"),
        (b"\nf ", b"\nf a/1 2/1 3/1\nf ", "not indices"),
    ],
)
def test_a_damaged_target_is_refused(broken_folder: Path, old: bytes, new: bytes, complaint: str) -> None:
    target = broken_folder / "identity000.obj"
    target.write_bytes(target.read_bytes().replace(old, new, 1))
    with pytest.raises(ModelError, match=complaint) as caught:
        read_ict_folder(broken_folder, identity_count=1)
    assert str(target) in str(caught.value)


def test_another_mesh_is_refused(broken_folder: Path) -> None:
    neutral = broken_folder / "generic_neutral_mesh.obj"
    neutral.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", encoding="ascii")
    with pytest.raises(ModelError, match="3 vertices and 1 polygons, expected 26719"):
        read_ict_folder(broken_folder)
    neutral.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", encoding="ascii")
    with pytest.raises(ModelError, match="use vertex 4, the file has 3"):
        read_ict_folder(broken_folder)


@pytest.mark.parametrize(
    "index", ["", "[]", '{"expressions": []}', '{"expressions": ["../x"]}', '{"expressions": [1]}']
)
def test_a_wrong_index_is_refused(broken_folder: Path, index: str) -> None:
    (broken_folder / "vertex_indices.json").write_text(index, encoding="ascii")
    with pytest.raises(ModelError, match=r"vertex_indices\.json.*expressions"):
        read_ict_folder(broken_folder, identity_count=1)


@pytest.fixture(scope="module")
def kept_triangles(release: dict[str, np.ndarray]) -> np.ndarray:
    """Triangles of the release without the transparent shells and the inner iris balls, by the shared region table."""
    transparent = ("Lacrimal", "Eye blend", "Eye occlusion", "Eyelashes")
    dropped = [row for row, name in enumerate(release["region_names"]) if str(name).startswith(transparent)]
    polygon = release["faces_poly"]
    keep = ~np.isin(release["polygon_region"][polygon], dropped)
    for name, (_, _, low, high) in zip(release["eyeball_names"], release["eyeball_ranges"], strict=True):
        if str(name).startswith("Iris"):
            keep &= ~((polygon >= low) & (polygon < high))
    return release["faces"][keep]


def test_geometry_is_the_release_in_millimetres(
    ict_model: MorphableModel, release: dict[str, np.ndarray], kept_triangles: np.ndarray
) -> None:
    rows = np.unique(kept_triangles)
    rng = np.random.default_rng(0)
    identity, expression = rng.standard_normal((2, 100)), rng.random((2, 53)) * 0.3
    expected = release["vertices"].astype(np.float64)[None]
    expected = expected + np.tensordot(identity, release["id_deltas"].astype(np.float64), axes=1)
    expected = expected + np.tensordot(expression, release["ex_deltas"].astype(np.float64), axes=1)
    vertices = evaluate_vertices(ict_model, identity, expression)
    assert np.abs(vertices - 10.0 * expected[:, rows]).max() < 1e-3  # mm, float32 sums of 153 terms


def test_triangles_come_from_the_kept_regions_with_their_winding(
    ict_model: MorphableModel, kept_triangles: np.ndarray
) -> None:
    ours = np.unique(kept_triangles)[ict_model.template.triangles]
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, kept_triangles.tolist()))


def test_labels_are_the_narrow_face_and_the_front_of_the_eyes(
    ict_model: MorphableModel, release: dict[str, np.ndarray]
) -> None:
    template = ict_model.template
    labelled = template.triangles[: template.label_count]
    narrow = int(release["area_ranges"][1][3])
    face_triangles = int((release["faces_poly"] < narrow).sum())
    centres = ict_model.mean[labelled].mean(axis=1)
    assert (template.parts[:face_triangles] > 0).all()
    eyes = centres[face_triangles:]
    assert eyes[:, 2].min() > 75.0  # mm; the eyeballs reach back to 63
    assert set(template.parts[face_triangles : template.label_count]) == {1, 2}
    # Subject's right is -x.
    assert (eyes[template.parts[face_triangles : template.label_count] == 1][:, 0] < 0).all()
    assert (eyes[template.parts[face_triangles : template.label_count] == 2][:, 0] > 0).all()
    assert (template.parts[template.label_count :] == 0).all()


def test_landmarks_are_the_sources(ict_model: MorphableModel, release: dict[str, np.ndarray]) -> None:
    template = ict_model.template
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, ict_model.mean)
    np.testing.assert_allclose(points, 10.0 * release["vertices"][release["landmarks_68"]], atol=1e-4)
    assert (template.landmarks["ibug68"].triangle < template.label_count).all()
    part_of = [PARTS[part] for part in template.parts[template.landmarks["ibug68"].triangle]]
    assert set(part_of[27:36]) == {"nose"}
    assert set(part_of[36:42]) == {"right_eye"}
    assert set(part_of[42:48]) == {"left_eye"}
    assert set(part_of[17:22]) == {"right_brow"}
    assert {"upper_lip"} <= set(part_of[49:54]) <= {"upper_lip", "other"}
    assert {"lower_lip"} <= set(part_of[55:60]) <= {"lower_lip", "other"}


def test_parts_are_about_as_large_as_the_real_ones(ict_model: MorphableModel) -> None:
    template = ict_model.template
    corners = ict_model.mean[template.triangles[: template.label_count]].astype(np.float64)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    seen_from_front = np.maximum(flat[:, 2], 0) / 2
    area = np.bincount(template.parts[: template.label_count], seen_from_front, 9)
    # mm^2 in frontal view, mirror pairs alike.
    assert area[3] == pytest.approx(area[4], rel=0.1)
    assert area[1] == pytest.approx(area[2], rel=0.1)
    for part, (low, high) in {1: (300, 1200), 3: (200, 700), 5: (200, 700), 6: (200, 700), 7: (1000, 2600)}.items():
        assert low < area[part] < high, PARTS[part]


def test_pncc_is_the_mean_shape_scaled_per_axis(ict_model: MorphableModel) -> None:
    template = ict_model.template
    used = np.unique(template.triangles[: template.label_count])
    code = template.pncc[used].astype(np.float64)
    np.testing.assert_allclose(code.min(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(code.max(axis=0), 1.0, atol=1e-6)
    for axis in range(3):
        slope, _ = np.polyfit(ict_model.mean[used, axis], code[:, axis], 1)
        assert slope * np.ptp(ict_model.mean[used, axis]) == pytest.approx(1.0, rel=1e-4)


def test_contours_run_level_on_their_own_side(ict_model: MorphableModel, release: dict[str, np.ndarray]) -> None:
    contours, mean = ict_model.template.contours, ict_model.mean
    jaw = np.concatenate([release["jawline_right"], [release["landmarks_68"][8]], release["jawline_left"]])
    for point, line in enumerate(contours):
        vertices = mean[line[line >= 0]]
        np.testing.assert_allclose(vertices[0], 10.0 * release["vertices"][jaw[point]], atol=1e-4)
        assert np.ptp(vertices[:, 1]) < 15.0
        if point != 8:
            assert len(vertices) >= 4
            assert (vertices[:, 0] < 0).all() if point < 8 else (vertices[:, 0] > 0).all()
            # Nothing of the nose: it would win every profile.
            assert vertices[:, 2].max() < mean[:, 2].max() - 20.0


def test_the_ten_expression_numbers_are_standard_deviations(ict_model: MorphableModel) -> None:
    weights = sample_weights(ict_model.expression_names, 3000, np.random.default_rng(99))
    numbers = (weights - ict_model.expression_pca_mean) @ ict_model.expression_pca.T
    np.testing.assert_allclose(numbers.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(np.cov(numbers, rowvar=False), np.eye(10), atol=0.15)
    assert ict_model.expression_unit == "weight"
    np.testing.assert_array_equal(ict_model.expression_range, np.tile([[0.0, 1.0]], (53, 1)))


def test_sampled_weights_are_plausible(ict_arrays: IctArrays) -> None:
    names = list(ict_arrays.expression_names)
    weights = sample_weights(ict_arrays.expression_names, 2000, np.random.default_rng(1))
    assert weights.min() >= 0
    assert weights.max() <= 1
    close, jaw = weights[:, names.index("mouthClose")], weights[:, names.index("jawOpen")]
    assert (close <= jaw).all()
    assert close.max() > 0.3
    left, right = weights[:, names.index("mouthSmile_L")], weights[:, names.index("mouthSmile_R")]
    assert np.corrcoef(left, right)[0, 1] > 0.9
    assert np.median((weights > 0).sum(axis=1)) <= 6
