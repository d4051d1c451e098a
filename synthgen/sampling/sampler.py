"""(recipe, index) -> SceneParams: the only place that turns distributions into numbers."""

from dataclasses import dataclass, replace
from math import radians

import numpy as np
from numpy.typing import NDArray

from synthgen.core.errors import LabelError
from synthgen.core.limits import MOST_FACES, MOST_SCENE_TRIES
from synthgen.core.seeds import Stream, rng
from synthgen.morphable.model import MorphableModel
from synthgen.recipe.schema import Recipe
from synthgen.recipe.sections import PerspectiveCamera
from synthgen.sampling.albedo import sample_skin
from synthgen.sampling.background import sample_background
from synthgen.sampling.believable import scene_problem
from synthgen.sampling.expression import sample_expression
from synthgen.sampling.occluder import sample_occluders
from synthgen.sampling.placement import FaceBox
from synthgen.sampling.scene import FaceParams, LightParams, SceneParams, SensorParams

# Further heads in a picture are smaller than the main one, by a factor drawn between these.
OTHER_FACE_SCALE = (0.45, 0.9)
# ... and try this often to keep a landmark-box distance from the main head.
OTHER_FACE_TRIES = 8


def sample_scene(recipe: Recipe, model: MorphableModel, box: FaceBox, index: int) -> tuple[SceneParams, ...]:
    """The scene of each view of sample `index`: one for `images`, source and target for `pairs`.

    box: placement.mean_face_box(model). Every number depends on (recipe, index) alone: a view that cannot be rendered
    is drawn again from streams of its own (core.seeds), at most MOST_SCENE_TRIES times.
    Raises LabelError, naming the sample and the key of the recipe, when all of them fail.
    """
    views = 2 if recipe.kind == "pairs" else 1
    return tuple(_sample_view(recipe, model, box, index, view) for view in range(views))


def _sample_view(recipe: Recipe, model: MorphableModel, box: FaceBox, index: int, view: int) -> SceneParams:
    problem: str | None = None
    for attempt in range(MOST_SCENE_TRIES):
        scene = _draw_view(_Draw(recipe, model, box, index, view, attempt))
        problem = scene_problem(scene, box)
        if problem is None:
            return replace(scene, rejected={"scene": attempt}) if attempt else scene
    raise LabelError(
        f"sample {index}: none of {MOST_SCENE_TRIES} scenes can be rendered; the last: {problem}; change the recipe"
    )


@dataclass(frozen=True)
class _Draw:
    """One try at one view of a sample."""

    recipe: Recipe
    model: MorphableModel
    box: FaceBox
    index: int
    view: int
    attempt: int

    def stream(self, name: Stream, face: int = 0) -> np.random.Generator:
        """The generator of a stream of this try."""
        return rng(self.recipe.seed, self.index, name, self.view, face, self.attempt)


def _draw_view(draw: _Draw) -> SceneParams:
    recipe, box, index, stream = draw.recipe, draw.box, draw.index, draw.stream
    height, width = recipe.size

    focal = None
    if isinstance(recipe.camera, PerspectiveCamera):
        focal = recipe.camera.focal.draw(stream(Stream.CAMERA))
    faces = [_sample_face(draw)]
    if recipe.faces.bounds()[1] > 1:
        faces_rng = stream(Stream.FACES)
        count = min(max(round(recipe.faces.draw(faces_rng)), 1), MOST_FACES)
        for number in range(1, count):
            other = _sample_face(draw, number)
            faces.append(_stand_aside(other, faces[0], box, (height, width), faces_rng))
    return SceneParams(
        index=index,
        size=(height, width),
        focal=focal,
        faces=tuple(faces),
        light=_sample_light(recipe, stream(Stream.LIGHT)),
        background=sample_background(recipe.background, stream(Stream.BACKGROUND)),
        occluders=sample_occluders(recipe.occluders, faces[0], box, (height, width), stream(Stream.OCCLUDER)),
        sensor=_sample_sensor(recipe, stream(Stream.SENSOR)),
    )


def _sample_face(draw: _Draw, face: int = 0) -> FaceParams:
    def stream(name: Stream) -> np.random.Generator:
        return draw.stream(name, face)

    recipe, model, box = draw.recipe, draw.model, draw.box
    height, width = recipe.size
    pose_rng = stream(Stream.POSE)
    pose = recipe.pose
    degrees = [pose.pitch_deg.draw(pose_rng), pose.yaw_deg.draw(pose_rng), pose.roll_deg.draw(pose_rng)]
    right, down = pose.translation.sample(pose_rng, 2).tolist()
    scale = pose.scale.draw(pose_rng)
    albedo_rng = stream(Stream.ALBEDO)
    return FaceParams(
        identity=recipe.identity.sample(stream(Stream.IDENTITY), len(model.identity_basis)),
        expression=sample_expression(recipe.expression, model, stream(Stream.EXPRESSION)),
        euler=np.radians(degrees),
        scale=scale * height / box.side,
        centre=np.array([(0.5 + right) * width, (0.5 + down) * height]),
        skin=sample_skin(albedo_rng),
        texture=albedo_rng.random(),
    )


def _stand_aside(
    other: FaceParams, main: FaceParams, box: FaceBox, size: tuple[int, int], random: np.random.Generator
) -> FaceParams:
    """The other head, smaller and, where a few tries find room, not behind the main one."""
    scale = main.scale * random.uniform(*OTHER_FACE_SCALE)
    distance = 0.6 * box.side * (scale + main.scale)
    centre: NDArray[np.float64] = np.zeros(2)
    for _ in range(OTHER_FACE_TRIES):
        centre = random.uniform(0, 1, 2) * (size[1], size[0])
        if np.hypot(*(centre - main.centre)) >= distance:
            break
    return FaceParams(other.identity, other.expression, other.euler, scale, centre, other.skin, other.texture)


def _sample_light(recipe: Recipe, random: np.random.Generator) -> LightParams:
    rotation = radians(recipe.light.rotation_deg.draw(random))
    return LightParams(random.random(), rotation, recipe.light.intensity.draw(random))


def _sample_sensor(recipe: Recipe, random: np.random.Generator) -> SensorParams:
    sensor = recipe.sensor
    noise, blur, stops = (distribution.draw(random) for distribution in (sensor.noise, sensor.blur, sensor.exposure))
    return SensorParams(max(noise, 0.0), max(blur, 0.0), 2.0**stops, int(random.random() * 2**31))
