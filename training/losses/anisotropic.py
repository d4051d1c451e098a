"""The anisotropic loss (Rayhan 2020, section 3.1): landmarks may slide along their curve more than leave it."""

import torch

from training.losses.landmark_curves import CurveScheme


def curve_tangents(landmarks: torch.Tensor, scheme: CurveScheme) -> torch.Tensor:
    """(B, K, 2) unit tangents at landmarks (B, K, 2), equations 4 and 5; 0 where a point is on no curve or its
    neighbours coincide. A point on two curves (a corner, or an end of two brow lines of wflw98) has the tangent of the
    last."""
    tangents = torch.zeros_like(landmarks)
    for curve in scheme.curves:
        points = landmarks[:, list(curve)]
        along = torch.empty_like(points)
        along[:, 1:-1] = points[:, 2:] - points[:, :-2]
        along[:, 0], along[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
        tangents[:, list(curve)] = torch.nn.functional.normalize(along, dim=-1, eps=1e-9)
    return tangents


def anisotropic_weights(
    landmarks: torch.Tensor, scheme: CurveScheme, along: float = 5.0, across: float = 3.0
) -> torch.Tensor:
    """(B, K, 2, 2) inverse covariances W at true landmarks (B, K, 2), equation 6; the identity at corners.

    along, across: standard deviations a > b along a curve and across it.
    """
    tangents = curve_tangents(landmarks, scheme)
    outer = tangents[..., :, None] * tangents[..., None, :]
    identity = torch.eye(2, dtype=landmarks.dtype, device=landmarks.device)
    weights = outer / along**2 + (identity - outer) / across**2
    return torch.where(_free(tangents, scheme)[..., None, None], identity, weights)


def _free(tangents: torch.Tensor, scheme: CurveScheme) -> torch.Tensor:
    """(B, K) bool: corners, and points without a direction."""
    free = tangents.square().sum(dim=-1) < 0.5
    free[:, list(scheme.corners)] = True
    return free


def along_and_across(
    differences: torch.Tensor, landmarks: torch.Tensor, scheme: CurveScheme
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, K) lengths of differences (B, K, 2) along the curve at landmarks (B, K, 2), and across it; NaN at corners."""
    tangents = curve_tangents(landmarks, scheme)
    along = (differences * tangents).sum(dim=-1)
    across = (differences - along[..., None] * tangents).norm(dim=-1)
    free = _free(tangents, scheme)
    return along.abs().masked_fill(free, torch.nan), across.masked_fill(free, torch.nan)


def anisotropic_loss(
    predicted: torch.Tensor,
    target: torch.Tensor,
    scheme: CurveScheme,
    along: float = 5.0,
    across: float = 3.0,
    curves: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean over the batch of the sum over points of (x - z)' W (x - z), landmarks (B, K, 2) (equation 2).

    The weights come from the true points and are constant. curves: (1, K, 2) or (B, K, 2), other points to take the
    directions of the curves from, such as the mean shape's.
    """
    weights = anisotropic_weights(target if curves is None else curves, scheme, along, across).detach()
    difference = predicted - target
    distance = torch.einsum("bki,bkij,bkj->b", difference, weights.expand(len(target), -1, -1, -1), difference)
    return distance.mean()
