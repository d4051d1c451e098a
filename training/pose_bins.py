"""Balancing by pose (Rayhan 2020, section 3.2; Feng et al. 2018): shapes in bins along their first principal axis."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def procrustes(shapes: Floats) -> Floats:
    """(N, K, 2) shapes moved, turned and scaled onto their mean, in one pass (no reflection)."""
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    reference = centred.mean(axis=0)
    # In the complex plane a turn and a scale are one number, and the best one a ratio.
    points, goal = centred[..., 0] + 1j * centred[..., 1], reference[:, 0] + 1j * reference[:, 1]
    factor = (np.conj(points) * goal).sum(axis=1) / np.maximum((np.abs(points) ** 2).sum(axis=1), 1e-12)
    aligned = points * factor[:, None]
    return np.stack([aligned.real, aligned.imag], axis=-1)


def pose_bins(shapes: Floats, count: int = 9, axis: int = 1, folded: bool = False) -> NDArray[np.int64]:
    """(N,) bin of each shape (N, K, 2): equal widths of its place on a principal axis of the aligned shapes.

    axis: which, 1 is the first; on faces that is yaw. The code of pose-based data balancing takes the second for
    AFLW's 19 points. folded: its bins of the distance from the mean, which merge both profiles, as that code has it;
    the papers do not say so (CONVENTIONS I).
    """
    flat = procrustes(shapes).reshape(len(shapes), -1)
    flat = flat - flat.mean(axis=0)
    place = flat @ np.linalg.svd(flat, full_matrices=False)[2][axis - 1]
    if folded:
        place = np.abs(place)
    low, high = 0.0 if folded else place.min(), place.max()
    scaled = (place - low) / max(high - low, 1e-12) * count
    return np.minimum(scaled.astype(np.int64), count - 1)


def mean_of_bin_means(shapes: Floats, bins: NDArray[np.int64]) -> Floats:
    """(K, 2): the mean over the bins that hold shapes of the mean shape of each."""
    means = [shapes[bins == number].mean(axis=0) for number in np.unique(bins)]
    return np.mean(means, axis=0)


def balanced(bins: NDArray[np.int64], how: str, random: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of the samples of a balanced set, in order.

    how: "none", "undersample" (as many of each bin as the smallest has) or "replicate" (each bin repeated a whole
    number of times, towards the largest).
    """
    numbers = [np.flatnonzero(bins == number) for number in np.unique(bins)]
    if how == "undersample":
        least = min(len(members) for members in numbers)
        chosen = [random.choice(members, least, replace=False) for members in numbers]
    elif how == "replicate":
        most = max(len(members) for members in numbers)
        chosen = [np.repeat(members, round(most / len(members))) for members in numbers]
    else:
        chosen = numbers
    return np.sort(np.concatenate(chosen))
