"""VDC, the vertex distance cost (tddfa_v2 equation 4)."""

import torch

from training.losses.shape_model import DEPTH, ShapeModel, vertices


def vertex_distance(
    outputs: torch.Tensor, targets: torch.Tensor, model: ShapeModel, own_depth: bool = False
) -> torch.Tensor:
    """Mean squared difference, px^2, of the coordinates of the vertices of z-scored outputs and targets (B, 62).

    own_depth: False gives the outputs the targets' t_z, as the authors' code does: scaled-orthographic pictures do not
    show it. The paper does not mention it (CONVENTIONS E1); True is its equation to the letter, but for the mean.
    """
    predicted, true = model.parameters(outputs), model.parameters(targets)
    if not own_depth:
        predicted = torch.cat([predicted[:, :DEPTH], true[:, DEPTH : DEPTH + 1], predicted[:, DEPTH + 1 :]], dim=1)
    return (vertices(model, predicted) - vertices(model, true)).square().mean()
