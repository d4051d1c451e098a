import numpy as np
import pytest
import torch

from synthgen.raster.fragments import Fragments
from synthgen.shading.surface import (
    HeadAlbedo,
    HeadGeometry,
    chart_layers,
    mip_level,
    padded_absorbance,
    shade_heads,
)
from synthgen.shading.transfer import linear_from_srgb

H, W, SIZE, LAYERS = 5, 7, 8, 3


def random_case(seed=0, texture=False):
    """One head of one triangle that covers every pixel but the first row, with random everything."""
    random = np.random.default_rng(seed)
    ids = np.zeros((1, H, W), np.int32)
    ids[:, 0] = -1
    weights = random.dirichlet([1, 1, 1], (1, H, W)).astype(np.float32)
    fragments = Fragments(torch.from_numpy(ids), torch.from_numpy(weights), torch.zeros(1, H, W))
    normals = random.normal(size=(1, 3, 3)).astype(np.float32)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0].astype(np.float32)[None]
    uv = random.uniform(0.2, 0.8, (1, 3, 2)).astype(np.float32)
    geometry = HeadGeometry(
        torch.tensor([[0, 1, 2]], dtype=torch.int32),
        1,
        torch.from_numpy(uv),
        torch.from_numpy(normals),
        torch.from_numpy(rotation),
    )
    layers = random.uniform(0, 1, (SIZE, SIZE, LAYERS)).astype(np.float32)
    absorbance = random.uniform(0, 1, (1, LAYERS, 3)).astype(np.float32)
    pictures = random.integers(0, 256, (1, SIZE, SIZE, 3) if texture else (1, 0, 0, 3)).astype(np.uint8)
    albedo = HeadAlbedo(
        torch.from_numpy(padded_absorbance(absorbance)), torch.zeros(1, dtype=torch.int32), torch.from_numpy(pictures)
    )
    light = random.normal(size=(1, 9, 3)).astype(np.float32)
    light[:, 0] += 5  # keep irradiance positive
    surface = shade_heads(
        fragments, geometry, chart_layers([layers], 1.0, "cpu"), albedo, torch.from_numpy(light), True
    )
    return surface, ids[0], weights[0], normals[0], rotation[0], uv[0], layers, absorbance[0], pictures, light[0]


def bilinear(image, uv):
    """Reference lookup in float64; row 0 is v = 1, texel centres at half-integers."""
    size = image.shape[0]
    x, y = uv[0] * size - 0.5, (1 - uv[1]) * size - 0.5
    column, row = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - column, y - row
    rows = [(1 - fx) * image[r, column] + fx * image[r, column + 1] for r in (row, row + 1)]
    return (1 - fy) * rows[0] + fy * rows[1]


def real_harmonics(n):
    """Y_lm from the spherical-harmonics definition with scipy, in this project's order, real orthonormal."""
    from scipy.special import sph_harm_y

    theta, phi = np.arccos(np.clip(n[2], -1, 1)), np.arctan2(n[1], n[0])
    values = []
    for order, degree in [(0, 0), (1, -1), (1, 0), (1, 1), (2, -2), (2, -1), (2, 0), (2, 1), (2, 2)]:
        complex_value = sph_harm_y(order, abs(degree), theta, phi)
        if degree == 0:
            values.append(complex_value.real)
        else:
            part = complex_value.real if degree > 0 else complex_value.imag
            values.append(np.sqrt(2) * (-1) ** abs(degree) * part)
    return np.array(values)


@pytest.mark.parametrize("texture", [False, True])
def test_surface_against_the_formulas_in_float64(texture):
    surface, ids, weights, normals, rotation, uv, layers, absorbance, pictures, light = random_case(3, texture)
    band = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5)
    for row, column in [(1, 0), (2, 3), (4, 6)]:
        b = weights[row, column].astype(np.float64)
        n = rotation @ (b @ normals)
        n = n / np.linalg.norm(n)
        where = b @ uv
        if texture:
            albedo = bilinear(linear_from_srgb(pictures[0] / 255.0), where)
        else:
            albedo = np.exp(-bilinear(layers.astype(np.float64), where) @ absorbance)
        irradiance = (band * real_harmonics(n)) @ light
        shading = np.maximum(irradiance, 0) / np.pi
        np.testing.assert_allclose(surface.albedo[0, row, column], albedo, rtol=2e-5)
        np.testing.assert_allclose(surface.shading[0, row, column], shading, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(surface.colour[0, row, column, :3], albedo * shading, rtol=3e-4, atol=2e-5)
        np.testing.assert_allclose(surface.normals[0, row, column], n * [1, -1, -1], atol=1e-5)
        assert surface.colour[0, row, column, 3] == 1


def test_nothing_is_painted_where_nothing_is_seen():
    surface = random_case()[0]
    assert (surface.colour[0, 0] == 0).all()
    assert torch.isnan(surface.normals[0, 0]).all() and torch.isnan(surface.albedo[0, 0]).all()


def test_a_sphere_lit_from_above_has_a_bright_top():
    normals = torch.tensor([[[0.0, 1, 0], [0, -1, 0], [0, 0, 1]]])
    ids = torch.zeros((1, 1, 3), dtype=torch.int32)
    fragments = Fragments(ids, torch.eye(3)[None, None], torch.zeros(1, 1, 3))
    geometry = HeadGeometry(
        torch.tensor([[0, 1, 2]], dtype=torch.int32), 1, torch.full((1, 3, 2), 0.5), normals, torch.eye(3)[None]
    )
    light = torch.zeros(1, 9, 3)
    light[0, 0] = 1.0
    light[0, 1] = 1.0  # L1-1 is the y lobe: light from above
    white = HeadAlbedo(
        torch.zeros(1, 3, 16), torch.zeros(1, dtype=torch.int32), torch.zeros(1, 0, 0, 3, dtype=torch.uint8)
    )
    chart = chart_layers([np.zeros((4, 4, 1), np.float32)], 1.0, "cpu")
    colour = shade_heads(fragments, geometry, chart, white, light).colour[0, 0, :, 0]
    assert colour[0] > colour[2] > colour[1]


def test_mip_level_follows_the_pixel_size():
    chart = chart_layers([np.zeros((8, 8, 1), np.float32), np.zeros((4, 4, 1), np.float32)], 0.5, "cpu")
    # a pixel of 0.5 mm equals a level-0 texel, one of 1 mm a level-1 texel; beyond the last level it stays there
    np.testing.assert_array_equal(mip_level(chart, np.array([2.0, 1.0, 0.1, 8.0])), [0, 1, 1, 0])
