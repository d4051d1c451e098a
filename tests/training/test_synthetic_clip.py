"""Frames made from stills: labels move as the picture does, and batches are clips x frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthgen.geometry.camera import Cameras
from synthgen.geometry.rotation import rotation_from_euler
from synthgen.geometry.similarity import Similarity, move_cameras
from synthgen.labels.parameters import parameters_62
from synthgen.morphable.open_model import open_model
from synthgen.recipe.distributions import Constant
from synthgen.recipe.photo_sections import Video
from synthgen.recipe.sections import ProceduralModel
from training.data import Layout, TrainingData, open_training_dataset
from training.methods.tddfa_v2 import TddfaV2
from training.synthetic_clip import blurred, motion_kernel, moved_parameters, synthetic_clip

CAMERA = ("rotation", "translation", "focal", "principal")
MOTIONS = Similarity(np.array([1.04, 0.9]), np.array([0.05, -0.4]), np.array([[3.0, -2.0], [-7.0, 11.0]]))


def test_parameters_move_as_cameras_do() -> None:
    """Against the label of a camera that has been moved, which knows nothing of 62 numbers."""
    model = open_model(ProceduralModel())
    rotation = rotation_from_euler(np.array([[0.1, 0.5, -0.2]]))
    cameras = Cameras(
        False,
        torch.from_numpy(rotation).float(),
        torch.zeros(1, 3),
        torch.tensor([0.4]),
        torch.tensor([[61.0, 57.0]]),
    )
    shapes = np.full((1, len(model.identity_basis)), 0.3), np.full((1, len(model.expression_basis)), 0.2)
    still = parameters_62(model, cameras, shapes, 120, np.array([-5.0]))[0]
    twice = Cameras(False, *(getattr(cameras, name).repeat_interleave(2, 0) for name in CAMERA))
    both = np.repeat(shapes[0], 2, axis=0), np.repeat(shapes[1], 2, axis=0)
    expected = parameters_62(model, move_cameras(twice, MOTIONS), both, 120, -5.0 * MOTIONS.scale)
    np.testing.assert_allclose(moved_parameters(still, MOTIONS, 120), expected, rtol=1e-5, atol=1e-4)


def video(**changes: Any) -> Video:
    still = {"noise": Constant(value=0.0), "blur": Constant(value=0.0)}
    return Video.model_validate({**still, "frames": 4, **changes})


def test_landmarks_stay_on_the_picture() -> None:
    """A round spot at one landmark is found at the moved landmark, in every frame."""
    y, x = np.mgrid[:96, :96] + 0.5
    landmarks = np.random.default_rng(0).uniform(35, 60, (68, 2))
    spot = landmarks[30]
    light = 250.0 * np.exp(-0.5 * ((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 4.0)
    pixels = np.repeat(light[..., None], 3, axis=-1).astype(np.uint8)
    frames = synthetic_clip((pixels, landmarks, np.zeros(62)), video(), np.random.default_rng(4))
    assert np.array_equal(frames.pixels[0], pixels)
    moved = np.linalg.norm(frames.landmarks[1:, 30] - landmarks[30], axis=-1)
    assert moved.max() > 1.0
    for picture, points in zip(frames.pixels, frames.landmarks, strict=True):
        weight = picture[..., 0].astype(np.float64)
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        np.testing.assert_allclose(found, points[30], atol=0.1)


def test_one_frame_is_that_of_the_clip() -> None:
    still = np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8), np.full((68, 2), 20.0), np.zeros(62)
    whole = synthetic_clip(still, video(), np.random.default_rng(9))
    one = synthetic_clip(still, video(), np.random.default_rng(9), only=2)
    assert np.array_equal(one.pixels[0], whole.pixels[2])
    assert np.array_equal(one.landmarks[0], whole.landmarks[2])
    assert np.array_equal(one.parameters[0], whole.parameters[2])


def test_blur_is_a_segment() -> None:
    """A point that moves by 4 px to the right while the shutter is open: 0.25 on each of the pixels it passes over, the
    outer ones half."""
    np.testing.assert_allclose(motion_kernel(np.array([4.0, 0.0]))[2], [1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8], atol=2e-2)
    for motion in ([4.0, 0.0], [-1.3, 2.2], [0.2, 0.1]):
        kernel = motion_kernel(np.array(motion))
        assert kernel.sum() == pytest.approx(1.0) and np.allclose(kernel, kernel[::-1, ::-1])
    picture = np.zeros((9, 9, 3), np.float32)
    picture[4, 4] = 200.0
    found = blurred(picture, np.array([4.0, 0.0]))
    assert found[4, :, 0].tolist()[2:7] == pytest.approx([25, 50, 50, 50, 25], abs=4)
    assert found.astype(int).sum() == pytest.approx(600, abs=12) and not found[3].any()
    assert np.array_equal(blurred(picture, np.zeros(2)), picture.astype(np.uint8))


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    still = np.full((64, 64, 3), 128, np.uint8), np.full((68, 2), 32.0), np.zeros(62)
    frames = synthetic_clip(still, video(noise=Constant(value=3.0)), np.random.default_rng(2))
    spread = (frames.pixels.astype(float) - 128).std(axis=(1, 2, 3))
    np.testing.assert_allclose(spread, 3.0, rtol=0.05)


def test_batches_are_clips_of_frames(faces: Path) -> None:
    """Neighbours in a batch are frames of one still; labels fit the model that the losses use."""
    method = TddfaV2({"augment": "svs", "video": {"frames": 4}, "vertices": 80})
    dataset = open_training_dataset(method, str(faces))
    method.prepare(dataset)
    (batch,) = TrainingData(method, str(faces), 3, 8, Layout()).next()
    assert batch["picture"].shape == (8, 3, 64, 64) and batch["parameters"].shape == (8, 62)
    places = batch["position"].view(2, 4)
    assert (places == places[:, :1]).all() and places[0, 0] != places[1, 0]
    # The landmarks of the moved parameters are the moved landmarks.
    torch.testing.assert_close(method.landmarks(batch["parameters"]), batch["landmarks"], atol=0.05, rtol=0)
    still = method.item(dataset[int(places[0, 0])], None)
    assert still["picture"].shape == (3, 64, 64)
    assert (batch["landmarks"][:4] - still["landmarks"]).norm(dim=-1).mean(dim=1)[1:].min() > 0.01


def test_rnd_takes_single_frames(faces: Path) -> None:
    method = TddfaV2({"augment": "rnd", "vertices": 80})
    method.prepare(open_training_dataset(method, str(faces)))
    (batch,) = TrainingData(method, str(faces), 3, 8, Layout()).next()
    assert sorted(batch["position"].tolist()) == list(range(8))
    torch.testing.assert_close(method.landmarks(batch["parameters"]), batch["landmarks"], atol=0.05, rtol=0)
