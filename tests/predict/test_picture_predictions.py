"""Predictions return to the picture they came from: stubs that know the answer, moved and scaled pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from synthgen.core.errors import UsageError
from synthgen.predict.crop import whole_crop
from synthgen.predict.faces import FaceInput
from synthgen.predict.outputs import CropInputs, predict_crops, run_network
from synthgen.predict.picture_predictions import PredictOptions, Target, predict_faces
from tests.predict.networks import Stub, card, coordinate_reader, spot_finder
from tests.predict.test_dense_decoding import TABLE

PHOTO = Path("photo.png")
CHART = np.full((4, 4), 8, np.uint8)


def spot(size: tuple[int, int], middle: tuple[float, float], radius: float) -> np.ndarray:
    """A red disc."""
    x, y = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    picture = np.zeros((*size, 3), np.uint8)
    picture[..., 0] = 255 * (np.hypot(x - middle[0], y - middle[1]) < radius)
    return picture


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (40.0, 13.0)])
def test_a_spot_is_found_where_it_is(factor: int, shift: tuple[float, float]) -> None:
    """Whatever the resolution and the place of the face, the answer moves with it."""
    place = np.array([90.0, 70.0]) + shift
    picture = spot((factor * 160, factor * 200), tuple(factor * place), factor * 12)
    box = tuple(factor * value for value in (*(place - (32, 40)), *(place + (32, 24))))
    (found,) = predict_faces(spot_finder(), picture, [FaceInput("a", PHOTO, box=box)])
    assert found.landmarks is not None
    np.testing.assert_allclose(found.landmarks, np.tile(factor * place, (68, 1)), atol=0.15 * factor)


def test_a_whole_picture_and_known_crop_points() -> None:
    """A network that always answers the same crop points: their places are linear in the crop's square."""
    points = np.random.default_rng(0).uniform(0, 64, (68, 2)).astype(np.float32)
    stub = Stub(
        card("anisotropic", ("landmarks",)), lambda picture: {"landmarks": np.tile(points, (len(picture), 1, 1))}
    )
    picture = np.zeros((100, 200, 3), np.uint8)
    faces = [FaceInput("whole", PHOTO), FaceInput("box", PHOTO, box=(50.0, 20.0, 90.0, 80.0))]
    whole, box = predict_faces(stub, picture, faces, PredictOptions(tight=True))
    np.testing.assert_allclose(whole.landmarks, points * 200 / 64 + (0, -50), rtol=1e-6)
    # 60 px are half of the crop: 120 px about (70, 50).
    np.testing.assert_allclose(box.landmarks, points * 120 / 64 + (10, -10), rtol=1e-5)


def painted(size: int, places: list[tuple[int, int, int]]) -> np.ndarray:
    """Faces as squares (left, top, side) that are painted with their template coordinates."""
    picture = np.zeros((size, size, 3), np.uint8)
    for left, top, side in places:
        ramp = (np.arange(side) + 0.5) / side
        square = picture[top : top + side, left : left + side]
        square[..., 0], square[..., 1], square[..., 2] = 255 * ramp, 255 * ramp[:, None], 255
    return picture


def test_densereg_finds_several_faces_in_a_picture() -> None:
    """Eightfold pictures: each crop pixel averages 8 x 8 and more, so points are known to about one."""
    picture = painted(512, [(32, 64, 240), (330, 300, 120)])
    stub = coordinate_reader(landmark_uv=TABLE.astype(np.float32), part_chart=CHART)
    first, second = predict_faces(stub, picture, [FaceInput("group", PHOTO)])
    assert (first.face.name, second.face.name) == ("group", "group_face2")
    for found, (left, top, side) in ((first, (32, 64, 240)), (second, (330, 300, 120))):
        assert np.abs(found.landmarks - (TABLE * side + (left, top))).max() < 12
        places = found.arrays["places"]
        seen = np.isfinite(found.uv).all(axis=-1)
        inside = binary_erosion(seen, iterations=2)  # pixels at the border are mixed with what lies beside it
        np.testing.assert_allclose(found.uv[inside] * side + (left, top), places[inside], atol=4)
        np.testing.assert_array_equal(found.parts, np.where(seen, 8, 0))


