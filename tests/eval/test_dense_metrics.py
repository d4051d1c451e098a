"""Dense metrics against cases done by hand, slow loops and closed forms."""

import numpy as np
import pytest

import eval.dense_metrics as dm
from synthgen.core.errors import UsageError
from synthgen.geometry.rotation import rotation_from_euler, rotation_from_zhu_euler

NAN = np.nan


def test_uv_distances_by_hand() -> None:
    truth = np.array([[[0.5, 0.5], [0.2, 0.2]], [[NAN, NAN], [0.9, 0.1]]])
    said = np.array([[[0.53, 0.54], [NAN, NAN]], [[0.1, 0.1], [0.9, 0.1]]])
    # 3-4-5 triangle; a face pixel called background costs 1; background called face costs nothing here.
    np.testing.assert_allclose(dm.uv_distances(said, truth), [0.05, 1.0, 0.0], atol=1e-12)
    used = np.array([[True, False], [True, True]])
    np.testing.assert_allclose(dm.uv_distances(said, truth, used), [0.05, 0.0], atol=1e-12)


def test_part_overlaps_against_sets_of_pixels() -> None:
    truth, said = np.random.default_rng(0).integers(0, 9, (2, 40, 30))
    for part, overlap in enumerate(dm.part_overlaps(said, truth), start=1):
        first, second = set(np.flatnonzero(truth == part)), set(np.flatnonzero(said == part))
        assert (overlap.intersection, overlap.union) == (len(first & second), len(first | second))


def test_endpoint_errors_by_hand() -> None:
    truth = np.zeros((2, 2, 2))
    truth[1, 1] = NAN
    said = np.array([[[3.0, 4.0], [0.0, 1.0]], [[NAN, 0.0], [9.0, 9.0]]])
    used = np.array([[True, True], [True, False]])
    np.testing.assert_array_equal(dm.endpoint_errors(said, truth, used), [5.0, 1.0, np.inf])
    with pytest.raises(UsageError, match="not finite"):
        dm.endpoint_errors(said, truth, np.ones((2, 2), bool))


def test_matchability_by_code_by_hand() -> None:
    #                 0 none, 1 match, 2 hidden, 4 occluded there, 7 ignored
    codes = np.array([0, 0, 1, 1, 1, 2, 2, 4, 7, 7], np.uint8)
    said = np.array([0, 1, 1, 1, 0, 1, 0, 1, 1, 0], bool)
    found = {
        code: (overlap.intersection, overlap.union) for code, overlap in dm.matchability_overlaps(said, codes).items()
    }
    # Code 1: two of three said; false alarms at one 0 and one 2. Code 0 and 2: one of two said not to; one match lost.
    assert found == {0: (1, 3), 1: (2, 5), 2: (1, 3), 4: (1, 3)}
    total = dm.matchable_overlap(said, codes)
    assert (total.intersection, total.union) == (3, 6)
    # With "visible", an occluded pixel does not match, and it was said to.
    assert dm.matchable_overlap(said, codes, "visible").intersection == 2
    hidden = dm.unmatchable_face_overlap(said, codes)
    assert (hidden.intersection, hidden.union) == (1, 3)


def test_matchability_against_a_loop() -> None:
    random = np.random.default_rng(3)
    codes, said = random.integers(0, 8, (9, 11)).astype(np.uint8), random.random((9, 11)) < 0.5
    for policy, matching in (("dfc", {1, 4, 5}), ("visible", {1})):
        found = dm.matchability_overlaps(said, codes, policy)
        for code in set(codes.ravel().tolist()) - {7}:
            intersection = union = 0
            for own, answer in zip(codes.ravel().tolist(), said.ravel().tolist(), strict=True):
                if own == 7:
                    continue
                right_answer = code in matching
                is_here, says_here = own == code, answer == right_answer
                is_other = (own in matching) != right_answer
                intersection += is_here and says_here
                union += is_here or (is_other and says_here)
            assert (found[code].intersection, found[code].union) == (intersection, union)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UsageError, match="rubbish"):
        dm.matching_codes("rubbish")


def test_an_affine_field_is_fitted_exactly_and_is_the_best() -> None:
    y, x = np.mgrid[0:8, 0:10].astype(float)
    flow = np.stack([2 + 0.1 * x - 0.2 * y, -1 + 0.05 * y], axis=-1)
    used = np.random.default_rng(0).random((8, 10)) < 0.4
    np.testing.assert_allclose(dm.affine_flow(flow, used), flow, atol=1e-10)
    bent = flow + np.stack([0.01 * x * y, 0.02 * x**2], axis=-1)
    best = dm.affine_flow(bent, used)
    squared = ((best - bent)[used] ** 2).sum()
    for change in (0.01, -0.01):
        assert ((best + change - bent)[used] ** 2).sum() > squared
        assert ((best + change * x[..., None] - bent)[used] ** 2).sum() > squared
    assert dm.affine_flow(bent, np.zeros((8, 10), bool)).shape == (8, 10, 2)


