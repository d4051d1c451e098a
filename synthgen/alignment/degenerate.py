"""Problems that have no answer: why a set of correspondences, or a fit to it, is not to be used."""

import numpy as np

from synthgen.alignment.solver import Array, Quadratic

FEWEST = 6  # a pose with a focal length has seven unknowns, a point gives two equations
_THIN = 0.02  # points whose spread across a line is this share of that along it are on a line
_LEAST_EIGENVALUE = 1e-11  # of a Hessian of unit diagonal: below, rounding decides


def unusable_points(points: Array, surface: Array) -> str:
    """Why correspondences (2, K) px of surface points (3, K) mm determine no pose, or nothing."""
    count = points.shape[1]
    if count == 0:
        return "no correspondence: no matchable pixel leads to the mean face; does the picture show a face?"
    if count < FEWEST:
        return f"{count} correspondences; a pose needs at least {FEWEST}"
    for name, places in (("picture", points), ("head", surface)):
        offset = places - places.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.maximum(np.linalg.eigvalsh(offset @ offset.T)[::-1], 0.0))
        if not spread[1] > _THIN * spread[0]:
            return f"the {count} correspondences lie on a line of the {name}, which leaves the pose open"
    return ""


def undetermined(model: Quadratic) -> np.ndarray:
    """(N,) bool: some unknowns could be anything, because neither correspondences nor priors hold them."""
    diagonal = np.einsum("npp->np", model.hessian)
    usable = np.isfinite(model.hessian).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
    root = np.sqrt(np.where(usable[:, None], diagonal, 1.0))
    scaled = np.where(usable[:, None, None], model.hessian, np.eye(diagonal.shape[1]))
    scaled = scaled / (root[:, :, None] * root[:, None, :])
    return ~usable | (np.linalg.eigvalsh(scaled)[:, 0] < _LEAST_EIGENVALUE)
