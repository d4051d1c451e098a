"""densereg's loss: which of K bins a coordinate lies in, and where in that bin (section 3)."""

from typing import NamedTuple

import torch

from training.devices import mean_over_devices

IGNORED = -1  # class of pixels that no loss may use


class Quantised(NamedTuple):
    """bin: (B, H, W) int64, 0 background, 1 .. K, or IGNORED; residual: (B, H, W) in [0, 1], in widths of the bin."""

    bin: torch.Tensor
    residual: torch.Tensor


class BinLoss(NamedTuple):
    """classification: nats; regression: smooth L1 in shares of a bin; total: classification + weight x regression."""

    classification: torch.Tensor
    regression: torch.Tensor
    total: torch.Tensor


def quantise(values: torch.Tensor, bins: int, ignored: torch.Tensor | None = None) -> Quantised:
    """Bins and residuals of values (B, H, W) in [0, 1], NaN for background; ignored: (B, H, W) bool."""
    face = torch.isfinite(values)
    scaled = torch.where(face, values, torch.zeros_like(values)) * bins
    number = scaled.floor().clamp(0, bins - 1)
    label = torch.where(face, number.long() + 1, torch.zeros_like(number, dtype=torch.int64))
    if ignored is not None:
        label = torch.where(ignored, torch.full_like(label, IGNORED), label)
    return Quantised(label, torch.where(face, scaled - number, torch.zeros_like(scaled)))


def dequantise(logits: torch.Tensor, residuals: torch.Tensor, centres: bool = False) -> torch.Tensor:
    """(B, H, W) values in [0, 1], NaN where background is the likeliest.

    logits: (B, 1 + K, H, W); residuals: (B, K, H, W), shares of a bin; centres: ignore them and take the middle of each
    bin (the paper's "q" in figure 5).
    """
    label = logits.argmax(dim=1)
    bins = residuals.shape[1]
    chosen = (label - 1).clamp(min=0)
    share = residuals.gather(1, chosen[:, None])[:, 0]
    if centres:
        share = torch.full_like(share, 0.5)
    values = ((chosen + share) / bins).clamp(0.0, 1.0)
    return torch.where(label > 0, values, torch.full_like(values, float("nan")))


def quantised_regression_loss(
    logits: torch.Tensor,
    residuals: torch.Tensor,
    target: Quantised,
    weight: float = 40.0,
    sigma: float = 1.0,
    by_coordinate: bool = False,
) -> BinLoss:
    """Cross-entropy of the bins, and smooth L1 of the residual of the bin that is responsible, by the number of its
    pixels in the batch on all devices. weight: 40 for bins of 0.1, 70 for plain regression, K = 1 (section 4.1).

    sigma: smooth L1 is 0.5 (sigma x)^2 up to |x| = 1 / sigma^2 and |x| - 0.5 / sigma^2 beyond; by_coordinate: x is in
    template coordinates, as equation 2 has residuals, instead of widths of a bin, as the released network has them.
    """
    classification = mean_cross_entropy(logits, target.bin)
    face = target.bin > 0
    chosen = (target.bin - 1).clamp(min=0)
    share = residuals.gather(1, chosen[:, None])[:, 0]
    unit = residuals.shape[1] if by_coordinate else 1
    error = torch.nn.functional.smooth_l1_loss(
        share / unit, target.residual / unit, reduction="none", beta=1.0 / sigma**2
    )
    regression = (error * face).sum() / mean_over_devices(face.sum().float()).clamp(min=1)
    return BinLoss(classification, regression, classification + weight * regression)


def mean_cross_entropy(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Nats: mean over the pixels (B, H, W) of a batch on all devices that are not IGNORED; logits (B, C, H, W)."""
    total = torch.nn.functional.cross_entropy(logits, classes, ignore_index=IGNORED, reduction="sum")
    return total / mean_over_devices((classes != IGNORED).sum().float()).clamp(min=1)
