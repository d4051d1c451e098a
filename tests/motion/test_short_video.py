"""Frames are sampled once from the photo, and their cameras say where every surface point went."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from synthgen.asset_io.photos import warp_photo
from synthgen.core.conventions import CAMERA_FROM_WORLD, MATCHABLE
from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import euler_from_rotation
from synthgen.geometry.similarity import Similarity
from synthgen.labels.landmarks import landmarks_in_camera, landmarks_in_image
from synthgen.motion.clip_flow import label_between_frames
from synthgen.motion.motion_path import MotionPath, picture_motions, sample_motion
from synthgen.motion.short_video import (
    Clip,
    ClipOptions,
    FittedPhoto,
    head_centre,
    make_clip,
    make_frames,
    prepare_still,
)
from synthgen.recipe.distributions import Constant
from synthgen.recipe.photo_sections import Video
from synthgen.render.heads import evaluate_heads
from synthgen.render.pair import view_geometry
from synthgen.render.photo import Photos, photo_view
from tests.motion.turned_photos import cameras_at, coefficients, head_assets, pixels

WHOLE = Similarity(np.ones(1), np.zeros(1), np.zeros((1, 2)))
SIZE = (240, 260)  # of turned_photos
QUIET = Video(noise=Constant(value=0.0), blur=Constant(value=0.0))


def fitted(
    euler_deg: tuple[float, float, float] = (5, 15, -8), crop: Similarity = WHOLE, perspective: bool = False
) -> FittedPhoto:
    identity, expression = coefficients(1)
    cameras = cameras_at([euler_deg], perspective)
    heads = evaluate_heads((identity, expression), cameras, head_assets().tensors)
    return FittedPhoto(pixels(1)[0].numpy(), identity, expression, heads.vertices, cameras, crop)


def in_plane(scale: Sequence[float], translation: Sequence[tuple[float, float]]) -> MotionPath:
    none = np.zeros(len(scale))
    return MotionPath(np.array(scale), none, np.array(translation, np.float64), none, none, none, none)


def frames_of(photo: FittedPhoto, path: MotionPath, size: tuple[int, int] = SIZE) -> Clip:
    turned = bool(path.yaw.any() or path.pitch.any())
    motions = picture_motions(path, head_centre(photo, head_assets()))
    return make_frames(prepare_still(photo, motions, turned, size, head_assets()), path, motions, size, with_map=True)


def noisy_photo() -> FittedPhoto:
    levels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    return replace(fitted(), pixels=levels)


def test_scaling_up_and_down_gives_the_photo_back_exactly() -> None:
    """Where resampling each frame from the one before it would blur."""
    photo = noisy_photo()
    clip = frames_of(photo, in_plane([1, 1.05, 1 / 1.05], [(0, 0)] * 3))
    np.testing.assert_array_equal(clip.image[0], photo.pixels)
    np.testing.assert_array_equal(clip.image[2], photo.pixels)
    first, second = clip.motions.matrix[1], np.linalg.inv(np.vstack([clip.motions.matrix[1], [0, 0, 1]]))[:2]
    repeated = warp_photo(warp_photo(photo.pixels, first, SIZE, "replicate"), second, SIZE, "replicate")
    assert np.abs(repeated.astype(float) - photo.pixels).mean() > 10


def test_a_shift_by_whole_pixels_moves_bytes_and_repeats_the_border() -> None:
    photo = noisy_photo()
    clip = frames_of(photo, in_plane([1, 1], [(0, 0), (7, -4)]))
    moved, invented = clip.image[1].numpy(), clip.invented[1].numpy()
    np.testing.assert_array_equal(moved[:-4, 7:], photo.pixels[4:, :-7])
    np.testing.assert_array_equal(moved[:-4, :7], np.repeat(photo.pixels[4:, :1], 7, axis=1))
    assert invented[:, :7].all() and invented[-4:].all() and not invented[:-4, 7:].any()
    assert clip.source_map is not None
    source = clip.source_map[1].numpy()
    np.testing.assert_array_equal(source[10, 30], (30.5 - 7, 10.5 + 4))
    assert np.isnan(source[invented]).all() and np.isfinite(source[~invented]).all()


def test_a_reduced_still_is_the_mean_of_a_photo_reduced_half_as_much() -> None:
    scale, corner = 0.35, np.array([30.0, 20.0])
    crop = Similarity(np.array([scale]), np.zeros(1), -scale * corner[None])
    photo = replace(noisy_photo(), crop=crop)
    clip = frames_of(photo, in_plane([1, 1.02], [(0, 0), (1, 1)]), (64, 72))
    double = np.hstack([2 * scale * np.eye(2), -2 * scale * corner[:, None]])
    fine = warp_photo(photo.pixels, double, (128, 144), "replicate").astype(np.float64)
    expected = fine.reshape(64, 2, 72, 2, 3).mean(axis=(1, 3))
    # Both reduce the photo to bytes, one of them a part of it: some are a level apart.
    np.testing.assert_allclose(clip.image[0], expected, atol=1.01)
    assert np.abs(clip.image[0].numpy() - expected).mean() < 0.1


def test_a_part_of_the_photo_gives_the_frames_that_the_whole_would() -> None:
    """What is kept of the photo for a clip is not seen in its frames, which lie anywhere in it."""
    photo = replace(noisy_photo(), crop=Similarity(np.ones(1), np.zeros(1), np.array([[-83.0, -71.0]])))
    clip = frames_of(photo, in_plane([1, 1], [(0, 0), (3, 5)]), (60, 50))
    np.testing.assert_array_equal(clip.image[0], photo.pixels[71:131, 83:133])
    np.testing.assert_array_equal(clip.image[1], photo.pixels[66:126, 80:130])


def landmarks_by_hand(photo: FittedPhoto, path: MotionPath, matrix: np.ndarray, j: int) -> np.ndarray:
    """(68, 2) px in frame j: fixed surface points turned about the head's centroid, projected, moved; NumPy alone."""
    model = head_assets().model
    points, vertices = model.template.landmarks["ibug68"], photo.vertices[0].numpy().astype(np.float64)
    surface = []
    for triangle, weights in zip(points.triangle, points.barycentric, strict=True):
        a, b, c = model.template.triangles[triangle]
        surface.append(weights[0] * vertices[a] + weights[1] * vertices[b] + weights[2] * vertices[c])
    before = photo.cameras.rotation[0].numpy().astype(np.float64)
    pitch, yaw, roll = euler_from_rotation(before)
    pitch, yaw = pitch + path.pitch[: j + 1].sum(), yaw + path.yaw[: j + 1].sum()
    c, s = np.cos, np.sin
    rx = np.array([[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]])
    ry = np.array([[c(yaw), 0, s(yaw)], [0, 1, 0], [-s(yaw), 0, c(yaw)]])
    rz = np.array([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
    translation = photo.cameras.translation[0].numpy().astype(np.float64)
    middle = vertices.mean(axis=0)
    found = []
    for point in surface:
        seen = CAMERA_FROM_WORLD @ (rz @ ry @ rx @ (point - middle) + before @ middle) + translation
        depth = seen[2] if photo.cameras.perspective else 1.0
        place = float(photo.cameras.focal) * seen[:2] / depth + photo.cameras.principal[0].numpy()
        found.append(matrix @ [*place, 1.0])
    return np.array(found)


def landmarks(photo: FittedPhoto, cameras: Cameras) -> np.ndarray:
    template, count = head_assets().model.template, len(cameras.focal)
    identity, expression = (np.repeat(array, count, axis=0) for array in (photo.identity, photo.expression))
    heads = evaluate_heads((identity, expression), cameras, head_assets().tensors)
    points = landmarks_in_camera(template.landmarks["ibug68"], template, heads.vertices_camera)
    return landmarks_in_image(cameras, points)


@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("about_face", [False, True])
def test_landmarks_are_where_fixed_surface_points_go(perspective: bool, about_face: bool) -> None:
    crop = Similarity(np.array([0.6]), np.zeros(1), np.array([[-18.0, -12.0]]))
    photo, path = fitted(crop=crop, perspective=perspective), sample_motion(QUIET, 4, 9)
    clip = make_clip(photo, path, ClipOptions((120, 120), about_face, 4, 9), head_assets())
    centre = head_centre(photo, head_assets()) if about_face else None
    crop_matrix = np.array([[0.6, 0, -18.0], [0, 0.6, -12.0], [0, 0, 1]])
    found = landmarks(photo, clip.cameras)
    for j, matrix in enumerate(picture_motions(path, centre).matrix):
        expected = landmarks_by_hand(photo, path, matrix @ crop_matrix, j)
        np.testing.assert_allclose(found[j], expected, atol=2e-3)
        np.testing.assert_allclose(clip.motions.matrix[j], matrix @ crop_matrix, atol=1e-9)


def clip_labels(photo: FittedPhoto, clip: Clip, image: torch.Tensor) -> dict[str, np.ndarray]:
    count = len(image)
    identity, expression = (np.repeat(array, count, axis=0) for array in (photo.identity, photo.expression))
    photos = Photos(image, identity, expression, clip.cameras, np.zeros(count), invented_mask=clip.invented)
    pairs = [(0, j) for j in range(1, count)] + [(j, 0) for j in range(1, count)]
    return label_between_frames(view_geometry(photo_view(photos, head_assets())), pairs, head_assets())[0]


def test_flow_leads_each_visible_landmark_to_itself_and_colours_follow() -> None:
    photo, path = fitted((0, 5, 3)), sample_motion(QUIET, 8, 2)
    clip = frames_of(photo, path)
    image = clip.image.numpy()
    labels = clip_labels(photo, clip, (clip.image + 0.5).to(torch.uint8))
    points = landmarks(photo, clip.cameras)
    distances: list[float] = []
    for j in range(1, len(path)):
        flow, code = labels[f"flow_0_{j}"], labels[f"matchability_0_{j}"]
        rows, columns = np.nonzero(code == MATCHABLE)
        assert len(rows) > 2000
        ends = np.stack([columns, rows], axis=-1) + flow[rows, columns]  # in pixels, centres at whole numbers
        left, top = np.floor(ends).astype(int).T
        inside = (left >= 0) & (top >= 0) & (left < SIZE[1] - 1) & (top < SIZE[0] - 1)
        left, top, (u, v) = left[inside], top[inside], (ends[inside] - np.floor(ends[inside])).T[..., None]
        above = (1 - u) * image[j, top, left] + u * image[j, top, left + 1]
        below = (1 - u) * image[j, top + 1, left] + u * image[j, top + 1, left + 1]
        difference = np.abs((1 - v) * above + v * below - image[0, rows[inside], columns[inside]])
        assert np.median(difference) < 1.5 and np.quantile(difference, 0.95) < 8
        for start, end in zip(points[0], points[j], strict=True):
            column, row = np.floor(start - 0.5).astype(int)
            inside = 0 <= column < SIZE[1] - 1 and 0 <= row < SIZE[0] - 1
            if inside and (code[row : row + 2, column : column + 2] == MATCHABLE).all():
                (u, v), near = start - 0.5 - (column, row), flow[row : row + 2, column : column + 2]
                there = (1 - v) * ((1 - u) * near[0, 0] + u * near[0, 1]) + v * ((1 - u) * near[1, 0] + u * near[1, 1])
                distances.append(np.abs(there - (end - start)).max())
    # Flow is read linearly between pixels, which it is not across the edges of lips and lids, with landmarks on them.
    assert np.median(distances) < 0.02 and np.quantile(distances, 0.8) < 0.1
    assert len(distances) > 100


def test_frames_show_no_hole_and_no_black_corner() -> None:
    photo = replace(fitted(), pixels=np.maximum(pixels(1)[0].numpy(), 40))
    for index in range(4):
        clip = frames_of(photo, sample_motion(replace_ranges(), 1, index))
        assert float(clip.image.min()) >= 39.5


def replace_ranges() -> Video:
    return Video.model_validate(
        {name: {"distribution": "uniform", "low": -spread, "high": spread} for name, spread in
         {"rotation_deg": 6, "translation": 10, "yaw_deg": 5, "pitch_deg": 5}.items()}
        | {"scale": {"distribution": "uniform", "low": 0.92, "high": 0.95}}
    )  # fmt: skip


def test_frame_0_of_a_turning_clip_is_the_still() -> None:
    photo = noisy_photo()
    clip = frames_of(photo, sample_motion(QUIET, 3, 3))
    np.testing.assert_array_equal(clip.image[0], photo.pixels)
    np.testing.assert_array_equal(clip.cameras.rotation[0], photo.cameras.rotation[0])
    np.testing.assert_array_equal(clip.cameras.principal[0], photo.cameras.principal[0])
    assert not clip.invented[0].any() and clip.invented[7].any()
