"""How tddfa_v2 adds losses of different size: each second one is scaled to the size of the first."""

import torch


def vanilla_joint(first: torch.Tensor, second: torch.Tensor, beta: float = 0.5) -> torch.Tensor:
    """beta first + (1 - beta) |first| / |second| second (section 2.2), the ratio held constant."""
    return beta * first + (1.0 - beta) * scaled_to(second, first)


def scaled_to(loss: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """|reference| / |loss| loss, the ratio held constant: the dynamic weight of algorithm 1."""
    size = loss.detach().abs()
    # A loss of 0 has nothing to teach, and no size to be scaled by.
    ratio = torch.where(size > 0, reference.detach().abs() / torch.where(size > 0, size, torch.ones_like(size)), 0.0)
    return ratio * loss
