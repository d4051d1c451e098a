"""What a dense fit needs besides correspondences: options, a model made ready, what is known of the pictures."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.cameras import CameraModel, check_camera
from synthgen.alignment.energy import Energy
from synthgen.alignment.jaw import JawStyle
from synthgen.alignment.landmark_basis import LandmarkBasis, open_landmark_basis
from synthgen.alignment.shape_space import ShapePriors, ShapeSpace, open_shape_space
from synthgen.alignment.solver import Array
from synthgen.alignment.surface_basis import Precision, SurfaceBasis, open_surface_basis
from synthgen.alignment.temporal import TemporalScales
from synthgen.core.errors import UsageError
from synthgen.morphable.model import MorphableModel


@dataclass(frozen=True)
class AlignmentOptions:
    """How heads are fitted to correspondences.

    camera: perspective with a free focal length by default, as in the paper. energy: weights of the terms. priors: what
    the standard deviations are. outlier_px: how many pixels of a 128 px picture a correspondence may lie off at most
    before it counts less than a quarter (Geman-McClure's width, which narrows with the noise). least_accepted: share
    of the weight that must lie within it. iterations: most steps of the last stage. precision: of the large products.
    jaw: what annotated jaw points are. temporal: solve the frames of a clip together; share_identity: with one
    identity; scales: of changes.
    """

    camera: CameraModel = CameraModel("perspective", free_focal=True)
    energy: Energy = field(default_factory=Energy)
    priors: ShapePriors = ShapePriors()
    outlier_px: float = 5.0
    least_accepted: float = 0.25
    iterations: int = 20
    precision: Precision = "float32"
    jaw: JawStyle = "annotated"
    temporal: bool = False
    share_identity: bool = False
    scales: TemporalScales = TemporalScales()


@dataclass(frozen=True)
class AlignmentFitter:
    """A model made ready for fitting; use it for many batches. landmarks: None where the model has no 68 points."""

    space: ShapeSpace
    surface: SurfaceBasis
    landmarks: LandmarkBasis | None
    options: AlignmentOptions

    @property
    def unknown_count(self) -> int:
        """Numbers that are found for a picture."""
        camera = self.options.camera
        return len(self.space.lower) + (7 if camera.kind == "perspective" and camera.free_focal else 6)


@dataclass(frozen=True)
class Pictures:
    """What is known of N pictures besides correspondences.

    sizes: (N, 2), height and width, px. landmarks: (N, 68, 2) px, annotated points, NaN where there is none; None for
    none at all. clip: (N,) which clip a picture is a frame of; None: each stands alone. principal: (N, 2) px, principal
    points of perspective cameras, as of crops of photos; NaN or None for the pictures' centres.
    """

    sizes: NDArray[np.integer]
    landmarks: Array | None = None
    clip: NDArray[np.integer] | None = None
    principal: Array | None = None

    def selected(self, rows: NDArray[np.intp]) -> "Pictures":
        """What is known of some pictures."""
        return Pictures(
            self.sizes[rows],
            None if self.landmarks is None else self.landmarks[rows],
            None if self.clip is None else self.clip[rows],
            None if self.principal is None else self.principal[rows],
        )


def open_alignment(model: MorphableModel, options: AlignmentOptions | None = None) -> AlignmentFitter:
    """The parts of a model that a fit needs. Raises ModelError for a model without them, UsageError for odd options."""
    options = options or AlignmentOptions()
    check_camera(options.camera)
    if not 0 < options.outlier_px < np.inf or not 0 <= options.least_accepted <= 1 or options.iterations < 1:
        raise UsageError("expected outlier_px > 0, least_accepted from 0 to 1 and iterations >= 1")
    # The paper's prior of expressions is quadratic alone.
    priors = options.priors if options.energy.paper is None else replace(options.priors, weight_rate=0.0)
    space = open_shape_space(model, priors)
    surface = open_surface_basis(model, space, options.precision)
    with_points = "ibug68" in model.template.landmarks
    return AlignmentFitter(space, surface, open_landmark_basis(model, space) if with_points else None, options)
