"""The procedural head as a morphable model: the default that needs no download and no licence form."""

from typing import Literal

import numpy as np

from synthgen.morphable.model import MorphableModel
from synthgen.morphable.procedural.expression_pca import expression_coordinates
from synthgen.morphable.procedural.expressions import MOVEMENTS, expression_basis
from synthgen.morphable.procedural.identity import identity_basis, narrowed_prior, published_mean
from synthgen.morphable.procedural.mesh import build_mesh
from synthgen.morphable.procedural.subdivide import subdivide_model
from synthgen.morphable.procedural.template import build_template
from synthgen.morphable.procedural.warps import smooth_fields

Resolution = Literal["base", "fine"]


def build_procedural_model(resolution: Resolution = "base") -> MorphableModel:
    """The procedural head: 40 identity and 10 expression components, equal on every call.

    resolution: "base" (about 11,400 vertices) or "fine" (one midpoint subdivision of it, about 45,700).
    """
    if resolution not in ("base", "fine"):
        raise ValueError(f"resolution is {resolution!r}; expected 'base' or 'fine'")
    mesh = build_mesh()
    fields = smooth_fields(mesh)
    prior = narrowed_prior(mesh, fields)
    mean = published_mean(mesh, fields, prior)
    identity = identity_basis(mesh, mean, fields, prior)
    expressions = expression_basis(mesh)
    pca_mean, pca = expression_coordinates(expressions)
    model = MorphableModel(
        name="procedural-base",
        mean=mean.astype(np.float32),
        identity_basis=identity.astype(np.float32),
        expression_basis=expressions.astype(np.float32),
        expression_names=tuple(MOVEMENTS),
        expression_unit="weight",
        expression_range=np.tile(np.array([0.0, 1.0], np.float32), (len(MOVEMENTS), 1)),
        expression_pca_mean=pca_mean.astype(np.float32),
        expression_pca=pca.astype(np.float32),
        identity_stddev=np.ones(len(identity), np.float32),
        expression_stddev=np.ones(len(MOVEMENTS), np.float32),
        template=build_template(mesh, mean),
        licence="Apache-2.0",
        source="synthgen's own procedural head; proportions from published anthropometric surveys",
    )
    return subdivide_model(model) if resolution == "fine" else model
