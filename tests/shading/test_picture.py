import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from synthgen.shading.picture import PictureLayers, Sensor, develop_pictures, shrink_coverage
from synthgen.shading.transfer import linear_from_srgb, srgb_from_linear

H, W = 24, 30


def layers_of(background, faces=None, occluder=None, mask=None):
    count = len(background)
    return PictureLayers(
        torch.arange(count + 1, dtype=torch.int32),
        torch.zeros(count, H, W, 4) if faces is None else faces,
        torch.from_numpy(background),
        torch.zeros(count, H, W, 3, dtype=torch.uint8) if occluder is None else torch.from_numpy(occluder),
        torch.zeros(count, H, W, dtype=torch.bool) if mask is None else torch.from_numpy(mask),
    )


def sensor(count=1, exposure=1.0, blur=0.0, noise=0.0, seed=7):
    def full(value):
        return torch.full((count,), float(value))

    return Sensor(full(exposure), full(blur), full(noise), torch.full((count,), seed, dtype=torch.int32))


def random_picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, H, W, 3)).astype(np.uint8)


def test_a_background_comes_through_unchanged():
    picture = random_picture()
    np.testing.assert_array_equal(develop_pictures(layers_of(picture), sensor()).numpy(), picture)


def test_faces_occluders_and_exposure_against_the_formula():
    random = np.random.default_rng(1)
    picture, occluder = random_picture(1), random_picture(2)
    alpha = random.uniform(0, 1, (1, H, W, 1))
    face = np.concatenate([random.uniform(0, 1, (1, H, W, 3)) * alpha, alpha], -1).astype(np.float32)
    mask = np.zeros((1, H, W), bool)
    mask[0, 5:9, 3:20] = True
    image = develop_pictures(layers_of(picture, torch.from_numpy(face), occluder, mask), sensor(exposure=0.6)).numpy()
    linear = linear_from_srgb(picture / 255.0) * (1 - alpha) + face[..., :3]
    linear[mask] = linear_from_srgb(occluder / 255.0)[mask]
    expected = 255 * srgb_from_linear(0.6 * linear)
    assert np.abs(image - expected).max() < 0.52  # rounding to bytes, and 0.02 levels of table interpolation


def test_the_main_face_hides_the_others():
    red, green = torch.zeros(1, H, W, 4), torch.zeros(1, H, W, 4)
    red[..., 0] = red[..., 3] = 1
    green[..., 1] = green[..., 3] = 1
    layers = PictureLayers(
        torch.tensor([0, 2], dtype=torch.int32),
        torch.cat([red, green]),
        torch.zeros(1, H, W, 3, dtype=torch.uint8),
        torch.zeros(1, H, W, 3, dtype=torch.uint8),
        torch.zeros(1, H, W, dtype=torch.bool),
    )
    assert (develop_pictures(layers, sensor())[0, 0, 0].numpy() == [255, 0, 0]).all()


@pytest.mark.parametrize("sigma", [0.6, 1.5])
def test_blur_against_scipy(sigma):
    picture = random_picture(4)
    image = develop_pictures(layers_of(picture), sensor(blur=sigma)).numpy()[0]
    linear = linear_from_srgb(picture[0] / 255.0)
    radius = int(np.ceil(3 * sigma))
    blurred = np.stack(
        [gaussian_filter(linear[..., c], sigma, mode="nearest", radius=radius) for c in range(3)], axis=-1
    )
    assert np.abs(image - 255 * srgb_from_linear(blurred)).max() < 0.55


def test_noise_has_the_stated_deviation_and_depends_on_the_seed_alone():
    grey = np.full((1, H, W, 3), 128, np.uint8)
    many = np.repeat(grey, 40, axis=0)
    settings = sensor(40, noise=3.0)
    settings = Sensor(settings.exposure, settings.blur, settings.noise, torch.arange(40, dtype=torch.int32))
    noise = develop_pictures(layers_of(many), settings).numpy().astype(float) - 128
    count = noise.size
    assert abs(noise.mean()) < 5 * 3 / np.sqrt(count)
    # rounding to whole levels adds 1/12 to the variance
    assert noise.var() == pytest.approx(9 + 1 / 12, rel=5 * np.sqrt(2 / count))
    # neighbouring pixels, channels and seeds are independent
    for shifted in (np.roll(noise, 1, axis=2), np.roll(noise, 1, axis=3), np.roll(noise, 1, axis=0)):
        assert abs(np.corrcoef(noise.ravel(), shifted.ravel())[0, 1]) < 5 / np.sqrt(count)
    kurtosis = ((noise - noise.mean()) ** 4).mean() / noise.var() ** 2
    assert kurtosis == pytest.approx(3, abs=0.15)
    again = develop_pictures(layers_of(grey), sensor(1, noise=3.0, seed=5)).numpy()
    np.testing.assert_array_equal(again[0], (noise[5] + 128).astype(np.uint8))


def test_soft_edges_are_the_mean_of_the_fine_pixels():
    fine = torch.rand(2, 6, 8, 4)
    coarse = shrink_coverage(fine, 2)
    expected = fine.reshape(2, 3, 2, 4, 2, 4).mean(dim=(2, 4))
    np.testing.assert_allclose(coarse, expected, atol=1e-6)
