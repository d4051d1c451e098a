"""From layers of linear light to the 8-bit picture: composite, blur, expose, add noise, encode."""

import torch
import warp as wp

from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp
from synthgen.shading.picture import PictureLayers, Sensor

wp.set_module_options(EXACT_FLOATS)


# A blur wider than this is cut off; 3 sigma of the widest useful blur at 128 px.
MAX_BLUR_RADIUS = wp.constant(32)


@wp.func
def decoded(
    table: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    picture: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
    n: wp.int32,
    row: wp.int32,
    column: wp.int32,
) -> wp.vec3:
    return wp.vec3(
        table[int(picture[n, row, column, 0])],
        table[int(picture[n, row, column, 1])],
        table[int(picture[n, row, column, 2])],
    )


@wp.kernel
def composite_layers(
    first_face: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    faces: wp.array3d(dtype=wp.vec4),  # type: ignore[valid-type]
    background: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
    occluder: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
    occluder_mask: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
    exposure: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    linear_of_srgb: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    linear: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    span: wp.int32,
):
    """linear (N, H, W): background, then the heads of each picture from the last to the first (`faces` (M, H, W) is
    premultiplied by coverage; picture n owns rows first_face[n] .. first_face[n+1]), then the occluders; times the
    exposure."""
    n, row, part = wp.tid()
    for column in range(part * span, wp.min((part + 1) * span, linear.shape[2])):
        light = wp.vec3(0.0, 0.0, 0.0)
        if occluder_mask[n, row, column]:
            light = decoded(linear_of_srgb, occluder, n, row, column)
        else:
            light = decoded(linear_of_srgb, background, n, row, column)
            face = first_face[n + 1] - 1
            while face >= first_face[n]:
                layer = faces[face, row, column]
                light = (1.0 - layer[3]) * light + wp.vec3(layer[0], layer[1], layer[2])
                face -= 1
        linear[n, row, column] = exposure[n] * light


@wp.kernel
def blur_rows(
    source: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    sigma: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    step_row: wp.int32,
    step_column: wp.int32,
    target: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    span: wp.int32,
):
    """One direction of a Gaussian blur, edge pixels repeated; sigma (N,) in px, 0 copies."""
    n, row, part = wp.tid()
    s = sigma[n]
    radius = int(0)
    falloff = float(0.0)
    if s > 0.0:
        radius = wp.min(int(wp.ceil(3.0 * s)), MAX_BLUR_RADIUS)
        falloff = wp.exp(-0.5 / (s * s))
    last_row, last_column = source.shape[1] - 1, source.shape[2] - 1
    for column in range(part * span, wp.min((part + 1) * span, source.shape[2])):
        light = source[n, row, column]
        total = float(1.0)
        # exp(-o^2 / 2 s^2) by recurrence: each step multiplies by falloff^(2 o + 1)
        weight = falloff
        ratio = falloff * falloff * falloff
        for offset in range(1, radius + 1):
            up, left = offset * step_row, offset * step_column
            light += weight * source[n, wp.max(row - up, 0), wp.max(column - left, 0)]
            light += weight * source[n, wp.min(row + up, last_row), wp.min(column + left, last_column)]
            total += 2.0 * weight
            weight *= ratio
            ratio *= falloff * falloff
        target[n, row, column] = light / total


@wp.func
def hash32(value: wp.uint32) -> wp.uint32:
    """PCG output permutation of one step (O'Neill 2014; the "pcg" of Jarzynski and Olano 2020)."""
    state = value * wp.uint32(747796405) + wp.uint32(-1403630843)  # 2891336453
    word = ((state >> ((state >> wp.uint32(28)) + wp.uint32(4))) ^ state) * wp.uint32(277803737)
    return (word >> wp.uint32(22)) ^ word


@wp.func
def encoded(x: wp.float32, noise: wp.float32, srgb_of_linear: wp.array(dtype=wp.float32)) -> wp.uint8:  # type: ignore[valid-type]
    position = wp.clamp(x, 0.0, 1.0) * 4095.0
    cell = int(position)
    low = srgb_of_linear[cell]
    value = low + (position - float(cell)) * (srgb_of_linear[cell + 1] - low) + noise
    return wp.uint8(wp.clamp(value + 0.5, 0.0, 255.0))


