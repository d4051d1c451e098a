"""How tddfa_v2 adds losses of different size: each second one is scaled to the size of the first."""

import torch

from training.devices import mean_over_devices


def vanilla_joint(first: torch.Tensor, second: torch.Tensor, beta: float = 0.5) -> torch.Tensor:
    """beta first + (1 - beta) |first| / |second| second (section 2.2), the ratio held constant."""
    return beta * first + (1.0 - beta) * scaled_to(second, first)


def scaled_to(loss: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """|reference| / |loss| loss: the dynamic weight of algorithm 1, of the batch on all devices.

    The ratio is held constant, which the paper does not say: with its derivative the product would be |reference|, and
    `loss` would teach nothing.
    """
    size, wanted = mean_over_devices(torch.stack([loss.detach().abs(), reference.detach().abs()]))
    # A loss of 0 has nothing to teach, and no size to be scaled by.
    ratio = torch.where(size > 0, wanted / torch.where(size > 0, size, torch.ones_like(size)), 0.0)
    return ratio * loss
