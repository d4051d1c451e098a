"""Kernels of profiling: the colours of new pictures from their source maps."""

from typing import Any

import torch
import warp as wp

from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

# At an edge between surfaces neighbouring pixels show places of the photo farther apart than this, px of the picture;
# up to the second number the change is gradual: while nothing turns, the photo's own edges are smooth.
JUMP = wp.constant(wp.vec2(2.0, 4.0))
ABRUPT = wp.constant(3.0)  # and than this times those of the pixels before and behind: else they are close together
# Pixels along an edge, each way, in which its course between pixels is found.
ALONG = wp.constant(4)
SOFT = wp.constant(1.5)  # px, width of an edge in the new picture: photos have no sharper ones
# Where the photo is stretched more than this, relative to the other direction, it is softened in the other direction.
STREAKED = wp.constant(2.2)
MOST_STREAKED = wp.constant(8.0)
TAPS = wp.constant(2)  # each way


@wp.func
def colour_of(pixel: wp.vec3ub) -> wp.vec3:
    return wp.vec3(float(pixel[0]), float(pixel[1]), float(pixel[2]))


@wp.func
def pixel_of(colour: wp.vec3) -> wp.vec3ub:
    return wp.vec3ub(wp.uint8(colour[0] + 0.5), wp.uint8(colour[1] + 0.5), wp.uint8(colour[2] + 0.5))


@wp.func
def bilinear(photo: wp.array2d(dtype=wp.vec3ub), place: wp.vec2) -> wp.vec3:  # type: ignore[valid-type]
    """Colour of a photo at a place; beside it its border is repeated."""
    x = wp.clamp(place[0] - 0.5, 0.0, float(photo.shape[1] - 1))
    y = wp.clamp(place[1] - 0.5, 0.0, float(photo.shape[0] - 1))
    left = wp.min(int(x), photo.shape[1] - 2)
    top = wp.min(int(y), photo.shape[0] - 2)
    u = x - float(left)
    v = y - float(top)
    a = colour_of(photo[top, left])
    b = colour_of(photo[top, left + 1])
    c = colour_of(photo[top + 1, left])
    d = colour_of(photo[top + 1, left + 1])
    above = a + u * (b - a)
    below = c + u * (d - c)
    return above + v * (below - above)


@wp.func
def streak(places: wp.array2d(dtype=wp.vec2), row: wp.int32, column: wp.int32) -> wp.vec2:  # type: ignore[valid-type]
    """Step, px of the photo, between the taps of a pixel where the photo is stretched in the other direction; 0, 0
    where it is not: there its grain would become streaks, and is averaged over as far as it is stretched."""
    below = wp.where(row + 1 < places.shape[0], row + 1, row - 1)
    beside = wp.where(column + 1 < places.shape[1], column + 1, column - 1)
    place = places[row, column]
    x = places[row, beside] - place
    y = places[below, column] - place
    # Squares of the singular values of the map's derivative J, by way of J J^T = [[a, b], [b, c]].
    a = x[0] * x[0] + y[0] * y[0]
    b = x[0] * x[1] + y[0] * y[1]
    c = x[1] * x[1] + y[1] * y[1]
    middle = 0.5 * (a + c)
    half = wp.sqrt(0.25 * (a - c) * (a - c) + b * b)
    most = middle + half
    least = wp.max(middle - half, most / (MOST_STREAKED * MOST_STREAKED))
    # False for NaN, too; the edge of a surface is no stretching.
    if not (most < JUMP[1] * JUMP[1] and most > STREAKED * STREAKED * least):
        return wp.vec2(0.0, 0.0)
    axis = wp.vec2(b, most - a)
    if a >= c:
        axis = wp.vec2(most - c, b)
    return wp.normalize(axis) * wp.sqrt(most) * (wp.sqrt(most / least) - 1.0) / float(TAPS + 1)


@wp.func
def averaged(photo: wp.array2d(dtype=wp.vec3ub), place: wp.vec2, step: wp.vec2) -> wp.vec3:  # type: ignore[valid-type]
    """Colour of a photo about a place, averaged over taps a step apart."""
    total = wp.vec3(0.0, 0.0, 0.0)
    weights = float(0.0)
    for tap in range(-TAPS, TAPS + 1):
        weight = float(TAPS + 1) - wp.abs(float(tap))
        total += weight * bilinear(photo, place + float(tap) * step)
        weights += weight
    return total / weights


