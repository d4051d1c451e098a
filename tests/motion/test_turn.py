import numpy as np
import pytest
import torch

from synthgen.geometry.camera import project, to_camera_space
from synthgen.geometry.rotation import euler_from_rotation, rotation_from_euler
from synthgen.geometry.similarity import Similarity, about, move_points
from synthgen.labels.parameters import parameters_62
from synthgen.motion.anchors import RING_COUNT
from synthgen.motion.contour import SECTORS
from synthgen.motion.mesh_image import build_mesh_image, select_meshes
from synthgen.motion.paint import sample_photo
from synthgen.motion.turn import (
    camera_turn,
    move_mesh,
    turn_mesh,
    turned_cameras,
    turned_depth_shift,
)
from synthgen.raster.interpolate import interpolate
from synthgen.render.photo import Photos, photo_view
from tests.motion.turned_photos import SIZE, coefficients, head_assets, heads_at, pixels

POSES = [(0.0, 0.0, 0.0), (5.0, -50.0, 10.0), (-10.0, 25.0, -15.0)]
BOTH = pytest.mark.parametrize("perspective", [False, True])


def euler(*degrees: float) -> np.ndarray:
    return rotation_from_euler(np.radians(np.array([degrees])))


def mesh_at(pose: tuple[float, float, float], perspective: bool):
    heads = heads_at([pose], perspective)
    return heads, build_mesh_image(heads, SIZE, head_assets())


def pixel_centres() -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(SIZE[0]) + 0.5, torch.arange(SIZE[1]) + 0.5, indexing="ij")
    return torch.stack([x, y], dim=-1)


@BOTH
def test_without_a_turn_the_photo_comes_back(perspective: bool):
    heads = heads_at(POSES, perspective)
    mesh = build_mesh_image(heads, SIZE, head_assets())
    rotation = rotation_from_euler(np.radians(np.array(POSES)))
    turned = turn_mesh(mesh, rotation)
    # A pixel on the outline of the head may be one of the head or of the background: both lie at its place.
    error = (turned.source_map - pixel_centres()).norm(dim=-1)
    assert float(error.max()) < 0.01
    image = sample_photo(pixels(3), turned.source_map)
    assert int((image.int() - pixels(3).int()).abs().max()) <= 1
    seen = torch.isfinite(mesh.front_depth)
    assert float((turned.invented & seen).float().sum() / seen.sum()) < 0.01
    assert not bool((turned.invented & ~seen).any())


@BOTH
@pytest.mark.parametrize("angles", [(0.0, 60.0, 0.0), (20.0, -40.0, 5.0)])
def test_labels_of_the_new_camera_are_the_photos_labels_moved(perspective: bool, angles):
    """uv at a pixel of the new view = uv of the photo where the source map points, wherever nothing was invented."""
    assets = head_assets()
    for pose in POSES[:2]:
        heads, mesh = mesh_at(pose, perspective)
        turned = turn_mesh(mesh, euler(*angles))
        identity, expression = coefficients(1)

        def charted(cameras, identity=identity, expression=expression):
            photos = Photos(pixels(1), identity, expression, cameras, np.zeros(1))
            return interpolate(photo_view(photos, assets).faces.fragments, assets.tensors.triangles, assets.tensors.uv)

        new, old = charted(turned.cameras)[0].numpy(), charted(heads.cameras)[0].numpy()
        place = turned.source_map[0].numpy() - 0.5
        corner = np.floor(place).astype(int)
        share = place - corner
        known = np.isfinite(new).all(-1) & ~turned.invented[0].numpy()
        known &= (corner >= 0).all(-1) & (corner[..., 0] < SIZE[1] - 1) & (corner[..., 1] < SIZE[0] - 1)
        x, y, u = corner[known][:, 0], corner[known][:, 1], share[known]
        near = np.stack([old[y, x], old[y, x + 1], old[y + 1, x], old[y + 1, x + 1]])  # (4, P, 2)
        weight = np.stack([(1 - u[:, 0]) * (1 - u[:, 1]), u[:, 0] * (1 - u[:, 1]), (1 - u[:, 0]) * u[:, 1], u.prod(1)])
        moved = (weight[..., None] * near).sum(axis=0)
        # Nothing to interpolate at the outline, and between lid and eyeball or lip and lip.
        inside = np.ptp(near, axis=0).max(axis=1) < 0.04
        difference = np.abs(moved - new[known]).max(axis=1)[inside]
        assert inside.sum() > 1000
        assert inside.mean() > 0.9
        assert np.median(difference) < 2e-4
        assert np.quantile(difference, 0.99) < 3e-3  # a quarter of a pixel, which is not called invented, of 110


