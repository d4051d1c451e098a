"""The morphable model of a dataset as the losses on its 62 parameters need it."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.dataset.reader import Dataset
from synthgen.labels.parameters import shape_basis_62
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import evaluate_points
from synthgen.recipe.schema import Recipe
from training.losses.shape_model import ShapeModel


def dataset_statistics(dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (62,) of the parameters of a dataset; deviations of 0 are 1.

    Raises UsageError for one without parameters, such as of perspective cameras.
    """
    mean, stddev = dataset.parameter_statistics()
    stddev = np.where(stddev > 0, stddev, 1.0)
    return torch.from_numpy(mean).float(), torch.from_numpy(stddev).float()


def dataset_model(dataset: Dataset) -> MorphableModel:
    """The model that a dataset was made with. Raises ModelError."""
    return open_model(Recipe.model_validate(dataset.recipe).model)


def landmark_shape_model(model: MorphableModel, statistics: tuple[torch.Tensor, torch.Tensor]) -> ShapeModel:
    """The 68 landmarks alone."""
    points = model.template.landmarks["ibug68"]

    def at(vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        return evaluate_points(points, model.template.triangles, vertices.astype(np.float64))

    return _shape_model(model, statistics, at)


def vertex_shape_model(
    model: MorphableModel, statistics: tuple[torch.Tensor, torch.Tensor], rows: NDArray[np.integer] | None = None
) -> ShapeModel:
    """Some vertices, or all."""
    rows = np.arange(len(model.mean)) if rows is None else rows
    return _shape_model(model, statistics, lambda vertices: vertices[..., rows, :].astype(np.float64))


def _shape_model(
    model: MorphableModel,
    statistics: tuple[torch.Tensor, torch.Tensor],
    at: Callable[[NDArray[np.floating]], NDArray[np.floating]],
) -> ShapeModel:
    mean, basis = shape_basis_62(model, at)
    return ShapeModel(torch.from_numpy(mean).float(), torch.from_numpy(np.moveaxis(basis, 0, -1)).float(), *statistics)


def in_picture(posed: torch.Tensor, height: int) -> torch.Tensor:
    """(B, N, 2) px of posed vertices (B, N, 3), whose y runs up and whose pixels count from 1 (label parameters_62)."""
    return torch.stack([posed[..., 0] - 0.5, height + 0.5 - posed[..., 1]], dim=-1)
