"""Photo with a posed head -> 2.5-D mesh of the whole picture: the head, and anchors for everything around it."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from synthgen.geometry.camera import Cameras, project
from synthgen.motion.anchors import NEAR_HEAD, Anchors, anchor_points, place_anchors, ring_triangles
from synthgen.motion.contour import head_outline
from synthgen.motion.cover import covering_sources
from synthgen.motion.head_parts import follows_head, nose_base, up_direction, with_hair
from synthgen.raster.rasterize import rasterize
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads

BACKGROUND_GAP_MM = 50.0  # the background lies this far behind the head


@dataclass(frozen=True)
class MeshImage:
    """N photos as meshes over one triangle list: head vertices first, then background anchors.

    vertices_camera: (N, V + B, 3) float32, mm, camera space of the photo. source_xy: (N, V + B, 2) px, where each is.
    cover_xy: (N, V, 2) px, what the head's vertices show when it has turned far.
    triangles: (T + TB, 3) int32, first those of the model that move, in its order. cameras, size: of the photos.
    centroid: (N, 3) mm, camera space, mean of the head's vertices. nose: (N, 3) mm, camera space.
    follows: (V,) in [0, 1], how much a vertex turns with the head. outline_vertices: (P,) int64, those that do.
    front_depth: (N, H, W) mm, depth of the head in the photo, NaN where there is none.
    """

    vertices_camera: torch.Tensor
    source_xy: torch.Tensor
    cover_xy: torch.Tensor
    triangles: torch.Tensor
    head_vertices: int
    head_triangles: int
    cameras: Cameras
    size: tuple[int, int]
    anchors: Anchors
    centroid: torch.Tensor
    nose: torch.Tensor
    follows: torch.Tensor
    outline_vertices: torch.Tensor
    front_depth: torch.Tensor

    def __len__(self) -> int:
        return len(self.vertices_camera)


def build_mesh_image(heads: Heads, size: tuple[int, int], assets: HeadAssets) -> MeshImage:
    """The mesh of N photos of `size` (height, width) with one head each."""
    cameras, triangles = heads.cameras, assets.tensors.triangles
    centroid = heads.vertices_camera.mean(dim=1)
    heads = with_hair(heads, assets)
    centre = project(cameras, centroid[:, None])[:, 0, :2]
    follows = follows_head(assets, centroid.device)
    turning = torch.nonzero(follows > 0.99)[:, 0]
    outline = head_outline(heads.vertices_image[:, turning], centre)
    nose = nose_base(heads, assets)
    anchors = place_anchors(outline, centre, nose[:, 2], up_direction(cameras, centroid), size)
    points = anchor_points(anchors, anchors.radius)
    depth = heads.vertices_camera[..., 2].amax(dim=1)[:, None, None].expand(points.shape[:3]).clone()
    depth += BACKGROUND_GAP_MM
    depth[:, :NEAR_HEAD] = anchors.depth
    background = unproject(cameras, points.flatten(1, 2), depth.flatten(1))
    fragments = rasterize(heads.vertices_image, triangles, size, cameras.perspective)
    vertex_count = heads.vertices_camera.shape[1]
    rings = torch.from_numpy(ring_triangles()).to(triangles.device) + vertex_count
    # What stays is in the background too, which may move a little: drawn before it, its border would show.
    drawn = triangles[follows[triangles.long()].amax(dim=1) > 0.02]
    return MeshImage(
        torch.cat([heads.vertices_camera, background], dim=1),
        torch.cat([heads.vertices_image[..., :2], points.flatten(1, 2)], dim=1),
        covering_sources(heads, anchors, outline.depth, assets),
        torch.cat([drawn, rings]),
        vertex_count,
        len(drawn),
        cameras,
        size,
        anchors,
        centroid,
        nose,
        follows,
        turning,
        fragments.depth,
    )


def select_meshes(mesh: MeshImage, rows: np.ndarray) -> MeshImage:
    """Some meshes of a batch, in the order of `rows` (M,); a row may come several times."""
    number = torch.from_numpy(np.asarray(rows, np.int64)).to(mesh.centroid.device)
    per_photo = ("vertices_camera", "source_xy", "cover_xy", "centroid", "nose", "front_depth")
    chosen = {name: getattr(mesh, name)[number] for name in per_photo}
    anchors = Anchors(**{field.name: getattr(mesh.anchors, field.name)[number] for field in fields(Anchors)})
    cameras = select_cameras(mesh.cameras, rows)
    return replace(mesh, anchors=anchors, cameras=cameras, **chosen)


def select_cameras(cameras: Cameras, rows: np.ndarray) -> Cameras:
    """Some cameras of a batch, in the order of `rows` (M,)."""
    number = torch.from_numpy(np.asarray(rows, np.int64)).to(cameras.focal.device)
    return Cameras(
        cameras.perspective,
        cameras.rotation[number],
        cameras.translation[number],
        cameras.focal[number],
        cameras.principal[number],
    )


def unproject(cameras: Cameras, points: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """Camera-space points (N, P, 3) mm of image points (N, P, 2) px at depths (N, P) mm."""
    xy = (points - cameras.principal[:, None]) / cameras.focal[:, None, None]
    if cameras.perspective:
        xy = xy * depth[..., None]
    return torch.cat([xy, depth[..., None]], dim=-1)
