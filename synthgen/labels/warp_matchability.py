"""Kernel of `labels.matchability`: every reason but self-occlusion, which `warp_visibility` adds."""

from dataclasses import dataclass, fields

import torch
import warp as wp

from synthgen.core import conventions
from synthgen.labels.warp_visibility import HidingMesh, launch_mark_hidden
from synthgen.raster.warp_rasterize import corners_of, faces_camera
from synthgen.raster.warp_start import EXACT_FLOATS, start_warp

wp.set_module_options(EXACT_FLOATS)

NO_FACE = wp.constant(wp.uint8(conventions.NO_FACE))
MATCHABLE = wp.constant(wp.uint8(conventions.MATCHABLE))
HIDDEN = wp.constant(wp.uint8(conventions.HIDDEN))
OUTSIDE = wp.constant(wp.uint8(conventions.OUTSIDE))
OCCLUDED_THERE = wp.constant(wp.uint8(conventions.OCCLUDED_THERE))
OCCLUDED_HERE = wp.constant(wp.uint8(conventions.OCCLUDED_HERE))
INVENTED = wp.constant(wp.uint8(conventions.INVENTED))
IGNORED = wp.constant(wp.uint8(conventions.IGNORED))


@wp.struct
class Ends:
    """End points of the source pixels (N, H, W): flow px, depth mm, own: triangle that each lies on."""

    own: wp.array3d(dtype=wp.int32)  # type: ignore[valid-type]
    flow: wp.array3d(dtype=wp.vec2)  # type: ignore[valid-type]
    depth: wp.array3d(dtype=wp.float32)  # type: ignore[valid-type]


@wp.struct
class Masks:
    """occluded, invented and ignored pixels (N, H, W) of the source (here) and of the target (there); an array without
    rows means nowhere."""

    occluded_here: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    occluded_there: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    invented_here: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    invented_there: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    ignored_here: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    ignored_there: wp.array3d(dtype=wp.bool)  # type: ignore[valid-type]
    height: wp.int32
    width: wp.int32


@wp.func
def is_set(mask: wp.array3d(dtype=wp.bool), n: wp.int32, row: wp.int32, column: wp.int32) -> wp.bool:  # type: ignore[valid-type]
    if mask.shape[0] == 0:
        return False
    return mask[n, row, column]


@wp.kernel
def judge_ends(
    vertices: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
    triangles: wp.array(dtype=wp.vec3i),  # type: ignore[valid-type]
    ends: Ends,
    masks: Masks,
    span: wp.int32,
    code: wp.array3d(dtype=wp.uint8),  # type: ignore[valid-type]
    points: wp.array3d(dtype=wp.vec3),  # type: ignore[valid-type]
):
    """Codes as if nothing hid anything; points are NaN on entry and are set where hiding remains to be decided."""
    n, row, part = wp.tid()
    for column in range(part * span, (part + 1) * span):
        z = ends.depth[n, row, column]
        reason = NO_FACE
        # False for NaN.
        if z == z:
            move = ends.flow[n, row, column]
            x = float(column) + 0.5 + move[0]
            y = float(row) + 0.5 + move[1]
            inside = x >= 0.0 and y >= 0.0 and x < float(masks.width) and y < float(masks.height)
            reason = OUTSIDE
            ignored = is_set(masks.ignored_here, n, row, column)
            invented = is_set(masks.invented_here, n, row, column)
            if inside:
                ignored = ignored or is_set(masks.ignored_there, n, int(y), int(x))
                invented = invented or is_set(masks.invented_there, n, int(y), int(x))
                reason = HIDDEN
                if faces_camera(corners_of(vertices[n], triangles, ends.own[n, row, column])):
                    points[n, row, column] = wp.vec3(x, y, z)
                    reason = MATCHABLE
                    if is_set(masks.occluded_here, n, row, column):
                        reason = OCCLUDED_HERE
                    if is_set(masks.occluded_there, n, int(y), int(x)):
                        reason = OCCLUDED_THERE
            if ignored or invented:
                points[n, row, column] = wp.vec3(wp.nan, wp.nan, wp.nan)
                reason = INVENTED
                if ignored:
                    reason = IGNORED
        code[n, row, column] = reason


@dataclass(frozen=True)
class PixelMasks:
    """Boolean masks (N, H, W) of the source (here) and the target (there); (0, 0, 0) for nowhere."""

    occluded_here: torch.Tensor
    occluded_there: torch.Tensor
    invented_here: torch.Tensor
    invented_there: torch.Tensor
    ignored_here: torch.Tensor
    ignored_there: torch.Tensor


def launch_matchability(
    own: torch.Tensor, flow: torch.Tensor, depth: torch.Tensor, masks: PixelMasks, mesh: HidingMesh
) -> torch.Tensor:
    """Codes (N, H, W) uint8 of checked input."""
    start_warp()
    place = flow.device
    ends = Ends()
    ends.own = wp.from_torch(own)
    ends.flow = wp.from_torch(flow, dtype=wp.vec2)
    ends.depth = wp.from_torch(depth)
    where = Masks()
    for field in fields(masks):
        setattr(where, field.name, wp.from_torch(getattr(masks, field.name)))
    where.height, where.width = mesh.size
    count, height, width = own.shape
    code = torch.empty(own.shape, dtype=torch.uint8, device=place)
    points = torch.full((*own.shape, 3), float("nan"), device=place)
    span = width if place.type == "cpu" else 1
    outputs = [wp.from_torch(code), wp.from_torch(points, dtype=wp.vec3)]
    wp.launch(
        judge_ends,
        dim=(count, height, width // span),
        inputs=[*mesh.arrays(), ends, where, span, *outputs],
        device=wp.device_from_torch(place),
    )
    launch_mark_hidden(points.view(count, -1, 3), own.view(count, -1), mesh, code.view(count, -1))
    return code
