"""One midpoint subdivision step of a whole model: every triangle becomes four, the bases follow linearly."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.procedural.template import position_code
from synthgen.morphable.template import SurfacePoints, Template


def _edges(triangles: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Distinct edges (E, 2) and, per triangle, the numbers (T, 3) of its edges ab, bc, ca."""
    directed = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges, inverse = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True)
    return edges.astype(np.int32), inverse.reshape(-1, 3).astype(np.int32)


def _children(corner: NDArray[Any], middle: NDArray[Any]) -> NDArray[Any]:
    """Four children per triangle (T * 4, 3, ...) from corner and edge-middle values (T, 3, ...); a, b, c, centre."""
    a, b, c = (corner[:, k] for k in range(3))
    ab, bc, ca = (middle[:, k] for k in range(3))
    children = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.stack([np.stack(child, axis=1) for child in children], axis=1).reshape(-1, *corner.shape[1:])


def _child_points(points: SurfacePoints) -> SurfacePoints:
    """The same surface points on the children."""
    weights = points.barycentric.astype(np.float64)
    child = np.where(weights.max(axis=1) >= 0.5, weights.argmax(axis=1), 3)
    corner = 2.0 * weights - np.eye(4, 3)[child]
    centre = 1.0 - 2.0 * np.roll(weights, -2, axis=1)  # (ab, bc, ca) lie opposite to (c, a, b)
    inside = np.where((child == 3)[:, None], centre, corner)
    return SurfacePoints((points.triangle * 4 + child).astype(np.int32), inside.astype(np.float32))


def subdivide_template(template: Template, mean: NDArray[np.float32]) -> Template:
    """The template of the subdivided mesh, whose mean vertices are `mean` (V', 3)."""
    _, numbers = _edges(template.triangles)
    first_new = len(template.pncc)
    triangles = _children(template.triangles, numbers + first_new)
    uv = template.uv
    count = 4 * template.label_count
    return Template(
        triangles=triangles,
        label_count=count,
        uv=_children(uv, 0.5 * (uv + np.roll(uv, -1, axis=1))),
        parts=np.repeat(template.parts, 4),
        pncc=position_code(mean, triangles[:count]),
        landmarks={name: _child_points(points) for name, points in template.landmarks.items()},
        contours=template.contours,
    )


def subdivide_model(model: MorphableModel) -> MorphableModel:
    """The model with a vertex in the middle of every edge; new vertices are numbered after the old ones."""
    edges, _ = _edges(model.template.triangles)

    def with_middles(values: NDArray[np.float32]) -> NDArray[np.float32]:
        middles = np.float32(0.5) * (values[..., edges[:, 0], :] + values[..., edges[:, 1], :])
        return np.concatenate([values, middles], axis=-2)

    mean = with_middles(model.mean)
    return replace(
        model,
        name=model.name.replace("base", "fine"),
        mean=mean,
        identity_basis=with_middles(model.identity_basis),
        expression_basis=with_middles(model.expression_basis),
        template=subdivide_template(model.template, mean),
    )
