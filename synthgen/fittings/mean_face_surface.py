"""The picture of the mean face as a table from places to surface points: what flow to it leads to."""

import numpy as np
import torch

from synthgen.alignment.flow_points import TargetSurface, triangles_beyond
from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.fittings.mean_face import mean_face_scale
from synthgen.morphable.model import MorphableModel
from synthgen.raster.rasterize import rasterize
from synthgen.sampling.placement import mean_face_box

# Fine pixels per pixel: odd, so that the centre of a pixel is one of a fine pixel too.
_FINER = 5


def mean_face_surface(model: MorphableModel, size: tuple[int, int]) -> TargetSurface:
    """The surface that fittings.mean_face.render_mean_face shows in a picture of `size` (H, W)."""
    template = model.template
    box = mean_face_box(model)
    scale = mean_face_scale(box, size)
    centre = np.array([size[1] / 2, size[0] / 2, 0.0])
    vertices = (model.mean.astype(np.float64) - box.anchor) @ CAMERA_FROM_WORLD * (scale, scale, 1.0) + centre
    fine = torch.from_numpy((vertices * (_FINER, _FINER, 1.0)).astype(np.float32))[None]
    shape = (_FINER * size[0], _FINER * size[1])
    fragments = rasterize(fine, torch.from_numpy(template.triangles), shape, perspective=False)
    triangle = fragments.triangle_id[0].numpy()
    triangle = np.where(triangle < template.label_count, triangle, -1).astype(np.int32)
    labelled = template.triangles[: template.label_count]
    return TargetSurface(size, triangle, vertices[labelled, :2], triangles_beyond(labelled))
