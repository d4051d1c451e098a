"""Which kernels and launch sizes an operation takes: those of the CPU, or those of CUDA."""

import torch

# Tests set it, to run on the CPU what otherwise only a GPU runs.
CUDA_KERNELS_EVERYWHERE = False


def takes_cuda_kernels(tensor: torch.Tensor) -> bool:
    """Whether work on a tensor is done by one thread per triangle, vertex or pixel, as on CUDA.

    On the CPU, where starting a thread costs 25 ns, one thread takes an image or a row, and searches may stop early.
    """
    return tensor.is_cuda or CUDA_KERNELS_EVERYWHERE
