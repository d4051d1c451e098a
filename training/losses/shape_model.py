"""The part of a morphable model that losses on the 62 parameters need, and its vertices."""

from dataclasses import dataclass

import torch

POSE, ROWS, COLUMNS = 12, 3, 4
DEPTH = 11  # index of t_z in the row-major 3 x 4 pose


@dataclass(frozen=True)
class ShapeModel:
    """mean: (N, 3) and basis: (N, 3, 50), mm and mm per standard deviation: 40 of identity, then 10 of expression.

    center, scale: (62,), mean and standard deviation of the parameters over the training set; a network's outputs are
    (parameters - center) / scale. `scale` of an index that is constant is 1.
    """

    mean: torch.Tensor
    basis: torch.Tensor
    center: torch.Tensor
    scale: torch.Tensor

    def parameters(self, outputs: torch.Tensor) -> torch.Tensor:
        """(B, 62) parameters of z-scored outputs (B, 62)."""
        return outputs * self.scale + self.center

    def to(self, device: torch.device) -> "ShapeModel":
        """The same on a device; itself where it is there."""
        if self.mean.device == device:
            return self
        return ShapeModel(*(getattr(self, name).to(device) for name in ("mean", "basis", "center", "scale")))

    def subset(self, rows: torch.Tensor) -> "ShapeModel":
        """The model of some vertices alone, rows (M,) int64."""
        return ShapeModel(self.mean[rows], self.basis[rows], self.center, self.scale)


def split(parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pose [f R | t] (B, 3, 4) and coefficients (B, 50) of parameters (B, 62)."""
    return parameters[:, :POSE].reshape(-1, ROWS, COLUMNS), parameters[:, POSE:]


def shapes(model: ShapeModel, coefficients: torch.Tensor) -> torch.Tensor:
    """(B, N, 3) mm: unposed vertices of coefficients (B, 50)."""
    return model.mean + torch.einsum("nik,bk->bni", model.basis, coefficients)


def posed(pose: torch.Tensor, shape: torch.Tensor) -> torch.Tensor:
    """(B, N, 3) px: vertices (B, N, 3) by poses (B, 3, 4) (tddfa_v2 equation 5)."""
    return shape @ pose[:, :, :3].transpose(1, 2) + pose[:, None, :, 3]


def vertices(model: ShapeModel, parameters: torch.Tensor) -> torch.Tensor:
    """(B, N, 3) px of parameters (B, 62)."""
    pose, coefficients = split(parameters)
    return posed(pose, shapes(model, coefficients))


def displacements(model: ShapeModel, outputs: torch.Tensor, targets: torch.Tensor, axes: int = ROWS) -> torch.Tensor:
    """(B, 62) px: how far vertices move, all together, when one of the true parameters alone is the predicted one.

    outputs, targets: (B, 62), z-scored; axes: 3 in space, 2 in the picture. Reconstructs the vertices 62 times.
    """
    predicted, true = model.parameters(outputs), model.parameters(targets)
    right = vertices(model, true)[..., :axes]
    moved = []
    for number in range(true.shape[1]):
        degraded = true.clone()
        degraded[:, number] = predicted[:, number]
        moved.append((vertices(model, degraded)[..., :axes] - right).flatten(1).norm(dim=1))
    return torch.stack(moved, dim=1)
