"""Photos with measured heads -> the same views that rendering gives, so that every label comes from one place."""

from dataclasses import dataclass

import numpy as np
import torch

from synthgen.geometry.camera import Cameras, camera_from_world
from synthgen.raster.labelled import labelled_surface
from synthgen.raster.normals import vertex_normals
from synthgen.raster.rasterize import rasterize
from synthgen.render.assets import HeadAssets
from synthgen.render.faces import MergedFaces
from synthgen.render.heads import evaluate_heads
from synthgen.render.view import View


@dataclass(frozen=True)
class Photos:
    """N pictures of equal size with one measured head each.

    image: (N, H, W, 3) uint8. identity: (N, I), expression: (N, E), the model's units. cameras: N, of these pictures.
    depth_shift: (N,) px, t_z of 3DDFA's pose. ignore_mask, invented_mask, occluder_mask: (N, H, W) bool, None for
    nowhere.
    """

    image: torch.Tensor
    identity: np.ndarray
    expression: np.ndarray
    cameras: Cameras
    depth_shift: np.ndarray
    ignore_mask: torch.Tensor | None = None
    invented_mask: torch.Tensor | None = None
    occluder_mask: torch.Tensor | None = None


def photo_view(photos: Photos, assets: HeadAssets, vertices: torch.Tensor | None = None) -> View:
    """The heads of the photos, rasterised: fragments, normals and masks in each photo's frame.

    vertices: (N, V, 3) float32, `evaluate_vertices` of their coefficients, where the caller has them.
    """
    tensors = assets.tensors
    coefficients = (photos.identity, photos.expression)
    heads = evaluate_heads(coefficients, photos.cameras, tensors, depth_shift=photos.depth_shift, vertices=vertices)
    size = (int(photos.image.shape[1]), int(photos.image.shape[2]))
    label_count = assets.model.template.label_count
    perspective = photos.cameras.perspective
    fragments = rasterize(heads.vertices_image, tensors.triangles, size, perspective, drawn=label_count)
    # In model space: hundreds of mm from the camera, the rounding of the vertices would show in the normals.
    normals = vertex_normals(heads.vertices, tensors.triangles, assets.adjacency)
    turn = camera_from_world(photos.cameras)[:, :3, :3].contiguous()
    # In place: of the rest of the head nothing but the list of its front triangles is asked for later.
    labelled, smooth = labelled_surface(fragments, tensors.triangles, label_count, normals, turn, in_place=True)
    nowhere = torch.zeros(labelled.triangle_id.shape, dtype=torch.bool, device=photos.image.device)
    ignored = nowhere if photos.ignore_mask is None else photos.ignore_mask
    occluded = nowhere if photos.occluder_mask is None else photos.occluder_mask
    index = (labelled.triangle_id >= 0).view(torch.uint8)
    faces = MergedFaces(labelled, smooth, None, None, index, ignored)
    return View(heads, labelled, faces, photos.image, occluded, photos.invented_mask)
