"""Kernel of motion blur: every pixel averages the picture along its own motion while the shutter was open."""

import torch
import warp as wp

from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)


@wp.func
def sample_plane(picture: wp.array3d(dtype=wp.vec3), n: wp.int32, x: wp.float32, y: wp.float32) -> wp.vec3:  # type: ignore[valid-type]
    """Bilinear, the border repeated."""
    column = wp.clamp(x - 0.5, 0.0, float(picture.shape[2] - 1))
    row = wp.clamp(y - 0.5, 0.0, float(picture.shape[1] - 1))
    left = wp.min(int(column), picture.shape[2] - 2)
    top = wp.min(int(row), picture.shape[1] - 2)
    u = column - float(left)
    v = row - float(top)
    above = picture[n, top, left] + u * (picture[n, top, left + 1] - picture[n, top, left])
    below = picture[n, top + 1, left] + u * (picture[n, top + 1, left + 1] - picture[n, top + 1, left])
    return above + v * (below - above)


@wp.func
def byte_of(level: wp.float32) -> wp.uint8:
    return wp.uint8(wp.clamp(level + 0.5, 0.0, 255.0))


@wp.kernel
def blur_along_motion(
    picture: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    along: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    span: wp.int32,
    blurred: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
):
    """along: (N, H, W) px, the segment that a pixel averages, itself in the middle. Taken at the middles of equal
    parts, an odd number of at most half a pixel each."""
    n, row, part = wp.tid()
    y = float(row) + 0.5
    for column in range(part * span, (part + 1) * span):
        x = float(column) + 0.5
        right = along[n, row, column][0]
        down = along[n, row, column][1]
        reach = int(wp.ceil(wp.sqrt(right * right + down * down) - 1.0e-3))
        total = picture[n, row, column]
        count = float(2 * reach + 1)
        for k in range(1, reach + 1):
            share = float(k) / count
            total = total + sample_plane(picture, n, x + share * right, y + share * down)
            total = total + sample_plane(picture, n, x - share * right, y - share * down)
        for channel in range(3):
            blurred[n, row, column, channel] = byte_of(total[channel] / count)


def launch_motion_blur(picture: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 from (N, H, W, 3) float32 8-bit levels and (N, H, W, 2) float32 px."""
    start_warp()
    count, height, width = picture.shape[:3]
    span = 1 if takes_cuda_kernels(picture) else width
    blurred = torch.empty(picture.shape, dtype=torch.uint8, device=picture.device)
    wp.launch(
        blur_along_motion,
        dim=(count, height, width // span),
        inputs=[
            wp.from_torch(picture.contiguous(), dtype=wp.vec3),
            wp.from_torch(along.contiguous(), dtype=wp.vec2),
            span,
            wp.from_torch(blurred),
        ],
        device=wp.device_from_torch(picture.device),
    )
    return blurred