@BOTH
def test_head_turns_about_its_centroid(perspective: bool):
    for pose in POSES:
        heads, mesh = mesh_at(pose, perspective)
        rotation = euler(10.0, 45.0, -5.0)
        cameras = turned_cameras(mesh, rotation)
        new = to_camera_space(cameras, heads.vertices)
        before = project(heads.cameras, heads.vertices_camera.mean(dim=1, keepdim=True))[0, 0, :2]
        after = project(cameras, new.mean(dim=1, keepdim=True))[0, 0, :2]
        assert torch.allclose(before, after, atol=2e-3)
        assert np.allclose(cameras.rotation[0].numpy(), rotation[0], atol=1e-6)
        # The same 3-D points by hand: turned about the centroid in camera space.
        axes = np.diag([1.0, -1.0, -1.0])
        old = heads.vertices_camera[0].numpy().astype(np.float64)
        turn = axes @ rotation[0] @ heads.cameras.rotation[0].numpy().T @ axes
        expected = (old - old.mean(axis=0)) @ turn.T + old.mean(axis=0)
        image = project(heads.cameras, torch.from_numpy(expected[None].astype(np.float32)))[0, :, :2]
        assert torch.allclose(project(cameras, new)[0, :, :2], image, atol=5e-3)
        if not perspective:
            assert not cameras.translation.any()


def test_parameters_belong_to_the_new_pose():
    heads, mesh = mesh_at(POSES[0], False)
    rotation = euler(-12.0, 33.0, 4.0)
    cameras = turned_cameras(mesh, rotation)
    row = parameters_62(head_assets().model, cameras, coefficients(1), SIZE[0])[0]
    assert np.allclose(row[:12].reshape(3, 4)[:, :3], 0.8 * rotation[0], atol=1e-6)
    origin = project(cameras, to_camera_space(cameras, torch.zeros(1, 1, 3)))[0, 0]
    assert np.allclose(row[[3, 7]], [origin[0] + 0.5, SIZE[0] + 0.5 - origin[1]], atol=1e-4)
    assert np.allclose(np.degrees(euler_from_rotation(cameras.rotation.numpy()))[0], [-12, 33, 4], atol=1e-3)


@BOTH
def test_background_is_behind_covers_all_and_its_border_stays(perspective: bool):
    for pose in POSES:
        for angles in ((0.0, 60.0, 0.0), (0.0, -60.0, 0.0), (25.0, 30.0, 0.0), (-25.0, -75.0, 0.0)):
            heads, mesh = mesh_at(pose, perspective)
            moved, _ = move_mesh(mesh, camera_turn(mesh.cameras, euler(*angles)))
            assert bool(torch.isfinite(turn_mesh(mesh, euler(*angles)).source_map).all())
            # Behind the head everywhere, and fixed at the border.
            head, rings = moved[0, : mesh.head_vertices], moved[0, mesh.head_vertices :].reshape(RING_COUNT, SECTORS, 3)
            assert float(rings[..., 2].min()) > float(head[:, 2].max())
            before = mesh.source_xy[0, mesh.head_vertices :].reshape(RING_COUNT, SECTORS, 2)
            assert torch.equal(rings[-2:, :, :2], before[-2:])


