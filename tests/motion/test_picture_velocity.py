"""Faces that turn are blurred as their surface moves, without a seam to what is around; the rest as the picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.geometry.similarity import Similarity
from synthgen.labels.view_geometry import ViewGeometry
from synthgen.motion.clip_flow import label_between_frames
from synthgen.motion.motion_path import MotionPath
from synthgen.motion.picture_velocity import REACH, picture_velocities
from synthgen.motion.short_video import Clip, ClipOptions, FittedPhoto, expose_frames, make_clip
from synthgen.render.heads import evaluate_heads
from synthgen.render.pair import view_geometry
from synthgen.render.photo import Photos, photo_view
from tests.motion.turned_photos import SIZE, cameras_at, coefficients, head_assets, pixels

FRAMES = 3
OPTIONS = ClipOptions(SIZE, True, 0, 0)


def turning(yaw_deg: float, pitch_deg: float = 0.0, blur: float = 1.0) -> MotionPath:
    """Steps of the head alone, without noise."""
    steps = np.array([0.0, 1.0, 1.0])
    none = np.zeros(FRAMES)
    yaw, pitch = (np.radians(angle) * steps for angle in (yaw_deg, pitch_deg))
    return MotionPath(np.ones(FRAMES), none, np.zeros((FRAMES, 2)), yaw, pitch, none, np.full(FRAMES, blur))


def clip_of(path: MotionPath, perspective: bool = False) -> tuple[Clip, ViewGeometry]:
    """A clip of a frontal head, and where its head is."""
    identity, expression = coefficients(1)
    cameras = cameras_at([(0.0, 0.0, 0.0)], perspective)
    vertices = evaluate_heads((identity, expression), cameras, head_assets().tensors).vertices
    whole = Similarity(np.ones(1), np.zeros(1), np.zeros((1, 2)))
    photo = FittedPhoto(pixels(1)[0].numpy(), identity, expression, vertices, cameras, whole)
    clip = make_clip(photo, path, OPTIONS, head_assets())
    repeated = (np.repeat(array, FRAMES, axis=0) for array in (identity, expression))
    return clip, view_geometry(photo_view(Photos(clip.image, *repeated, clip.cameras, np.zeros(FRAMES)), head_assets()))


def velocity_of(clip: Clip, geometry: ViewGeometry) -> np.ndarray:
    return picture_velocities(clip.motions, SIZE, geometry, head_assets().tensors.triangles).numpy()


def nose_pixel(geometry: ViewGeometry, frame: int) -> tuple[int, int, np.ndarray]:
    """Row and column of the pixel at the nose tip, and the model-space point (3,) mm that its centre shows."""
    template = head_assets().model.template
    tip = template.triangles[template.landmarks["ibug68"].triangle[30], 0]
    column, row = geometry.vertices_image[frame, tip, :2].long().tolist()
    corners = template.triangles[int(geometry.fragments.triangle_id[frame, row, column])]
    weights = geometry.fragments.barycentric[frame, row, column].numpy().astype(np.float64)
    identity, expression = coefficients(1)
    cameras = cameras_at([(0.0, 0.0, 0.0)], False)
    vertices = evaluate_heads((identity, expression), cameras, head_assets().tensors).vertices[0].numpy()
    centroid = vertices.astype(np.float64).mean(axis=0)
    return row, column, weights @ vertices[corners].astype(np.float64) - centroid


def test_the_nose_of_a_head_that_only_turns_moves_by_the_closed_form() -> None:
    """A point (x, z) before the centroid lies f (x cos a + z sin a) to the right of it at yaw a."""
    step, focal = np.radians(4.0), 0.8
    clip, geometry = clip_of(turning(4.0))
    found = velocity_of(clip, geometry)
    for frame, (before, after) in enumerate([(0, 1), (0, 2), (1, 2)]):
        row, column, (x, _, z) = nose_pixel(geometry, frame)

        def right(angle: float, x: float = x, z: float = z) -> float:
            return focal * (x * np.cos(angle) + z * np.sin(angle))

        expected = (right(after * step) - right(before * step)) / (after - before)
        assert expected > 3.0
        np.testing.assert_allclose(found[frame, row, column], [expected, 0.0], atol=2e-3)


@pytest.mark.parametrize("perspective", [False, True])
def test_every_face_pixel_moves_as_its_flow_says(perspective: bool) -> None:
    clip, geometry = clip_of(turning(5.0, -3.0), perspective)
    found = velocity_of(clip, geometry)
    flows = label_between_frames(geometry, [(0, 1), (1, 0), (1, 2), (2, 1)], head_assets())[0]
    face = (geometry.fragments.triangle_id >= 0).numpy()
    assert face[1].sum() > 3000
    expected = (flows["flow_1_2"] - flows["flow_1_0"]) / 2
    np.testing.assert_allclose(found[1][face[1]], expected[face[1]], atol=2e-3)
    np.testing.assert_allclose(found[0][face[0]], flows["flow_0_1"][face[0]], atol=2e-3)


def test_no_seam_at_the_silhouette_and_stillness_far_away() -> None:
    clip, geometry = clip_of(turning(6.0))
    speed = velocity_of(clip, geometry)[1]
    face = (geometry.fragments.triangle_id[1] >= 0).numpy()
    across = np.abs(np.diff(speed, axis=1)).max(axis=-1)
    rim = face[:, 1:] != face[:, :-1]
    assert rim.sum() > 100 and np.abs(speed[face]).max() > 5.0
    # Beside the face the picture stands still: a seam would be as high as the speed at the rim.
    seam = np.abs(np.where(face[:, 1:, None], speed[:, 1:], speed[:, :-1])).max(axis=-1)
    assert np.median(across[rim]) < 0.03 * np.median(seam[rim])
    assert np.quantile(across[rim], 0.95) < 0.15 * np.quantile(seam[rim], 0.95)
    y, x = np.nonzero(face)
    far = np.hypot(np.arange(SIZE[0])[:, None] - y.mean(), np.arange(SIZE[1]) - x.mean())
    beyond = far > np.hypot(y - y.mean(), x - x.mean()).max() + REACH * np.sqrt(face.sum()) + 1
    assert beyond.any() and not speed[beyond].any()


def test_a_head_that_does_not_turn_moves_with_the_picture() -> None:
    zoom = Similarity(np.array([1.0, 1.1, 1.21]), np.zeros(3), np.zeros((3, 2)))
    found = picture_velocities(zoom, (20, 30), None, head_assets().tensors.triangles).numpy()
    y, x = np.mgrid[:20, :30] + 0.5
    np.testing.assert_allclose(found[0], 0.1 * np.stack([x, y], axis=-1), atol=1e-5)


@pytest.mark.parametrize(("yaw", "pitch"), [(8.0, 0.0), (0.0, 6.0), (6.0, 5.0), (6.0, -5.0)])
def test_a_point_at_the_nose_is_drawn_out_along_its_way(yaw: float, pitch: float) -> None:
    """Width and direction of the blur from the second moments of what becomes of a bright point."""
    path = turning(yaw, pitch)
    clip, geometry = clip_of(path)
    row, column, _ = nose_pixel(geometry, 1)
    point = torch.zeros_like(clip.image)
    point[:, row, column] = 250.0
    flows = label_between_frames(geometry, [(1, 0), (0, 1), (1, 2), (2, 1)], head_assets())[0]
    way = (flows["flow_1_2"] - flows["flow_1_0"])[row, column] / 2
    length = float(np.hypot(*way))
    assert length > 6.0
    triangles = head_assets().tensors.triangles
    for share in (1.0, 0.5):
        shutter = replace(path, blur=np.full(FRAMES, share))
        light = expose_frames(replace(clip, image=point), shutter, OPTIONS, geometry, triangles)[1, ..., 0]
        weight = light.numpy().astype(float) / float(light.sum())
        y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
        offset = np.stack([x - (weight * x).sum(), y - (weight * y).sum()])
        moments = np.einsum("hw,ihw,jhw->ij", weight, offset, offset)
        spread, axes = np.linalg.eigh(moments)
        # A segment's variance is length^2 / 12; bilinear taps and a speed that falls off around the nose change it.
        assert np.sqrt(12 * spread[1]) == pytest.approx(share * length, rel=0.15, abs=0.5)
        assert spread[0] < 0.4
        assert abs(axes[:, 1] @ way) / length > np.cos(np.radians(6))


def test_without_blur_the_frames_stay_as_they_are() -> None:
    path = turning(8.0, blur=0.0)
    clip, geometry = clip_of(path)
    found = expose_frames(clip, path, OPTIONS, geometry, head_assets().tensors.triangles)
    np.testing.assert_array_equal(found, (clip.image + 0.5).to(torch.uint8))
