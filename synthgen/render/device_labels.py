"""Views -> labels as tensors that stay where they were made, with no plane copied to the host: for online batches."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.core.conventions import DENSEREG_NEAR_MM, DENSEREG_RANGE_MM
from synthgen.core.label_spec import LABELS
from synthgen.dataset.derived import TemplateArrays, derive_pncc, derive_uv
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.render.assets import HeadAssets
from synthgen.render.labelling import landmark_arrays, parameter_arrays, pixel_planes
from synthgen.render.view import View

Planes = dict[str, torch.Tensor]


@dataclass(frozen=True)
class TemplateTensors:
    """What derived labels need, on the device.

    uv: (T, 3, 2) and pncc: (T, 3, 3) float32, of the corners of triangles; parts: (T,) uint8; arrays: on the host.
    """

    arrays: TemplateArrays
    uv: torch.Tensor
    pncc: torch.Tensor
    parts: torch.Tensor


def template_tensors(template: TemplateArrays, device: torch.device) -> TemplateTensors:
    """The arrays of a template on the device."""

    def tensor(array: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return TemplateTensors(
        template, tensor(template.uv), tensor(template.pncc[template.triangles]), tensor(template.parts)
    )


def view_labels(view: View, assets: HeadAssets, template: TemplateTensors, names: Collection[str]) -> Planes:
    """The labels called `names` that belong to one picture each, (N, ...), the derived ones included."""
    device = view.image.device
    arrays = parameter_arrays(view, assets)
    if any("landmarks" in name for name in names):
        arrays |= landmark_arrays(view, assets)
    labels = pixel_planes(view)
    labels |= {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
    wanted = [name for name in names if LABELS[name].view == "image"]
    labels |= derived_planes(labels, template, [name for name in wanted if LABELS[name].derived])
    return {name: labels[name] for name in wanted}


def derived_planes(labels: Mapping[str, torch.Tensor], template: TemplateTensors, names: Sequence[str]) -> Planes:
    """The derived labels called `names` (N, H, W, ...), bit for bit those of `dataset.derived.derive_labels`."""
    ids = labels["triangle_id"]
    face = ids >= 0
    derived: Planes = {}
    for name in names:
        if name in ("uv", "pncc"):
            derived[name] = _surface_values(name, ids, labels["barycentric"], template)
        elif name == "parts":
            parts = template.parts[ids.clamp(min=0).long()]
            derived[name] = torch.where(face, parts, torch.zeros_like(parts))
        elif name == "amodal_mask":
            derived[name] = face
        elif name == "face_mask":
            derived[name] = face & ~labels["occluder_mask"]
        elif name == "depth_unit":
            origin = labels["camera_from_world"][:, 2, 3] - DENSEREG_NEAR_MM
            derived[name] = ((labels["depth"] - origin[:, None, None]) * (1.0 / DENSEREG_RANGE_MM)).clamp(0.0, 1.0)
        else:
            raise KeyError(f"label {name!r} is not a derived one")
    return derived


def _surface_values(name: str, ids: torch.Tensor, barycentric: torch.Tensor, template: TemplateTensors) -> torch.Tensor:
    """`uv` or `pncc` at each pixel (N, H, W, C), NaN where there is no triangle."""
    if not takes_cuda_kernels(ids):
        # NumPy, which works on the pixels of faces alone, takes half the time; on a GPU it would wait for their number.
        derive = derive_uv if name == "uv" else derive_pncc
        return torch.from_numpy(derive(ids.numpy(), barycentric.numpy(), template.arrays))
    corners, seen = getattr(template, name), ids.clamp(min=0).long()
    mixed = barycentric[..., :1] * corners[:, 0][seen]
    mixed += barycentric[..., 1:2] * corners[:, 1][seen]
    mixed += barycentric[..., 2:] * corners[:, 2][seen]
    return mixed  # weights are NaN where nothing is seen