def test_depth_and_its_offset() -> None:
    truth = np.array([[10.0, NAN], [20.0, 30.0]])
    np.testing.assert_array_equal(dm.depth_differences(truth + 5, truth), [5, 5, 5])
    np.testing.assert_array_equal(dm.without_offset(dm.depth_differences(truth + 5, truth)), [0, 0, 0])
    assert len(dm.without_offset(np.zeros(0))) == 0


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.3, 90.0, 179.999999])
def test_normals_are_compared_as_angles(angle: float) -> None:
    axis = np.array([0.0, 0.6, 0.8])
    across = np.array([1.0, 0.0, 0.0])
    turned = np.cos(np.radians(angle)) * axis + np.sin(np.radians(angle)) * across
    said = np.stack([3 * turned, np.full(3, NAN)])[None]
    np.testing.assert_allclose(dm.normal_angles_deg(said, np.stack([axis, axis])[None]), [angle], atol=1e-9)


def test_pose_errors_about_one_axis() -> None:
    angles = np.radians([[0, 20, 0], [10, 0, 0], [0, 0, -30]])
    found = dm.pose_errors(rotation_from_euler(angles), np.broadcast_to(np.eye(3), (3, 3, 3)))
    np.testing.assert_allclose(found.geodesic, [20, 10, 30], atol=1e-9)
    np.testing.assert_allclose(found.euler, np.abs(np.degrees(angles)), atol=1e-9)
    np.testing.assert_allclose(found.zhu, np.abs(np.degrees(angles)), atol=1e-9)


def test_the_two_conventions_differ_where_turns_combine() -> None:
    """CONVENTIONS B3: 300W-LP's (39.96, 65.62, 19.99) degrees is a yaw of 61.12 in the order of matrix2angle, ours."""
    turned = rotation_from_zhu_euler(np.radians([[39.96, 65.62, 19.99]]))
    found = dm.pose_errors(turned, np.eye(3)[None])
    np.testing.assert_allclose(found.zhu, [[39.96, 65.62, 19.99]], atol=1e-6)
    np.testing.assert_allclose(found.euler, [[49.07, 61.12, 36.56]], atol=0.01)


def test_geodesic_is_no_larger_than_the_angles_together_and_turns_with_the_world() -> None:
    random = np.random.default_rng(0)
    one = rotation_from_euler(random.uniform(-1, 1, (50, 3)))
    other = rotation_from_euler(random.uniform(-1, 1, (50, 3)))
    world = rotation_from_euler(np.array([0.3, -0.7, 0.2]))
    angle = dm.pose_errors(one, other).geodesic
    np.testing.assert_allclose(dm.pose_errors(world @ one, world @ other).geodesic, angle, atol=1e-9)
    trace = np.degrees(np.arccos((np.einsum("nij,nij->n", one, other) - 1) / 2))
    np.testing.assert_allclose(angle, trace, atol=1e-6)


@pytest.mark.parametrize("wrong", [2 * np.eye(3), np.diag([1.0, -1.0, 1.0]), np.full((3, 3), NAN)])
def test_matrices_that_are_no_rotations_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match="predicted rotation 0"):
        dm.pose_errors(wrong[None], np.eye(3)[None])


def test_nearest_rotations_undo_scaling_and_noise() -> None:
    rotation = rotation_from_euler(np.array([[0.2, -0.4, 0.1]]))
    np.testing.assert_allclose(dm.nearest_rotations(0.003 * rotation), rotation, atol=1e-12)
    found = dm.nearest_rotations(np.random.default_rng(0).standard_normal((20, 3, 3)))
    dm.check_rotations("found", found)


def test_parts_are_summed_over_a_set_before_they_are_divided() -> None:
    truth = [np.array([[1, 1, 8]]), np.array([[1, 8, 8]])]
    said = [np.array([[1, 8, 8]]), np.array([[1, 1, 0]])]
    total = dm.total_overlaps(dm.part_overlaps(one, other) for one, other in zip(said, truth, strict=True))
    # Right eye: (1 + 1) / (2 + 2). Other: (1 + 0) / (2 + 2).
    assert (total[0].iou, total[7].iou) == (0.5, 0.25)
    assert dm.mean_iou(total) == 0.375
    assert np.isnan(total[1].iou)


def test_densereg_mean_of_eight_classes() -> None:
    """Table 1's average is the plain mean of its eight classes (CONVENTIONS J)."""
    shares = [0.5, 0.25, 1.0, 0.5, 0.5, 0.25, 1.0, 0.0]
    assert dm.mean_iou([dm.Overlap(int(4 * share), 4) for share in shares]) == pytest.approx(sum(shares) / 8)


def test_dense_vertices_by_hand() -> None:
    truth = np.array([[[0.0, 0, 0], [4, 0, 0], [0, 9, 0], [4, 9, 8]]])
    np.testing.assert_allclose(dm.dense_vertices_nme(truth + [3, 4, 0], truth), [5 / 6])
    # A shift in depth is nobody's fault, a stretch is.
    np.testing.assert_allclose(dm.dense_vertices_nme(truth + [0, 0, 100], truth), [0], atol=1e-12)
    stretched = truth * [1, 1, 2]
    np.testing.assert_allclose(dm.dense_vertices_nme(stretched, truth), [(2 + 2 + 2 + 6) / 4 / 6])
    np.testing.assert_allclose(dm.dense_vertices_nme(stretched, truth, dimensions=2), [0])
    box = np.array([[[0.0, 0], [1, 36]]])
    np.testing.assert_allclose(dm.dense_vertices_nme(truth + [3, 4, 0], truth, 2, box), [5 / 6])
    with pytest.raises(UsageError, match="box"):
        dm.dense_vertices_nme(truth * [0, 1, 1], truth * [0, 1, 1])


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match="expected equal shapes"):
        dm.uv_distances(np.zeros((2, 2, 2)), np.zeros((2, 3, 2)))
