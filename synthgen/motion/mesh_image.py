"""Photo with a posed head -> 2.5-D mesh of the whole picture: the head, and anchors for everything around it."""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from synthgen.geometry.camera import Cameras, project
from synthgen.motion.anchors import Anchors, place_anchors, ring_triangles
from synthgen.motion.contour import head_outline
from synthgen.motion.cover import Rim, rim_of
from synthgen.motion.head_parts import moving_parts, nose_base, up_direction
from synthgen.motion.hidden_side import better_seen
from synthgen.raster.rasterize import rasterize
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads


@dataclass(frozen=True)
class MeshImage:
    """N photos as meshes over one triangle list: vertices of heads (head_parts.MovingParts), then background anchors.

    vertices_camera: (N, V + B, 3) float32, mm, camera space of the photo. source_xy: (N, V + B, 2) px, where each is.
    rim: of the face, by which turned heads show something else there. better_seen: (N, V + B) in [0, 1], how much each
    vertex should stand for its mirror image, which the photo hides.
    triangles: (T + TB, 3) int32, first those of the model that are drawn, in its order. cameras, size: of the photos.
    centroid: (N, 3) mm, camera space, mean of all the head's vertices: it turns about it.
    front_depth: (N, H, W) mm, depth of the head in the photo, NaN where there is none.
    """

    vertices_camera: torch.Tensor
    source_xy: torch.Tensor
    rim: Rim
    better_seen: torch.Tensor
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
    cameras, parts = heads.cameras, moving_parts(assets)
    labelled = heads.vertices_camera[:, parts.labelled]
    centre = project(cameras, labelled.mean(dim=1, keepdim=True))[:, 0, :2]
    centroid = heads.vertices_camera.mean(dim=1)
    outline, up = head_outline(heads.vertices_image[:, parts.labelled], centre), up_direction(cameras, centroid)
    nose_depth = nose_base(heads, assets)[:, 2]
    mm_per_px = (nose_depth if cameras.perspective else 1.0) / cameras.focal
    anchors = place_anchors(outline, centre, nose_depth, up, mm_per_px, size)
    points = heads.vertices_image[:, parts.vertices, :2]
    rim = rim_of(points, outline, centre, up)
    background = unproject(cameras, anchors.points.flatten(1, 2), anchors.depth.flatten(1))
    rings = torch.from_numpy(ring_triangles()).to(points.device) + len(parts.vertices)
    return MeshImage(
        torch.cat([heads.vertices_camera[:, parts.vertices], background], dim=1),
        torch.cat([points, anchors.points.flatten(1, 2)], dim=1),
        rim,
        better_seen(rim, anchors, cameras),
        torch.cat([parts.triangles, rings]),
        len(parts.vertices),
        len(parts.triangles),
        cameras,
        size,
        anchors,
        centroid,
        rasterize(heads.vertices_image, assets.tensors.triangles, size, cameras.perspective).depth,
    )


def select_meshes(mesh: MeshImage, rows: np.ndarray) -> MeshImage:
    """Some meshes of a batch, in the order of `rows` (M,); a row may come several times."""
    number = torch.from_numpy(np.asarray(rows, np.int64)).to(mesh.centroid.device)
    per_photo = ("vertices_camera", "source_xy", "better_seen", "centroid", "front_depth")
    chosen = {name: getattr(mesh, name)[number] for name in per_photo}
    anchors = Anchors(**{field.name: getattr(mesh.anchors, field.name)[number] for field in fields(Anchors)})
    rim = Rim(**{field.name: getattr(mesh.rim, field.name)[number] for field in fields(Rim)})
    cameras = select_cameras(mesh.cameras, rows)
    return replace(mesh, anchors=anchors, rim=rim, cameras=cameras, **chosen)


def better_part(mesh: MeshImage) -> MeshImage:
    """The meshes without what is nowhere better seen than its mirror image; the turning head still has its centroid."""
    better = (mesh.better_seen > 0.0).any(dim=0)
    first, second, third = mesh.triangles.long().unbind(dim=1)
    some = better[first] | better[second] | better[third]
    triangles, count = mesh.triangles[some].long(), mesh.head_vertices
    kept = torch.zeros(len(better), dtype=torch.bool, device=better.device)
    kept[triangles.flatten()] = True
    kept[count:] = True
    vertices = torch.nonzero(kept)[:, 0]
    number = torch.cumsum(kept, dim=0) - 1
    heads = vertices[vertices < count]
    rim = Rim(**{field.name: getattr(mesh.rim, field.name)[:, heads] for field in fields(Rim)})
    return replace(
        mesh,
        vertices_camera=mesh.vertices_camera[:, vertices],
        source_xy=mesh.source_xy[:, vertices],
        better_seen=mesh.better_seen[:, vertices],
        rim=rim,
        triangles=number[triangles].to(torch.int32),
        head_vertices=len(heads),
        head_triangles=int(some[: mesh.head_triangles].sum()),
    )


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
