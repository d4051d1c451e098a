"""The template: an injective chart, parts and landmarks where they belong."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synthgen.core.conventions import PARTS
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import evaluate_points

SIZE = 768


def coverage(uv: NDArray, size: int) -> NDArray:
    """How many triangles (T, 3, 2) cover each pixel centre of a raster, edges excluded."""
    count = np.zeros((size, size), np.int32)
    for corner in uv.astype(np.float64) * size:
        low = np.clip(np.floor(corner.min(axis=0) - 0.5).astype(int), 0, size - 1)
        high = np.clip(np.ceil(corner.max(axis=0) + 0.5).astype(int), 0, size - 1)
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1) + 0.5, np.arange(low[1], high[1] + 1) + 0.5)
        side = [
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            for a, b in zip(corner, np.roll(corner, -1, axis=0), strict=True)
        ]
        count[low[1] : high[1] + 1, low[0] : high[0] + 1] += np.minimum.reduce(side) > 1e-9
    return count


def test_chart_is_injective(head: MorphableModel) -> None:
    template = head.template
    covered = coverage(template.uv[: template.label_count], SIZE)
    assert covered.max() == 1
    assert (covered > 0).mean() > 0.3


def test_chart_keeps_the_winding(head: MorphableModel) -> None:
    uv = head.template.uv[: head.template.label_count].astype(np.float64)
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).min() > 1e-7


def test_chart_lies_in_the_unit_square(head: MorphableModel) -> None:
    assert head.template.uv.min() >= 0.0
    assert head.template.uv.max() <= 1.0


def test_outer_eye_corners_lie_where_the_shared_chart_has_them(head: MorphableModel) -> None:
    points, template = head.template.landmarks["ibug68"], head.template
    uv = np.einsum("kcd,kc->kd", template.uv[points.triangle], points.barycentric)
    np.testing.assert_allclose(uv[[36, 45], 0], [0.35, 0.65], atol=0.01)
    assert uv[27, 1] > uv[30, 1] > uv[51, 1] > uv[57, 1] > uv[8, 1]


@pytest.fixture(scope="module")
def points(head: MorphableModel) -> NDArray:
    """Landmarks (68, 3) of the mean."""
    return evaluate_points(head.template.landmarks["ibug68"], head.template.triangles, head.mean)


def test_landmarks_are_symmetric(points: NDArray) -> None:
    pairs = [(k, 16 - k) for k in range(8)] + [(17 + k, 26 - k) for k in range(5)] + [(31, 35), (32, 34)]
    pairs += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    pairs += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
    right, left = np.array(pairs).T
    np.testing.assert_allclose(points[right] * [-1, 1, 1], points[left], atol=0.35)
    middle = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    assert np.abs(points[middle, 0]).max() < 0.1
    assert (points[right, 0] < 0).all()


def test_landmarks_follow_each_other_as_in_ibug(points: NDArray) -> None:
    assert (np.diff(points[:17, 0]) > -2.5).all()
    assert points[:17, 1].argmin() == 8
    assert (np.diff(points[17:27, 0]) > 0).all()
    assert (np.diff(points[27:31, 1]) < 0).all() and (np.diff(points[27:31, 2]) > 0).all()
    assert points[:, 2].argmax() == 30
    assert (np.diff(points[31:36, 0]) > 0).all()
    assert points[37, 1] > points[41, 1] and points[38, 1] > points[40, 1]
    assert points[62, 1] > points[66, 1] - 0.01


def test_upper_lid_points_lie_on_the_edge_of_the_opening(head: MorphableModel, points: NDArray) -> None:
    template = head.template
    rim = np.isin(template.parts, [PARTS.index("right_eye"), PARTS.index("left_eye")]) & (
        template.uv[:, :, 1].min(axis=1) > 0.2
    )
    edge = head.mean[np.unique(template.triangles[rim])]
    for number in range(36, 48):
        assert np.linalg.norm(edge - points[number], axis=1).min() < 0.05


@pytest.mark.parametrize(
    ("part", "inside"),
    [
        ("nose", (30,)),
        ("upper_lip", (51, 62)),
        ("lower_lip", (57, 66)),
        ("right_brow", (18, 19, 20)),
        ("left_brow", (23, 24, 25)),
    ],
)
def test_parts_hold_their_landmarks(head: MorphableModel, points: NDArray, part: str, inside: tuple[int, ...]) -> None:
    corners = head.mean[head.template.triangles[head.template.parts == PARTS.index(part)]]
    for number in inside:
        assert np.linalg.norm(corners - points[number], axis=-1).min() < 4.0


def test_parts_fit_the_labels(head: MorphableModel) -> None:
    parts, count = head.template.parts, head.template.label_count
    assert set(parts[:count]) == set(range(1, len(PARTS)))
    assert not parts[count:].any()


def test_sides_are_the_subjects(head: MorphableModel) -> None:
    centre = head.mean[head.template.triangles].mean(axis=1)[:, 0]
    for part in ("eye", "brow"):
        assert (centre[head.template.parts == PARTS.index(f"right_{part}")] < 0).all()
        assert (centre[head.template.parts == PARTS.index(f"left_{part}")] > 0).all()


def test_position_code_spans_the_face(head: MorphableModel) -> None:
    code = head.template.pncc
    carried = code[np.unique(head.template.triangles[: head.template.label_count])]
    np.testing.assert_allclose(carried.min(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(carried.max(axis=0), 1.0, atol=1e-6)


def test_jaw_candidates_lie_beside_their_landmarks(head: MorphableModel, points: NDArray) -> None:
    contours = head.template.contours
    assert contours.shape[0] == 17
    for number, row in enumerate(contours):
        candidates = head.mean[row[row >= 0]]
        assert len(candidates) >= 4
        assert np.linalg.norm(candidates - points[number], axis=1).min() < 8.0
