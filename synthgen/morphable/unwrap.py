"""The chart that every head of this project shares: a whole-head cylinder above a strip of islands.

The chart is [0, 1] x [0, 1], v up. Its layout, the same for every model, so that one texture image fits all of them:

    v = 1.00   crown (the pole)
    v = EYE_V  height of the outer eye corners; they lie at u = 0.35 (right eye) and u = 0.65 (left eye)
    v = CHIN_V landmark 8
    v = NECK_V lowest point of the neck
    v < 0.20   islands: right eye, left eye, inner mouth, teeth (slots below)

u grows with the angle about the vertical axis through the head from the subject's right (u < 0.5) to the left, fastest
in front and slowest at the back, where nothing carries labels. v is height below the eyes and elevation above them, so
that the crown is not squeezed into one row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

EYE_U = 0.15  # distance of the outer eye corners from u = 0.5, as in densereg's template
EYE_ANGLE = np.radians(27.5)  # angle of the outer eye corners about the axis; fixes where the axis stands
EYE_V, CHIN_V, NECK_V = 0.68, 0.37, 0.21
NECK_DEPTH = 2.1  # lowest point of the neck below the eyes, in eye-to-chin heights

# Triangles with less area than this in the chart count as folded: a float32 coordinate could flip them.
MIN_AREA = 1e-10

Points = NDArray[np.floating]


@dataclass(frozen=True)
class Slot:
    """A rectangle of the chart: lower left (u0, v0) and upper right (u1, v1) corner."""

    u0: float
    v0: float
    u1: float
    v1: float

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) chart coordinates of the middle."""
        return np.array([(self.u0 + self.u1) / 2, (self.v0 + self.v1) / 2])

    @property
    def size(self) -> NDArray[np.float64]:
        """(2,) width and height."""
        return np.array([self.u1 - self.u0, self.v1 - self.v0])


RIGHT_EYE_SLOT = Slot(0.01, 0.01, 0.19, 0.19)
LEFT_EYE_SLOT = Slot(0.21, 0.01, 0.39, 0.19)
INNER_MOUTH_SLOT = Slot(0.41, 0.01, 0.69, 0.19)  # inner mouth, gums, tongue, eye sockets: textures, no labels
TEETH_SLOT = Slot(0.71, 0.01, 0.99, 0.19)
EYE_CHART_ANGLE = np.radians(88.0)  # angle from the eye's forward axis that the slot's inscribed circle stands for


@dataclass(frozen=True)
class HeadFrame:
    """Where the cylinder stands in a model's world space, mm.

    axis_z: z of the vertical axis (its x is 0); eye_y, chin_y: heights of the outer eye corners and of landmark 8.
    """

    axis_z: float
    eye_y: float
    chin_y: float


def frame_from_landmarks(points: Points) -> HeadFrame:
    """The frame of a head whose iBUG-68 landmarks are `points` (68, 3), mm, of the mean shape."""
    eyes = points[[36, 45]]
    half_width = float(np.abs(eyes[:, 0]).mean())
    axis_z = float(eyes[:, 2].mean()) - half_width / float(np.tan(EYE_ANGLE))
    return HeadFrame(axis_z=axis_z, eye_y=float(eyes[:, 1].mean()), chin_y=float(points[8, 1]))


def chart_u(angle: NDArray[np.floating], eye_angle: float = EYE_ANGLE) -> NDArray[np.float64]:
    """u (...) of an angle (...) about the axis, radians in [-pi, pi], > 0 to the subject's left.

    eye_angle: the angle that shall land at u = 0.5 + EYE_U. u - 0.5 is proportional to atan(angle / c), and c follows
    from that and from half a turn landing on 0.5.
    """
    c = brentq(lambda c: np.arctan(eye_angle / c) / np.arctan(np.pi / c) - 2.0 * EYE_U, 0.1, 20.0)
    return np.asarray(0.5 + 0.5 * np.arctan(np.asarray(angle, np.float64) / c) / np.arctan(np.pi / c))


def cylinder_chart(vertices: Points, frame: HeadFrame) -> NDArray[np.float64]:
    """Chart coordinates (..., 2) of points (..., 3), mm, on the head."""
    x, y, z = (np.asarray(vertices, np.float64)[..., axis] for axis in range(3))
    z = z - frame.axis_z
    angle = np.arctan2(x, z)
    u = chart_u(angle)
    face_height = frame.eye_y - frame.chin_y
    neck_y = frame.eye_y - NECK_DEPTH * face_height
    below = np.interp(y, [neck_y, frame.chin_y, frame.eye_y], [NECK_V, CHIN_V, EYE_V])
    elevation = np.arctan2(y - frame.eye_y, np.hypot(x, z))
    v = np.where(y > frame.eye_y, EYE_V + (1.0 - EYE_V) * elevation / (np.pi / 2), below)
    return np.stack([u, v], axis=-1)


def cylinder_corner_uv(vertices: Points, triangles: NDArray[np.integer], frame: HeadFrame) -> NDArray[np.float64]:
    """Chart coordinates (T, 3, 2) per corner; triangles across the seam at the back are pressed against one side."""
    uv = cylinder_chart(vertices, frame)[triangles]
    u = uv[..., 0]
    across = np.ptp(u, axis=1) > 0.5
    to_left = u.mean(axis=1) > 0.5
    u[across & to_left] = np.where(u[across & to_left] < 0.5, 1.0, u[across & to_left])
    u[across & ~to_left] = np.where(u[across & ~to_left] > 0.5, 0.0, u[across & ~to_left])
    return uv


def eye_chart(
    vertices: Points, centre: Points, slot: Slot, axis: Points | tuple[float, float, float] = (0.0, 0.0, 1.0)
) -> NDArray[np.float64]:
    """Chart coordinates (..., 2) in an eye's slot of points (..., 3), mm, on an eyeball about `centre` (3,).

    Azimuthal equidistant about `axis` (3,), from the centre to the pupil: the pupil lies in the middle of the slot, u
    grows along +x. Points more than EYE_CHART_ANGLE off the axis are clamped to the rim; their triangles must not carry
    labels.
    """
    ahead = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    across = np.cross([0.0, 1.0, 0.0], ahead)
    across /= np.linalg.norm(across)
    rays = (np.asarray(vertices, np.float64) - centre) @ np.stack([across, np.cross(ahead, across), ahead], axis=1)
    side = np.hypot(rays[..., 0], rays[..., 1])
    radius = np.minimum(np.arctan2(side, rays[..., 2]) / EYE_CHART_ANGLE, 1.0) * slot.size.min() / 2
    direction = rays[..., :2] / np.maximum(side, 1e-12)[..., None]
    return slot.centre + direction * radius[..., None]


def slot_chart(points: Points, slot: Slot) -> NDArray[np.float64]:
    """Chart coordinates (..., 2) of planar points (..., 2), any unit, scaled without distortion to fill a slot."""
    flat = np.asarray(points, np.float64).reshape(-1, 2)
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = float(np.min(slot.size / np.maximum(high - low, 1e-12)))
    return slot.centre + (np.asarray(points, np.float64) - (low + high) / 2) * scale


def chart_areas(uv: Points, triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """(T,) signed areas in the chart of triangles over per-vertex uv (V, 2); negative where the chart is folded."""
    a, b, c = (uv[triangles[:, corner]] for corner in range(3))
    return 0.5 * ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]))