@wp.kernel
def sample_pictures(
    pixels: wp.array3d(dtype=wp.vec3ub),  # type: ignore[valid-type]
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    soften: wp.bool,
    stretched: wp.array3d(dtype=wp.bool),  # type: ignore[valid-type]
    sampled: wp.array3d(dtype=wp.vec3ub),  # type: ignore[valid-type]
):
    """soften: without streaks where `stretched`. One thread works on a row; holes take the colour of the pixel before
    them."""
    n, row = wp.tid()
    photo = pixels[n]
    places = source_map[n]
    line = sampled[n][row]
    seen = int(-1)
    for column in range(places.shape[1]):
        place = places[row, column]
        if place[0] == place[0]:
            step = wp.vec2(0.0, 0.0)
            if soften and stretched[n, row, column]:
                step = streak(places, row, column)
            if step[0] == 0.0 and step[1] == 0.0:
                line[column] = pixel_of(bilinear(photo, place))
            else:
                line[column] = pixel_of(averaged(photo, place, step))
            if seen < 0:
                for hole in range(column):
                    line[hole] = line[column]
            seen = column
        elif seen >= 0:
            line[column] = line[seen]


@wp.func
def light_at(light: wp.array3d(dtype=wp.vec4), m: wp.int32, x: wp.float32, y: wp.float32) -> wp.vec4:  # type: ignore[valid-type]
    """Light (M, C, C) at a place in cells, its numbers in the middle of each."""
    last = light.shape[2] - 1
    u = wp.clamp(x - 0.5, 0.0, float(last))
    v = wp.clamp(y - 0.5, 0.0, float(last))
    left = wp.min(int(u), last - 1)
    top = wp.min(int(v), last - 1)
    above = wp.lerp(light[m, top, left], light[m, top, left + 1], u - float(left))
    below = wp.lerp(light[m, top + 1, left], light[m, top + 1, left + 1], u - float(left))
    return wp.lerp(above, below, v - float(top))


@wp.kernel
def mix_mirrored(
    pixels: wp.array3d(dtype=wp.vec3ub),  # type: ignore[valid-type]
    rows: wp.array(dtype=wp.int64),  # type: ignore[valid-type]
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    share: wp.array3d(dtype=wp.float32),  # type: ignore[valid-type]
    light: wp.array3d(dtype=wp.vec4),  # type: ignore[valid-type]
    corner: wp.vec2i,
    sampled: wp.array3d(dtype=wp.vec3ub),  # type: ignore[valid-type]
):
    """Pictures rows[m] of `sampled` with their shares (M, h, w) of what source_map (M, h, w) shows, in new light.

    corner: row and column of that window; light: (M, C, C), three differences of colour and the brightness of what they
    belong to: darker things, such as hair, take less of them. One thread works on a row.
    """
    m, row = wp.tid()
    n = int(rows[m])
    photo = pixels[n]
    places = source_map[m]
    shares = share[m][row]
    line = sampled[n][corner[0] + row]
    cells_x = float(light.shape[2]) / float(share.shape[2])
    cells_y = float(light.shape[1]) / float(share.shape[1])
    for column in range(share.shape[2]):
        much = shares[column]
        if much > 0.0:
            step = streak(places, row, column)
            place = places[row, column]
            colour = bilinear(photo, place)
            if step[0] != 0.0 or step[1] != 0.0:
                colour = averaged(photo, place, step)
            there = light_at(light, m, (float(column) + 0.5) * cells_x, (float(row) + 0.5) * cells_y)
            bright = wp.min((colour[0] + colour[1] + colour[2]) / (3.0 * wp.max(there[3], 1.0)), 1.0)
            other = colour + bright * wp.vec3(there[0], there[1], there[2])
            for channel in range(3):
                other[channel] = wp.clamp(other[channel], 0.0, 255.0)
            own = colour_of(line[corner[1] + column])
            line[corner[1] + column] = pixel_of(own + much * (other - own))


