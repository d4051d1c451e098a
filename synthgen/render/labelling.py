"""View -> label arrays: every stored label of one picture, as NumPy arrays with the batch first."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import euler_from_rotation
from synthgen.labels.landmark_visibility import landmark_visibility
from synthgen.labels.landmarks import landmarks_in_camera, landmarks_in_image, march_jaw
from synthgen.labels.parameters import parameters_62, pose_arrays
from synthgen.render.assets import HeadAssets
from synthgen.render.heads import Heads
from synthgen.render.view import View
from synthgen.render.view_checks import view_checks

Arrays = dict[str, NDArray[Any]]
OTHER_FACES = 2


@dataclass(frozen=True)
class Labelled:
    """arrays: label name -> (N, ...); checks: one dict per picture."""

    arrays: Arrays
    checks: list[dict[str, float]]


def label_view(view: View, assets: HeadAssets, names: Collection[str]) -> Labelled:
    """The labels with view "image" that are not derived from others; landmarks only if one is among `names`."""
    arrays = pixel_arrays(view) | parameter_arrays(view, assets)
    if any("landmarks" in name for name in names):
        arrays |= landmark_arrays(view, assets)
    return Labelled(arrays, view_checks(view, assets, arrays))


def pixel_arrays(view: View) -> Arrays:
    """The planes (N, H, W, ...) in the memory of the host."""
    return {name: plane.cpu().numpy() for name, plane in pixel_planes(view).items()}


def pixel_planes(view: View) -> dict[str, torch.Tensor]:
    """The planes (N, H, W, ...) where they were made."""
    faces = view.faces
    planes = {
        "image": view.image,
        "triangle_id": faces.fragments.triangle_id,
        "barycentric": faces.fragments.barycentric,
        "depth": faces.fragments.depth,
        "normals": faces.normals,
        "occluder_mask": view.occluder_mask,
        "ignore_mask": faces.ignore_mask,
        "face_index": faces.face_index,
    }
    if faces.albedo is not None and faces.shading is not None:
        planes |= {"albedo": faces.albedo, "shading": faces.shading}
    return planes


def landmark_arrays(view: View, assets: HeadAssets) -> Arrays:
    """Landmarks of the main face (N, 68, ...), and of the others (N, 2, 68, ...)."""
    heads, template = view.heads, assets.model.template
    points = template.landmarks["ibug68"]
    in_camera = landmarks_in_camera(points, template, heads.vertices_camera)
    in_image = landmarks_in_image(heads.cameras, in_camera)
    visibility = landmark_visibility(
        assets.landmarks,
        assets.tensors.triangles,
        heads.vertices_image,
        _occluders_per_head(view),
        heads.cameras.perspective,
        fronts=view.everything.fronts,
    )
    euler = euler_from_rotation(heads.cameras.rotation.cpu().numpy())
    main = heads.main
    chosen = torch.from_numpy(main)
    marched = march_jaw(
        template, heads.vertices_camera[chosen], heads.vertices_image[chosen], euler[main], in_image[main]
    )
    others = np.full((len(main), OTHER_FACES, len(points.triangle), 2), np.nan, np.float32)
    others_visibility = np.zeros(others.shape[:3], np.uint8)
    for n in range(len(main)):
        rows = slice(heads.first_face[n] + 1, heads.first_face[n + 1])
        others[n, : rows.stop - rows.start] = in_image[rows]
        others_visibility[n, : rows.stop - rows.start] = visibility[rows]
    return {
        "landmarks_2d": in_image[main],
        "landmarks_2d_contour": marched,
        "landmarks_3d": in_camera[main],
        "landmarks_visibility": visibility[main],
        "other_landmarks_2d": others,
        "other_landmarks_visibility": others_visibility,
    }


def parameter_arrays(view: View, assets: HeadAssets) -> Arrays:
    """Pose, camera and coefficients of the main faces."""
    heads = view.heads
    cameras = main_cameras(heads)
    identity, expression = heads.identity[heads.main], heads.expression[heads.main]
    pose, matrix = pose_arrays(cameras)
    return {
        "identity_coeffs": identity.astype(np.float32),
        "expression_coeffs": expression.astype(np.float32),
        "camera_from_world": pose,
        "intrinsics": matrix,
        "euler": euler_from_rotation(cameras.rotation.cpu().numpy()).astype(np.float32),
        "parameters_62": parameters_62(
            assets.model, cameras, (identity, expression), view.size[0], heads.depth_shift[heads.main]
        ),
    }


def main_cameras(heads: Heads) -> Cameras:
    """The cameras of the main faces."""
    if len(heads) == len(heads.main):
        return heads.cameras
    rows = torch.from_numpy(heads.main).to(heads.cameras.focal.device)
    whole = heads.cameras
    return Cameras(
        whole.perspective, whole.rotation[rows], whole.translation[rows], whole.focal[rows], whole.principal[rows]
    )


def _occluders_per_head(view: View) -> torch.Tensor:
    """occluder_mask (M, H, W) of the picture that each head is in."""
    heads = view.heads
    if len(heads) == len(heads.main):
        return view.occluder_mask
    owner = np.repeat(np.arange(len(heads.main)), np.diff(heads.first_face))
    return view.occluder_mask[torch.from_numpy(owner).to(view.occluder_mask.device)]
