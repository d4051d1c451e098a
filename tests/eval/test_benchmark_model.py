"""Networks on pictures of another size than their own: stand-ins whose answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.benchmark_model import BenchmarkModel, nearest_plane, resized, resized_plane
from eval.mean_face_target import landmarks_by_flow, mean_face_target, uv_by_flow
from synthgen.core.errors import UsageError
from synthgen.dataset.reader import open_dataset
from synthgen.predict.card import NetworkCard
from synthgen.recipe.sections import ProceduralModel

MODEL = ProceduralModel()


class Fixed:
    """A network that says the same of every picture."""

    def __init__(self, card: NetworkCard, outputs: dict[str, np.ndarray]) -> None:
        self.card, self._outputs = card, outputs
        self.seen: dict[str, np.ndarray] = {}

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.seen = inputs
        count = len(next(iter(inputs.values())))
        return {name: np.repeat(output[None], count, axis=0) for name, output in self._outputs.items()}


def card(
    method: str, inputs: tuple[str, ...], outputs: tuple[str, ...], size: tuple[int, int] = (32, 32)
) -> NetworkCard:
    return NetworkCard(method=method, size=size, share=0.7, inputs=inputs, outputs=outputs)


def test_landmarks_come_back_in_pixels_of_the_picture() -> None:
    points = np.random.default_rng(0).uniform(0, 32, (68, 2)).astype(np.float32)
    network = Fixed(card("anisotropic", ("picture",), ("landmarks",)), {"landmarks": points})
    pictures = [np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)]
    found = BenchmarkModel(network, MODEL).on_images(pictures, [points, points])
    assert len(found) == 2 and network.seen["picture"].shape == (2, 3, 32, 32)
    np.testing.assert_allclose(found[1]["landmarks_2d"], 2 * points)


def test_dal2d_is_given_landmarks_of_its_own_picture() -> None:
    points = np.random.default_rng(0).uniform(0, 64, (68, 2))
    outputs = {"parameters": np.arange(62, dtype=np.float32), "landmarks": np.zeros((68, 2), np.float32)}
    network = Fixed(card("dal2d", ("picture", "given_landmarks"), ("parameters", "landmarks")), outputs)
    found = BenchmarkModel(network, MODEL).on_images([np.zeros((64, 128, 3), np.uint8)], [points])
    np.testing.assert_allclose(network.seen["given_landmarks"][0], points * [0.25, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(found[0]["parameters_62"], np.arange(62))


def test_flow_of_pairs_is_scaled_with_the_picture() -> None:
    flow = np.stack([np.full((32, 32), 3.0), np.full((32, 32), -1.0)]).astype(np.float32)
    outputs = {"flow": flow, "matchability": np.full((1, 32, 32), 0.75, np.float32)}
    network = Fixed(card("dfc", ("source", "target"), ("flow", "matchability")), outputs)
    pictures = [np.zeros((64, 64, 3), np.uint8)]
    (found,) = BenchmarkModel(network, MODEL).on_pairs(pictures, pictures)
    np.testing.assert_allclose(found["flow"], np.broadcast_to([6.0, -2.0], (64, 64, 2)), rtol=1e-6)
    np.testing.assert_allclose(found["matchability"], 0.75)
    with pytest.raises(UsageError, match="does not match two pictures"):
        single = Fixed(replace(network.card, method="anisotropic", inputs=("picture",)), outputs)
        BenchmarkModel(single, MODEL).on_pairs(pictures, pictures)


def test_no_flow_to_the_mean_face_says_the_mean_face() -> None:
    """A network that does not move anything reads the target's own landmarks and coordinates."""
    target = mean_face_target(MODEL, (64, 64))
    outputs = {"flow": np.zeros((2, 64, 64), np.float32), "matchability": np.ones((1, 64, 64), np.float32)}
    network = Fixed(card("dfc", ("source", "target"), ("flow", "matchability"), (64, 64)), outputs)
    (found,) = BenchmarkModel(network, MODEL).on_images([np.zeros((64, 64, 3), np.uint8)], [target.landmarks])
    assert np.abs(found["landmarks_2d"] - target.landmarks).max() <= 0.5 + 1e-9
    np.testing.assert_array_equal(found["uv"], target.uv.astype(np.float64))
    np.testing.assert_array_equal(network.seen["target"][0].shape, (3, 64, 64))


def test_the_mean_face_has_its_landmarks_where_its_coordinates_say() -> None:
    """The pixel nearest to a landmark has the landmark's template coordinate, for those that are seen frontally."""
    target = mean_face_target(MODEL, (128, 128))
    from synthgen.morphable.open_model import open_model

    template = open_model(MODEL).template
    points = template.landmarks["ibug68"]
    uv = np.einsum("kcd,kc->kd", template.uv[points.triangle], points.barycentric)
    inner = np.arange(17, 60)
    place = np.floor(target.landmarks[inner]).astype(int)
    there = target.uv[place[:, 1], place[:, 0]]
    assert np.nanmedian(np.linalg.norm(there - uv[inner], axis=1)) < 0.01


def test_exact_flow_to_a_target_finds_what_is_there(benchmark_pairs: Path) -> None:
    """With the true flow of a pair, a pixel's partner is found to within half a pixel."""
    sample = open_dataset(benchmark_pairs)[0]
    matchable = np.isin(sample["matchability"], (1, 4, 5))
    rows, columns = np.nonzero(matchable)
    some = np.random.default_rng(0).choice(len(rows), 40, replace=False)
    centres = np.stack([columns[some], rows[some]], axis=-1) + 0.5
    ends = centres + sample["flow"][rows[some], columns[some]]
    found = landmarks_by_flow(np.nan_to_num(sample["flow"]), matchable, ends)
    np.testing.assert_array_equal(found, centres)


def test_coordinates_by_flow_by_hand() -> None:
    uv = np.full((2, 3, 2), np.nan)
    uv[0, 2], uv[1, 0] = (0.1, 0.2), (0.3, 0.4)
    flow = np.zeros((2, 3, 2))
    flow[0, 0] = (2.4, 0.4)  # from (0.5, 0.5) to (2.9, 0.9): pixel (0, 2)
    flow[1, 1] = (-0.6, 0.0)  # from (1.5, 1.5) to (0.9, 1.5): pixel (1, 0)
    flow[1, 2] = (5.0, 0.0)  # beside the picture
    matchable = np.ones((2, 3), bool)
    found = uv_by_flow(flow, matchable, uv)
    np.testing.assert_allclose(found[0, 0], [0.1, 0.2])
    np.testing.assert_allclose(found[1, 1], [0.3, 0.4])
    assert np.isnan(found[1, 2]).all() and np.isnan(found[0, 1]).all()
    assert np.isnan(uv_by_flow(flow, ~matchable, uv)).all()


def test_resizing_keeps_places() -> None:
    y, x = np.mgrid[0:32, 0:32] + 0.5
    ramp = np.stack([x, y], axis=-1)
    larger = resized_plane(ramp, (64, 64))
    yy, xx = np.mgrid[0:64, 0:64] + 0.5
    np.testing.assert_allclose(larger[2:-2, 2:-2], np.stack([xx, yy], axis=-1)[2:-2, 2:-2] / 2, atol=1e-5)
    np.testing.assert_array_equal(nearest_plane(ramp, (64, 64))[::2, ::2], ramp)
    picture = (ramp[..., :1] * [1, 2, 3]).astype(np.uint8)
    assert resized(picture, (32, 32)) is picture
    assert np.abs(resized(picture, (16, 16)).astype(int) - picture[::2, ::2]).max() <= 3
