"""Face profiling (300W-LP): photos with their heads turned to other yaws and pitches, and mirrored, in batches."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import euler_from_rotation, rotation_from_euler
from synthgen.geometry.similarity import Similarity
from synthgen.motion.mesh_image import MeshImage, build_mesh_image, select_cameras, select_meshes
from synthgen.motion.mirror import Mirror, mirror_coefficients
from synthgen.motion.paint import paint
from synthgen.motion.turn import turn_mesh, turned_depth_shift
from synthgen.recipe.photo_sections import Profile
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import evaluate_heads
from synthgen.render.photo import Photos


@dataclass(frozen=True)
class ViewTarget:
    """One view of each photo. pitch_deg: None keeps the photo's; flip: mirrored after turning."""

    yaw_deg: float
    pitch_deg: float | None
    relative: bool
    flip: bool


@dataclass(frozen=True)
class Stills:
    """N photos made ready for turning: the mesh of each is built once, however many views follow."""

    photos: Photos
    mesh: MeshImage


@dataclass(frozen=True)
class Profiled:
    """M views. photos: pictures, coefficients and cameras to label them with, exact; source_map: (M, H, W, 2) float32
    px in the stills, as in turn.Turned."""

    photos: Photos
    source_map: torch.Tensor


def view_targets(section: Profile) -> tuple[ViewTarget, ...]:
    """The views of each photo in the order of their samples: pitch, yaw, then the flip of each."""
    flips = (False, True) if section.flip else (False,)
    return tuple(
        ViewTarget(yaw, pitch, section.relative, flip)
        for pitch in section.pitch_deg or (None,)
        for yaw in section.yaw_deg
        for flip in flips
    )


def target_rotation(rotation: NDArray[np.floating], target: ViewTarget) -> NDArray[np.float64]:
    """World-axes rotation (..., 3, 3) that a view gives to heads of `rotation` (..., 3, 3); roll is kept."""
    euler = euler_from_rotation(np.asarray(rotation, np.float64))
    wanted = (target.pitch_deg, target.yaw_deg)
    for axis, degrees in enumerate(wanted):
        if degrees is not None:
            euler[..., axis] = np.radians(degrees) + (euler[..., axis] if target.relative else 0.0)
    return rotation_from_euler(euler)


def prepare_stills(photos: Photos, assets: HeadAssets, vertices: torch.Tensor | None = None) -> Stills:
    """The meshes of N photos with one measured head each.

    vertices: (N, V, 3) float32, `evaluate_vertices` of their coefficients, where the caller has them.
    """
    size = (int(photos.image.shape[1]), int(photos.image.shape[2]))
    heads = evaluate_heads((photos.identity, photos.expression), photos.cameras, assets.tensors, vertices=vertices)
    return Stills(photos, build_mesh_image(heads, size, assets))


def profile_stills(
    stills: Stills,
    rows: NDArray[np.integer],
    rotation: NDArray[np.float64],
    similarity: Similarity | None = None,
    mirror_hidden: bool = True,
) -> Profiled:
    """M views: still `rows[m]` with its head at `rotation[m]`, then moved in the plane.

    rows: (M,); rotation: (M, 3, 3) float64, world axes; similarity: M motions of the picture, none by default;
    mirror_hidden: as in recipe.photo_sections.Profile.
    """
    number = torch.from_numpy(np.asarray(rows, np.int64)).to(stills.photos.image.device)
    turned = turn_mesh(select_meshes(stills.mesh, rows), rotation, similarity, mirror=mirror_hidden)
    source_map = turned.source_map
    still = stills.photos
    scale = np.ones(len(rotation)) if similarity is None else similarity.scale

    def moved(mask: torch.Tensor | None) -> torch.Tensor | None:
        return _looked_up(mask[number], source_map) if mask is not None and bool(mask.any()) else None

    made_up = moved(still.invented_mask)
    invented = turned.invented if made_up is None else turned.invented | made_up
    photos = Photos(
        paint(still.image[number], turned),
        still.identity[rows],
        still.expression[rows],
        turned.cameras,
        turned_depth_shift(still.depth_shift[rows] * scale, turned.cameras, turned.origin_depth),
        moved(still.ignore_mask),
        invented,
        moved(still.occluder_mask),
    )
    return Profiled(photos, source_map)