def test_far_turns_leave_no_hole_and_mark_what_they_invent():
    heads, mesh = mesh_at(POSES[0], True)
    turned = turn_mesh(mesh, euler(0.0, 60.0, 0.0))
    assert bool(torch.isfinite(turned.source_map).all())
    identity, expression = coefficients(1)
    photos = Photos(pixels(1), identity, expression, turned.cameras, np.zeros(1))
    face = photo_view(photos, head_assets()).faces.fragments.triangle_id[0] >= 0
    # The face that was in view at 0 and still is has its pixels; the turned-up side of the head has not.
    assert 0.4 < 1 - float(turned.invented[0][face].float().mean()) < 0.95
    # Image left turns into view.
    left = turned.invented[0][:, : SIZE[1] // 2].float().mean()
    assert float(left) > 1.3 * float(turned.invented[0][:, SIZE[1] // 2 :].float().mean())


@pytest.mark.parametrize("scale", [0.5, 2.0, 3.0])
def test_enlarging_the_picture_invents_nothing(scale: float):
    _, mesh = mesh_at(POSES[0], False)
    share = []
    for factor in (1.0, scale):
        centre = np.array([[SIZE[1] / 2, SIZE[0] / 2]])
        similarity = about(centre, np.array([factor]), np.zeros(1), np.zeros((1, 2)))
        turned = turn_mesh(mesh, euler(0.0, 5.0, 0.0), similarity)
        height, width = (round(side * min(factor, 1.0) / factor / 4) for side in SIZE)
        height, width = max(height, SIZE[0] // 8), max(width, SIZE[1] // 8)
        middle = turned.invented[0, SIZE[0] // 2 - height : SIZE[0] // 2 + height, SIZE[1] // 2 - width :][
            :, : 2 * width
        ]
        share.append(float(middle.float().mean()))
    assert share[1] < share[0] + 0.1 and share[1] < 0.2


def test_depth_shift_follows_the_model_origin():
    heads, mesh = mesh_at(POSES[0], False)
    rotation = euler(10.0, 60.0, 0.0)
    turned = turn_mesh(mesh, rotation)
    # By hand: the head turns about its centroid, and 3DDFA's z, in px, grows to the viewer.
    old = heads.vertices_camera[0].numpy().astype(np.float64)
    axes = np.diag([1.0, -1.0, -1.0])
    turn = axes @ rotation[0] @ heads.cameras.rotation[0].numpy().T @ axes
    centroid = old.mean(axis=0)
    depth = (centroid - turn @ centroid)[2]
    shift = turned_depth_shift(np.array([7.0]), turned.cameras, turned.origin_depth)
    assert np.allclose(shift, 7.0 - 0.8 * depth, atol=1e-3) and abs(depth) > 3
    assert turned_depth_shift(np.zeros(1), turned.cameras, turned.origin_depth)[0] == 0


def test_motion_in_the_plane_comes_after():
    heads, mesh = mesh_at(POSES[2], False)
    rotation = euler(0.0, 10.0, 0.0)
    similarity = Similarity(np.array([1.1]), np.array([0.2]), np.array([[-20.0, 15.0]]))
    moved = turn_mesh(mesh, rotation, similarity, (200, 220))
    assert moved.source_map.shape == (1, 200, 220, 2)
    plain = turned_cameras(mesh, rotation)
    vertices = heads.vertices[:, ::50]
    expected = move_points(similarity, project(plain, to_camera_space(plain, vertices))[..., :2].numpy())
    found = project(moved.cameras, to_camera_space(moved.cameras, vertices))[0, :, :2].numpy()
    assert np.abs(found - expected[0]).max() < 0.01
    # With no turn, the whole source map is the inverse similarity.
    still = turn_mesh(mesh, rotation_from_euler(np.radians(np.array([POSES[2]]))), similarity).source_map[0].numpy()
    matrix = np.vstack([similarity.matrix[0], [0, 0, 1]])
    exact = pixel_centres().numpy() @ np.linalg.inv(matrix)[:2, :2].T + np.linalg.inv(matrix)[:2, 2]
    assert np.abs(still - exact).max() < 0.02


def test_batch_equals_single_views():
    heads = heads_at(POSES, True)
    mesh = build_mesh_image(heads, SIZE, head_assets())
    rotation = np.concatenate([euler(0, 20, 0), euler(5, -20, 0), euler(0, 70, 0)])
    batch = turn_mesh(mesh, rotation)
    for n in range(3):
        one = turn_mesh(select_meshes(mesh, np.array([n])), rotation[n : n + 1])
        assert float((one.source_map[0] - batch.source_map[n]).norm(dim=-1).quantile(0.999)) < 0.01
        assert float((one.invented[0] != batch.invented[n]).float().mean()) < 1e-3


def test_sampling_is_bilinear_and_fills_holes_from_the_row():
    photo = torch.arange(4 * 5 * 3, dtype=torch.uint8).reshape(1, 4, 5, 3)
    place = torch.tensor([[[[0.5, 0.5], [1.25, 1.5], [float("nan")] * 2, [-9.0, 2.5]], [[float("nan")] * 2] * 4]])
    found = sample_photo(photo, place)[0]
    assert found[0, 0].tolist() == photo[0, 0, 0].tolist()
    exact = 0.25 * photo[0, 1, 0].float() + 0.75 * photo[0, 1, 1].float()
    assert (found[0, 1].float() - exact).abs().max() <= 0.5
    assert found[0, 2].tolist() == found[0, 1].tolist()
    assert found[0, 3].tolist() == photo[0, 2, 0].tolist()
