"""The chart: where landmarks land, that it is injective, and that folds are removed without touching the rest."""

from pathlib import Path

import numpy as np
import pytest

from synthgen.morphable import unwrap
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model
from synthgen.morphable.procedural.build import build_procedural_model
from synthgen.morphable.template import evaluate_points
from synthgen.morphable.unfold import unfold

SUPERSAMPLED = 2048


@pytest.fixture(scope="module")
def ict_model(ict_model_path: Path) -> MorphableModel:
    return load_model(ict_model_path)


@pytest.fixture(scope="module")
def procedural_model() -> MorphableModel:
    return build_procedural_model("base")


def times_covered(uv: np.ndarray, size: int) -> np.ndarray:
    """How many triangles hold each of size x size sample points strictly inside.

    A scanline count, unlike the painter's barycentric test: where a row crosses a triangle's outline twice, the points
    between the crossings are inside; starts and stops are summed along the row.
    """
    steps = np.zeros((size, size + 1), np.int32)
    corners = uv.astype(np.float64) * size
    first = np.floor(corners[..., 1].min(axis=1)).astype(int)
    rows = np.ceil(corners[..., 1].max(axis=1)).astype(int) - first
    for offset in range(int(rows.max())):
        own = corners[rows > offset]
        row = first[rows > offset] + offset
        y = row + 0.5
        crossings = np.full((len(own), 3), np.nan)
        for edge in range(3):
            (x0, y0), (x1, y1) = own[:, edge].T, own[:, (edge + 1) % 3].T
            hit = (y0 > y) != (y1 > y)
            crossings[hit, edge] = (x0 + (y - y0) / np.where(hit, y1 - y0, 1.0) * (x1 - x0))[hit]
        crossed = np.isfinite(crossings).sum(axis=1) == 2
        low, high = np.nanmin(crossings[crossed], axis=1), np.nanmax(crossings[crossed], axis=1)
        start = np.floor(low - 0.5 + 1e-3).astype(int) + 1
        stop = np.maximum(np.ceil(high - 0.5 - 1e-3).astype(int), start)
        np.add.at(steps, (row[crossed], start), 1)
        np.add.at(steps, (row[crossed], stop), -1)
    return np.cumsum(steps, axis=1)[:, :size]


def test_the_count_of_this_file_sees_an_overlap() -> None:
    corners = np.array([[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], [[0.4, 0.2], [0.6, 0.2], [0.5, 0.4]]])
    covered = times_covered(corners, 100)
    assert covered.max() == 2
    assert covered.sum() / 100**2 == pytest.approx(0.32 + 0.02, abs=0.003)


@pytest.mark.parametrize("source", ["ict_model", "procedural_model"])
def test_no_place_of_the_chart_is_covered_twice(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source).template
    covered = times_covered(template.uv[: template.label_count], SUPERSAMPLED)
    assert covered.max() == 1
    assert covered.mean() > 0.2


@pytest.mark.parametrize("source", ["ict_model", "procedural_model"])
def test_label_triangles_keep_their_winding_in_the_chart(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source).template
    a, b, c = np.moveaxis(template.uv[: template.label_count].astype(np.float64), 1, 0)
    twice_area = np.cross(np.c_[b - a, np.zeros(len(a))], np.c_[c - a, np.zeros(len(a))])[:, 2]
    assert twice_area.min() > 0


