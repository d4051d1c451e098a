"""A photo taken apart with its photometric fit: albedo, shading, what the model shows, and what is left over."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.alignment.face_crop import crop_face, move_head
from synthgen.alignment.photo_points import posed
from synthgen.alignment.photometric import FacePhoto, PhotometricFit
from synthgen.alignment.photometric_model import (
    UNDER_CHIN_V,
    PhotometricModel,
    sample_layers,
    vertex_chart,
)
from synthgen.core.errors import UsageError
from synthgen.morphable.albedo.texels import Region, chart_regions
from synthgen.raster.fragments import Fragments
from synthgen.raster.interpolate import interpolate
from synthgen.raster.normals import build_adjacency, vertex_normals
from synthgen.raster.rasterize import rasterize
from synthgen.shading.surface import (
    ChartLayers,
    HeadAlbedo,
    HeadGeometry,
    chart_layers,
    mip_level,
    padded_absorbance,
    shade_heads,
)
from synthgen.shading.transfer import linear_of_byte_table

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE = 320  # px of a decomposition at most
# Where there is less light than this share of the face's median shading, the model is believed more than the photo.
_DOUBT = 0.2


@dataclass(frozen=True)
class Decomposition:
    """S x S pictures of one face; planes are linear, NaN outside `mask`: the face down to the chin, seen, not ignored.

    photo: (S, S, 3) uint8. shading: (S, S, 3) of the fitted light on the fitted head. albedo: photo / shading, what the
    photo says that the skin is (the model's where there is hardly any light). model_albedo: of the fitted albedo
    model. reconstruction: model_albedo times shading. outlines: (S, S) bool, borders between the parts of the fitted
    head. landmarks, annotated: (68, 2) px, NaN where there is none.
    """

    photo: NDArray[np.uint8]
    mask: Mask
    shading: Floats
    albedo: Floats
    model_albedo: Floats
    reconstruction: Floats
    outlines: Mask
    landmarks: NDArray[np.float64]
    annotated: NDArray[np.float64]

    @property
    def residual(self) -> Floats:
        """(S, S, 3) linear photo minus reconstruction, NaN outside the mask."""
        return np.asarray(linear_of_byte_table()[self.photo] - self.reconstruction, np.float32)


class Decomposer:
    """Takes photos apart; made once for a model."""

    def __init__(self, model: PhotometricModel) -> None:
        self.model = model
        self._chart: ChartLayers = chart_layers(list(model.mips), model.texel_mm, "cpu")
        triangles = model.tensors.triangles
        self._adjacency = build_adjacency(triangles, len(model.model.mean))
        self._layers = sample_layers(model.mips[1], vertex_chart(model.model))
        self._patches = model.albedo.patches(model.model.mean.astype(np.float64))
        template = model.model.template
        region = chart_regions(template.uv[..., 0], template.uv[..., 1])
        self._skin = np.ones(len(model.model.mean), bool)
        self._skin[template.triangles[region != Region.SKIN]] = False  # eyes, teeth, mouth

    def decompose(self, photo: FacePhoto, fit: PhotometricFit, landmarks: NDArray[np.float64]) -> Decomposition:
        """The parts of a photo with a finite fit. landmarks: (68, 2) px of the photo, of the fitted head.

        Raises UsageError when the head lies outside the photo.
        """
        crop = crop_face(self.model, photo.pixels, photo.usable, fit.head, SIDE)
        if crop is None:
            raise UsageError("the fitted head lies outside the photo; there is nothing to take apart")
        head = move_head(fit.head, crop.scale, crop.shift)
        mesh = posed(self.model, head)
        triangles, size = self.model.tensors.triangles, (len(crop.pixels), len(crop.pixels))
        fragments = rasterize(mesh.vertices_image, triangles, size, head.perspective)
        geometry = HeadGeometry(
            triangles,
            self.model.model.template.label_count,
            self.model.tensors.uv,
            vertex_normals(mesh.vertices, triangles, self._adjacency),
            torch.from_numpy(head.rotation.astype(np.float32)),
        )
        paint = HeadAlbedo(
            torch.from_numpy(padded_absorbance(fit.absorbance[None])),
            torch.from_numpy(mip_level(self._chart, head.unit)),
            torch.zeros((1, 0, 0, 3), dtype=torch.uint8),
        )
        light = torch.from_numpy(fit.light[None].astype(np.float32))
        surface = shade_heads(fragments, geometry, self._chart, paint, light, keep_layers=True)
        assert surface.albedo is not None and surface.shading is not None
        mask = self._believed(surface.labelled) & crop.usable
        outside = ~mask[..., None]
        departure = interpolate(surface.labelled, triangles, torch.from_numpy(self._departure(fit.albedo)[None]))
        shading = np.where(outside, np.nan, surface.shading[0].numpy()).astype(np.float32)
        model_albedo = np.where(outside, np.nan, (surface.albedo * torch.exp(departure))[0].numpy()).astype(np.float32)
        return Decomposition(
            photo=crop.pixels,
            mask=mask,
            shading=shading,
            albedo=_likely_albedo(linear_of_byte_table()[crop.pixels], shading, model_albedo, mask),
            model_albedo=model_albedo,
            reconstruction=model_albedo * shading,
            outlines=self._outlines(surface.labelled),
            landmarks=landmarks * crop.scale + crop.shift,
            annotated=photo.landmarks * crop.scale + crop.shift,
        )

    def _believed(self, labelled: Fragments) -> Mask:
        """(S, S) bool: the face, without what lies under the chin, where photos show neck and collar."""
        uv = interpolate(labelled, self.model.tensors.triangles, self.model.tensors.uv)[0].numpy()
        seen = labelled.triangle_id[0].numpy() >= 0
        skin = chart_regions(np.nan_to_num(uv[..., 0]), np.nan_to_num(uv[..., 1])) == Region.SKIN
        return np.asarray(seen & ~(skin & (np.nan_to_num(uv[..., 1]) < UNDER_CHIN_V)))

    def _departure(self, albedo: NDArray[np.float64]) -> Floats:
        """(V, 3) log albedo beyond the layers', on the skin."""
        found = self.model.albedo.departure(albedo, self._layers, self._patches)
        return np.where(self._skin[:, None], found, 0.0).astype(np.float32)

    def _outlines(self, labelled: Fragments) -> Mask:
        """(S, S) bool: a neighbour to the right or below belongs to another part."""
        ids = labelled.triangle_id[0].numpy()
        part = np.where(ids >= 0, self.model.model.template.parts[np.maximum(ids, 0)], 0)
        result = np.zeros(part.shape, bool)
        result[:-1] |= part[1:] != part[:-1]
        result[:, :-1] |= part[:, 1:] != part[:, :-1]
        return result


def _likely_albedo(photo: Floats, shading: Floats, model_albedo: Floats, mask: Mask) -> Floats:
    """The albedo a of least (photo - a shading)^2 + doubt^2 (a - model_albedo)^2, NaN outside the mask.

    That is photo / shading where there is light, and the model's where there is hardly any, whose quotient would be
    noise.
    """
    result = np.full(photo.shape, np.nan, np.float32)
    if mask.any():
        lit = shading[mask]
        doubt = (_DOUBT * float(np.median(lit))) ** 2 + 1e-12
        result[mask] = (photo[mask] * lit + doubt * model_albedo[mask]) / (lit**2 + doubt)
    return result
