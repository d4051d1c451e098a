"""Photo with a posed head -> 2.5-D mesh of the whole picture: the head, and anchors for everything around it."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from synthgen.geometry.camera import Cameras, project
from synthgen.motion.anchors import Anchors, place_anchors, ring_triangles
from synthgen.motion.contour import head_outline
from synthgen.motion.cover import covering_sources
from synthgen.motion.head_parts import moving_parts, nose_base, up_direction
from synthgen.raster.rasterize import rasterize
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads


@dataclass(frozen=True)
class MeshImage:
    """N photos as meshes over one triangle list: head vertices first, then background anchors.

    vertices_camera: (N, V + B, 3) float32, mm, camera space of the photo. source_xy: (N, V + B, 2) px, where each is.
    cover_xy: (N, V, 2) px, what the head's vertices show when it has turned far.
    triangles: (T + TB, 3) int32, first those of the model that are drawn, in its order. cameras, size: of the photos.
    centroid: (N, 3) mm, camera space, mean of the head's vertices: it turns about it.
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
    front_depth: torch.Tensor

    def __len__(self) -> int:
        return len(self.vertices_camera)


def build_mesh_image(heads: Heads, size: tuple[int, int], assets: HeadAssets) -> MeshImage:
    """The mesh of N photos of `size` (height, width) with one head each."""
    cameras, triangles = heads.cameras, assets.tensors.triangles
    face, drawn = moving_parts(assets)
    centre = project(cameras, heads.vertices_camera[:, face].mean(dim=1, keepdim=True))[:, 0, :2]
    centroid = heads.vertices_camera.mean(dim=1)
    outline = head_outline(heads.vertices_image[:, face], centre)
    anchors = place_anchors(outline, centre, nose_base(heads, assets)[:, 2], up_direction(cameras, centroid), size)
    background = unproject(cameras, anchors.points.flatten(1, 2), anchors.depth.flatten(1))
    fragments = rasterize(heads.vertices_image, triangles, size, cameras.perspective)
    vertex_count = heads.vertices_camera.shape[1]
    rings = torch.from_numpy(ring_triangles()).to(triangles.device) + vertex_count
    return MeshImage(
        torch.cat([heads.vertices_camera, background], dim=1),
        torch.cat([heads.vertices_image[..., :2], anchors.points.flatten(1, 2)], dim=1),
        covering_sources(heads, outline, centre, assets),
        torch.cat([triangles[drawn], rings]),
        vertex_count,
        len(drawn),
        cameras,
        size,
        anchors,
        centroid,
        fragments.depth,
    )


def select_meshes(mesh: MeshImage, rows: np.ndarray) -> MeshImage:
    """Some meshes of a batch, in the order of `rows` (M,); a row may come several times."""
    number = torch.from_numpy(np.asarray(rows, np.int64)).to(mesh.centroid.device)
    per_photo = ("vertices_camera", "source_xy", "cover_xy", "centroid", "front_depth")
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
