"""Hand-computed pictures for every rule of the rasteriser. Images are tiny; centres are at +0.5."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from synthgen.core.errors import UsageError
from synthgen.geometry.camera import Cameras, project, to_camera_space
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.raster.fragments import Fragments
from synthgen.raster.rasterize import rasterize
from synthgen.raster.reference import rasterize_reference
from synthgen.raster.warp_rasterize import launch_rasterize

NAN = float("nan")
# Runs down the left side first: counter-clockwise on the screen, where y points down.
SQUARE = [[1, 1, 10], [1, 3, 20], [3, 3, 40], [3, 1, 30]]
SQUARE_TRIANGLES = [[0, 1, 2], [0, 2, 3]]


def draw(
    vertices: list, triangles: list, size: tuple[int, int] = (4, 4), perspective: bool = False, near: float = 1.0
) -> Fragments:
    points = torch.tensor(vertices, dtype=torch.float32)
    points = points if points.ndim == 3 else points[None]
    return rasterize(points, torch.tensor(triangles, dtype=torch.int32).reshape(-1, 3), size, perspective, near)


def drawn_ids(*args, **kwargs) -> list:
    return draw(*args, **kwargs).triangle_id[0].tolist()


EMPTY = [[-1] * 4] * 4


def random_soup(seed: int, triangle_count: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping triangles, many crossing the frame of 24 x 20, vertices shared at random."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-8, 32, (3, 40, 2))
    xy[:, ::3] = np.round(xy[:, ::3] * 2) / 2  # some exactly on centres and lines between pixels
    vertices = np.concatenate([xy, rng.uniform(-2, 30, (3, 40, 1))], axis=-1)
    return (
        torch.from_numpy(vertices.astype(np.float32)),
        torch.from_numpy(rng.integers(0, 40, (triangle_count, 3)).astype(np.int32)),
    )


def test_two_triangles_cover_the_pixels_computed_by_hand() -> None:
    # The diagonal passes through the centres (1.5, 1.5) and (2.5, 2.5); it is a left side of triangle 1.
    expected = [[-1, -1, -1, -1], [-1, 1, 1, -1], [-1, 0, 1, -1], [-1, -1, -1, -1]]
    assert drawn_ids(SQUARE, SQUARE_TRIANGLES) == expected
    assert drawn_ids(SQUARE, SQUARE_TRIANGLES, perspective=True) == expected


def test_weights_and_depth_without_perspective() -> None:
    fragments = draw(SQUARE, SQUARE_TRIANGLES)
    # (1.5, 2.5) = 1/4 (1, 1) + 1/2 (1, 3) + 1/4 (3, 3)
    torch.testing.assert_close(fragments.barycentric[0, 2, 1], torch.tensor([0.25, 0.5, 0.25]))
    assert fragments.depth[0, 2, 1].item() == pytest.approx(0.25 * 10 + 0.5 * 20 + 0.25 * 40)
    assert torch.isnan(fragments.depth[0, 0]).all() and torch.isnan(fragments.barycentric[0, 0]).all()


def test_weights_and_depth_in_perspective() -> None:
    fragments = draw(SQUARE, SQUARE_TRIANGLES, perspective=True)
    inverse = 0.25 / 10 + 0.5 / 20 + 0.25 / 40
    assert fragments.depth[0, 2, 1].item() == pytest.approx(1 / inverse)
    expected = torch.tensor([0.25 / 10, 0.5 / 20, 0.25 / 40]) / inverse
    torch.testing.assert_close(fragments.barycentric[0, 2, 1], expected)


def test_left_and_top_sides_own_their_centres_right_and_bottom_do_not() -> None:
    corners = [[0.5, 0.5, 1], [0.5, 2.5, 1], [2.5, 2.5, 1], [2.5, 0.5, 1]]
    seen = np.array(drawn_ids(corners, SQUARE_TRIANGLES)) >= 0
    expected = np.zeros((4, 4), bool)
    expected[:2, :2] = True
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("flip", [False, True])
def test_lattice_through_every_centre_is_drawn_exactly_once(flip: bool) -> None:
    side = 9
    y, x = np.mgrid[0:side, 0:side] + 0.5
    vertices = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    i = np.arange(side * side).reshape(side, side)
    nw, sw, se, ne = (corner.ravel() for corner in (i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]))
    halves = [(nw, sw, ne), (ne, sw, se)] if flip else [(nw, sw, se), (nw, se, ne)]
    triangles = np.concatenate([np.stack(half, axis=-1) for half in halves])
    shuffled = np.random.default_rng(0).permutation(side * side)  # the order of vertices must not matter
    renamed = np.empty_like(vertices)
    renamed[shuffled] = vertices
    times = np.zeros((side, side), int)
    for triangle in shuffled[triangles]:
        times += np.array(drawn_ids(renamed.tolist(), [triangle.tolist()], size=(side, side))) >= 0
    expected = np.ones((side, side), int)
    expected[-1, :] = expected[:, -1] = 0  # the last row and column lie on bottom and right sides
    np.testing.assert_array_equal(times, expected)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0), (2, 0, 1, 3)])
def test_a_million_centres_on_shared_sides_are_drawn_exactly_once(order: tuple[int, ...]) -> None:
    count = 250_000
    rng = np.random.default_rng(sum(place * digit for place, digit in zip((1, 4, 16, 64), order, strict=True)))
    angle = rng.uniform(0, 2 * np.pi, count)
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * rng.uniform(0.05, 40, (count, 1))
    # Half of the sides pass through the centre up to rounding, half exactly.
    along[::2] = np.round(along[::2] * 64) / 64
    across = np.stack([along[:, 1], -along[:, 0]], axis=-1)  # to the left of `along` on the screen
    start, end = 0.5 - along, 0.5 + along * np.where(np.arange(count) % 2, rng.uniform(0.3, 3, count), 1)[:, None]
    vertices = np.ones((count, 4, 3))
    for slot, points in zip(order, (start, end, 0.5 + across, 0.5 - across), strict=True):
        vertices[:, slot, :2] = points
    a, b, left, right = order
    batch = torch.from_numpy(vertices.astype(np.float32))
    both = [
        rasterize(batch, torch.tensor([triangle], dtype=torch.int32), (1, 1), False).triangle_id >= 0
        for triangle in ((a, b, left), (b, a, right))
    ]
    times = both[0].int() + both[1].int()
    assert torch.bincount(times.ravel()).tolist() == [0, count]
    assert 0.2 < both[0].float().mean() < 0.8  # both triangles of a pair win some


def test_a_triangle_larger_than_the_frame_fills_it() -> None:
    assert drawn_ids([[-100, -100, 1], [-100, 300, 1], [300, -100, 1]], [[0, 1, 2]]) == [[0] * 4] * 4


def test_triangles_crossing_each_border_draw_their_inner_part() -> None:
    # Right angle at (2, 2) with legs of 10 px to the left and down: the pixels right of x = 2 stay empty.
    seen = np.array(drawn_ids([[2, 2, 1], [-8, 2, 1], [2, 12, 1]], [[0, 1, 2]])) >= 0
    np.testing.assert_array_equal(np.argwhere(seen), [[2, 0], [2, 1], [3, 0], [3, 1]])
    # And one with legs of 10 px to the right and up.
    seen = np.array(drawn_ids([[2, 2, 1], [12, 2, 1], [2, -8, 1]], [[0, 1, 2]])) >= 0
    np.testing.assert_array_equal(np.argwhere(seen), [[0, 2], [0, 3], [1, 2], [1, 3]])


def test_triangles_outside_the_frame_draw_nothing() -> None:
    square = np.array(SQUARE, float)
    for shift in ((10, 0), (-10, 0), (0, 10), (0, -10), (1e30, 0), (-1e30, 0)):
        moved = square + np.array([*shift, 0])
        assert drawn_ids(moved.tolist(), SQUARE_TRIANGLES) == EMPTY


def test_sub_pixel_triangles_draw_only_the_centre_they_hold() -> None:
    tiny = np.array([[-0.02, -0.02, 0], [-0.02, 0.03, 0], [0.03, -0.02, 0]])
    for centre, expected in (((1.5, 2.5), 1), ((1.6, 2.5), 0), ((1.5, 2.4), 0), ((2.0, 2.0), 0)):
        seen = np.array(drawn_ids((tiny + np.array([*centre, 1])).tolist(), [[0, 1, 2]])) >= 0
        assert seen.sum() == expected
        assert not expected or seen[2, 1]


@pytest.mark.parametrize(
    "corners",
    [
        [[1, 1, 1], [1, 1, 1], [3, 3, 1]],
        [[0, 0, 1], [2, 2, 1], [4, 4, 1]],
        [[2, 0, 1], [2, 2, 1], [2, 4, 1]],
        [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
    ],
)
def test_triangles_without_area_draw_nothing(corners: list) -> None:
    assert drawn_ids(corners, [[0, 1, 2], [2, 1, 0], [0, 0, 1]]) == EMPTY


@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf")])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("perspective", [False, True])
def test_a_vertex_that_is_not_finite_takes_only_its_triangles_away(value: float, axis: int, perspective: bool) -> None:
    broken = [list(map(float, corner)) for corner in SQUARE]
    broken[1][axis] = value
    expected = [[-1, -1, -1, -1], [-1, 1, 1, -1], [-1, -1, 1, -1], [-1, -1, -1, -1]]
    assert drawn_ids(broken, SQUARE_TRIANGLES, perspective=perspective) == expected


def test_backs_are_not_drawn() -> None:
    assert drawn_ids(SQUARE, [[2, 1, 0], [3, 2, 0]]) == EMPTY


@pytest.mark.parametrize("perspective", [False, True])
def test_counter_clockwise_in_the_world_is_front_facing(perspective: bool) -> None:
    # Seen from +z, where the viewer of a frontal face is: right, up, left around the origin.
    world = torch.tensor([[[-30.0, -30, 0], [30, -30, 0], [0, 40, 0]]])
    triangle = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    for yaw, visible in ((0.0, True), (1.3, True), (np.pi, False), (1.8, False)):
        rotation = torch.from_numpy(rotation_from_euler(np.array([[0.0, yaw, 0.0]])).astype(np.float32))
        away = torch.tensor([[0.0, 0.0, 500.0 if perspective else 0.0]])
        focal = torch.tensor([160.0 if perspective else 0.3])
        cameras = Cameras(perspective, rotation, away, focal, torch.tensor([[16.0, 16.0]]))
        image = project(cameras, to_camera_space(cameras, world)).contiguous()
        seen = rasterize(image, triangle, (32, 32), perspective).triangle_id >= 0
        assert bool(seen.any()) is visible


def test_in_perspective_a_corner_before_near_removes_the_triangle() -> None:
    for depth in (0.999, 0.0, -5.0):
        behind = [[*corner[:2], depth if i == 1 else 5] for i, corner in enumerate(SQUARE)]
        assert 0 not in sum(drawn_ids(behind, SQUARE_TRIANGLES, perspective=True), [])
        assert 1 in sum(drawn_ids(behind, SQUARE_TRIANGLES, perspective=True), [])
        assert 0 in sum(drawn_ids(behind, SQUARE_TRIANGLES, perspective=False), [])
    at_near = [[*corner[:2], 1.0] for corner in SQUARE]
    assert 0 in sum(drawn_ids(at_near, SQUARE_TRIANGLES, perspective=True), [])
    assert drawn_ids(at_near, SQUARE_TRIANGLES, perspective=True, near=1.5) == EMPTY


@pytest.mark.parametrize("perspective", [False, True])
def test_the_nearer_triangle_is_drawn_whatever_the_order(perspective: bool) -> None:
    stacked = SQUARE[:3] + [[x, y, z / 2] for x, y, z in SQUARE[:3]]
    assert drawn_ids(stacked, [[0, 1, 2], [3, 4, 5]], perspective=perspective)[2][1] == 1
    assert drawn_ids(stacked, [[3, 4, 5], [0, 1, 2]], perspective=perspective)[2][1] == 0
    below_zero = SQUARE[:3] + [[x, y, -z] for x, y, z in SQUARE[:3]]
    assert drawn_ids(below_zero, [[0, 1, 2], [3, 4, 5]])[2][1] == 1


def test_of_equally_near_triangles_the_first_is_drawn() -> None:
    assert drawn_ids(SQUARE * 2, [[4, 5, 6], [0, 1, 2]])[2][1] == 0
    assert drawn_ids(SQUARE * 2, [[0, 1, 2], [4, 5, 6]])[2][1] == 0


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_specification_bit_for_bit(seed: int, perspective: bool) -> None:
    vertices, triangles = random_soup(seed)
    fragments = rasterize(vertices, triangles, (24, 20), perspective)
    assert (fragments.triangle_id >= 0).float().mean() > 0.3
    for n in range(len(vertices)):
        ids, weights, depth = rasterize_reference(vertices[n].numpy(), triangles.numpy(), (24, 20), perspective)
        np.testing.assert_array_equal(fragments.triangle_id[n].numpy(), ids)
        np.testing.assert_array_equal(fragments.barycentric[n].numpy(), weights)
        np.testing.assert_array_equal(fragments.depth[n].numpy(), depth)


@pytest.mark.parametrize("perspective", [False, True])
def test_the_kernels_for_cuda_draw_the_same_bits(perspective: bool) -> None:
    vertices, triangles = random_soup(9)
    triangles = torch.cat([triangles, triangles.flip(0)])  # ties
    one = rasterize(vertices, triangles, (24, 20), perspective)
    other = launch_rasterize(vertices, triangles, (24, 20), perspective, 1.0, per_triangle=True)
    for name in ("triangle_id", "barycentric", "depth"):
        np.testing.assert_array_equal(getattr(one, name).numpy(), getattr(other, name).numpy())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("perspective", [False, True])
def test_cuda_equals_the_cpu(perspective: bool) -> None:
    vertices, triangles = random_soup(3)
    one = rasterize(vertices, triangles, (24, 20), perspective)
    other = rasterize(vertices.cuda(), triangles.cuda(), (24, 20), perspective)
    np.testing.assert_array_equal(one.triangle_id.numpy(), other.triangle_id.cpu().numpy())
    torch.testing.assert_close(one.depth, other.depth.cpu(), equal_nan=True)
    torch.testing.assert_close(one.barycentric, other.barycentric.cpu(), equal_nan=True)


def test_images_of_a_batch_do_not_touch_each_other() -> None:
    vertices, triangles = random_soup(5)
    whole = rasterize(vertices, triangles, (24, 20), True)
    for n in range(len(vertices)):
        alone = rasterize(vertices[n : n + 1], triangles, (24, 20), True)
        np.testing.assert_array_equal(alone.depth[0].numpy(), whole.depth[n].numpy())


def test_nothing_to_draw_gives_empty_planes() -> None:
    no_triangles = draw(SQUARE, [])
    assert no_triangles.triangle_id.tolist() == [EMPTY]
    no_images = rasterize(torch.zeros((0, 4, 3)), torch.tensor(SQUARE_TRIANGLES, dtype=torch.int32), (4, 4), False)
    assert no_images.barycentric.shape == (0, 4, 4, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices_image": torch.zeros((4, 3))}, "vertices_image.*shape"),
        ({"vertices_image": torch.zeros((1, 4, 3), dtype=torch.float64)}, "dtype"),
        ({"vertices_image": torch.zeros((1, 3, 4)).transpose(1, 2)}, "contiguous"),
        ({"triangles": torch.tensor([[0, 1, 4]], dtype=torch.int32)}, "indices in"),
        ({"triangles": torch.tensor([[0, 1, -1]], dtype=torch.int32)}, "indices in"),
        ({"triangles": torch.tensor([[0, 1, 2]])}, "dtype"),
        ({"size": (0, 4)}, "size"),
        ({"near": 0.0}, "near"),
        ({"near": NAN}, "near"),
    ],
)
def test_wrong_arguments_are_named(change: dict, message: str) -> None:
    arguments = {
        "vertices_image": torch.zeros((1, 4, 3)),
        "triangles": torch.tensor(SQUARE_TRIANGLES, dtype=torch.int32),
        "size": (4, 4),
        "perspective": True,
    }
    with pytest.raises(UsageError, match=message):
        rasterize(**(arguments | change))


def test_a_spawned_worker_draws_the_same() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(drawn_ids, SQUARE, SQUARE_TRIANGLES).result() == drawn_ids(SQUARE, SQUARE_TRIANGLES)
