"""A model of principal components, which most published ones are, from arrays in this project's units."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import ModelError
from synthgen.morphable.loaders.face_template import build_face_template
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.template import SurfacePoints, Template

RANGE = 3.0  # standard deviations that are useful for one component


@dataclass(frozen=True)
class Components:
    """mean: (V, 3) mm; identity: (I, V, 3) and expression: (E, V, 3), mm per standard deviation.

    identity_stddev: (I,) and expression_stddev: (E,), the publisher's coefficient per standard deviation.
    """

    mean: NDArray[np.floating]
    identity: NDArray[np.floating]
    expression: NDArray[np.floating]
    identity_stddev: NDArray[np.floating]
    expression_stddev: NDArray[np.floating]


@dataclass(frozen=True)
class Origin:
    """What a user must know of a model before passing data on."""

    name: str
    licence: str
    source: str


def stddev_model(components: Components, template: Template, origin: Origin) -> MorphableModel:
    """The model whose coefficients are all standard deviations; its ten expression numbers are the first ten."""
    count = len(components.expression)
    return MorphableModel(
        name=origin.name,
        mean=components.mean.astype(np.float32),
        identity_basis=components.identity.astype(np.float32),
        expression_basis=components.expression.astype(np.float32),
        expression_names=tuple(f"component{number:02d}" for number in range(count)),
        expression_unit="stddev",
        expression_range=np.tile(np.array([-RANGE, RANGE], np.float32), (count, 1)),
        expression_pca_mean=np.zeros(count, np.float32),
        expression_pca=np.eye(10, count, dtype=np.float32),
        identity_stddev=components.identity_stddev.astype(np.float32),
        expression_stddev=components.expression_stddev.astype(np.float32),
        template=template,
        licence=origin.licence,
        source=origin.source,
    )


def face_template(
    where: Path,
    mean: NDArray[np.floating],
    triangles: NDArray[np.integer],
    landmarks: NDArray[np.integer] | SurfacePoints,
) -> Template:
    """`build_face_template` of a mean (V, 3), mm, whose ModelError names the file."""
    try:
        return build_face_template(mean, triangles, landmarks)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from error
