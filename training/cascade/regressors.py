"""Cascaded refinement of landmarks by linear regression from image features (Xiong & De la Torre 2013).

The role that MDM and AAM play in densereg's figure 7: features are extracted anew about the points of every step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import UsageError
from synthgen.predict.landmark_shapes import LandmarkShapes
from training.cascade.descriptors import Array, Floats, Patches, describe, frames_of

# Half the sides of the patches, step by step: first what is far off, then what is near.
REACHES = (0.6, 0.45, 0.32, 0.25)


@dataclass(frozen=True)
class Step:
    """One regression. weight: (features + 1, 2 K) float32, of features and of 1, to moves in sizes of the shape."""

    patches: Patches
    weight: Floats


@dataclass(frozen=True)
class Cascade:
    """shapes: mean and principal components of the training shapes; steps: in order."""

    shapes: LandmarkShapes
    steps: tuple[Step, ...]

    def refine(self, pictures: Floats, points: Array) -> Array:
        """(S + 1, N, K, 2) px: the start, and the points after every step. pictures: (N, H, W) grey in [0, 1]."""
        found = [np.asarray(points, np.float64)]
        for step in self.steps:
            found.append(_moved(found[-1], pictures, self.shapes.mean, step))
        return np.stack(found)


@dataclass(frozen=True)
class CascadeOptions:
    """reaches: of the patches of each step, at least three; cells: of a patch a side; ridge: of the regression, in
    shares of the mean power of a feature."""

    reaches: tuple[float, ...] = REACHES
    cells: int = 3
    ridge: float = 0.05


def train_cascade(
    pictures: Floats,
    truth: Array,
    starts: tuple[NDArray[np.int64], Array],
    shapes: LandmarkShapes,
    options: CascadeOptions | None = None,
    progress: Callable[[int, float], None] = lambda step, error: None,
) -> Cascade:
    """A cascade that leads starts to the truth.

    pictures: (N, H, W) grey; truth: (N, K, 2) px; starts: numbers (M,) of the pictures and points (M, K, 2) px, several
    of each picture. progress: told (step, mean distance in sizes of the shape). Raises UsageError for fewer than three
    steps.
    """
    options = options or CascadeOptions()
    if len(options.reaches) < 3:
        raise UsageError(f"a cascade of {len(options.reaches)} steps; expected at least three")
    rows, points = starts
    goal = truth[rows]
    steps: list[Step] = []
    for number, reach in enumerate(options.reaches):
        patches = Patches(reach, options.cells)
        moves = _moves(points, goal, shapes.mean)
        weight = _ridge(
            (describe(pictures[rows[part]], points[part], shapes.mean, patches) for part in _parts(len(rows))),
            [moves[part] for part in _parts(len(rows))],
            options.ridge,
        )
        step = Step(patches, weight)
        steps.append(step)
        points = np.concatenate(
            [_moved(points[part], pictures[rows[part]], shapes.mean, step) for part in _parts(len(rows))]
        )
        size = np.abs(frames_of(goal, shapes.mean).turn)
        progress(number + 1, float((np.linalg.norm(points - goal, axis=-1).mean(axis=1) / size).mean()))
    return Cascade(shapes, tuple(steps))


def _moves(points: Array, goal: Array, mean: Array) -> Floats:
    """(M, 2 K) from points to goals in the frames of the points, which turn and scale with them."""
    frames = frames_of(points, mean)
    return (frames.into_frame(goal) - frames.into_frame(points)).reshape(len(points), -1).astype(np.float32)


def _moved(points: Array, pictures: Floats, mean: Array, step: Step) -> Array:
    frames = frames_of(points, mean)
    features = describe(pictures, points, mean, step.patches)
    moves = features @ step.weight[:-1] + step.weight[-1]
    return frames.into_picture(frames.into_frame(points) + moves.reshape(points.shape))


def _parts(count: int, size: int = 512) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _ridge(features: Iterable[Floats], moves: list[Floats], ridge: float) -> Floats:
    """(F + 1, 2 K): least squares with a prior; the mean moves freely."""
    normal: Array | None = None
    for part, target in zip(features, moves, strict=True):
        one = np.concatenate([part, np.ones((len(part), 1), np.float32)], axis=1)
        if normal is None:
            normal = np.zeros((one.shape[1], one.shape[1]))
            right = np.zeros((one.shape[1], target.shape[1]))
        normal += one.T @ one
        right += one.T @ target
    assert normal is not None
    power = np.trace(normal[:-1, :-1]) / (len(normal) - 1)
    normal[np.arange(len(normal) - 1), np.arange(len(normal) - 1)] += ridge * power
    return np.linalg.solve(normal, right).astype(np.float32)
