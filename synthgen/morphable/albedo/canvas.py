"""What every painter of a density layer works with: texels of the mean head, its landmarks, and seeded noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthgen.morphable import regions, unwrap
from synthgen.morphable.albedo.texels import Region, Texels
from synthgen.morphable.unwrap import HeadFrame

Plane = NDArray[np.float64]

# One number per noise pattern: the layers belong to a model and are the same in every process.
_NOISE_SEED = 20170
# Size of the noise patterns: the height of the chart and once around the head; how densely they are drawn.
_HEIGHT_MM, _GIRTH_MM = 400.0, 565.0
_SAMPLES_PER_SIGMA, _FINEST_MM = 3.0, 0.5


@dataclass(frozen=True)
class Canvas:
    """texels: the chart; landmarks: (68, 3) mm, mean head; frame: where the chart's cylinder stands.

    flat: (S, S, 2) frontal (x, y) mm; skin, front: (S, S) bool, the shell, and its part that faces forward.
    angle, v: (S, S) angle about the vertical axis, radians, > 0 to the subject's left, and the cylinder's v, both of
        the texel's surface point: unlike the texel's own place they do not depend on how a model was unfolded.
    """

    texels: Texels
    landmarks: NDArray[np.float64]
    frame: HeadFrame
    flat: Plane
    skin: NDArray[np.bool_]
    front: NDArray[np.bool_]
    angle: Plane
    v: Plane

    @property
    def unit(self) -> float:
        """Size of this head against the average one: 1 when eyes and chin lie 110 mm apart."""
        return (self.frame.eye_y - self.frame.chin_y) / 110.0

    def landmark_angle_v(self, row: int) -> tuple[float, float]:
        """Angle and v of a landmark."""
        point = self.landmarks[row]
        return _angle(point, self.frame).item(), float(unwrap.cylinder_chart(point, self.frame)[1])


def open_canvas(texels: Texels, landmarks: NDArray[np.floating]) -> Canvas:
    """A canvas over the texels of a mean head with iBUG-68 landmarks (68, 3), mm."""
    points = np.asarray(landmarks, np.float64)
    position = texels.position.astype(np.float64)
    skin = texels.region == Region.SKIN
    front = skin & (position[..., 2] > points[[17, 26, 48, 54], 2].min() - 15.0)
    frame = unwrap.frame_from_landmarks(points)
    v = unwrap.cylinder_chart(position, frame)[..., 1]
    return Canvas(texels, points, frame, position[..., :2], skin, front, _angle(position, frame), v)


def _angle(points: NDArray[np.float64], frame: HeadFrame) -> NDArray[np.float64]:
    return np.asarray(np.arctan2(points[..., 0], points[..., 2] - frame.axis_z))


def smoothstep(values: NDArray[np.floating], low: float, high: float) -> Plane:
    """0 at `low`, 1 at `high`, smooth between; `high` may lie below `low`."""
    t = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def blob(canvas: Canvas, centre: NDArray[np.floating], radius: tuple[float, float]) -> Plane:
    """Gaussian spot on the front about a frontal point (2,), mm, with standard deviations (x, y), mm."""
    across = (canvas.flat[..., 0] - centre[0]) / (radius[0] * canvas.unit)
    up = (canvas.flat[..., 1] - centre[1]) / (radius[1] * canvas.unit)
    return np.exp(-0.5 * (across * across + up * up)) * canvas.front


def frontal_distance(canvas: Canvas, mask: NDArray[np.bool_], curve: NDArray[np.floating]) -> Plane:
    """Frontal distance, mm, of the masked texels to a polyline (M, 2); infinite elsewhere."""
    distance = np.full(mask.shape, np.inf)
    distance[mask] = regions.curve_distance(canvas.flat[mask], curve)
    return distance


def outline_distance(canvas: Canvas, mask: NDArray[np.bool_], outline: NDArray[np.floating]) -> Plane:
    """Signed frontal distance, mm, negative inside, of the masked texels to a closed outline (M, 2); else infinite."""
    distance = np.full(mask.shape, np.inf)
    distance[mask] = regions.signed_distance(canvas.flat[mask], outline)
    return distance


def near(canvas: Canvas, points: NDArray[np.floating], margin: float) -> NDArray[np.bool_]:
    """(S, S) bool: front texels within the frontal bounding box of points (M, 2) widened by `margin` mm."""
    low, high = points[:, :2].min(axis=0) - margin, points[:, :2].max(axis=0) + margin
    x, y = canvas.flat[..., 0], canvas.flat[..., 1]
    return canvas.front & (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])


def noise(canvas: Canvas, sigma: float | tuple[float, float], pattern: int) -> Plane:
    """(S, S) smooth noise of mean 0 and standard deviation 1 over the surface; `pattern` names it.

    sigma: millimetres, or (along v, around the head) millimetres. It follows the surface, not the texels, whose size
    differs over the chart.
    """
    rng = np.random.Generator(np.random.Philox([_NOISE_SEED, pattern]))
    extent = np.broadcast_to(np.asarray(sigma, np.float64), 2)
    spacing = np.maximum(extent / _SAMPLES_PER_SIGMA, _FINEST_MM)
    rows, columns = (int(side) for side in np.array([_HEIGHT_MM, _GIRTH_MM]) / spacing)
    values = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), extent / spacing, mode="wrap", truncate=3.0)
    values = (values - values.mean()) / values.std()
    place = np.stack([canvas.v * rows, (canvas.angle / (2.0 * np.pi) + 0.5) * columns])
    return ndimage.map_coordinates(values, place, order=1, mode="grid-wrap")