@pytest.mark.parametrize("source", ["ict_model", "procedural_model"])
def test_landmarks_lie_where_densereg_has_them(source: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(source)
    points = model.template.landmarks["ibug68"]
    chart = np.einsum("kcd,kc->kd", model.template.uv[points.triangle], points.barycentric)
    # Outer eye corners at .35 and .65, the middle of the face at .5, upright: chin below mouth below nose below eyes.
    np.testing.assert_allclose(chart[[36, 45], 0], [0.35, 0.65], atol=0.015)
    np.testing.assert_allclose(chart[[8, 27, 30, 33], 0], 0.5, atol=0.005)
    assert chart[8, 1] < chart[57, 1] < chart[51, 1] < chart[33, 1] < chart[30, 1] < chart[27, 1]
    assert chart[:, 1].min() > unwrap.NECK_V


@pytest.mark.parametrize("source", ["ict_model", "procedural_model"])
def test_face_and_eyes_stay_in_their_parts_of_the_layout(source: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(source).template
    uv = template.uv[: template.label_count]
    slots = {1: unwrap.RIGHT_EYE_SLOT, 2: unwrap.LEFT_EYE_SLOT}
    islands = (uv[..., 1] < 0.2).all(axis=1)
    assert set(np.unique(template.parts[: template.label_count][islands])) == {1, 2}
    for part, slot in slots.items():
        own = uv[islands & (template.parts[: template.label_count] == part)]
        assert own.min(axis=(0, 1)) == pytest.approx(np.maximum(own.min(axis=(0, 1)), [slot.u0, slot.v0]), abs=1e-6)
        assert own.max(axis=(0, 1)) == pytest.approx(np.minimum(own.max(axis=(0, 1)), [slot.u1, slot.v1]), abs=1e-6)
    assert uv[~islands][..., 1].min() > 0.2


def test_the_cylinder_maps_hand_computed_points() -> None:
    frame = unwrap.HeadFrame(axis_z=10.0, eye_y=30.0, chin_y=-70.0)
    # Straight ahead at eye height; straight behind; the crown; the chin; the lowest neck; 90 degrees to the left.
    points = np.array([[0, 30, 90], [1e-9, 30, -90], [0, 500, 10], [0, -70, 80], [0, -180, 80], [80, 30, 10]], float)
    chart = unwrap.cylinder_chart(points, frame)
    assert chart[0] == pytest.approx([0.5, unwrap.EYE_V])
    assert chart[1] == pytest.approx([1.0, unwrap.EYE_V])
    assert chart[2, 1] == pytest.approx(1.0)
    assert chart[3] == pytest.approx([0.5, unwrap.CHIN_V])
    assert chart[4, 1] == pytest.approx(unwrap.NECK_V)
    assert 0.8 < chart[5, 0] < 0.95


def test_u_is_odd_increasing_and_pinned_at_eyes_and_back() -> None:
    angle = np.linspace(-np.pi, np.pi, 721)
    u = unwrap.chart_u(angle)
    assert (np.diff(u) > 0).all()
    np.testing.assert_allclose(u + u[::-1], 1.0)
    assert (u[0], u[-1]) == pytest.approx((0.0, 1.0))
    assert unwrap.chart_u(np.array(0.6), eye_angle=0.6) == pytest.approx(0.65)


def test_triangles_across_the_seam_stay_on_one_side() -> None:
    frame = unwrap.HeadFrame(0.0, 0.0, -100.0)
    behind = np.array([[5.0, 0, -90], [-5.0, 0, -90], [5.0, 10, -90]])
    uv = unwrap.cylinder_corner_uv(behind, np.array([[0, 1, 2]]), frame)
    assert np.ptp(uv[0, :, 0]) < 0.1
    assert uv[0, :, 0].min() > 0.9


def test_the_eye_chart_is_equidistant_about_the_gaze() -> None:
    slot, radius = unwrap.RIGHT_EYE_SLOT, 12.0
    angles = np.radians([0.0, 22.0, 44.0, 88.0])
    points = np.stack([radius * np.sin(angles), np.zeros(4), radius * np.cos(angles)], axis=1) + [1.0, 2.0, 3.0]
    chart = unwrap.eye_chart(points, np.array([1.0, 2.0, 3.0]), slot)
    np.testing.assert_allclose(chart[:, 0] - slot.centre[0], 0.09 * np.array([0, 0.25, 0.5, 1.0]), atol=1e-12)
    np.testing.assert_allclose(chart[:, 1], slot.centre[1], atol=1e-12)


def overhanging_strip() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A 21 x 21 grid whose middle hangs over: height above the plane is the third coordinate, the chart drops it."""
    side = 21
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    bump = np.exp(-(((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.02))
    vertices = np.stack([x, y - 0.25 * bump, 0.3 * bump], axis=-1).reshape(-1, 3)
    corner = np.arange(side * side).reshape(side, side)
    a, b, c, d = (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1])
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return vertices[:, :2].copy(), triangles, vertices


def signed_areas(uv: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (uv[triangles[:, k]] for k in range(3))
    return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]


def test_unfold_removes_folds_and_leaves_the_rest_alone() -> None:
    folded, triangles, vertices = overhanging_strip()
    assert (signed_areas(folded, triangles) < 0).sum() > 10
    chart, good = unfold(folded, triangles, vertices)
    assert good.all()
    assert signed_areas(chart, triangles).min() > 0
    far = np.abs(vertices[:, :2] - [0.5, 0.4]).max(axis=1) > 0.45
    np.testing.assert_array_equal(chart[far], folded[far])


def test_unfold_keeps_holes_open_without_crossing() -> None:
    folded, triangles, vertices = overhanging_strip()
    middle = np.abs(folded[triangles].mean(axis=1) - [0.5, 0.5]).max(axis=1) < 0.08
    kept = triangles[~middle]
    used, local = np.unique(kept, return_inverse=True)
    chart, good = unfold(folded[used], local.reshape(-1, 3), vertices[used])
    assert good.all()
    assert times_covered(chart[local.reshape(-1, 3)], 400).max() == 1


def test_unfold_reports_what_it_cannot_repair() -> None:
    # Four points on the outer border, which is never moved: the second triangle lies on top of the first.
    uv = np.array([[0.0, 0], [1, 0], [0, 1], [0.2, 0.2]])
    triangles = np.array([[0, 1, 2], [2, 1, 3]])
    _chart, good = unfold(uv, triangles, np.c_[uv, np.zeros(4)])
    assert good.tolist() == [True, False]


def test_frame_comes_from_eye_corners_and_chin(ict_model: MorphableModel) -> None:
    landmarks = evaluate_points(ict_model.template.landmarks["ibug68"], ict_model.template.triangles, ict_model.mean)
    frame = unwrap.frame_from_landmarks(landmarks)
    assert frame.eye_y == pytest.approx(landmarks[[36, 45], 1].mean(), abs=1e-4)
    assert frame.chin_y == pytest.approx(landmarks[8, 1], abs=1e-4)
    angle = np.arctan2(landmarks[45, 0], landmarks[45, 2] - frame.axis_z)
    assert angle == pytest.approx(unwrap.EYE_ANGLE, abs=1e-6)
