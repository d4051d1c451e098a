"""Colour and normal of the surface point under every pixel, in one pass: albedo x irradiance / pi.

Albedo comes from density layers on the chart (Beer-Lambert: exp(-sum_k D_k C_k)) or from a texture image; irradiance
from nine spherical-harmonics coefficients (core.conventions; Ramamoorthi and Hanrahan 2001).
"""

import torch
import warp as wp

from synthgen.raster.fragments import Fragments
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp
from synthgen.shading.surface import LAYERS, ChartLayers, HeadAlbedo, HeadGeometry, Surface
from synthgen.shading.transfer import MOST_ABSORBANCE, STEPS_PER_ABSORBANCE

wp.set_module_options(EXACT_FLOATS)

PI = wp.constant(3.14159265358979)
# A_l Y_lm prefactors of irradiance: pi, 2 pi / 3 and pi / 4 times the orthonormal basis constants.
E0 = wp.constant(3.14159265358979 * 0.28209479177387814)
E1 = wp.constant(2.0943951023931953 * 0.4886025119029199)
E2 = wp.constant(0.7853981633974483 * 1.0925484305920792)
E20 = wp.constant(0.7853981633974483 * 0.31539156525252005)
E22 = wp.constant(0.7853981633974483 * 0.5462742152960396)


ABSORBANCE_RANGE = wp.constant(float(MOST_ABSORBANCE))
ABSORBANCE_STEPS = wp.constant(float(STEPS_PER_ABSORBANCE))
# Layers come in fours: sums of four numbers at a time are four times shorter chains of additions than sums of one.
QUARTERS = wp.constant(LAYERS // 4)


@wp.struct
class Chart:
    """What the chart holds. layers: all mip levels of (S, S, 4), flattened; absorbance: (M, 3, 4);
    textures: (M, S, S, 3) sRGB bytes, S = 0 when layers are used; row 0 is v = 1."""

    layers: wp.array(dtype=wp.vec4)  # type: ignore[valid-type]
    level_offset: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    level_size: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    level: wp.array(dtype=wp.int32)  # type: ignore[valid-type]
    absorbance: wp.array3d(dtype=wp.vec4)  # type: ignore[valid-type]
    textures: wp.array4d(dtype=wp.uint8)  # type: ignore[valid-type]
    texture_size: wp.int32
    linear_of_srgb: wp.array(dtype=wp.float32)  # type: ignore[valid-type]
    transmittance: wp.array(dtype=wp.float32)  # type: ignore[valid-type]


@wp.func
def irradiance_over_pi(sh: wp.array(dtype=wp.vec4), n: wp.vec3) -> wp.vec4:  # type: ignore[valid-type]
    """RGB and an unused fourth number: colours of four are one register, colours of three are three numbers."""
    x, y, z = n[0], n[1], n[2]
    e = E0 * sh[0] + (E1 * y) * sh[1] + (E1 * z) * sh[2] + (E1 * x) * sh[3]
    e += (E2 * x * y) * sh[4] + (E2 * y * z) * sh[5] + (E2 * x * z) * sh[7]
    e += (E20 * (3.0 * z * z - 1.0)) * sh[6] + (E22 * (x * x - y * y)) * sh[8]
    return wp.max(e, wp.vec4(0.0)) / PI


@wp.func
def transmitted(table: wp.array(dtype=wp.float32), absorbed: wp.float32) -> wp.float32:  # type: ignore[valid-type]
    """exp(-absorbed) to a relative 8e-6, between table entries; the exact function takes a quarter of the pass."""
    position = wp.clamp(absorbed, 0.0, ABSORBANCE_RANGE) * ABSORBANCE_STEPS
    cell = int(position)
    low = table[cell]
    return low + (position - float(cell)) * (table[cell + 1] - low)


@wp.func
def total(v: wp.vec4) -> wp.float32:
    return (v[0] + v[1]) + (v[2] + v[3])


@wp.func
def layer_albedo(chart: Chart, m: wp.int32, uv: wp.vec2) -> wp.vec3:
    level = chart.level[m]
    size = chart.level_size[level]
    x = wp.clamp(uv[0] * float(size) - 0.5, 0.0, float(size) - 1.001)
    y = wp.clamp((1.0 - uv[1]) * float(size) - 0.5, 0.0, float(size) - 1.001)
    column = int(x)
    row = int(y)
    fx = x - float(column)
    fy = y - float(row)
    top = QUARTERS * (chart.level_offset[level] + row * size + column)
    bottom = top + QUARTERS * size
    weights = wp.vec4((1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy)
    red = wp.vec4(0.0)
    green = wp.vec4(0.0)
    blue = wp.vec4(0.0)
    for quarter in range(QUARTERS):
        density = weights[0] * chart.layers[top + quarter] + weights[1] * chart.layers[top + QUARTERS + quarter]
        density += weights[2] * chart.layers[bottom + quarter] + weights[3] * chart.layers[bottom + QUARTERS + quarter]
        red += wp.cw_mul(density, chart.absorbance[m, 0, quarter])
        green += wp.cw_mul(density, chart.absorbance[m, 1, quarter])
        blue += wp.cw_mul(density, chart.absorbance[m, 2, quarter])
    return wp.vec3(
        transmitted(chart.transmittance, total(red)),
        transmitted(chart.transmittance, total(green)),
        transmitted(chart.transmittance, total(blue)),
    )


@wp.func
def texel(chart: Chart, m: wp.int32, row: wp.int32, column: wp.int32) -> wp.vec3:
    return wp.vec3(
        chart.linear_of_srgb[int(chart.textures[m, row, column, 0])],
        chart.linear_of_srgb[int(chart.textures[m, row, column, 1])],
        chart.linear_of_srgb[int(chart.textures[m, row, column, 2])],
    )


@wp.func
def texture_albedo(chart: Chart, m: wp.int32, uv: wp.vec2) -> wp.vec3:
    size = chart.texture_size
    x = wp.clamp(uv[0] * float(size) - 0.5, 0.0, float(size) - 1.001)
    y = wp.clamp((1.0 - uv[1]) * float(size) - 0.5, 0.0, float(size) - 1.001)
    column = int(x)
    row = int(y)
    fx = x - float(column)
    fy = y - float(row)
    top = (1.0 - fx) * texel(chart, m, row, column) + fx * texel(chart, m, row, column + 1)
    bottom = (1.0 - fx) * texel(chart, m, row + 1, column) + fx * texel(chart, m, row + 1, column + 1)
    return (1.0 - fy) * top + fy * bottom


@wp.struct
class Mesh:
    """Geometry of M heads: normals (M, V) in model space, rotation (M,) model to posed model in world axes."""

    triangles: wp.array2d(dtype=wp.int32)  # type: ignore[valid-type]
    uv: wp.array2d(dtype=wp.vec2)  # type: ignore[valid-type]
    normals: wp.array2d(dtype=wp.vec3)  # type: ignore[valid-type]
    rotation: wp.array(dtype=wp.mat33)  # type: ignore[valid-type]
    label_count: wp.int32


@wp.struct
class Seen:
    """The fragments, (M, H, W) each."""

    triangle_id: wp.array3d(dtype=wp.int32)  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]


@wp.struct
class Planes:
    """What the pass writes, (M, H, W) each; triangle_id, barycentric and depth where label-carrying triangles are
    seen; albedo and shading only with keep_layers."""

    colour: wp.array3d(dtype=wp.vec4)  # type: ignore[valid-type]
    triangle_id: wp.array3d(dtype=wp.int32)  # type: ignore[valid-type]
    barycentric: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]
    normals: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    albedo: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    shading: wp.array3d(dtype=wp.vec3)  # type: ignore[valid-type]
    keep_layers: wp.bool


