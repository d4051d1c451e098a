"""dfc's loss (section 3.3): flow error where pixels match, squared or not, and cross-entropy of matchability."""

from typing import NamedTuple

import torch

from training.devices import mean_over_devices

LEAST_PX = 0.01  # added to lengths, which have no gradient at 0


class FlowLoss(NamedTuple):
    """flow: px^2, or px; matchability: nats; total: flow + weight x matchability."""

    flow: torch.Tensor
    matchability: torch.Tensor
    total: torch.Tensor


def flow_matchability_loss(
    flow: torch.Tensor,
    logits: torch.Tensor,
    true_flow: torch.Tensor,
    matchable: torch.Tensor,
    weight: float = 1.0,
    used: torch.Tensor | None = None,
    squared: bool = True,
) -> FlowLoss:
    """Means over pixels of m |F - F_g|^2 and of the cross-entropy of m.

    flow, true_flow: (B, 2, H, W) px; logits: (B, 2, H, W), of "no" and "yes"; matchable: (B, H, W) bool; used: (B, H,
    W) bool, False where nothing may be learnt (ignored regions). weight: the paper's lambda, which it does not tell.
    squared: False takes m |F - F_g|, the end-point error itself, which lets pairs that are far off weigh less.
    The paper sums over pixels; means do not depend on the size of the picture.
    """
    used = torch.ones_like(matchable) if used is None else used
    counted = mean_over_devices(used.sum().float()).clamp(min=1)  # of the batch on all devices
    error = (flow - torch.where(matchable[:, None], true_flow, flow.detach())).square().sum(dim=1)
    if not squared:
        error = (error + LEAST_PX**2).sqrt() - LEAST_PX
    by_flow = (error * (matchable & used)).sum() / counted
    entropy = torch.nn.functional.cross_entropy(logits, matchable.long(), reduction="none")
    by_matchability = (entropy * used).sum() / counted
    return FlowLoss(by_flow, by_matchability, by_flow + weight * by_matchability)
