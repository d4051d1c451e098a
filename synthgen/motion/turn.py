"""Turning the head of a photo out of the picture plane (300W-LP's face profiling): mesh, motion, rendering."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.geometry.camera import Cameras, project
from synthgen.geometry.similarity import Similarity, move_cameras
from synthgen.motion.anchors import BEHIND_HEAD_MM, NEAR_FACE, move_anchors
from synthgen.motion.contour import SECTORS
from synthgen.motion.mesh_image import MeshImage
from synthgen.raster.rasterize import rasterize

# Turned by this and more, grazing surfaces show what lies further inside. Less is less visible, and nothing may change
# at 0.
FULL_COVER = np.radians(15.0)


@dataclass(frozen=True)
class Turned:
    """N new pictures. cameras: theirs, exact. source_map: (N, H, W, 2) float32 px in the photo, NaN where no surface
    is; it may point beside the photo, whose border is then repeated. invented: (N, H, W) bool. origin_depth: (N,) mm,
    depth of the model origin; only the cameras of a pinhole hold it, too."""

    cameras: Cameras
    origin_depth: NDArray[np.float64]
    source_map: torch.Tensor
    invented: torch.Tensor


def turn_mesh(
    mesh: MeshImage,
    rotation: NDArray[np.float64],
    similarity: Similarity | None = None,
    size: tuple[int, int] | None = None,
) -> Turned:
    """The photos' meshes with the heads at new rotations, rendered.

    rotation: (N, 3, 3) float64, world axes, of the heads afterwards; similarity: motion of the picture in its plane,
    applied after; size: height and width of the new pictures, by default those of the photos.
    The projected centroid of each head stays where it is (300W-LP).
    """
    from synthgen.motion.warp_sample import launch_source_map

    size = mesh.size if size is None else size
    turn = camera_turn(mesh.cameras, rotation)
    moved, shown_xy = move_mesh(mesh, turn)
    cameras = turned_cameras(mesh, rotation)
    if similarity is not None:
        matrix = torch.from_numpy(similarity.matrix.astype(np.float32)).to(moved.device)
        moved = torch.cat(
            [moved[..., :2] @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2], moved[..., 2:]], 2
        )
        cameras = move_cameras(cameras, similarity)
    moved = moved.contiguous()
    fragments = rasterize(moved, mesh.triangles, size, cameras.perspective)
    scale = np.ones(len(rotation)) if similarity is None else similarity.scale
    source_map, invented = launch_source_map(fragments, mesh, moved, shown_xy, scale)
    return Turned(cameras, moved_origin(mesh, rotation)[:, 2], source_map, invented)


def sample_photo(pixels: torch.Tensor, source_map: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 pictures: photos (N, Hs, Ws, 3) uint8 sampled bilinearly at source_map (N, H, W, 2) px.

    Interpolates sRGB values as 300W-LP does. Beside the photo its border is repeated; a hole takes the colour of the
    nearest pixel of its row.
    """
    from synthgen.motion.warp_sample import launch_sample_photo

    return launch_sample_photo(pixels, source_map)


def turned_cameras(mesh: MeshImage, rotation: NDArray[np.float64]) -> Cameras:
    """Cameras of the photos with the heads turned to `rotation` (N, 3, 3), each about its centroid."""
    old, moved = mesh.cameras, moved_origin(mesh, rotation)

    def tensor(array: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(mesh.centroid.device)

    if old.perspective:
        return replace(old, rotation=tensor(rotation), translation=tensor(moved))
    # The camera space of a scaled-orthographic camera has its origin at the model origin: the picture moves instead.
    principal = old.principal.cpu().numpy() + old.focal.cpu().numpy()[:, None] * moved[:, :2]
    return replace(old, rotation=tensor(rotation), principal=tensor(principal))


def moved_origin(mesh: MeshImage, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) mm, camera space of the photos: the model origins of heads turned to `rotation` (N, 3, 3)."""
    turn = camera_turn(mesh.cameras, rotation)
    centroid = mesh.centroid.cpu().numpy().astype(np.float64)
    translation = mesh.cameras.translation.cpu().numpy().astype(np.float64)
    moved: NDArray[np.float64] = np.einsum("nij,nj->ni", turn, translation - centroid) + centroid
    return moved


def turned_depth_shift(
    depth_shift: NDArray[np.floating], cameras: Cameras, origin_depth: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(N,) px, t_z of 3DDFA's pose (N,), in px of the new pictures, after a turn; 0, which stands for none, stays.

    cameras: of the new pictures; origin_depth: (N,) mm, depth of the model origin, about which t_z grows to the viewer.
    """
    moved = depth_shift - cameras.focal.cpu().numpy() * origin_depth
    return np.where((np.asarray(depth_shift) == 0) | cameras.perspective, depth_shift, moved)


def move_mesh(mesh: MeshImage, turn: NDArray[np.float64]) -> tuple[torch.Tensor, torch.Tensor]:
    """Image points (N, V + B, 3) of the turned meshes, and what each shows, (N, V + B, 2) px.

    turn: (N, 3, 3), camera space. The background is drawn behind the head everywhere, whatever its rings do.
    """
    matrix = torch.from_numpy(turn.astype(np.float32)).to(mesh.centroid.device)
    centroid, count = mesh.centroid[:, None], mesh.head_vertices
    moving = mesh.vertices_camera[:, : count + NEAR_FACE * SECTORS]
    turned = (moving - centroid) @ matrix.transpose(1, 2) + centroid
    follows = mesh.anchors.follows.flatten(1)[..., None]
    near = torch.lerp(moving[:, count:], turned[:, count:], follows)
    moved = project(mesh.cameras, torch.cat([turned[:, :count], near], dim=1))
    anchors = move_anchors(mesh.anchors, moved[:, count:].unflatten(1, (NEAR_FACE, SECTORS)))
    shown_xy = mesh.source_xy.clone()
    cover = covering(turn).to(shown_xy.device)[:, None, None]
    shown_xy[:, :count] = torch.lerp(shown_xy[:, :count], mesh.cover_xy, cover)
    behind = anchors.flatten(1, 2) + torch.tensor([0.0, 0.0, BEHIND_HEAD_MM], device=anchors.device)
    return torch.cat([moved[:, :count], behind], dim=1), shown_xy


def covering(turn: NDArray[np.float64]) -> torch.Tensor:
    """(N,) float32 in [0, 1] for rotations (N, 3, 3): how far the outline of the head has left its place."""
    angle = np.arccos(np.clip((np.trace(turn, axis1=1, axis2=2) - 1.0) / 2.0, -1.0, 1.0))
    return torch.from_numpy(np.clip(angle / FULL_COVER, 0.0, 1.0).astype(np.float32))


def camera_turn(cameras: Cameras, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 3) rotations in camera space from the poses of the cameras to `rotation` in world axes."""
    before = cameras.rotation.cpu().numpy().astype(np.float64)
    turn: NDArray[np.float64] = CAMERA_FROM_WORLD @ rotation @ before.transpose(0, 2, 1) @ CAMERA_FROM_WORLD
    return turn
