from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import project
from synthgen.morphable.template import evaluate_points
from synthgen.motion.anchors import ANCHORS, NEAR_FACE, RING_COUNT, ring_triangles
from synthgen.motion.contour import SECTORS, head_outline, radius_towards, smooth_around
from synthgen.motion.head_parts import moving_parts
from synthgen.motion.mesh_image import build_mesh_image, select_meshes
from tests.motion.turned_photos import SIZE, head_assets, heads_at

POSES = [(0.0, 0.0, 0.0), (5.0, -50.0, 10.0), (-15.0, 30.0, -20.0)]


def test_outline_of_an_ellipse_is_its_radius():
    angle = np.linspace(0, 2 * np.pi, 7200, endpoint=False)
    edge = np.stack([60 * np.cos(angle), 40 * np.sin(angle), 3 * np.cos(angle)], axis=1)
    inner = edge * 0.5
    points = torch.from_numpy(np.concatenate([inner, edge])[None].astype(np.float32)) + torch.tensor([100.0, 80.0, 7.0])
    outline = head_outline(points, torch.tensor([[100.0, 80.0]]))
    sector = np.arange(SECTORS) * 2 * np.pi / SECTORS
    # Farthest within half a sector either way: at most a little farther than in the very direction.
    exact = 60 * 40 / np.hypot(40 * np.cos(sector), 60 * np.sin(sector))
    found = outline.radius[0].numpy()
    assert (found > exact - 0.05).all()
    assert (found < exact + 1.0).all()
    # The depth of the rim, not of what is inside; smoothing over three sectors costs 1.5 %.
    polar = np.arctan2(60 * np.sin(sector), 40 * np.cos(sector))
    assert np.abs(outline.depth[0].numpy() - 7 - 3 * np.cos(polar)).max() < 0.15


def test_outline_fills_directions_without_points():
    angle = np.linspace(0, np.pi, 500)
    half = np.stack([30 * np.cos(angle), 30 * np.sin(angle), np.zeros(500)], axis=1)
    outline = head_outline(torch.from_numpy(half[None].astype(np.float32)), torch.zeros(1, 2))
    assert torch.allclose(outline.radius, torch.tensor(30.0), atol=1e-3)


def test_radius_between_sectors_is_linear_and_cyclic():
    radius = torch.arange(SECTORS, dtype=torch.float32)[None]
    step = 2 * np.pi / SECTORS
    angle = torch.tensor([[0.0, 2.25 * step, -step, (SECTORS - 0.5) * step]])
    expected = torch.tensor([[0.0, 2.25, SECTORS - 1.0, (SECTORS - 1.0) / 2]])
    assert torch.allclose(radius_towards(radius, angle), expected, atol=1e-3)


def test_smoothing_keeps_constants_and_wraps():
    spike = torch.zeros(1, SECTORS)
    spike[0, 0] = 1.0
    smooth = smooth_around(spike, 2.0)
    assert abs(float(smooth.sum()) - 1) < 1e-5
    assert torch.allclose(smooth[0, 1:6], smooth[0, -5:].flip(0))
    assert torch.allclose(smooth_around(torch.full((1, SECTORS), 3.0), 2.0), torch.tensor(3.0))


def test_ring_triangles_use_each_inner_edge_twice_in_opposite_directions():
    triangles = ring_triangles()
    assert triangles.shape == (2 * (RING_COUNT - 1) * SECTORS, 3)
    assert set(triangles.ravel()) == set(range(ANCHORS))
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = {tuple(edge) for edge in edges.tolist()}
    assert len(directed) == len(edges)
    alone = [edge for edge in directed if edge[::-1] not in directed]
    assert len(alone) == 2 * SECTORS  # the innermost and the outermost ring
    assert {corner // SECTORS for edge in alone for corner in edge} == {0, RING_COUNT - 1}


@pytest.mark.parametrize("perspective", [False, True])
def test_mesh_lies_where_the_photo_is(perspective: bool):
    heads, assets = heads_at(POSES, perspective), head_assets()
    mesh = build_mesh_image(heads, SIZE, assets)
    parts = moving_parts(assets)
    count = len(parts.vertices)
    assert mesh.head_vertices == count < len(assets.model.mean)
    assert mesh.vertices_camera.shape == (3, count + ANCHORS, 3)
    # Every vertex, head or background, projects to the place that it shows.
    assert torch.allclose(project(heads.cameras, mesh.vertices_camera)[..., :2], mesh.source_xy, atol=2e-3)
    labelled = assets.model.template.triangles[: assets.model.template.label_count]
    assert torch.equal(mesh.vertices_camera[:, :count], heads.vertices_camera[:, parts.vertices])
    # All triangles with labels are there, first and in the model's order.
    assert np.array_equal(parts.vertices[mesh.triangles[: len(labelled)].long()].numpy(), labelled)
    # The background covers the picture and the rings lie outside each other: every triangle faces the viewer.
    ring = mesh.triangles[mesh.head_triangles :].long()
    a, b, c = (mesh.source_xy[:, ring[:, k]] for k in range(3))
    area = (b - a)[..., 1] * (c - a)[..., 0] - (b - a)[..., 0] * (c - a)[..., 1]
    assert float(area.min()) >= -1e-3
    border = mesh.source_xy[:, count:].reshape(3, RING_COUNT, SECTORS, 2)[:, -1]
    assert ((border[..., 0] < 0) | (border[..., 0] > SIZE[1]) | (border[..., 1] < 0) | (border[..., 1] > SIZE[0])).all()


def test_drawn_are_face_eyes_and_mouth_without_scalp_ears_and_neck():
    assets = head_assets()
    template, mean = assets.model.template, assets.model.mean
    mesh = build_mesh_image(heads_at(POSES[:1], False), SIZE, assets)
    drawn = moving_parts(assets).vertices[mesh.triangles[: mesh.head_triangles].long()].numpy()
    beside = drawn[template.label_count :]
    labelled = np.unique(template.triangles[: template.label_count])
    # What is drawn besides lies behind the lids and lips, within a few mm of them; there is some: the inner mouth.
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, mean)
    free = np.setdiff1d(beside, labelled)
    assert len(free) > 20
    distance = np.abs(mean[free][:, None, :2] - points[None, 36:, :2]).max(axis=2).min(axis=1)
    assert distance.max() < 30
    # The highest, lowest and rearmost vertices of the head are not drawn.
    for extreme in (mean[:, 1].argmax(), mean[:, 1].argmin(), mean[:, 2].argmin()):
        assert extreme not in drawn