def select_views(profiled: Profiled, rows: NDArray[np.integer]) -> Profiled:
    """Some views of a batch, in the order of `rows` (M,); a row may come several times."""
    photos, number = profiled.photos, torch.from_numpy(np.asarray(rows, np.int64)).to(profiled.source_map.device)
    if len(rows) == len(photos.image) and (np.asarray(rows) == np.arange(len(rows))).all():
        return profiled

    def picked(mask: torch.Tensor | None) -> torch.Tensor | None:
        return None if mask is None else mask[number]

    chosen = Photos(
        photos.image[number],
        photos.identity[rows],
        photos.expression[rows],
        select_cameras(photos.cameras, rows),
        photos.depth_shift[rows],
        picked(photos.ignore_mask),
        picked(photos.invented_mask),
        picked(photos.occluder_mask),
    )
    return Profiled(chosen, profiled.source_map[number])


def flip_views(profiled: Profiled, flip: NDArray[np.bool_], mirror: Mirror) -> Profiled:
    """The views with some mirrored: picture, masks and pose exactly, coefficients by the model's own mirror.

    flip: (M,) bool. The mirrored head is the nearest one that the model can make (`mirror.mirror_error` says how near);
    the labels belong to that head.
    """
    if not flip.any():
        return profiled
    photos, which = profiled.photos, torch.from_numpy(flip).to(profiled.source_map.device)

    def mirrored(plane: torch.Tensor) -> torch.Tensor:
        shape = (-1, *(1 for _ in plane.shape[1:]))
        return torch.where(which.view(shape), plane.flip(2), plane)

    def mirrored_mask(mask: torch.Tensor | None) -> torch.Tensor | None:
        return None if mask is None else mirrored(mask)

    coefficients = mirror_coefficients(mirror, photos.identity, photos.expression)
    identity, expression = (
        np.where(flip[:, None], new, old)
        for new, old in zip(coefficients, (photos.identity, photos.expression), strict=True)
    )
    cameras = flip_cameras(photos.cameras, which, int(photos.image.shape[2]))
    flipped = Photos(
        mirrored(photos.image),
        identity,
        expression,
        cameras,
        photos.depth_shift,
        mirrored_mask(photos.ignore_mask),
        mirrored_mask(photos.invented_mask),
        mirrored_mask(photos.occluder_mask),
    )
    return Profiled(flipped, mirrored(profiled.source_map))


def flip_cameras(cameras: Cameras, which: torch.Tensor, width: int) -> Cameras:
    """Cameras of pictures `width` px wide, those of `which` (M,) bool seeing the mirrored head in the mirrored picture.

    With M = diag(-1, 1, 1), a head M v seen at rotation M R M and translation M t is the mirror image of v.
    """
    sign = torch.where(which, -1.0, 1.0).to(cameras.focal.dtype)
    axes = torch.ones((len(which), 3), dtype=sign.dtype, device=sign.device)
    axes[:, 0] = sign
    principal = cameras.principal.clone()
    principal[:, 0] = torch.where(which, width - principal[:, 0], principal[:, 0])
    rotation = axes[:, :, None] * cameras.rotation * axes[:, None, :]
    return replace(cameras, rotation=rotation, translation=cameras.translation * axes, principal=principal)


def _looked_up(mask: torch.Tensor, source_map: torch.Tensor) -> torch.Tensor:
    """(M, H, W) bool: masks (M, Hs, Ws) at the pixels that source_map (M, H, W, 2) points into."""
    height, width = mask.shape[1:]
    place = torch.nan_to_num(source_map).floor().long()
    column, row = place[..., 0].clamp(0, width - 1), place[..., 1].clamp(0, height - 1)
    picture = torch.arange(len(mask), device=mask.device)[:, None, None]
    return mask[picture, row, column]
