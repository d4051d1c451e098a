"""Reason codes against an independent ray cast, and each reason in a scene computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.core import conventions as c
from synthgen.geometry.camera import Cameras, project
from synthgen.labels.flow import flow_between
from synthgen.labels.matchability import match_views, matchability
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.raster.rasterize import rasterize


def test_visibility_agrees_with_a_ray_cast(pair, ray_hidden) -> None:
    code = match_views(pair.source, pair.target, pair.triangles, pair.label_count)[1].numpy()
    agreed = total = hidden = 0
    for n in range(len(code)):
        pixels = np.argwhere(np.isin(code[n], (c.MATCHABLE, c.HIDDEN)))[::20]
        fragments = pair.source.fragments
        ids, weights = (
            plane[n].numpy()[pixels[:, 0], pixels[:, 1]] for plane in (fragments.triangle_id, fragments.barycentric)
        )
        expected = ray_hidden(pair.target, pair.triangles.numpy(), n, (ids, weights))
        found = code[n][pixels[:, 0], pixels[:, 1]] == c.HIDDEN
        agreed, total, hidden = agreed + int((found == expected).sum()), total + len(pixels), hidden + int(found.sum())
    print(f"agreement with the ray cast: {agreed / total:.5f} of {total}, hidden {hidden / total:.3f}")
    assert 0.03 < hidden / total < 0.7
    assert agreed / total >= 0.995


def test_outside_is_decided_by_the_end_point(pair) -> None:
    flow, code = (array.numpy() for array in match_views(pair.source, pair.target, pair.triangles, pair.label_count))
    y, x = np.mgrid[0:128, 0:128] + 0.5
    ends = np.stack([x, y], axis=-1) + flow
    ids = pair.source.fragments.triangle_id.numpy()
    face = (ids >= 0) & (ids < pair.label_count)
    inside = ((ends >= 0) & (ends < 128)).all(axis=-1)
    np.testing.assert_array_equal(code == c.OUTSIDE, face & ~inside)
    np.testing.assert_array_equal(code == c.NO_FACE, ~face)


def test_every_pixel_of_a_view_is_matchable_with_itself(pair) -> None:
    _, code = match_views(pair.source, pair.source, pair.triangles, pair.label_count)
    face = code != c.NO_FACE
    assert (code[face] == c.MATCHABLE).float().mean() > 0.999


# A 8 x 8 picture of the plane z = 50, x, y in [-4, 4] mm at one pixel per mm, made of triangles 0 and 1; vertices
# 4..7 are a second square, triangles 2 and 3, whose place differs between the views.
PLANE = [[-4.0, -4.0, 50.0], [-4.0, 4.0, 50.0], [4.0, 4.0, 50.0], [4.0, -4.0, 50.0]]
TRIANGLES = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=torch.int32)
AWAY = [[100.0, 100.0, 60.0], [100.0, 101.0, 60.0], [101.0, 101.0, 60.0], [101.0, 100.0, 60.0]]


def flat_view(plane: list, other: list, perspective: bool = False) -> ViewGeometry:
    focal = 50.0 if perspective else 1.0
    cameras = Cameras(
        perspective, torch.eye(3)[None], torch.zeros((1, 3)), torch.tensor([focal]), torch.tensor([[4.0, 4.0]])
    )
    camera = torch.tensor([plane + other])
    image = project(cameras, camera).contiguous()
    return ViewGeometry(rasterize(image, TRIANGLES, (8, 8), perspective), camera, image, cameras)


def codes(source: ViewGeometry, target: ViewGeometry) -> np.ndarray:
    return match_views(source, target, TRIANGLES, 2)[1][0].numpy()


def square(x: tuple[float, float], y: tuple[float, float], z: float) -> list:
    return [[x[0], y[0], z], [x[0], y[1], z], [x[1], y[1], z], [x[1], y[0], z]]


@pytest.mark.parametrize("perspective", [False, True])
def test_an_unlabelled_square_in_front_hides_what_is_behind_it(perspective: bool) -> None:
    # It spans x in (-2.5, 0.5) px of the plane: centres at -1.5, -0.5 and, exactly on its left side, -2.5.
    depth, grow = 40.0, 40.0 / 50.0 if perspective else 1.0
    front = square((-2.5 * grow, 0.5 * grow), (-4.0 * grow, 1.0 * grow), depth)
    code = codes(flat_view(PLANE, AWAY, perspective), flat_view(PLANE, front, perspective))
    expected = np.full((8, 8), c.MATCHABLE)
    expected[:5, 1:4] = c.HIDDEN
    np.testing.assert_array_equal(code, expected)


def test_a_square_seen_from_its_back_hides_nothing() -> None:
    back = square((-2.5, 0.5), (-4.0, 1.0), 40.0)[::-1]
    assert (codes(flat_view(PLANE, AWAY), flat_view(PLANE, back)) == c.MATCHABLE).all()


@pytest.mark.parametrize(("gap", "code"), [(0.015, c.MATCHABLE), (0.1, c.HIDDEN), (-0.1, c.MATCHABLE)])
def test_only_what_is_nearer_by_more_than_rounding_hides(gap: float, code: int) -> None:
    layer = square((-5.0, 5.0), (-5.0, 5.0), 50.0 - gap)
    assert (codes(flat_view(PLANE, AWAY), flat_view(PLANE, layer)) == code).all()


def test_a_surface_that_faces_away_is_hidden() -> None:
    mirrored = [[-x, y, z] for x, y, z in PLANE]
    assert (codes(flat_view(PLANE, AWAY), flat_view(mirrored, AWAY)) == c.HIDDEN).all()


def test_sub_pixel_end_points_decide_not_the_pixel_they_fall_in() -> None:
    # The target is shifted by 0.3 px; the square's right side runs through the middle of pixels, at x = -0.45.
    shifted = [[x + 0.3, y, z] for x, y, z in PLANE]
    front = square((-20.0, -0.45), (-20.0, 20.0), 40.0)
    code = codes(flat_view(PLANE, AWAY), flat_view(shifted, front))
    # Source centres x = -3.5 .. 3.5 end at -3.2 .. -0.2 ..; -0.2 and -0.5 share a pixel.
    np.testing.assert_array_equal(code[0], [c.HIDDEN] * 3 + [c.MATCHABLE] * 5)


def test_masks_give_their_reasons_in_the_order_of_the_design() -> None:
    masks = {name: torch.zeros((1, 8, 8), dtype=torch.bool) for name in ("here", "there", "ignored")}
    masks["here"][0, :4] = True
    masks["there"][0, :, :4] = True
    masks["ignored"][0, 0] = True
    shifted = [[x - 1.0, y, z] for x, y, z in PLANE]  # column 0 leaves the frame; column j ends in column j - 1
    front = square((-20.0, 20.0), (-3.0, -2.0), 40.0)  # hides row 1
    source = replace(flat_view(PLANE, AWAY), occluder_mask=masks["here"], ignore_mask=masks["ignored"])
    target = replace(flat_view(shifted, front), occluder_mask=masks["there"])
    expected = np.full((8, 8), c.MATCHABLE)
    expected[:4] = c.OCCLUDED_HERE
    expected[:, :5] = c.OCCLUDED_THERE
    expected[1] = c.HIDDEN
    expected[:, 0] = c.OUTSIDE
    expected[0] = c.IGNORED
    np.testing.assert_array_equal(codes(source, target), expected)


def test_invented_and_ignored_pixels_count_on_both_sides() -> None:
    def rows(*numbers: int) -> torch.Tensor:
        mask = torch.zeros((1, 8, 8), dtype=torch.bool)
        mask[0, list(numbers)] = True
        return mask

    lower = [[x, y + 1.0, z] for x, y, z in PLANE]  # row i ends in row i + 1, row 7 leaves the frame
    front = square((-20.0, 20.0), (-20.0, 20.0), 40.0)  # hides everything that is not outside
    source = replace(flat_view(PLANE, AWAY), invented_mask=rows(0, 7), ignore_mask=rows(1))
    target = replace(flat_view(lower, front), invented_mask=rows(1, 2, 4), ignore_mask=rows(1, 6))
    code = codes(source, target)
    # Row 0 is invented here and ends on an ignored one; 1 is ignored; 2 is hidden; 3 ends on an invented row, 5 on an
    # ignored one; 7 is invented and leaves the frame.
    expected = [c.IGNORED, c.IGNORED, c.HIDDEN, c.INVENTED, c.HIDDEN, c.IGNORED, c.HIDDEN, c.INVENTED]
    np.testing.assert_array_equal(code, np.tile(np.array(expected)[:, None], (1, 8)))


def test_behind_the_target_camera_counts_as_outside() -> None:
    behind = [[x, y, -50.0] for x, y, _ in PLANE]
    assert (codes(flat_view(PLANE, AWAY, True), flat_view(behind, AWAY, True)) == c.OUTSIDE).all()


def test_without_face_there_is_nothing_to_match() -> None:
    source, target = flat_view(AWAY, PLANE), flat_view(PLANE, AWAY)
    assert (source.fragments.triangle_id >= 2).all()  # only the unlabelled square is seen
    assert (codes(source, target) == c.NO_FACE).all()


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(pair) -> None:
    def on_cuda(view: ViewGeometry) -> ViewGeometry:
        cameras = replace(
            view.cameras,
            **{k: getattr(view.cameras, k).cuda() for k in ("rotation", "translation", "focal", "principal")},
        )
        planes = {k: getattr(view.fragments, k).cuda() for k in ("triangle_id", "barycentric", "depth")}
        fragments = replace(view.fragments, **planes)
        return ViewGeometry(fragments, view.vertices_camera.cuda(), view.vertices_image.cuda(), cameras)

    flow, code = match_views(pair.source, pair.target, pair.triangles, pair.label_count)
    moved = match_views(on_cuda(pair.source), on_cuda(pair.target), pair.triangles.cuda(), pair.label_count)
    torch.testing.assert_close(moved[0].cpu(), flow, atol=1e-3, rtol=0, equal_nan=True)
    assert (moved[1].cpu() != code).float().mean() < 1e-4


def test_the_target_may_have_another_size() -> None:
    source = flat_view(PLANE, AWAY)
    target = flat_view(PLANE, AWAY)
    wide = replace(target, fragments=rasterize(target.vertices_image, TRIANGLES, (4, 6), False))
    end_points = flow_between(source, wide, TRIANGLES, 2)
    code = matchability(source, wide, TRIANGLES, end_points)[0].numpy()
    expected = np.full((8, 8), c.OUTSIDE)
    expected[:4, :6] = c.MATCHABLE
    np.testing.assert_array_equal(code, expected)


def test_the_rasterisers_list_of_fronts_changes_no_code(pair) -> None:
    bare = replace(pair.target, fragments=replace(pair.target.fragments, fronts=None))
    assert pair.target.fragments.fronts is not None
    end_points = flow_between(pair.source, pair.target, pair.triangles, pair.label_count)
    listed = matchability(pair.source, pair.target, pair.triangles, end_points)
    assert (listed == c.HIDDEN).any()
    assert torch.equal(listed, matchability(pair.source, bare, pair.triangles, end_points))
