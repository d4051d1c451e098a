"""What is known of the cameras of a fit, and mean heads in their first pose before them."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from synthgen.alignment.initial_pose import OrthographicPose
from synthgen.alignment.shape_space import ShapeSpace
from synthgen.alignment.solver import Array
from synthgen.alignment.unknowns import HeadUnknowns
from synthgen.core.conventions import CAMERA_FROM_WORLD
from synthgen.core.errors import UsageError


@dataclass(frozen=True)
class CameraModel:
    """What is known of the cameras.

    focal_px: focal length of perspective cameras, one for all photos; None takes it from field_of_view_deg, the angle
    across the longer side of the photo (30: a portrait lens). free_focal: find it, near that one; focal_spread: how
    near, standard deviation of its logarithm. The principal point of a perspective camera is the photo's centre, unless
    it is known for each photo.
    """

    kind: Literal["scaled_orthographic", "perspective"] = "scaled_orthographic"
    focal_px: float | None = None
    field_of_view_deg: float = 30.0
    free_focal: bool = False
    focal_spread: float = 0.3


def check_camera(camera: CameraModel) -> None:
    """Raises UsageError for a camera that cannot be."""
    if camera.kind not in ("scaled_orthographic", "perspective"):
        raise UsageError(f"camera must be scaled_orthographic or perspective; got {camera.kind!r}")
    if camera.focal_px is not None and not 0 < camera.focal_px < np.inf:
        raise UsageError(f"the focal length must be > 0 px; got {camera.focal_px:g}")
    if not 0 < camera.field_of_view_deg < 170:
        raise UsageError(f"the field of view must lie between 0 and 170 degrees; got {camera.field_of_view_deg:g}")


def first_heads(
    space: ShapeSpace,
    pose: OrthographicPose,
    middle: Array,
    sizes: Array,
    camera: CameraModel,
    principal: Array | None = None,
) -> HeadUnknowns:
    """N mean heads in their first pose.

    middle: (3,) or (N, 3) mm, of the points that gave it, which stays where it is in the picture; sizes: (N, 2), height
    and width of the photos, px; principal: (N, 2) px, of perspective cameras, NaN or None for the photo's centre.
    """
    count = len(pose.scale)
    heads = HeadUnknowns(
        perspective=camera.kind == "perspective",
        rotation=pose.rotation,
        translation=np.zeros((count, 3)),
        focal=pose.scale,
        principal=pose.origin,
        shape=np.zeros((count, len(space.lower))),
        unit=pose.scale,
        space=space,
        free_focal=camera.free_focal,
    )
    if not heads.perspective:
        return heads
    across = sizes.max(axis=1) / 2.0 / np.tan(np.deg2rad(camera.field_of_view_deg) / 2.0)
    focal = across if camera.focal_px is None else np.full(count, float(camera.focal_px))
    centre = sizes[:, ::-1] / 2.0
    if principal is not None:
        centre = np.where(np.isfinite(principal), principal, centre)
    return replace(heads, translation=_translation(pose, middle, focal, centre), focal=focal, principal=centre)


def _translation(pose: OrthographicPose, middle: Array, focal: Array, centre: Array) -> Array:
    """(N, 3) mm: the middle of the points stays where it is, at the depth that its scale says."""
    turned = ((CAMERA_FROM_WORLD @ pose.rotation) @ middle[..., None])[..., 0]
    image = pose.scale[:, None] * turned[:, :2] + pose.origin
    depth = focal / pose.scale
    place = np.concatenate([(image - centre) / pose.scale[:, None], depth[:, None]], axis=1)
    return place - turned