def test_a_box_says_which_face() -> None:
    picture = painted(512, [(32, 64, 240), (330, 300, 120)])
    stub = coordinate_reader(landmark_uv=TABLE.astype(np.float32), part_chart=CHART)
    faces = [
        FaceInput(str(n), PHOTO, box=box)
        for n, box in enumerate([(330.0, 300.0, 450.0, 420.0), (32.0, 64.0, 272.0, 304.0)])
    ]
    small, large = predict_faces(stub, picture, faces, PredictOptions(tight=True))
    assert np.abs(small.landmarks - (TABLE * 120 + (330, 300))).max() < 6
    assert np.abs(large.landmarks - (TABLE * 240 + (32, 64))).max() < 10


def test_no_face_is_told() -> None:
    stub = coordinate_reader(landmark_uv=TABLE.astype(np.float32), part_chart=CHART)
    (found,) = predict_faces(stub, np.zeros((64, 64, 3), np.uint8), [FaceInput("a", PHOTO)])
    assert found.note == "no face pixel" and found.landmarks is None


def test_matches_lie_in_the_target_picture() -> None:
    """Constant flow of (3, -2) px of crops; source crop 2 px, target crop 4 px of their pictures per pixel."""

    def answer(source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
        assert source.max() == 10 and target.max() == 20
        flow = np.broadcast_to(np.array([3.0, -2.0], np.float32)[None, :, None, None], (len(source), 2, 64, 64))
        return {"flow": flow, "matchability": np.ones((len(source), 1, 64, 64), np.float32)}

    stub = Stub(card("dfc", ("flow", "matchability"), inputs=("source", "target")), answer)
    target = Target(np.full((256, 256, 3), 20, np.uint8), whole_crop((256, 256), (64, 64)))
    (found,) = predict_faces(
        stub, np.full((128, 128, 3), 10, np.uint8), [FaceInput("a", PHOTO)], PredictOptions(target=target)
    )
    np.testing.assert_allclose(found.arrays["places"][5, 9], (19.0, 11.0))
    np.testing.assert_allclose(found.matches[5, 9], (4 * (9.5 + 3), 4 * (5.5 - 2)))


def test_landmarks_reach_the_network_in_its_pixels() -> None:
    seen = []

    def answer(picture: np.ndarray, given_landmarks: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(given_landmarks)
        return {"landmarks": given_landmarks}

    stub = Stub(card("dal2d", ("landmarks",), inputs=("picture", "given_landmarks")), answer)
    points = np.random.default_rng(0).uniform(30, 90, (68, 2))
    points[:2] = (20, 30), (100, 70)  # 80 px, half of the crop: 160 px about the middle
    (found,) = predict_faces(stub, np.zeros((120, 120, 3), np.uint8), [FaceInput("a", PHOTO, landmarks=points)])
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(seen[0][0], (points - (low + high) / 2) * 64 / 160 + 32, rtol=1e-5)
    np.testing.assert_allclose(found.landmarks, points, rtol=1e-5)
    with pytest.raises(UsageError, match="dal2d takes pictures with all 68 landmarks: give --landmarks"):
        predict_faces(stub, np.zeros((120, 120, 3), np.uint8), [FaceInput("a", PHOTO)])


def test_many_crops_run_in_batches() -> None:
    sizes: list[int] = []

    def answer(picture: np.ndarray) -> dict[str, np.ndarray]:
        sizes.append(len(picture))
        return {"landmarks": np.repeat(picture[:, :1, 0, :2], 68, axis=1).astype(np.float32)}

    crops = np.zeros((70, 64, 64, 3), np.uint8)
    crops[:, 0, 0, 0] = np.arange(70)
    found = predict_crops(Stub(card("anisotropic", ("landmarks",)), answer), crops)
    assert sizes == [32, 32, 6]
    np.testing.assert_array_equal(found.landmarks[:, 0, 0], np.arange(70))


def test_inputs_that_are_refused() -> None:
    stub = spot_finder()
    with pytest.raises(UsageError, match=r"takes pictures \(N, 64, 64, 3\); got \(1, 32, 32, 3\)"):
        predict_crops(stub, np.zeros((1, 32, 32, 3), np.uint8))
    pairs = Stub(replace(stub.card, method="dfc", inputs=("source", "target")), stub.answer)
    with pytest.raises(UsageError, match="give --target PHOTO"):
        run_network(pairs, np.zeros((1, 64, 64, 3), np.uint8), CropInputs())