def test_hair_above_the_forehead_recedes_like_a_skull():
    heads = heads_at(POSES[:1], False)
    anchors = build_mesh_image(heads, SIZE, head_assets()).anchors
    top = 3 * SECTORS // 4  # image up
    near, far = NEAR_FACE - 5, NEAR_FACE - 1  # the rings at 1.10 and 1.30 of the outline
    away = float(anchors.points[0, near, top, 1] - anchors.points[0, far, top, 1]) / 0.8  # mm, at 0.8 px/mm
    assert away > 10
    assert float(anchors.depth[0, far, top] - anchors.depth[0, near, top]) > 1.1 * away


def test_batch_equals_single_photos_and_rows_can_be_picked():
    heads, assets = heads_at(POSES, True), head_assets()
    mesh = build_mesh_image(heads, SIZE, assets)
    picked = select_meshes(mesh, np.array([2, 0, 2]))
    for name in ("vertices_camera", "source_xy", "better_seen", "centroid"):
        assert torch.equal(getattr(picked, name)[0], getattr(mesh, name)[2])
        assert torch.equal(getattr(picked, name)[1], getattr(mesh, name)[0])
    assert torch.equal(picked.cameras.rotation[2], mesh.cameras.rotation[2])
    one = {name: getattr(heads, name)[1:2] for name in ("identity", "expression", "vertices", "vertices_camera")}
    cameras = heads.cameras
    alone = replace(
        heads,
        **one,
        vertices_image=heads.vertices_image[1:2],
        cameras=replace(
            cameras,
            rotation=cameras.rotation[1:2],
            translation=cameras.translation[1:2],
            focal=cameras.focal[1:2],
            principal=cameras.principal[1:2],
        ),
    )
    single = build_mesh_image(alone, SIZE, assets)
    assert torch.allclose(single.vertices_camera[0], mesh.vertices_camera[1], atol=1e-3)
    assert torch.allclose(single.rim.share[0], mesh.rim.share[1], atol=1e-4)
    assert torch.equal(picked.rim.direction[0], mesh.rim.direction[2])


def test_a_model_that_is_a_face_alone_gets_a_mesh_too():
    """As in 3DDFA-V2's no-neck set: no scalp, no ears."""
    assets = head_assets()
    template = assets.model.template
    face = replace(
        template,
        triangles=template.triangles[: template.label_count],
        uv=template.uv[: template.label_count],
        parts=template.parts[: template.label_count],
    )
    used = np.unique(face.triangles)
    order = np.full(len(assets.model.mean), -1, np.int32)
    order[used] = np.arange(len(used), dtype=np.int32)
    face = replace(
        face,
        triangles=order[face.triangles],
        pncc=face.pncc[used],
        contours=np.where(face.contours >= 0, order[face.contours], -1).astype(np.int32),
    )
    model = assets.model
    model = replace(
        model,
        template=face,
        mean=model.mean[used],
        identity_basis=model.identity_basis[:, used],
        expression_basis=model.expression_basis[:, used],
    )
    from synthgen.raster.normals import build_adjacency
    from synthgen.render.heads import evaluate_heads, model_tensors
    from tests.motion.turned_photos import cameras_at, coefficients

    tensors = model_tensors(model, "cpu")
    small = replace(assets, model=model, tensors=tensors, adjacency=build_adjacency(tensors.triangles, len(used)))
    heads = evaluate_heads(coefficients(1), cameras_at(POSES[:1], False), tensors)
    mesh = build_mesh_image(heads, SIZE, small)
    assert torch.isfinite(mesh.vertices_camera).all()
    assert torch.isfinite(mesh.rim.share).all() and torch.isfinite(mesh.better_seen).all()
    assert mesh.head_triangles == len(face.triangles)
