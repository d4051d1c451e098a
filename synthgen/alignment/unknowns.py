"""The unknowns of a fitted head: pose, camera and shape of N heads, and how small steps change them."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synthgen.alignment.shape_space import ShapeSpace
from synthgen.alignment.solver import Array
from synthgen.core.conventions import CAMERA_FROM_WORLD

TURN, PLACE = slice(0, 3), slice(3, 6)
FOCAL = 6  # the column of a perspective camera's focal length, when it is free
NEAREST_MM = 1.0  # points closer to a perspective camera than this are behind it


@dataclass(frozen=True)
class HeadUnknowns:
    """N heads before N cameras of one kind.

    A step's columns: 3 rotation, radians about the world's axes, applied after the present rotation; 3 place
    (perspective: translation, mm; orthographic: image of the origin in mm at `unit` px per mm, and the logarithm of
    the focal length); 1 logarithm of the focal length when `free_focal` (perspective), the distance growing with it so
    that the head keeps its size in the picture; S shape when `free_shape`.

    rotation: (N, 3, 3); translation: (N, 3) mm; focal: (N,); principal: (N, 2) px; shape: (N, S); unit: (N,) px/mm.
    """

    perspective: bool
    rotation: Array
    translation: Array
    focal: Array
    principal: Array
    shape: Array
    unit: Array
    space: ShapeSpace
    free_focal: bool = False
    free_shape: bool = False

    @property
    def camera_count(self) -> int:
        """Columns before the shape's."""
        return 7 if self.perspective and self.free_focal else 6

    @property
    def count(self) -> int:
        """Columns of a step."""
        return self.camera_count + (self.shape.shape[1] if self.free_shape else 0)

    def moved(self, step: Array) -> Self:
        """The heads after steps (N, P)."""
        rotation = rotation_from_vector(step[:, TURN]) @ self.rotation
        translation, principal, focal = self.translation, self.principal, self.focal
        if self.perspective:
            if self.free_focal:
                # Alone, focal length and distance would follow each other along a bent valley, in tiny steps.
                zoom = np.exp(np.clip(step[:, FOCAL], -1.0, 1.0))
                focal = focal * zoom
                translation = translation * np.stack([np.ones_like(zoom), np.ones_like(zoom), zoom], axis=-1)
            translation = translation + step[:, PLACE]
        else:
            principal = principal + step[:, 3:5] * self.unit[:, None]
            focal = focal * np.exp(np.clip(step[:, 5], -1.0, 1.0))
        shape = self.space.limited(self.shape + step[:, self.camera_count :]) if self.free_shape else self.shape
        return replace(self, rotation=rotation, translation=translation, principal=principal, focal=focal, shape=shape)

    def room(self) -> tuple[Array, Array]:
        """(N, P) least and largest step that the limits of the shape allow."""
        lower = np.full((len(self.focal), self.count), -np.inf)
        upper = -lower
        if self.free_shape:
            lower[:, self.camera_count :] = self.space.lower - self.shape
            upper[:, self.camera_count :] = self.space.upper - self.shape
        return lower, upper

    def taken(self, mask: NDArray[np.bool_], other: Self) -> Self:
        """Other's heads where mask (N,) holds, these elsewhere."""
        return replace(
            self,
            rotation=np.where(mask[:, None, None], other.rotation, self.rotation),
            translation=np.where(mask[:, None], other.translation, self.translation),
            focal=np.where(mask, other.focal, self.focal),
            principal=np.where(mask[:, None], other.principal, self.principal),
            shape=np.where(mask[:, None], other.shape, self.shape),
        )

    def selected(self, rows: NDArray[np.intp]) -> Self:
        """The heads of `rows` alone."""
        names = ("rotation", "translation", "focal", "principal", "shape", "unit")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True)
