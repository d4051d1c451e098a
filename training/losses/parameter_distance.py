"""WPDC and fWPDC, the weighted parameter distance cost (tddfa_v2 equations 6 and 7, algorithm 2)."""

import torch

from training.losses.shape_model import COLUMNS, DEPTH, POSE, ShapeModel, displacements, shapes, split

LEAST = 1e-6  # added to the weights by the authors' code, so that equal parameters do not divide 0 by 0


def weighted_parameter_distance(
    outputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, squared: bool = True
) -> torch.Tensor:
    """Mean over the batch of sum (w (p - p_g))^2 of z-scored parameters (B, 62), with weights (B, 62) held constant.

    squared: the paper's equation 6; False weighs with w instead of w^2 and means over the 62, as the authors' code.
    """
    difference = (outputs - targets).square()
    weights = weights.detach()
    if squared:
        return (weights.square() * difference).sum(dim=1).mean()
    return (weights * difference).mean()


def wpdc_weights(
    outputs: torch.Tensor, targets: torch.Tensor, model: ShapeModel, own_depth: bool = False
) -> torch.Tensor:
    """(B, 62) weights by their definition, equation 7: how far vertices move when one parameter alone is wrong.

    Reconstructs the vertices 62 times: `fwpdc_weights` gives the same for similarities, ten times faster. own_depth:
    t_z has its weight too, the letter of the equation; False is the authors' code, since pictures do not show it.
    """
    return _normalised(displacements(model, outputs, targets), own_depth)


def fwpdc_weights(
    outputs: torch.Tensor,
    targets: torch.Tensor,
    model: ShapeModel,
    constant_scale: float | None = None,
    own_depth: bool = False,
) -> torch.Tensor:
    """(B, 62) weights by algorithm 2: one reconstruction, and norms of the rows of S and of the columns of A.

    The scale factor f is that of the true pose, the mean norm of its rows; for a similarity it is the norm of each,
    and the result is that of `wpdc_weights`. constant_scale: px per mm for all faces instead, as the authors' code.
    """
    predicted, true = model.parameters(outputs), model.parameters(targets)
    pose, coefficients = split(true)
    shape = shapes(model, coefficients)
    by_column = torch.cat([shape.norm(dim=1), shape.new_full((len(shape), 1), shape.shape[1] ** 0.5)], dim=1)
    difference = (predicted - true).abs()
    scale = pose[:, :, :3].norm(dim=2).mean(dim=1, keepdim=True)
    if constant_scale is not None:
        scale = torch.full_like(scale, constant_scale)
    by_pose = difference[:, :POSE] * by_column.repeat(1, POSE // COLUMNS)
    by_shape = difference[:, POSE:] * scale * model.basis.flatten(0, 1).norm(dim=0)
    return _normalised(torch.cat([by_pose, by_shape], dim=1), own_depth)


def _normalised(weights: torch.Tensor, own_depth: bool) -> torch.Tensor:
    """Divided by each sample's largest, among which t_z is only where it counts."""
    weights = weights + LEAST
    if not own_depth:
        weights[:, DEPTH] = 0.0
    return weights / weights.amax(dim=1, keepdim=True)