@wp.func
def mesh_normal(mesh: Mesh, m: wp.int32, t: wp.int32, b: wp.vec3) -> wp.vec3:
    n = b[0] * mesh.normals[m, mesh.triangles[t, 0]]
    n += b[1] * mesh.normals[m, mesh.triangles[t, 1]]
    n += b[2] * mesh.normals[m, mesh.triangles[t, 2]]
    return wp.normalize(mesh.rotation[m] * n)


@wp.func
def write_nothing(planes: Planes, m: wp.int32, row: wp.int32, column: wp.int32):
    nothing = wp.vec3(wp.nan, wp.nan, wp.nan)
    planes.triangle_id[m, row, column] = -1
    planes.barycentric[m, row, column] = nothing
    planes.depth[m, row, column] = wp.nan
    planes.normals[m, row, column] = nothing
    if planes.keep_layers:
        planes.albedo[m, row, column] = nothing
        planes.shading[m, row, column] = nothing


@wp.kernel
def shade_surface(
    seen: Seen,
    mesh: Mesh,
    chart: Chart,
    sh: wp.array2d(dtype=wp.vec4),  # type: ignore[valid-type]
    planes: Planes,
    span: wp.int32,
):
    """One thread shades `span` pixels of a row: a whole row on the CPU, where starting a thread costs 25 ns."""
    m, row, part = wp.tid()
    light_of_head = sh[m]
    for column in range(part * span, wp.min((part + 1) * span, seen.triangle_id.shape[2])):
        t = seen.triangle_id[m, row, column]
        if t < 0:
            planes.colour[m, row, column] = wp.vec4(0.0, 0.0, 0.0, 0.0)
            write_nothing(planes, m, row, column)
        else:
            b = seen.barycentric[m, row, column]
            world = mesh_normal(mesh, m, t, b)
            uv = b[0] * mesh.uv[t, 0] + b[1] * mesh.uv[t, 1] + b[2] * mesh.uv[t, 2]
            a = wp.vec3(0.0, 0.0, 0.0)
            if chart.texture_size > 0:
                a = texture_albedo(chart, m, uv)
            else:
                a = layer_albedo(chart, m, uv)
            light = irradiance_over_pi(light_of_head, world)
            planes.colour[m, row, column] = wp.vec4(a[0] * light[0], a[1] * light[1], a[2] * light[2], 1.0)
            if t < mesh.label_count:
                planes.triangle_id[m, row, column] = t
                planes.barycentric[m, row, column] = b
                planes.depth[m, row, column] = seen.depth[m, row, column]
                planes.normals[m, row, column] = wp.vec3(world[0], -world[1], -world[2])
                if planes.keep_layers:
                    planes.albedo[m, row, column] = a
                    planes.shading[m, row, column] = wp.vec3(light[0], light[1], light[2])
            else:
                write_nothing(planes, m, row, column)


