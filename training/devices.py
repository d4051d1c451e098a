"""What several devices share: the mean of a number, of gradients, and the statistics of batch normalisation.

torch's DistributedDataParallel is not used: it averages gradients while one `forward` of one module is undone, but
dal2d calls its three networks several times before a step and moves some of them alone, and tddfa_v2 goes back to
snapshots. Gradients are averaged once they are complete, which is the same and suits every method.
"""

from collections.abc import Iterable
from typing import Any

import torch
from lightning_fabric.strategies import DDPStrategy
from torch import distributed, nn


class AveragedGradients(DDPStrategy):
    """Processes of Fabric's `ddp` whose networks are not wrapped; `average_gradients` comes before a step."""

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        """The module itself."""
        return module


def devices() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def mean_over_devices(values: torch.Tensor) -> torch.Tensor:
    """The mean of a tensor over all devices, without derivative; itself on a single one."""
    count = devices()
    if count == 1:
        return values.detach()
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total / count


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all devices; those that no loss reached stay away."""
    if devices() == 1:
        return
    moved = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if moved:
        flat = mean_over_devices(torch.cat([gradient.flatten() for gradient in moved]))
        for gradient, mean in zip(moved, flat.split([gradient.numel() for gradient in moved]), strict=True):
            gradient.copy_(mean.view_as(gradient))


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose mean and variance are those of the batch on all devices, so that weights do not depend
    on how many there are. The shares of all devices are equally large."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised."""
        if not self.training or devices() == 1:
            return super().forward(features)
        values = features if features.dtype == torch.float64 else features.float()
        mean = _Mean.apply(values.mean(dim=(0, 2, 3)))
        centred = values - mean[:, None, None]
        variance = _Mean.apply(centred.square().mean(dim=(0, 2, 3)))
        self._remember(mean.detach(), variance.detach(), devices() * values.numel() // values.shape[1])
        normal = centred * (variance + self.eps).rsqrt()[:, None, None]
        return (normal * self.weight[:, None, None] + self.bias[:, None, None]).to(features.dtype)

    def _remember(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        self.num_batches_tracked += 1


def share_batch_norm(network: nn.Module) -> None:
    """Exchange the batch normalisation of a network for the shared one, with the same weights and names."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.BatchNorm2d:
                shared = SharedBatchNorm2d(layer.num_features, layer.eps, layer.momentum)
                shared.weight, shared.bias = layer.weight, layer.bias
                for buffer, value in layer.named_buffers():
                    shared.register_buffer(buffer, value)
                parent.add_module(name, shared.train(layer.training))


class _Mean(torch.autograd.Function):
    """The mean of a tensor over all devices. Each device undoes its own loss, so derivatives add up on the way back."""

    @staticmethod
    def forward(context: Any, values: torch.Tensor) -> torch.Tensor:
        """The mean."""
        return mean_over_devices(values)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        """The mean of the gradients: what all losses together say, divided as the values were."""
        return mean_over_devices(gradients[0].contiguous())
