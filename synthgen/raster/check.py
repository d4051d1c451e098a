"""What every public raster operation demands of its tensors before a kernel runs."""

import torch

from synthgen.core.errors import UsageError


def check_tensor(name: str, tensor: torch.Tensor, shape: tuple[int | None, ...], dtype: torch.dtype) -> None:
    """Raise UsageError unless `tensor` has this dtype and shape (None = any size) and is contiguous."""
    if not isinstance(tensor, torch.Tensor):
        raise UsageError(f"`{name}` must be a torch tensor, got {type(tensor).__name__}")
    wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
    fits = tensor.ndim == len(shape) and all(
        size is None or size == actual for size, actual in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        raise UsageError(f"`{name}` must have shape {wanted}, got {tuple(tensor.shape)}")
    if tensor.dtype != dtype:
        raise UsageError(f"`{name}` must have dtype {dtype}, got {tensor.dtype}")
    if not tensor.is_contiguous():
        raise UsageError(f"`{name}` must be contiguous; call .contiguous() on it")


def check_triangles(triangles: torch.Tensor, vertex_count: int) -> None:
    """Raise UsageError unless `triangles` is (T, 3) int32 with indices in [0, vertex_count)."""
    check_tensor("triangles", triangles, (None, 3), torch.int32)
    if len(triangles) == 0:
        return
    lowest, highest = torch.aminmax(triangles)
    if int(lowest) < 0 or int(highest) >= vertex_count:
        raise UsageError(f"`triangles` must hold indices in [0, {vertex_count}), got {int(lowest)} .. {int(highest)}")


def check_same_device(first: tuple[str, torch.Tensor], *others: tuple[str, torch.Tensor]) -> None:
    """Raise UsageError unless all named tensors are on the device of the first: nothing is copied silently."""
    for name, tensor in others:
        if tensor.device != first[1].device:
            raise UsageError(f"`{name}` is on {tensor.device}, but `{first[0]}` is on {first[1].device}")
