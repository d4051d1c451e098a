"""Motion blur spreads each point along its motion and keeps its light; noise has the size that it says."""

import numpy as np
import pytest
import torch

from synthgen.motion.motion_blur import blur_along_motion, with_noise


def shift_field(shifts: list[tuple[float, float]], size: int = 41) -> torch.Tensor:
    """Every pixel of a square picture moves by the same."""
    return torch.tensor(shifts, dtype=torch.float32)[:, None, None].expand(-1, size, size, -1)


def point(size: int = 41, level: float = 20000.0) -> torch.Tensor:
    """One bright pixel in the middle, so bright that rounding of its spread hardly matters."""
    picture = torch.zeros((1, size, size, 3))
    picture[0, size // 2, size // 2] = level
    return picture


@pytest.mark.parametrize(("length", "angle_deg"), [(9.0, 0.0), (12.0, 90.0), (10.0, 30.0), (7.5, -60.0), (3.0, 135.0)])
def test_a_point_becomes_a_segment_of_the_motions_length_and_direction(length: float, angle_deg: float) -> None:
    direction = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    # Twice the motion at half the shutter; dim, so that no pixel is cut at 255.
    field = shift_field([tuple(2 * length * direction)])
    light = blur_along_motion(point(level=250.0), field, np.array([0.5]))[0, ..., 0].numpy().astype(float)
    y, x = np.mgrid[:41, :41] - 20.0
    assert abs(light.sum() / 250.0 - 1) < 0.06  # energy, up to the rounding of each pixel
    along, across = x * direction[0] + y * direction[1], x * direction[1] - y * direction[0]
    weight = light / light.sum()
    assert abs((weight * along).sum()) < 0.05 and abs((weight * across).sum()) < 0.05
    # A segment's variance is length^2 / 12; a bilinear tap adds 1/4 px^2 at most per axis.
    assert 0.75 * length**2 / 12 < (weight * along**2).sum() < length**2 / 12 + 0.5
    assert (weight * across**2).sum() < 0.3
    assert not light[np.abs(along) > length / 2 + 1.5].any() and not light[np.abs(across) > 1.5].any()


def test_energy_is_kept_where_rounding_does_not_hide_it() -> None:
    random = np.random.default_rng(0)
    picture = np.zeros((1, 60, 60, 3), np.float32)
    picture[0, 20:40, 20:40] = random.uniform(50, 200, (20, 20, 3))
    blurred = blur_along_motion(torch.from_numpy(picture), shift_field([(6.0, -3.5)], 60), np.array([1.0])).numpy()
    np.testing.assert_allclose(blurred.sum(), picture.sum(), rtol=2e-3)


def bilinear(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    column, row = (np.clip(v - 0.5, 0, n - 1) for v, n in ((x, picture.shape[1]), (y, picture.shape[0])))
    left, top = min(int(column), picture.shape[1] - 2), min(int(row), picture.shape[0] - 2)
    u, v = column - left, row - top
    corners = picture[top : top + 2, left : left + 2]
    return (1 - v) * ((1 - u) * corners[0, 0] + u * corners[0, 1]) + v * ((1 - u) * corners[1, 0] + u * corners[1, 1])


def test_every_pixel_averages_along_its_own_motion() -> None:
    """A turning and growing picture, against a loop that averages very many points of each segment."""
    random = np.random.default_rng(1)
    coarse = random.uniform(0, 255, (6, 7, 3))
    picture = np.array([[bilinear(coarse, 0.5 + x / 4, 0.5 + y / 4) for x in range(24)] for y in range(20)], np.float32)
    field = np.array([[[0.10, -0.2, 2.0], [0.2, 0.10, -4.0]]])
    ways = np.array([[field[0] @ [x + 0.5, y + 0.5, 1] for x in range(24)] for y in range(20)], np.float32)
    velocity = torch.from_numpy(ways)[None]
    blurred = blur_along_motion(torch.from_numpy(picture)[None], velocity, np.array([0.8]))[0].numpy().astype(float)
    for y in range(0, 20, 3):
        for x in range(0, 24, 3):
            way = 0.8 * field[0] @ [x + 0.5, y + 0.5, 1]
            shares = (np.arange(400) + 0.5) / 400 - 0.5
            points = [bilinear(picture, x + 0.5 + share * way[0], y + 0.5 + share * way[1]) for share in shares]
            np.testing.assert_allclose(blurred[y, x], np.mean(points, axis=0), atol=2.0)


def test_without_blur_levels_are_rounded_and_cut() -> None:
    levels = torch.tensor([-3.0, 0.4, 0.6, 254.6, 300.0, 12.0, 7.5, 100.2, 99.9]).view(1, 3, 3, 1).expand(-1, -1, -1, 3)
    expected = np.array([0, 0, 1, 255, 255, 12, 8, 100, 100]).reshape(3, 3)
    found = blur_along_motion(levels, shift_field([(40.0, 10.0)], 3), np.array([0.0]))
    np.testing.assert_array_equal(found[0, ..., 1], expected)


def test_frames_are_blurred_by_their_own_motion() -> None:
    picture = point(21, 250.0).expand(2, -1, -1, -1)
    found = blur_along_motion(picture, shift_field([(8.0, 0.0), (0.0, 8.0)], 21), np.array([1.0, 1.0])).numpy()
    np.testing.assert_array_equal(found[0], found[1].transpose(1, 0, 2))
    assert (found[0, 10] > 0).sum() > 8 * 3 and (found[1, :, 10] > 0).sum() > 8 * 3


def test_noise_has_its_standard_deviation_and_is_new_in_every_frame() -> None:
    image = torch.full((3, 90, 90, 3), 128, dtype=torch.uint8)
    stddev = np.array([0.0, 2.0, 6.0])
    noise = with_noise(image, stddev, 3, 11).numpy() - 128.0
    assert not noise[0].any()
    for frame in (1, 2):
        assert abs(noise[frame].std() / stddev[frame] - 1) < 0.02 and abs(noise[frame].mean()) < 0.05 * stddev[frame]
    assert abs(np.corrcoef(noise[1].ravel(), noise[2].ravel())[0, 1]) < 0.03
    np.testing.assert_array_equal(noise, with_noise(image, stddev, 3, 11).numpy() - 128.0)
    assert not np.array_equal(noise[1], with_noise(image, stddev, 3, 12).numpy()[1] - 128.0)
