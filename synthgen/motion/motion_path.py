"""What happens from frame to frame of a clip (tddfa_v2 section 2.4): sampled steps, and where they have led.

Frame 0 is the still, x_0; x_j = (T o F)(x_{j-1}). T is equation 8, a similarity of the picture whose translation is
scaled too. F is face profiling: the head turns by a step of yaw and pitch, which add up over the frames, each as an
Euler angle of the head (core.conventions), about its centroid, whose image stays. Roll comes last among the Euler
angles, so the steps of T change nothing in what those of F mean, and both are composed by themselves.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.seeds import Stream, rng
from synthgen.geometry.rotation import euler_from_rotation, rotation_from_euler
from synthgen.geometry.similarity import Similarity, about, compose, identity_similarity, inverse
from synthgen.recipe.distributions import Distribution
from synthgen.recipe.photo_sections import Video

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MotionPath:
    """The steps of a clip of F frames; row j leads from frame j - 1 to frame j, row 0 to nothing.

    scale: (F,) factors; rotation: (F,) radians, > 0 counter-clockwise as seen; translation: (F, 2) px, before scaling;
    yaw, pitch: (F,) radians, of the head out of the plane. noise: (F,) standard deviations in 8-bit levels.
    blur: (F,) length of the motion blur in times the motion between two frames.
    """

    scale: Array
    rotation: Array
    translation: Array
    yaw: Array
    pitch: Array
    noise: Array
    blur: Array

    def __len__(self) -> int:
        return len(self.scale)


def sample_motion(section: Video, seed: int, index: int) -> MotionPath:
    """The motion of clip `index`, a function of the arguments alone.

    `smooth`: one velocity per clip, drawn from the section's ranges (of the scale: the factor less 1); from step to
    step each of its numbers is multiplied by one in [1 - change, 1 + change] and never leaves its range. All frames
    have the same noise and length of blur, as those of one camera. `iid`: every step is drawn by itself, and frame 0 is
    the still as it is (the paper's text).
    """
    random = rng(seed, index, Stream.MOTION)
    angles = (section.rotation_deg, section.yaw_deg, section.pitch_deg)
    ranges = (section.scale, *angles, section.translation, section.translation)
    steps = section.frames - 1
    rows = np.array([_draw(entry, section, steps, random, float(n == 0)) for n, entry in enumerate(ranges)])
    scale, rotation, yaw, pitch, right, down = np.concatenate([_still(len(rows)), rows], axis=1)
    noise = np.full(section.frames, section.noise.draw(random))
    blur = np.full(section.frames, section.blur.draw(random))
    if section.motion == "iid":
        noise[0] = blur[0] = 0.0
    turns = np.radians([rotation, yaw, pitch])
    return MotionPath(scale, turns[0], np.stack([right, down], axis=1), turns[1], turns[2], noise, blur)


def picture_motions(path: MotionPath, centre: Array | None) -> Similarity:
    """How each of the F frames has moved in its plane from the still: T_j ... T_1, and nothing for frame 0.

    centre: (2,) px, the face in the still, about which, wherever it is by then, scale and rotation happen; None: about
    the picture's origin, its top-left corner, as equation 8 is printed.
    """
    moved = identity_similarity(1)
    place = np.zeros((1, 2)) if centre is None else np.asarray(centre, np.float64)[None]
    motions = [moved]
    for j in range(1, len(path)):
        step = _step(path, j, place)
        moved = compose(step, moved)
        motions.append(moved)
        if centre is not None:
            place = place + path.scale[j] * path.translation[j]
    return _joined(motions)


def head_rotations(path: MotionPath, rotation: Array) -> Array:
    """(F, 3, 3) rotations, world axes, of a head that starts at `rotation` (3, 3), without those of the picture.

    A frame whose turns add up to nothing has the still's own rotation, to the last bit.
    """
    euler = euler_from_rotation(rotation) + np.stack([np.cumsum(path.pitch), np.cumsum(path.yaw), 0 * path.yaw], axis=1)
    return np.where(is_turned(path)[:, None, None], rotation_from_euler(euler), rotation)


def is_turned(path: MotionPath) -> NDArray[np.bool_]:
    """(F,) whether the head of a frame is turned out of the plane against the still."""
    turned: NDArray[np.bool_] = (np.cumsum(path.pitch) != 0.0) | (np.cumsum(path.yaw) != 0.0)
    return turned


def velocities(motions: Similarity) -> Array:
    """(F, 2, 3) affine maps from a point of frame j to how far it moves, px, in the time between two frames.

    The mean of its way from the frame before and its way to the next one; at the ends of the clip, the one there is.
    """
    count = len(motions.scale)
    way = np.zeros((count, 2, 3))
    for j in range(count):
        ways = [_matrix(compose(_row(motions, k), inverse(_row(motions, j)))) for k in (j - 1, j + 1) if 0 <= k < count]
        here = np.eye(2, 3)
        signs = [sign for k, sign in ((j - 1, -1.0), (j + 1, 1.0)) if 0 <= k < count]
        way[j] = np.mean([sign * (matrix - here) for sign, matrix in zip(signs, ways, strict=True)], axis=0)
    return way


def motion_record(path: MotionPath, digits: int) -> dict[str, Any]:
    """The steps as lists of F numbers, and what the camera did, for the table of samples; angles in degrees."""
    angles = {"rotation": path.rotation, "yaw": path.yaw, "pitch": path.pitch}
    lists = {"step_scale": path.scale, "step_x": path.translation[:, 0], "step_y": path.translation[:, 1]}
    lists |= {f"step_{name}_deg": np.degrees(values) for name, values in angles.items()}
    lists |= {"noise": path.noise, "blur": path.blur}
    return {name: values.round(digits).tolist() for name, values in lists.items()}


def _draw(section_range: Distribution, section: Video, steps: int, random: np.random.Generator, rest: float) -> Array:
    """(steps,) values of one of the moving numbers; rest: the value that stands for no motion."""
    if section.motion == "iid":
        return section_range.sample(random, steps)
    low, high = section_range.bounds()
    values = np.empty(steps)
    values[0] = section_range.draw(random)
    for j, change in enumerate(random.uniform(-section.change, section.change, steps - 1), start=1):
        values[j] = np.clip(rest + (values[j - 1] - rest) * (1.0 + change), low, high)
    return values


def _still(rows: int) -> Array:
    """(rows, 1): the first of the moving numbers, the scale, at 1, the others at 0."""
    return np.eye(rows, 1)


def _step(path: MotionPath, j: int, centre: Array) -> Similarity:
    """T of equation 8 about a centre (1, 2): x' = centre + s (R (x - centre) + t)."""
    scale, angle = path.scale[j : j + 1], path.rotation[j : j + 1]
    return about(centre, scale, angle, scale[:, None] * path.translation[j : j + 1])


def _row(motions: Similarity, j: int) -> Similarity:
    return Similarity(motions.scale[j : j + 1], motions.angle[j : j + 1], motions.shift[j : j + 1])


def _matrix(motion: Similarity) -> Array:
    """(2, 3) of a batch of one."""
    matrix: Array = motion.matrix[0]
    return matrix


def _joined(motions: list[Similarity]) -> Similarity:
    return Similarity(
        np.concatenate([motion.scale for motion in motions]),
        np.concatenate([motion.angle for motion in motions]),
        np.concatenate([motion.shift for motion in motions]),
    )
