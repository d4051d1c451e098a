"""Smooth displacement fields of the whole head: the space in which identities differ."""

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.procedural.blend import smooth_step
from synthgen.morphable.procedural.eyes import globe_centre
from synthgen.morphable.procedural.mesh import HeadMesh

# (sigma in mm, amplitude in mm, spacing of centres in mm, only in front of this z) of the Gaussian kernels.
SCALES = ((75.0, 2.6, 62.0, -200.0), (34.0, 1.1, 30.0, 20.0), (16.0, 0.9, 14.0, 64.0))
# The shoulders follow what the kernels of the head and neck leave for them, mm.
SHOULDER_Y = -151.0
# Left-right asymmetry relative to the symmetric part.
ASYMMETRY = 0.12
FINEST_ASYMMETRY = 30.0  # mm; finer scales are symmetric
# Lids move with their globe within the first radius and freely beyond the second, mm from its centre.
LID_ZONE = (15.0, 29.0)


def _centres(vertices: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """Well-spread vertices (C, 3) with x >= 0: greedy, each at least `spacing` from those before it."""
    left = vertices[vertices[:, 0] >= -1e-6]
    chosen: list[NDArray[np.float64]] = []
    distance = np.full(len(left), np.inf)
    nearest = int(left[:, 2].argmax())
    while distance[nearest] > spacing or not chosen:
        chosen.append(left[nearest])
        distance = np.minimum(distance, np.linalg.norm(left - left[nearest], axis=1))
        nearest = int(distance.argmax())
    return np.stack(chosen)


def _mirrored_kernels(
    points: NDArray[np.float64], centres: NDArray[np.float64], sigma: float
) -> list[NDArray[np.float64]]:
    """Gaussian weights (N, C) around the centres and around their mirror images."""
    flip = np.array([-1.0, 1.0, 1.0])
    return [np.exp(-0.5 * ((points[:, None] - c[None]) ** 2).sum(-1) / sigma**2) for c in (centres, centres * flip)]


def _scale_fields(mesh: HeadMesh, scale: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """Fields (B, V, 3), mm per standard deviation, of one scale: symmetric ones, then asymmetric ones."""
    sigma, amplitude, spacing, front = scale
    skin = mesh.vertices[: len(mesh.grid.t)]
    skin = skin[skin[:, 1] > SHOULDER_Y]
    centres = _centres(skin[skin[:, 2] > front], spacing)
    near, far = _mirrored_kernels(mesh.vertices, centres, sigma)
    # The same spread everywhere, on the midline too, where a kernel and its mirror image coincide.
    scatter = np.sqrt(((near + far) ** 2).sum(axis=1) + 0.3)[:, None]
    near, far = near / scatter, far / scatter
    fields = []
    for sign, strength in ((1.0, 1.0), (-1.0, ASYMMETRY))[: 1 if sigma < FINEST_ASYMMETRY else 2]:
        for axis in range(3):
            mirror = -sign if axis == 0 else sign
            weight = strength * amplitude * (near + mirror * far).T
            field = np.zeros((len(centres), *mesh.vertices.shape))
            field[..., axis] = weight
            fields.append(field)
    return np.concatenate(fields)


def _follow_globes(fields: NDArray[np.float64], mesh: HeadMesh) -> NDArray[np.float64]:
    """The fields with globes moving as rigid bodies and lids keeping their distance from them."""
    fields = fields.copy()
    for number, side in enumerate((-1, 1)):
        island, centre = mesh.globes[number], globe_centre(side)
        carried = fields[:, island.first : island.stop].mean(axis=1)
        offset = mesh.vertices - centre
        distance = np.linalg.norm(offset, axis=1)
        outward = offset / np.maximum(distance, 1e-9)[:, None]
        hold = smooth_step(distance, LID_ZONE[1], LID_ZONE[0])
        near = np.flatnonzero(hold > 0.0)
        relative = fields[:, near] - carried[:, None]
        radial = np.einsum("bvc,vc->bv", relative, outward[near]) * hold[near]
        fields[:, near] -= radial[..., None] * outward[near]
        fields[:, island.first : island.stop] = carried[:, None]
        socket = mesh.shell.sleeves[1 + number].vertices
        steps = np.arange(len(socket))
        rigid = np.clip(0.5 * np.minimum(steps, steps[::-1]), 0.0, 1.0)[:, None, None]
        fields[:, socket] = (1.0 - rigid) * fields[:, socket] + rigid * carried[:, None, None]
    return fields


def smooth_fields(mesh: HeadMesh) -> NDArray[np.float64]:
    """Fields (B, V, 3), mm per standard deviation, with independent N(0, 1) coefficients a priori."""
    fields = np.concatenate([_scale_fields(mesh, scale) for scale in SCALES])
    return _follow_globes(fields, mesh)
