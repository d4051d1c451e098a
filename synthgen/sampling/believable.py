"""What a drawn scene must be before it is rendered: finite, with coefficients of a face, and with the face in sight."""

from math import isfinite

import numpy as np

from synthgen.core.conventions import LARGEST_COEFFICIENT
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import FaceParams, SceneParams

# The camera stays this share of the landmark box's side away from the middle of the face: half of it is the cheek.
NEAREST_CAMERA = 0.5


def scene_problem(scene: SceneParams, box: FaceBox) -> str | None:
    """Why a scene cannot be rendered, naming the key of the recipe, or None."""
    for face in scene.faces:
        problem = _number_problem(scene, face)
        if problem is not None:
            return problem
    return _camera_problem(scene, box) or _place_problem(scene, box)


def _number_problem(scene: SceneParams, face: FaceParams) -> str | None:
    for key, coefficients in (("identity", face.identity), ("expression", face.expression)):
        # NaN is not within any limit either.
        far = ~(np.abs(coefficients) <= LARGEST_COEFFICIENT)
        if far.any():
            number = int(np.argmax(far))
            return f"{key}[{number}] is {coefficients[number]:.4g}, expected at most {LARGEST_COEFFICIENT:g}"
    light, sensor = scene.light, scene.sensor
    numbers = {
        "pose": sum(face.euler.tolist()) + sum(face.centre.tolist()) + face.scale,
        "camera.focal": scene.focal or 0.0,
        "light": light.rotation + light.intensity,
        "sensor": sensor.noise + sensor.blur + sensor.exposure,
    }
    # A sum is finite when its terms are, and these are far too small to overflow.
    wrong = [key for key, total in numbers.items() if not isfinite(total)]
    return f"{wrong[0]} holds a number that is not finite" if wrong else None


def _camera_problem(scene: SceneParams, box: FaceBox) -> str | None:
    scale = scene.faces[0].scale
    if scale <= 0:
        return f"pose.scale gives {scale:.4g} px per mm, expected more than 0"
    if scene.focal is None:
        return None
    if scene.focal <= 0:
        return f"camera.focal is {scene.focal:.4g}, expected more than 0"
    distance = scene.focal * scene.size[0] / scale
    if distance < NEAREST_CAMERA * box.side:
        return (
            f"camera.focal and pose.scale put the camera into the head, {distance:.0f} mm from the middle of the face"
        )
    return None


def _place_problem(scene: SceneParams, box: FaceBox) -> str | None:
    """The square about the main face's middle, as wide as its landmarks, must touch the picture."""
    face, (height, width) = scene.faces[0], scene.size
    reach = 0.5 * box.side * face.scale
    x, y = face.centre.tolist()
    if -reach < x < width + reach and -reach < y < height + reach:
        return None
    return f"pose.translation puts the face at ({x:.0f}, {y:.0f}), outside the picture of {width} x {height}"
