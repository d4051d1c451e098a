"""Scenes that cannot be rendered: drawn again from streams of their own, counted, and given up with the key's name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synthgen.core.errors import LabelError, RecipeError
from synthgen.core.limits import MOST_SCENE_TRIES
from synthgen.core.seeds import Stream, rng
from synthgen.recipe.load import parse_recipe
from synthgen.sampling.believable import scene_problem
from synthgen.sampling.sampler import sample_scene
from tests.sampling.test_sampler import BOX, MODEL, recipe


def scene(**changes: Any) -> Any:
    return replace(sample_scene(recipe(), MODEL, BOX, 0)[0], **changes)


def face(**changes: Any) -> Any:
    return (replace(scene().faces[0], **changes),)


def test_ordinary_scenes_have_no_problem() -> None:
    for index in range(200):
        for view in sample_scene(recipe(), MODEL, BOX, index):
            assert scene_problem(view, BOX) is None and view.rejected == {}


IDENTITY = np.zeros(40)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"faces": face(identity=np.where(np.arange(40) == 7, np.nan, 0.0))}, r"identity\[7\] is nan"),
        ({"faces": face(identity=np.where(np.arange(40) == 3, np.inf, 0.0))}, r"identity\[3\] is inf"),
        ({"faces": face(identity=IDENTITY + 21.0)}, r"identity\[0\] is 21, expected at most 20"),
        ({"faces": face(expression=np.array([0, 0, -np.inf, 0]))}, r"expression\[2\] is -inf"),
        ({"faces": face(euler=np.array([0, np.nan, 0]))}, "pose"),
        ({"faces": face(centre=np.array([np.inf, 3]))}, "pose"),
        ({"faces": face(scale=float("nan"))}, "pose"),
        ({"faces": face(scale=0.0)}, "pose.scale gives 0 px"),
        ({"faces": face(scale=-1.0)}, "pose.scale gives -1 px"),
        ({"focal": float("nan")}, "camera.focal"),
        ({"focal": float("inf")}, "camera.focal"),
        ({"focal": -2.0}, "camera.focal is -2"),
        ({"focal": 0.1}, "camera.focal and pose.scale put the camera into the head"),
        ({"faces": face(centre=np.array([-200.0, 30.0]))}, "pose.translation puts the face at"),
        ({"faces": face(centre=np.array([48.0, 1e9]))}, "pose.translation puts the face at"),
    ],
)
def test_what_cannot_be_rendered_is_named_by_its_key(changes: Any, words: str) -> None:
    import re

    assert re.search(words, scene_problem(scene(**changes), BOX) or "")


MIXED = {
    "distribution": "mixture",
    "components": [
        {"weight": 0.6, "distribution": "constant", "value": 0},
        {"weight": 0.4, "distribution": "constant", "value": 1.9},
    ],
}


def test_a_scene_is_drawn_again_from_streams_of_its_own() -> None:
    """Four in ten draws of x and of y put the face out of sight; the first try that does not is the sample."""
    asked = recipe(pose={"translation": MIXED, "scale": 0.6})
    tries = []
    for index in range(300):
        for view, drawn in enumerate(sample_scene(asked, MODEL, BOX, index)):
            attempt = drawn.rejected.get("scene", 0)
            tries.append(attempt)
            assert scene_problem(drawn, BOX) is None
            identity = rng(11, index, Stream.IDENTITY, view, 0, attempt).standard_normal(40)
            np.testing.assert_array_equal(drawn.faces[0].identity, identity)
            expected = np.random.Philox(
                np.random.SeedSequence(11, spawn_key=(index, 1 + 1000 * view + 10_000 * attempt))
            )
            np.testing.assert_array_equal(identity, np.random.Generator(expected).standard_normal(40))
    # A try succeeds when both are 0, 36 times in 100: the mean number of tries in vain is 0.64 / 0.36.
    assert np.mean(tries) == pytest.approx(0.64 / 0.36, abs=0.35)
    again = sample_scene(asked, MODEL, BOX, 17)
    assert [view.rejected for view in again] == [view.rejected for view in sample_scene(asked, MODEL, BOX, 17)]


def test_a_recipe_that_never_shows_a_face_ends_with_the_sample_and_the_key() -> None:
    hopeless = recipe(pose={"translation": 1.9, "scale": 0.6})
    with pytest.raises(LabelError, match=f"sample 5: none of {MOST_SCENE_TRIES} scenes .* pose.translation"):
        sample_scene(hopeless, MODEL, BOX, 5)
    inside = recipe(camera={"focal": 0.5}, pose={"scale": 5})
    with pytest.raises(LabelError, match=r"sample 2: .* camera\.focal and pose\.scale put the camera into the head"):
        sample_scene(inside, MODEL, BOX, 2)


ABSURD = {
    "identity: {distribution: normal, stddev: 1000}": "7:11: identity: .*from -4000 to 4000, expected -20 to 20",
    "identity: 1e9": "7:11: identity",
    "identity: .nan": "7:11: identity",
    "expression: {mode: gaussian, stddev: 99}": "7:.*: expression.*from -396 to 396",
    "pose: {yaw_deg: 1e6}": "7:17: pose.yaw_deg: .*right unit",
    "pose: {roll_deg: {distribution: uniform, low: 0, high: 36000}}": "pose.roll_deg",
    "pose: {translation: {distribution: normal, stddev: 64}}": "pose.translation",
    "pose: {scale: 0}": "pose.scale",
    "camera: {focal: 0}": "camera.focal",
    "camera: {focal: .inf}": "camera.focal",
    "light: {rotation_deg: 1e8}": "light.rotation_deg",
    "light: {intensity: -1}": "light.intensity",
    "sensor: {exposure: 400}": "sensor.exposure",
    "identity: {distribution: mixture, components: [{weight: 1, distribution: normal, stddev: 1}, "
    "{weight: 0.001, distribution: constant, value: 500}]}": "identity: .*to 500",
}


@pytest.mark.parametrize("line", ABSURD)
def test_absurd_recipes_are_refused_with_their_line(line: str) -> None:
    text = f"kind: images\nseed: 1\n\n\ncount: 2\nsize: [32, 32]\n{line}\n"
    with pytest.raises(RecipeError, match=ABSURD[line]) as caught:
        parse_recipe(text, "absurd.yaml")
    assert all(problem.startswith("absurd.yaml:7:") for problem in caught.value.problems)
