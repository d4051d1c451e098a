"""Coefficients and cameras -> posed heads in camera and image space, as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.core.errors import LabelError
from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.morphable.model import MorphableModel
from synthgen.raster.kernel_choice import takes_cuda_kernels
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import FaceParams, SceneParams

# Of the basis in a product on the CPU: the same numbers as in one product, in two thirds of the time.
COLUMNS_AT_ONCE = 8192


@dataclass(frozen=True)
class ModelTensors:
    """A morphable model on the device. basis: (I + E, 3V) float32; mean: (3V,) float32; triangles: (T, 3) int32."""

    basis: torch.Tensor
    mean: torch.Tensor
    triangles: torch.Tensor
    uv: torch.Tensor


@dataclass(frozen=True)
class Heads:
    """M heads of N pictures; picture n owns rows first_face[n] .. first_face[n + 1], its main head first.

    identity: (M, I), expression: (M, E), the model's units. first_face: (N + 1,) int64. main: (N,) int64, row of each
    picture's main head. vertices: (M, V, 3) float32 mm, model space. vertices_camera, vertices_image: the same posed
    and projected. depth_shift: (M,) px, t_z of 3DDFA's pose for `parameters_62` alone.
    """

    identity: np.ndarray
    expression: np.ndarray
    first_face: np.ndarray
    cameras: Cameras
    vertices: torch.Tensor
    vertices_camera: torch.Tensor
    vertices_image: torch.Tensor
    depth_shift: np.ndarray

    def __len__(self) -> int:
        return len(self.identity)

    @property
    def main(self) -> np.ndarray:
        return self.first_face[:-1]


def model_tensors(model: MorphableModel, device: str) -> ModelTensors:
    """The arrays of a model that rendering needs, on the device."""
    basis = np.concatenate([model.identity_basis, model.expression_basis]).reshape(-1, model.mean.size)
    return ModelTensors(
        torch.from_numpy(basis).to(device),
        torch.from_numpy(model.mean.ravel()).to(device),
        torch.from_numpy(model.template.triangles).to(device),
        torch.from_numpy(model.template.uv).to(device),
    )


def pose_heads(scenes: Sequence[SceneParams], tensors: ModelTensors, box: FaceBox) -> Heads:
    """All heads of the scenes."""
    faces = tuple(face for scene in scenes for face in scene.faces)
    owner = [scene for scene in scenes for _ in scene.faces]
    identity = np.array([face.identity for face in faces])
    expression = np.array([face.expression for face in faces])
    first_face = np.cumsum([0, *(len(scene.faces) for scene in scenes)])
    cameras = _cameras(faces, owner, box, tensors.mean.device)
    return evaluate_heads((identity, expression), cameras, tensors, first_face)


def check_vertices(heads: Heads, scenes: Sequence[SceneParams]) -> None:
    """Raises LabelError, naming the sample, when a head has a vertex that is not finite.

    A sum tells: it is not finite when one of its terms is not.
    """
    for vertices, what in ((heads.vertices_camera, "posed"), (heads.vertices_image, "projected")):
        if bool(torch.isfinite(vertices.sum())):
            continue
        finite = torch.isfinite(vertices).all(dim=2).all(dim=1).cpu().numpy()
        if finite.all():  # a sum of large terms
            continue
        picture = int(np.searchsorted(heads.first_face, int(np.argmin(finite)), "right")) - 1
        raise LabelError(
            f"sample {scenes[picture].index}: a {what} vertex of its head is not finite; check identity, expression, "
            "camera and pose of the recipe, and the model file"
        )


def evaluate_vertices(coefficients: tuple[np.ndarray, np.ndarray], tensors: ModelTensors) -> torch.Tensor:
    """(M, V, 3) float32 mm, model space: heads of identity (M, I) and expression (M, E) (dfc equation 1).

    One product for all of them: in smaller batches the last bits differ.
    """
    joined = torch.from_numpy(np.concatenate(coefficients, axis=1).astype(np.float32)).to(tensors.mean.device)
    vertices = torch.empty((len(joined), len(tensors.mean)), device=tensors.mean.device)
    width = len(tensors.mean) if takes_cuda_kernels(vertices) else COLUMNS_AT_ONCE
    for first in range(0, len(tensors.mean), width):
        part = slice(first, first + width)
        torch.addmm(tensors.mean[part], joined, tensors.basis[:, part], out=vertices[:, part])
    return vertices.view(len(joined), -1, 3)


def evaluate_heads(
    coefficients: tuple[np.ndarray, np.ndarray],
    cameras: Cameras,
    tensors: ModelTensors,
    first_face: np.ndarray | None = None,
    depth_shift: np.ndarray | None = None,
    vertices: torch.Tensor | None = None,
) -> Heads:
    """Heads evaluated (dfc equation 1) and projected (equation 2, or scaled orthographic), by default one a picture.

    coefficients: identity (M, I) and expression (M, E) in the model's units. vertices: their `evaluate_vertices`, where
    the caller has them.
    """
    from synthgen.raster.warp_pose import launch_pose_and_project

    identity, expression = coefficients
    count = len(identity)
    vertices = evaluate_vertices(coefficients, tensors) if vertices is None else vertices
    vertices_camera, vertices_image = launch_pose_and_project(cameras, vertices)
    first_face = np.arange(count + 1) if first_face is None else first_face
    depth_shift = np.zeros(count) if depth_shift is None else depth_shift
    return Heads(identity, expression, first_face, cameras, vertices, vertices_camera, vertices_image, depth_shift)


def _cameras(faces: Sequence[FaceParams], owner: Sequence[SceneParams], box: FaceBox, device: torch.device) -> Cameras:
    """Cameras that show each head's anchor at its centre and scale."""
    rotation = rotation_from_euler(np.array([face.euler for face in faces]))
    anchor = (CAMERA_FROM_WORLD @ rotation) @ box.anchor  # (M, 3), camera axes
    scale = np.array([face.scale for face in faces])
    centre = np.array([face.centre for face in faces])
    translation = np.zeros((len(faces), 3))
    perspective = owner[0].focal is not None
    if perspective:
        height, width = owner[0].size
        principal = np.tile([width / 2, height / 2], (len(faces), 1))
        focal = np.array([(scene.focal or 0.0) * height for scene in owner])
        seen = np.column_stack([(centre - principal) / scale[:, None], focal / scale])
        translation = seen - anchor
    else:
        principal = centre - scale[:, None] * anchor[:, :2]
        focal = scale

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(device)

    return Cameras(perspective, tensor(rotation), tensor(translation), tensor(focal), tensor(principal))