class ImagePoints:
    """Projected points and their first derivatives.

    image: (N, K, 2) px; depth: (N, K) mm; by_point: (N, K, 2, 3) px per mm of the unposed point;
    by_camera: (N, K, 2, C) px per unit of the step's columns before the shape's.
    """

    image: Array
    depth: Array
    by_point: Array
    by_camera: Array


def project_points(heads: HeadUnknowns, points: Array) -> tuple[Array, Array]:
    """Image points (N, K, 2) px and depths (N, K) mm of unposed points (N, K, 3) mm."""
    camera = _to_camera(heads, points)
    return _image(heads, camera), camera[..., 2]


def project_with_derivatives(heads: HeadUnknowns, points: Array) -> ImagePoints:
    """Image points of unposed points (N, K, 3) mm, with derivatives."""
    camera = _to_camera(heads, points)
    x, y, z = np.moveaxis(camera - heads.translation[:, None], -1, 0)
    image = _image(heads, camera)
    from_axis = image - heads.principal[:, None]
    # px per mm of camera space: (near, 0, along x) for the image's x, (0, near, along y) for its y.
    near = np.broadcast_to(heads.focal[:, None], x.shape)
    along = np.zeros_like(from_axis)
    if heads.perspective:
        near = near / np.maximum(camera[..., 2], NEAREST_MM)
        along = -from_axis / np.maximum(camera[..., 2:], NEAREST_MM)
    by_camera = np.zeros((*image.shape, heads.camera_count))
    # A turn w of the world moves the camera-space point by (A w) x (A R v): the axes matrix A is a half turn about x.
    by_camera[..., 0, 0] = along[..., 0] * y
    by_camera[..., 0, 1] = along[..., 0] * x - near * z
    by_camera[..., 0, 2] = near * y
    by_camera[..., 1, 0] = along[..., 1] * y - near * z
    by_camera[..., 1, 1] = along[..., 1] * x
    by_camera[..., 1, 2] = -near * x
    if heads.perspective:
        by_camera[..., 0, 3] = by_camera[..., 1, 4] = near
        by_camera[..., 5] = along
        if heads.free_focal:
            by_camera[..., FOCAL] = from_axis + along * heads.translation[:, None, 2:]
    else:
        by_camera[..., 0, 3] = by_camera[..., 1, 4] = heads.unit[:, None]
        by_camera[..., 5] = from_axis
    transform = (CAMERA_FROM_WORLD @ heads.rotation)[:, None]  # (N, 1, 3, 3)
    by_point = near[..., None, None] * transform[..., :2, :] + along[..., None] * transform[..., 2:, :]
    return ImagePoints(image, camera[..., 2], by_point, by_camera)


def _to_camera(heads: HeadUnknowns, points: Array) -> Array:
    transform = CAMERA_FROM_WORLD @ heads.rotation
    return points @ transform.transpose(0, 2, 1) + heads.translation[:, None]


def _image(heads: HeadUnknowns, camera: Array) -> Array:
    scale = np.broadcast_to(heads.focal[:, None], camera.shape[:2])
    if heads.perspective:
        scale = scale / np.maximum(camera[..., 2], NEAREST_MM)
    image = np.empty((*camera.shape[:2], 2))
    for axis in range(2):  # loops over points, not over the two coordinates of each
        np.multiply(camera[..., axis], scale, out=image[..., axis])
        image[..., axis] += heads.principal[:, axis, None]
    return image


def rotation_from_vector(vector: Array) -> Array:
    """Right-handed rotations (N, 3, 3) about vectors (N, 3) by their lengths, radians (Rodrigues)."""
    angle = np.linalg.norm(vector, axis=-1)[:, None, None]
    x, y, z = vector.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    safe = np.maximum(angle, 1e-12)
    first = np.where(angle > 1e-6, np.sin(safe) / safe, 1.0)
    second = np.where(angle > 1e-6, (1.0 - np.cos(safe)) / safe**2, 0.5)
    return np.eye(3) + first * cross + second * (cross @ cross)