def launch_shade_surface(
    fragments: Fragments,
    geometry: HeadGeometry,
    layers: ChartLayers,
    albedo: HeadAlbedo,
    light: torch.Tensor,
    tables: tuple[torch.Tensor, torch.Tensor],
    surface: Surface,
) -> None:
    """Fill `surface`, whose albedo and shading are empty tensors when they are not wanted.

    tables: linear light of a byte, and transmittance, of shading.transfer.
    """
    start_warp()
    mesh = Mesh()
    mesh.triangles = wp.from_torch(geometry.triangles, dtype=wp.int32)
    mesh.uv = wp.from_torch(geometry.uv, dtype=wp.vec2)
    mesh.normals = wp.from_torch(geometry.normals, dtype=wp.vec3)
    mesh.rotation = wp.from_torch(geometry.rotation, dtype=wp.mat33)
    mesh.label_count = geometry.label_count
    seen = _seen(fragments)
    chart = Chart()
    chart.layers = wp.from_torch(layers.values.view(-1, 4), dtype=wp.vec4)
    chart.level_offset = wp.from_torch(layers.offset)
    chart.level_size = wp.from_torch(layers.size)
    chart.level = wp.from_torch(albedo.level)
    chart.absorbance = wp.from_torch(albedo.absorbance.view(-1, 3, LAYERS // 4, 4), dtype=wp.vec4)
    chart.textures = wp.from_torch(albedo.textures)
    chart.texture_size = albedo.textures.shape[1]
    chart.linear_of_srgb = wp.from_torch(tables[0])
    chart.transmittance = wp.from_torch(tables[1])
    planes = Planes()
    planes.triangle_id = wp.from_torch(surface.labelled.triangle_id)
    planes.barycentric = wp.from_torch(surface.labelled.barycentric, dtype=wp.vec3)
    planes.depth = wp.from_torch(surface.labelled.depth)
    planes.colour = wp.from_torch(surface.colour, dtype=wp.vec4)
    planes.normals = wp.from_torch(surface.normals, dtype=wp.vec3)
    planes.albedo = wp.from_torch(surface.albedo, dtype=wp.vec3)
    planes.shading = wp.from_torch(surface.shading, dtype=wp.vec3)
    planes.keep_layers = surface.albedo is not None and surface.albedo.numel() > 0
    count, height, width = fragments.triangle_id.shape
    span = 1 if takes_cuda_kernels(fragments.triangle_id) else width
    wp.launch(
        shade_surface,
        dim=(count, height, width // span),
        inputs=[
            seen,
            mesh,
            chart,
            wp.from_torch(torch.nn.functional.pad(light, (0, 1)), dtype=wp.vec4),
            planes,
            span,
        ],
        device=wp.device_from_torch(fragments.triangle_id.device),
    )


def _seen(fragments: Fragments) -> Seen:
    seen = Seen()
    seen.triangle_id = wp.from_torch(fragments.triangle_id)
    seen.barycentric = wp.from_torch(fragments.barycentric, dtype=wp.vec3)
    seen.depth = wp.from_torch(fragments.depth)
    return seen
