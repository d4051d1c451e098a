"""The generic face template: on heads whose template is known, it finds the same face and the same chart."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.core.conventions import PARTS
from synthgen.core.errors import ModelError
from synthgen.morphable import unwrap
from synthgen.morphable.loaders.face_template import build_face_template
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import SurfacePoints, Template, evaluate_points
from tests.morphable.loaders.bfm_fixtures import KEYPOINTS_RAW_0B, known_face
from tests.morphable.test_unwrap import times_covered

SOURCES = ["ict", "procedural", "closed_lids"]


def rebuilt(model: MorphableModel) -> Template:
    template = model.template
    return build_face_template(model.mean.astype(np.float64), template.triangles, template.landmarks["ibug68"])


@pytest.fixture(scope="module")
def ict_model(ict_model_path: Path) -> MorphableModel:
    return load_model(ict_model_path)


@pytest.fixture(scope="module")
def ict(ict_model: MorphableModel) -> Template:
    return rebuilt(ict_model)


@pytest.fixture(scope="module")
def procedural_model() -> MorphableModel:
    return build_procedural_model("base")


@pytest.fixture(scope="module")
def procedural(procedural_model: MorphableModel) -> Template:
    return rebuilt(procedural_model)


@pytest.fixture(scope="module")
def closed_lids() -> Template:
    """A face in one piece with the surface between its lids, most of whose vertices have no triangle."""
    face = known_face()
    return build_face_template(face.shape_mean, face.triangles, KEYPOINTS_RAW_0B)


@pytest.mark.parametrize("source", SOURCES)
def test_no_place_of_the_chart_is_covered_twice(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source)
    covered = times_covered(template.uv[: template.label_count], 2048)
    assert covered.max() == 1
    assert covered.mean() > 0.2


@pytest.mark.parametrize("source", SOURCES)
def test_label_triangles_keep_their_winding_in_the_chart(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source)
    a, b, c = np.moveaxis(template.uv[: template.label_count].astype(np.float64), 1, 0)
    assert ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).min() > 0


def triangle_set(triangles: np.ndarray) -> set[tuple[int, ...]]:
    """Triangles from their lowest corner on, which keeps the winding."""
    first = triangles.argmin(axis=1)
    turned = triangles[np.arange(len(triangles))[:, None], (first[:, None] + np.arange(3)) % 3]
    return set(map(tuple, turned.tolist()))


@pytest.mark.parametrize(("source", "share"), [("ict", 0.88), ("procedural", 0.90)])
def test_the_face_is_about_what_the_model_itself_labels(
    source: str, share: float, request: pytest.FixtureRequest
) -> None:
    template, own = request.getfixturevalue(source), request.getfixturevalue(f"{source}_model").template
    assert triangle_set(template.triangles) == triangle_set(own.triangles)
    found = triangle_set(template.triangles[: template.label_count])
    known = triangle_set(own.triangles[: own.label_count])
    assert len(found & known) / len(found | known) > share


def test_the_chart_agrees_with_the_models_own(ict: Template, ict_model: MorphableModel) -> None:
    own = ict_model.template
    row = {tuple(corners): number for number, corners in enumerate(own.triangles[: own.label_count].tolist())}
    pairs = [
        (number, row[tuple(corners)])
        for number, corners in enumerate(ict.triangles[: ict.label_count].tolist())
        if tuple(corners) in row
    ]
    found, known = np.array(pairs).T
    apart = np.abs(ict.uv[found] - own.uv[known]).max(axis=(1, 2))
    assert apart.max() < 0.01  # inner lips and nostrils are unfolded about other borders
    assert np.median(apart) < 1e-6


@pytest.mark.parametrize("source", ["ict", "procedural"])
def test_landmarks_stay_where_they_were_and_carry_labels(source: str, request: pytest.FixtureRequest) -> None:
    template, model = request.getfixturevalue(source), request.getfixturevalue(f"{source}_model")
    mean = model.mean.astype(np.float64)
    known = evaluate_points(model.template.landmarks["ibug68"], model.template.triangles, mean)
    found = evaluate_points(template.landmarks["ibug68"], template.triangles, mean)
    np.testing.assert_allclose(found, known, atol=1e-4)
    assert (template.landmarks["ibug68"].triangle < template.label_count).all()


@pytest.mark.parametrize("source", SOURCES)
def test_parts_lie_where_their_landmarks_are(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source)
    parts = template.parts
    assert (parts[: template.label_count] > 0).all()
    assert not parts[template.label_count :].any()
    part_of = [PARTS[part] for part in parts[template.landmarks["ibug68"].triangle]]
    assert set(part_of[17:22]) == {"right_brow"}
    assert set(part_of[22:27]) == {"left_brow"}
    assert set(part_of[27:31]) == {"nose"}
    assert set(part_of[36:42]) == {"right_eye"}
    assert set(part_of[42:48]) == {"left_eye"}
    count = np.bincount(parts, minlength=9)
    for right, left in ((1, 2), (3, 4)):
        assert count[right] == pytest.approx(count[left], rel=0.05)


@pytest.mark.parametrize("source", SOURCES)
def test_eyes_fill_their_slots(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source)
    uv = template.uv[: template.label_count]
    islands = (uv[..., 1] < 0.2).all(axis=1)
    for part, slot in ((1, unwrap.RIGHT_EYE_SLOT), (2, unwrap.LEFT_EYE_SLOT)):
        own = uv[islands & (template.parts[: template.label_count] == part)]
        assert len(own) > 100
        assert own[..., 0].min() >= slot.u0 and own[..., 0].max() <= slot.u1
        assert own[..., 1].min() >= slot.v0 and own[..., 1].max() <= slot.v1
        # The pupil, in the middle of the slot, is part of it.
        assert np.abs(own.mean(axis=1) - slot.centre).max(axis=1).min() < 0.02
    assert uv[~islands][..., 1].min() > unwrap.NECK_V


def test_the_jaw_contours_begin_at_the_jaw_points(closed_lids: Template) -> None:
    face = known_face()
    np.testing.assert_array_equal(closed_lids.contours[:, 0], KEYPOINTS_RAW_0B[:17])
    for point, line in enumerate(closed_lids.contours):
        places = face.shape_mean[line[line >= 0]]
        assert np.ptp(places[:, 1]) < 15.0
        if point != 8:
            assert len(places) > 3
            assert (np.sign(places[:, 0]) == (-1 if point < 8 else 1)).all()


def test_pncc_spans_the_labelled_vertices(closed_lids: Template) -> None:
    used = np.unique(closed_lids.triangles[: closed_lids.label_count])
    mean = known_face().shape_mean[used]
    expected = (mean - mean.min(axis=0)) / np.ptp(mean, axis=0)
    np.testing.assert_allclose(closed_lids.pncc[used], expected, atol=1e-6)


def test_triangles_without_area_and_vertices_without_triangles_change_nothing(
    procedural: Template, procedural_model: MorphableModel
) -> None:
    mean = procedural_model.mean.astype(np.float64)
    own = procedural_model.template
    count = len(mean)
    broken = np.array([[0, 0, 1], [5, 5, 5], [count, count, count + 1], [3, 4, 3]])
    more = np.concatenate([own.triangles, broken])
    template = build_face_template(
        np.concatenate([mean, [[0, 0, 900.0], [0, 0, 900.0]]]), more, own.landmarks["ibug68"]
    )
    assert len(template.pncc) == count + 2
    np.testing.assert_array_equal(template.triangles, procedural.triangles)
    np.testing.assert_array_equal(template.uv, procedural.uv)


def test_a_flap_on_the_cheek_costs_no_more_than_itself(procedural: Template, procedural_model: MorphableModel) -> None:
    """A second sheet over some triangles of the cheek, joined along its border: edges with three triangles, and two
    places of the surface at one place of the chart."""
    mean, own = procedural_model.mean.astype(np.float64), procedural_model.template
    labelled = own.triangles[: own.label_count]
    patch = labelled[np.linalg.norm(mean[labelled].mean(axis=1) - [45.0, -20.0, 55.0], axis=1) < 16.0]
    assert len(patch) > 30
    vertices, times = np.unique(patch, return_counts=True)
    inner = vertices[times == 6]
    lifted = np.arange(len(mean))
    lifted[inner] = len(mean) + np.arange(len(inner))
    flap = lifted[patch]
    flap = flap[(flap >= len(mean)).any(axis=1)]
    template = build_face_template(
        np.concatenate([mean, mean[inner] + [4.0, 0.0, 4.0]]),
        np.concatenate([own.triangles, flap]),
        own.landmarks["ibug68"],
    )
    assert len(template.triangles) == len(own.triangles) + len(flap)
    assert template.label_count > procedural.label_count - 3 * len(patch)
    assert times_covered(template.uv[: template.label_count], 1024).max() == 1


def test_a_rough_scan_loses_labels_but_not_injectivity(procedural: Template, procedural_model: MorphableModel) -> None:
    own = procedural_model.template
    noise = np.random.default_rng(3).normal(0.0, 0.5, procedural_model.mean.shape)  # mm; triangles are 2 mm wide
    template = build_face_template(procedural_model.mean + noise, own.triangles, own.landmarks["ibug68"])
    assert 0.8 * procedural.label_count < template.label_count < procedural.label_count
    assert times_covered(template.uv[: template.label_count], 2048).max() == 1


def test_a_mesh_with_holes_everywhere_is_refused(procedural_model: MorphableModel) -> None:
    own = procedural_model.template
    points = own.landmarks["ibug68"]
    kept = np.random.default_rng(0).random(len(own.triangles)) > 0.3
    kept[points.triangle] = True
    moved = SurfacePoints((np.cumsum(kept) - 1)[points.triangle].astype(np.int32), points.barycentric)
    with pytest.raises(ModelError, match="fills .*triangles are missing"):
        build_face_template(procedural_model.mean, own.triangles[kept], moved)


def test_a_mesh_inside_out_is_refused(procedural_model: MorphableModel) -> None:
    template = procedural_model.template
    with pytest.raises(ModelError, match="clockwise.*swap two columns"):
        build_face_template(procedural_model.mean, template.triangles[:, [0, 2, 1]], template.landmarks["ibug68"])


def test_landmarks_that_are_no_face_are_refused(procedural_model: MorphableModel) -> None:
    template = procedural_model.template
    points = template.landmarks["ibug68"]
    upside_down = procedural_model.mean * np.array([1.0, -1.0, -1.0])
    for mean, triangles, landmarks, complaint in (
        (upside_down, template.triangles, points, "looks along \\+z"),
        (procedural_model.mean, template.triangles, np.arange(68), "looks along \\+z"),
        (procedural_model.mean, template.triangles, np.arange(20), "20 landmarks, expected the 68"),
        (procedural_model.mean, template.triangles[:600], points_at(points, 600), "no face|triangles form a face"),
    ):
        with pytest.raises(ModelError, match=complaint):
            build_face_template(mean, triangles, landmarks)


def points_at(points: SurfacePoints, count: int) -> SurfacePoints:
    """The points squeezed onto the first `count` triangles."""
    return SurfacePoints(points.triangle % count, points.barycentric)