@wp.func
def apart(places: wp.array2d(dtype=wp.vec2), row: wp.int32, column: wp.int32, down: wp.int32) -> wp.float32:  # type: ignore[valid-type]
    """px of the photo between the places of a pixel and of the one right of it, or below it; 0 at a border."""
    if row < 0 or column < 0 or row + down >= places.shape[0] or column + 1 - down >= places.shape[1]:
        return 0.0
    return wp.length(places[row + down, column + 1 - down] - places[row, column])


@wp.func
def jump(
    places: wp.array2d(dtype=wp.vec2), scale: wp.float32, row: wp.int32, column: wp.int32, down: wp.int32
) -> wp.float32:  # type: ignore[valid-type]
    """In [0, 1]: whether a pixel and the one right of it, or below it, show different surfaces."""
    step = apart(places, row, column, down)
    # False for NaN, too.
    if not (step * scale > JUMP[0]):
        return 0.0
    before = apart(places, row - down, column - 1 + down, down)
    after = apart(places, row + down, column + 1 - down, down)
    if step < ABRUPT * wp.max(before, after):
        return 0.0
    return wp.min((step * scale - JUMP[0]) / (JUMP[1] - JUMP[0]), 1.0)


@wp.func
def course(
    places: wp.array2d(dtype=wp.vec2), scale: wp.float32, row: wp.int32, column: wp.int32, down: wp.int32
) -> wp.vec3:  # type: ignore[valid-type]
    """How far, px, the edge right of a pixel (below it) runs from the side between the pixels, by how much that grows
    from row to row (column to column), and over how many it was followed: the means of the steps that it makes."""
    total = float(0.0)
    count = float(1.0)
    ends = float(0.0)
    for direction in range(2):
        at = int(0)
        going = int(1)
        for k in range(1, ALONG + 1):
            if going == 1:
                along = wp.where(direction == 0, k, -k)
                going = 0
                for turn in range(3):
                    # Straight on first, then to either side.
                    aside = at + wp.where(turn == 0, 0, wp.where(turn == 1, 1, -1))
                    if going == 0:
                        r = wp.where(down == 1, row + aside, row + along)
                        c = wp.where(down == 1, column + along, column + aside)
                        if jump(places, scale, r, c, down) > 0.0:
                            at = aside
                            going = 1
                if going == 1:
                    total += float(at)
                    count += 1.0
        ends += wp.where(direction == 0, float(at), -float(at))
    return wp.vec3(total / count, ends / wp.max(count - 1.0, 1.0), count)


@wp.func
def covered(distance: wp.float32, slope: wp.float32) -> wp.float32:
    """Share of a pixel beyond an edge that passes its centre at a distance, px, and with this slope."""
    share = float(0.0)
    for k in range(4):
        y = (float(k) - 1.5) / 4.0
        share += 0.25 * wp.clamp(0.5 - (distance + slope * y) / SOFT, 0.0, 1.0)
    return share


@wp.func
def taken_over(places: wp.array2d(dtype=wp.vec2), scale: wp.float32, row: wp.int32, column: wp.int32) -> wp.vec3:  # type: ignore[valid-type]
    """Row and column of the pixel beyond the edge that runs through or along a pixel, and the share it has in it."""
    found = wp.vec3(float(row), float(column), 0.0)
    longest = float(0.0)
    for side in range(4):
        # Right, below, left, above.
        down = side % 2
        back = side // 2
        r = row - back * down
        c = column - back * (1 - down)
        much = jump(places, scale, r, c, down)
        if much > 0.0:
            edge = course(places, scale, r, c, down)
            if edge[2] > longest:
                longest = edge[2]
                distance = 0.5 + wp.where(back == 1, -edge[0], edge[0])
                sign = 1 - 2 * back
                found = wp.vec3(
                    float(row + sign * down), float(column + sign * (1 - down)), much * covered(distance, edge[1])
                )
    return found


