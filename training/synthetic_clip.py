"""A still with labels -> the frames of a short video in its plane (tddfa_v2 section 2.4), while training.

T, P and M of the paper; F, which turns the head, needs the photo's mesh: clips with it are datasets of kind `video`
(recipes/tddfa_v2/short_video.yaml).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.asset_io.photos import warp_photo
from synthgen.geometry.similarity import Similarity, move_points
from synthgen.motion.motion_path import picture_motions, sample_motion, velocities
from synthgen.recipe.distributions import Constant
from synthgen.recipe.photo_sections import Video

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
_SAMPLES_PER_PX = 8


@dataclass(frozen=True)
class Frames:
    """pixels: (N, H, W, 3) uint8; landmarks: (N, 68, 2) px; parameters: (N, 62)."""

    pixels: Pixels
    landmarks: NDArray[np.float32]
    parameters: NDArray[np.float32]


def synthetic_clip(
    still: tuple[Pixels, NDArray[np.floating], NDArray[np.floating]],
    video: Video,
    random: np.random.Generator,
    only: int | None = None,
) -> Frames:
    """The frames of a clip that begins with a still: pixels (H, W, 3), landmarks (68, 2) px, parameters (62,).

    video: ranges of the motion, whose turns out of the plane are left out; only: this frame alone. All labels move as
    the picture does, exactly.
    """
    pixels, landmarks, parameters = still
    flat = video.model_copy(update={"yaw_deg": Constant(value=0.0), "pitch_deg": Constant(value=0.0)})
    path = sample_motion(flat, int(random.integers(2**62)), 0)
    centre = landmarks.mean(axis=0).astype(np.float64) if video.about == "face" else None
    motions = picture_motions(path, centre)
    where = np.zeros(2) if centre is None else centre
    places = move_points(motions, np.tile(where, (len(path), 1, 1)))[:, 0]
    wanted = list(range(len(path))) if only is None else [only]
    ways = np.einsum("fij,fj->fi", velocities(motions), np.concatenate([places, np.ones((len(path), 1))], axis=1))
    shown = []
    for frame in wanted:
        moved = warp_photo(pixels, motions.matrix[frame], pixels.shape[:2], "replicate").astype(np.float32)
        moved += np.float32(path.noise[frame]) * random.standard_normal(moved.shape, dtype=np.float32)
        shown.append(blurred(moved, path.blur[frame] * ways[frame]))
    chosen = Similarity(*(part[wanted] for part in (motions.scale, motions.angle, motions.shift)))
    points = np.repeat(np.asarray(landmarks, np.float64)[None], len(shown), axis=0)
    return Frames(
        np.stack(shown),
        move_points(chosen, points).astype(np.float32),
        moved_parameters(parameters, chosen, pixels.shape[0]),
    )


def moved_parameters(parameters: NDArray[np.floating], motions: Similarity, height: int) -> NDArray[np.float32]:
    """(N, 62) of a head (62,) whose picture of this height N similarities move.

    The turn of the picture is one of the head about the optical axis; f and t_z grow with the scale (label
    parameters_62: y runs up, and pixels count from 1).
    """
    pose = np.asarray(parameters[:12], np.float64).reshape(3, 4)
    cosine, sine = np.cos(motions.angle), np.sin(motions.angle)
    turns = np.zeros((len(cosine), 3, 3))
    turns[:, 0, 0], turns[:, 0, 1], turns[:, 1, 0], turns[:, 1, 1], turns[:, 2, 2] = cosine, -sine, sine, cosine, 1.0
    origin = np.array([pose[0, 3] - 0.5, height + 0.5 - pose[1, 3]])
    there = move_points(motions, np.tile(origin, (len(cosine), 1, 1)))[:, 0]
    moved = np.zeros((len(cosine), 3, 4))
    moved[:, :, :3] = motions.scale[:, None, None] * (turns @ pose[:, :3])
    moved[:, 0, 3], moved[:, 1, 3] = there[:, 0] + 0.5, height + 0.5 - there[:, 1]
    moved[:, 2, 3] = motions.scale * pose[2, 3]
    rest = np.tile(np.asarray(parameters[12:], np.float64), (len(cosine), 1))
    return np.concatenate([moved.reshape(-1, 12), rest], axis=1).astype(np.float32)


def motion_kernel(motion: Array) -> NDArray[np.float32]:
    """(K, K), sum 1: a segment from -motion / 2 to motion / 2 px about the middle of the kernel, (x, y)."""
    reach = max(int(np.ceil(np.abs(motion).max() / 2.0)), 1)
    count = max(int(np.ceil(_SAMPLES_PER_PX * np.abs(motion).max())), 1)
    along = (np.arange(count) + 0.5) / count - 0.5
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    places = reach + along[:, None] * motion
    corner = np.clip(np.floor(places).astype(int), 0, 2 * reach - 1)
    share = places - corner
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - right - share[:, 0]) * np.abs(1 - down - share[:, 1])
            np.add.at(kernel, (corner[:, 1] + down, corner[:, 0] + right), weight)
    return (kernel / count).astype(np.float32)


def blurred(picture: NDArray[np.float32], motion: Array) -> Pixels:
    """(H, W, 3) uint8: a picture (H, W, 3) in 8-bit levels, convolved with the segment of a motion (2,) px."""
    if np.abs(motion).max() > 0.0:
        kernel = torch.from_numpy(motion_kernel(motion))
        reach = kernel.shape[0] // 2
        planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[:, None]
        padded = torch.nn.functional.pad(planes, (reach, reach, reach, reach), mode="replicate")
        # A convolution: torch's correlates, and the segment is the same from both ends.
        picture = torch.nn.functional.conv2d(padded, kernel[None, None])[:, 0].permute(1, 2, 0).numpy()
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
