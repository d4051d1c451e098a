"""Where rendering runs: the device, one thread of torch, and what to do when the memory of a GPU is full."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from synthgen.core.conventions import BLOCK
from synthgen.core.errors import DeviceError, UsageError


def check_device(device: str) -> None:
    """Raise UsageError for a CUDA device that is not there."""
    if not device.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise UsageError("device cuda: this machine has no usable CUDA device; use --device cpu or auto")
    number = torch.device(device).index or 0
    if number >= torch.cuda.device_count():
        raise UsageError(f"device {device}: this machine has {torch.cuda.device_count()} CUDA devices, from cuda:0 on")


@contextmanager
def rendering(size: tuple[int, int]) -> Iterator[None]:
    """One torch thread: with more, matrix products may differ in the last bits, and so would the bytes.

    size: height and width of the pictures. Raises DeviceError when the memory of a CUDA device is full.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        # Blocks are not made smaller: the last bits of their products, and so the bytes, depend on their size.
        raise DeviceError(
            f"the memory of the CUDA device is full: a block of {BLOCK} pictures of {size[0]} x {size[1]} does not fit "
            "beside what is there. Use fewer --workers on this device, a smaller `size`, a lower "
            f"`sensor.supersampling`, or --device cpu ({str(error).splitlines()[0]})"
        ) from error
    finally:
        torch.set_num_threads(before)
