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
from synthgen.motion.cover import pulled_in
from synthgen.motion.hidden_side import mirrored_rotation, uncovered
from synthgen.motion.mesh_image import MeshImage, better_part, select_meshes
from synthgen.raster.rasterize import rasterize

# Less of the mirrored side than this in the colour of a pixel does not make it an invented one.
TRACE = 0.02


@dataclass(frozen=True)
class Mirrored:
    """What M of N new pictures show of the mirrored photo, in one window of them.

    rows: (M,) int64, their numbers; corner: row and column of the window; source_map: (M, h, w, 2) float32 px in the
    photo; share: (M, h, w) float32 in [0, 1], of it in each pixel; both: (M, h, w) bool, where the photo shows the
    place itself and its mirror image.
    """

    rows: torch.Tensor
    corner: tuple[int, int]
    source_map: torch.Tensor
    share: torch.Tensor
    both: torch.Tensor

    def window(self, planes: torch.Tensor) -> torch.Tensor:
        """The window (N, h, w, ...) of planes (N, H, W, ...)."""
        (top, left), (height, width) = self.corner, self.share.shape[1:]
        return planes[:, top : top + height, left : left + width]


@dataclass(frozen=True)
class Turned:
    """N new pictures.

    cameras: theirs, exact. origin_depth: (N,) mm, depth of the model origin; only the cameras of a pinhole hold it,
    too. scale: (N,) float32, px of the picture per px of the photo. source_map: (N, H, W, 2) float32 px in the photo,
    where most of each colour comes from, NaN where no surface is; it may point beside the photo, whose border is then
    repeated. invented: (N, H, W) bool. stretched: (N, H, W) bool, where a head is larger than
    in the photo. own_map: source_map without what is
    mirrored. mirrored: None where nothing is.
    """

    cameras: Cameras
    origin_depth: NDArray[np.float64]
    scale: torch.Tensor
    source_map: torch.Tensor
    invented: torch.Tensor
    stretched: torch.Tensor
    own_map: torch.Tensor
    mirrored: Mirrored | None


def turn_mesh(
    mesh: MeshImage,
    rotation: NDArray[np.float64],
    similarity: Similarity | None = None,
    size: tuple[int, int] | None = None,
    mirror: bool = False,
) -> Turned:
    """The photos' meshes with the heads at new rotations, rendered.

    rotation: (N, 3, 3) float64, world axes, of the heads afterwards; similarity: motion of the picture in its plane,
    applied after; size: height and width of the new pictures, by default those of the photos;
    mirror: a side of a head that its photo hides is shown by the other one.
    The projected centroid of each head stays where it is (300W-LP).
    """
    from synthgen.motion.warp_sample import launch_source_map

    size = mesh.size if size is None else size
    scale = np.ones(len(rotation)) if similarity is None else similarity.scale
    moved, shown_xy = move_mesh(mesh, camera_turn(mesh.cameras, rotation))
    moved = _moved_in_plane(moved, similarity)
    fragments = rasterize(moved, mesh.triangles, size, mesh.cameras.perspective)
    own_map, invented, stretched = launch_source_map(fragments, mesh, moved, shown_xy, scale)
    mirrored, source_map = None, own_map
    if mirror:
        seen = (fragments.triangle_id < mesh.head_triangles) & ~invented
        mirrored = _mirrored(mesh, rotation, similarity, seen)
    if mirrored is not None:
        mirrored.window(invented)[mirrored.rows] |= mirrored.share > TRACE
        source_map = own_map.clone()
        own, most = mirrored.window(own_map)[mirrored.rows], mirrored.share[..., None] >= 0.5
        mirrored.window(source_map)[mirrored.rows] = torch.where(most, mirrored.source_map, own)
    cameras = turned_cameras(mesh, rotation)
    return Turned(
        cameras if similarity is None else move_cameras(cameras, similarity),
        moved_origin(mesh, rotation)[:, 2],
        torch.from_numpy(scale.astype(np.float32)).to(moved.device),
        source_map,
        invented,
        stretched,
        own_map,
        mirrored,
    )


def _mirrored(
    mesh: MeshImage, rotation: NDArray[np.float64], similarity: Similarity | None, seen: torch.Tensor
) -> Mirrored | None:
    """What the turns uncover that the photos hide; seen: (N, H, W) bool, where they show what the new pictures do."""
    from synthgen.motion.warp_sample import launch_mirrored_map

    turn = torch.from_numpy(camera_turn(mesh.cameras, rotation).astype(np.float32)).to(mesh.centroid.device)
    rows = torch.nonzero(uncovered(mesh.cameras, turn))[:, 0]
    if not len(rows):
        return None
    number = rows.cpu().numpy()
    part = select_meshes(better_part(mesh), number)
    # The mirror image of a head that is turned the other way.
    moved, shown_xy = move_mesh(part, camera_turn(part.cameras, mirrored_rotation(rotation[number])))
    middle = project(part.cameras, part.centroid[:, None])[..., 0]
    moved[..., 0] = 2.0 * middle - moved[..., 0]
    if similarity is not None:
        similarity = Similarity(similarity.scale[number], similarity.angle[number], similarity.shift[number])
    moved = _moved_in_plane(moved, similarity)
    part = replace(part, triangles=part.triangles[:, [0, 2, 1]].contiguous())
    drawn_vertices = torch.zeros(moved.shape[1], dtype=torch.bool, device=moved.device)
    drawn_vertices[part.triangles.flatten().long()] = True
    corner, size = _window(moved[:, drawn_vertices, :2], (int(seen.shape[1]), int(seen.shape[2])))
    moved[..., 0] -= corner[1]
    moved[..., 1] -= corner[0]
    drawn = rasterize(moved, part.triangles, size, part.cameras.perspective)
    source_map, share = launch_mirrored_map(drawn, part, moved, shown_xy)
    mirrored = Mirrored(rows, corner, source_map, share, share > 0.0)
    return replace(mirrored, both=mirrored.both & mirrored.window(seen)[rows])


def _window(points: torch.Tensor, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corner (top, left) and size of the least window of pictures of `size` that holds all points (N, P, 2) px; at
    least one pixel."""
    low = points.amin(dim=(0, 1)).floor().int().tolist()
    high = points.amax(dim=(0, 1)).ceil().int().tolist()
    left, top = (min(max(place, 0), side - 1) for place, side in zip(low, size[::-1], strict=True))
    right, bottom = (min(max(place, 1), side) for place, side in zip(high, size[::-1], strict=True))
    return (top, left), (max(bottom - top, 1), max(right - left, 1))


def _moved_in_plane(points: torch.Tensor, similarity: Similarity | None) -> torch.Tensor:
    """Image points (N, P, 3) moved by N similarities."""
    if similarity is None:
        return points.contiguous()
    matrix = torch.from_numpy(similarity.matrix.astype(np.float32)).to(points.device)
    xy = points[..., :2] @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]
    return torch.cat([xy, points[..., 2:]], dim=2)


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
    shown_xy[:, :count] += pulled_in(mesh.rim, matrix)
    behind = anchors.flatten(1, 2) + torch.tensor([0.0, 0.0, BEHIND_HEAD_MM], device=anchors.device)
    return torch.cat([moved[:, :count], behind], dim=1), shown_xy


def camera_turn(cameras: Cameras, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 3) rotations in camera space from the poses of the cameras to `rotation` in world axes."""
    before = cameras.rotation.cpu().numpy().astype(np.float64)
    turn: NDArray[np.float64] = CAMERA_FROM_WORLD @ rotation @ before.transpose(0, 2, 1) @ CAMERA_FROM_WORLD
    return turn