@wp.kernel
def develop(
    linear: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
    noise: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    seed: wp.array(dtype=wp.int32),  # type: ignore[valid-type]
    normal_quantiles: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    srgb_of_linear: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    image: wp.array4d(dtype=wp.uint8),  # type: ignore[valid-type]
    span: wp.int32,
):
    """sRGB bytes with Gaussian noise of standard deviation noise (N,) in 8-bit levels.

    The noise is a pure function of (seed, pixel): 12 hashed bits choose one of 4,096 equally likely quantiles.
    srgb_of_linear: encoded value x 255 at 4,096 even steps over [0, 1] and one more.
    """
    n, row, part = wp.tid()
    start = hash32(wp.uint32(seed[n]))
    low_bits = wp.uint32(4095)
    for column in range(part * span, wp.min((part + 1) * span, linear.shape[2])):
        light = linear[n, row, column]
        bits = hash32(start + wp.uint32(row * linear.shape[2] + column))
        more = hash32(bits)
        red = noise[n] * normal_quantiles[int(bits & low_bits)]
        green = noise[n] * normal_quantiles[int((bits >> wp.uint32(12)) & low_bits)]
        blue = noise[n] * normal_quantiles[int(more & low_bits)]
        image[n, row, column, 0] = encoded(light[0], red, srgb_of_linear)
        image[n, row, column, 1] = encoded(light[1], green, srgb_of_linear)
        image[n, row, column, 2] = encoded(light[2], blue, srgb_of_linear)


def _rows(picture: torch.Tensor) -> tuple[tuple[int, int, int], int]:
    """Launch size and pixels per thread: a whole row on the CPU, one on CUDA."""
    count, height, width = picture.shape[:3]
    span = 1 if takes_cuda_kernels(picture) else width
    return (count, height, width // span), span


def launch_composite(layers: PictureLayers, sensor: Sensor, linear_of_srgb: torch.Tensor, linear: torch.Tensor) -> None:
    """Fill linear (N, H, W, 3)."""
    start_warp()
    wp.launch(
        composite_layers,
        dim=_rows(linear)[0],
        inputs=[
            wp.from_torch(layers.first_face),
            wp.from_torch(layers.faces, dtype=wp.vec4),
            wp.from_torch(layers.background),
            wp.from_torch(layers.occluder),
            wp.from_torch(layers.occluder_mask),
            wp.from_torch(sensor.exposure),
            wp.from_torch(linear_of_srgb),
            wp.from_torch(linear, dtype=wp.vec3),
            _rows(linear)[1],
        ],
        device=wp.device_from_torch(linear.device),
    )


def launch_blur(linear: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) blurred by sigma (N,) px."""
    halfway, blurred = torch.empty_like(linear), torch.empty_like(linear)
    steps = ((linear, 0, 1, halfway), (halfway, 1, 0, blurred))
    for source, step_row, step_column, target in steps:
        wp.launch(
            blur_rows,
            dim=_rows(linear)[0],
            inputs=[
                wp.from_torch(source, dtype=wp.vec3),
                wp.from_torch(sigma),
                step_row,
                step_column,
                wp.from_torch(target, dtype=wp.vec3),
                _rows(linear)[1],
            ],
            device=wp.device_from_torch(linear.device),
        )
    return blurred


def launch_develop(
    linear: torch.Tensor, sensor: Sensor, tables: tuple[torch.Tensor, torch.Tensor], image: torch.Tensor
) -> None:
    """Fill image (N, H, W, 3) uint8; tables: normal quantiles and the sRGB encoding table."""
    wp.launch(
        develop,
        dim=_rows(image)[0],
        inputs=[
            wp.from_torch(linear, dtype=wp.vec3),
            wp.from_torch(sensor.noise),
            wp.from_torch(sensor.seed),
            wp.from_torch(tables[0]),
            wp.from_torch(tables[1]),
            wp.from_torch(image),
            _rows(image)[1],
        ],
        device=wp.device_from_torch(image.device),
    )
