"""The rendered mean face as a target whose every pixel is known: what flow to it says of a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.fittings.mean_face import mean_face_scale, render_mean_face
from synthgen.labels.uv_grid import chart_coordinates
from synthgen.morphable.open_model import open_model
from synthgen.morphable.template import evaluate_points
from synthgen.recipe.sections import Model
from synthgen.sampling.placement import mean_face_box

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanFaceTarget:
    """picture: (H, W, 3) uint8; landmarks: (68, 2) px; uv: (H, W, 2), NaN beside the face."""

    picture: NDArray[np.uint8]
    landmarks: Floats
    uv: NDArray[np.float32]


def mean_face_target(section: Model, size: tuple[int, int]) -> MeanFaceTarget:
    """The frontal mean face of a recipe's `model` in a picture of `size` (H, W), as dfc's photos have it as target."""
    rendered = render_mean_face(section, size, with_grid=False)
    model = open_model(section)
    template, box = model.template, mean_face_box(model)
    points = evaluate_points(template.landmarks["ibug68"], template.triangles, model.mean.astype(np.float64))
    scale = mean_face_scale(box, size)
    middle = np.array([size[1] / 2, size[0] / 2])
    landmarks = (points - box.anchor)[:, :2] * (scale, -scale) + middle
    chart = torch.from_numpy(template.uv)
    return MeanFaceTarget(rendered.picture, landmarks, chart_coordinates(rendered.geometry.fragments, chart)[0].numpy())


def landmarks_by_flow(flow: NDArray[np.floating], matchable: NDArray[np.bool_], landmarks: Floats) -> Floats:
    """(K, 2) px: of each landmark (K, 2) of the target, the centre of the source pixel whose flow ends nearest to it.

    flow: (H, W, 2); pixels that do not match are not asked, unless none matches. As densereg finds landmarks in a field
    of template coordinates, the pixel is the answer: no better than half a pixel.
    """
    mask = matchable if matchable.any() else np.ones(matchable.shape, bool)
    rows, columns = np.nonzero(mask)
    centres = np.stack([columns, rows], axis=-1) + 0.5
    ends = centres + flow[rows, columns]
    away = np.square(ends[:, None] - landmarks[None]).sum(axis=-1)
    return centres[away.argmin(axis=0)]


def uv_by_flow(flow: NDArray[np.floating], matchable: NDArray[np.bool_], uv: NDArray[np.floating]) -> Floats:
    """(H, W, 2) template coordinates of source pixels: those of the target pixel (h, w, 2) where their flow ends; NaN
    where they do not match or end beside the face."""
    height, width = matchable.shape
    y, x = np.mgrid[0:height, 0:width] + 0.5
    end = np.floor(np.stack([x, y], axis=-1) + flow)
    inside = matchable & (end >= 0).all(axis=-1) & (end < (uv.shape[1], uv.shape[0])).all(axis=-1)
    place = np.where(inside[..., None], end, 0).astype(np.int64)
    return np.where(inside[..., None], uv[place[..., 1], place[..., 0]].astype(np.float64), np.nan)