@wp.kernel
def smooth_steps(
    source_map: wp.array3d(dtype=wp.vec2),  # type: ignore[valid-type]
    scale: wp.array(dtype=wp.float32),  # type: ignore[valid-type]
    sampled: wp.array3d(dtype=wp.vec3ub),  # type: ignore[valid-type]
    smoothed: wp.array3d(dtype=wp.vec3ub),  # type: ignore[valid-type]
):
    """A pixel through which an edge runs takes of the colour beyond it what lies beyond it. One thread works on a row;
    scale: px of the picture per px of the photo; smoothed comes in as a copy of sampled."""
    n, row = wp.tid()
    places = source_map[n]
    last = places.shape[0] - 1
    above = places[wp.max(row - 1, 0)]
    line = places[row]
    below = places[wp.min(row + 1, last)]
    least = JUMP[0] * JUMP[0] / (scale[n] * scale[n])
    place = line[0]
    beside = bool(False)
    for column in range(places.shape[1]):
        # Almost no pixel is at an edge: the steps to its neighbours alone say that.
        following = line[wp.min(column + 1, places.shape[1] - 1)]
        left = beside
        beside = wp.length_sq(following - place) > least
        near = left or beside or wp.length_sq(below[column] - place) > least
        if near or wp.length_sq(above[column] - place) > least:
            found = taken_over(places, scale[n], row, column)
            if found[2] > 0.0:
                own = colour_of(sampled[n, row, column])
                other = colour_of(sampled[n, int(found[0]), int(found[1])])
                smoothed[n, row, column] = pixel_of(own + found[2] * (other - own))
        place = following


def launch_sample_photo(
    pixels: torch.Tensor, source_map: torch.Tensor, stretched: torch.Tensor | None = None
) -> torch.Tensor:
    """(N, H, W, 3) uint8 sampled from (N, Hs, Ws, 3) at (N, H, W, 2), without streaks where `stretched` (N, H, W)."""
    start_warp()
    sampled = torch.zeros((*source_map.shape[:3], 3), dtype=torch.uint8, device=pixels.device)
    nowhere = torch.zeros((1, 1, 1), dtype=torch.bool, device=pixels.device)
    inputs = [
        wp.from_torch(pixels.contiguous(), dtype=wp.vec3ub),
        wp.from_torch(source_map, dtype=wp.vec2),
        stretched is not None,
        wp.from_torch(nowhere if stretched is None else stretched),
        wp.from_torch(sampled, dtype=wp.vec3ub),
    ]
    dim = tuple(source_map.shape[:2])
    wp.launch(sample_pictures, dim=dim, inputs=inputs, device=wp.device_from_torch(pixels.device))
    return sampled


def launch_mix_mirrored(pixels: torch.Tensor, mirrored: Any, light: torch.Tensor, sampled: torch.Tensor) -> None:
    """In place: pictures `sampled` (N, H, W, 3) uint8 with what a turn.Mirrored shows of photos `pixels`.

    light: (M, C, C, 4) float32, see mix_mirrored."""
    start_warp()
    inputs = [
        wp.from_torch(pixels.contiguous(), dtype=wp.vec3ub),
        wp.from_torch(mirrored.rows),
        wp.from_torch(mirrored.source_map, dtype=wp.vec2),
        wp.from_torch(mirrored.share),
        wp.from_torch(light.contiguous(), dtype=wp.vec4),
        wp.vec2i(*mirrored.corner),
        wp.from_torch(sampled, dtype=wp.vec3ub),
    ]
    dim = tuple(mirrored.share.shape[:2])
    wp.launch(mix_mirrored, dim=dim, inputs=inputs, device=wp.device_from_torch(sampled.device))


def launch_smooth_steps(sampled: torch.Tensor, source_map: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 pictures `sampled` without the steps of pixels along the edges of surfaces.

    source_map: (N, H, W, 2); scale: (N,), px of the picture per px of the photo."""
    start_warp()
    smoothed = sampled.clone()
    inputs = [
        wp.from_torch(source_map, dtype=wp.vec2),
        wp.from_torch(scale),
        wp.from_torch(sampled, dtype=wp.vec3ub),
        wp.from_torch(smoothed, dtype=wp.vec3ub),
    ]
    dim = tuple(source_map.shape[:2])
    wp.launch(smooth_steps, dim=dim, inputs=inputs, device=wp.device_from_torch(sampled.device))
    return smoothed
