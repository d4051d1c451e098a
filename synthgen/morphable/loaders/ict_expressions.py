"""The ten expression numbers of ICT-FaceKit: a principal component analysis of sampled, plausible expressions."""

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 10
_SAMPLES = 4000
_SEED = 53


def sample_weights(names: tuple[str, ...], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count, E) weights in [0, 1]: one to four movements at once, left and right nearly alike.

    mouthClose is the counterpart of jawOpen and never exceeds it.
    """
    stems = [name.removesuffix("_L").removesuffix("_R") for name in names]
    movements = sorted(set(stems) - {"mouthClose"})
    weights = np.zeros((count, len(names)))
    for row in range(count):
        for movement in rng.choice(len(movements), size=min(int(rng.integers(1, 5)), len(movements)), replace=False):
            strength = rng.random()
            for column, stem in enumerate(stems):
                if stem == movements[movement]:
                    weights[row, column] = np.clip(strength + 0.1 * rng.standard_normal(), 0.0, 1.0)
    if "mouthClose" in stems and "jawOpen" in stems:
        closing = rng.random(count) * (rng.random(count) < 0.3)
        weights[:, stems.index("mouthClose")] = closing * weights[:, stems.index("jawOpen")]
    return weights


def expression_components(
    names: tuple[str, ...], basis: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean weights (E,) and (10, E) rows: the components of sampled weights in standard deviations.

    basis: (E, V, 3) mm; the components are those of the vertices' movement, largest first. Rows beyond the rank are 0.
    """
    rng = np.random.Generator(np.random.Philox(_SEED))
    weights = sample_weights(names, _SAMPLES, rng)
    mean = weights.mean(axis=0)
    flat = np.asarray(basis, np.float64).reshape(len(names), -1)
    # Components of the movement W B are eigenvectors of L' cov(W) L with L L' = B B'.
    lower = np.linalg.cholesky(flat @ flat.T + 1e-6 * np.eye(len(names)))
    variance, vectors = np.linalg.eigh(lower.T @ np.cov(weights, rowvar=False) @ lower)
    largest = np.argsort(variance)[::-1][:COMPONENTS]
    rows = np.zeros((COMPONENTS, len(names)))
    kept = variance[largest] > 1e-9
    rows[: len(largest)][kept] = ((lower @ vectors[:, largest]) / np.sqrt(np.maximum(variance[largest], 1e-9))).T[kept]
    # A fixed sign: the largest weight of each row is positive.
    sign = np.sign(rows[np.arange(COMPONENTS), np.abs(rows).argmax(axis=1)])
    return mean.astype(np.float32), (rows * np.where(sign == 0, 1.0, sign)[:, None]).astype(np.float32)
