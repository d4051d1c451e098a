from math import factorial, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import lebedev_rule
from scipy.special import lpmv

from synthgen.core.errors import UsageError
from synthgen.core.spherical_harmonics import SH_ORDERS, cap_sh, rotation_matrix_sh
from synthgen.shading.spherical_harmonics import (
    from_basel,
    from_deca,
    from_face3d,
    from_ramamoorthi,
    irradiance,
    rotate_sh,
    rotate_sh_y,
    sh_basis,
    shading,
)

RANDOM = np.random.default_rng(4)
COEFFICIENTS = RANDOM.normal(size=(9, 3)) * 0.2 + np.eye(9)[:, :1] * 3
POINTS, WEIGHTS = lebedev_rule(17)
POINTS = POINTS.T  # (P, 3), exact to degree 17


def random_rotation() -> np.ndarray:
    matrix, _ = np.linalg.qr(RANDOM.normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


def test_basis_is_orthonormal() -> None:
    gram = sh_basis(POINTS).T @ (WEIGHTS[:, None] * sh_basis(POINTS))
    np.testing.assert_allclose(gram, np.eye(9), atol=1e-12)


def test_basis_is_the_textbook_one_without_the_phase_of_odd_orders() -> None:
    x, y, z = POINTS.T
    azimuth = np.arctan2(y, x)
    columns = []
    for order in range(3):
        for m in range(-order, order + 1):
            k = sqrt((2 * order + 1) / (4 * pi) * factorial(order - abs(m)) / factorial(order + abs(m)))
            legendre = (-1) ** abs(m) * lpmv(abs(m), order, z)
            wave = np.cos(m * azimuth) if m >= 0 else np.sin(-m * azimuth)
            columns.append(k * legendre * wave * (sqrt(2) if m else 1))
    np.testing.assert_allclose(sh_basis(POINTS), np.stack(columns, -1), atol=1e-12)


def test_uniform_light_gives_pi_times_its_radiance() -> None:
    uniform = np.zeros((9, 3))
    uniform[0] = sqrt(4 * pi) * np.array([1.0, 2.0, 0.5])
    np.testing.assert_allclose(irradiance(uniform, POINTS), pi * np.tile([1.0, 2.0, 0.5], (len(POINTS), 1)))
    np.testing.assert_allclose(shading(uniform, POINTS)[7], [1.0, 2.0, 0.5])


def test_irradiance_is_the_cosine_integral() -> None:
    radiance = sh_basis(POINTS) @ COEFFICIENTS
    # The clamped cosine is no polynomial: a dense grid integrates it.
    heights = (np.arange(400) + 0.5) / 200 - 1
    angles = (np.arange(800) + 0.5) * pi / 400
    ring = np.sqrt(1 - heights**2)[:, None]
    grid = np.stack([ring * np.cos(angles), ring * np.sin(angles), np.repeat(heights[:, None], 800, 1)], -1)
    light = sh_basis(grid) @ COEFFICIENTS
    for normal in POINTS[:6]:
        cosine = np.maximum(grid @ normal, 0)
        exact = np.einsum("hwc,hw->c", light, cosine) * 4 * pi / cosine.size
        np.testing.assert_allclose(irradiance(COEFFICIENTS, normal), exact, rtol=1e-3)
    assert radiance.shape == (len(POINTS), 3)


def test_ramamoorthi_constants_give_the_same_irradiance() -> None:
    c1, c2, c3, c4, c5 = 0.429043, 0.511664, 0.743125, 0.886227, 0.247708
    l00, l1m1, l10, l11, l2m2, l2m1, l20, l21, l22 = COEFFICIENTS
    for x, y, z in POINTS[:20]:
        formula = (
            c1 * l22 * (x * x - y * y)
            + c3 * l20 * z * z
            + c4 * l00
            - c5 * l20
            + 2 * c1 * (l2m2 * x * y + l21 * x * z + l2m1 * y * z)
            + 2 * c2 * (l11 * x + l1m1 * y + l10 * z)
        )
        np.testing.assert_allclose(irradiance(COEFFICIENTS, (x, y, z)), formula, rtol=1e-5)
        np.testing.assert_allclose(shading(from_ramamoorthi(COEFFICIENTS), (x, y, z)), formula, rtol=1e-5)


def test_rotation_moves_the_light() -> None:
    for _ in range(5):
        rotation = random_rotation()
        turned = rotate_sh(COEFFICIENTS, rotation)
        np.testing.assert_allclose(sh_basis(POINTS @ rotation.T) @ turned, sh_basis(POINTS) @ COEFFICIENTS, atol=1e-12)


def test_rotations_compose_and_keep_energy_per_order() -> None:
    a, b = random_rotation(), random_rotation()
    np.testing.assert_allclose(rotation_matrix_sh(a @ b), rotation_matrix_sh(a) @ rotation_matrix_sh(b), atol=1e-12)
    turned = rotate_sh(COEFFICIENTS, a)
    for order in range(3):
        rows = order == SH_ORDERS
        np.testing.assert_allclose((turned[rows] ** 2).sum(), (COEFFICIENTS[rows] ** 2).sum())


def test_turn_about_y_takes_light_from_z_to_x() -> None:
    light = np.outer(cap_sh([0, 0, 1], 0.3), [1.0, 1.0, 1.0])
    turned = rotate_sh_y(light, pi / 2)
    np.testing.assert_allclose(turned, np.outer(cap_sh([1, 0, 0], 0.3), np.ones(3)), atol=1e-12)
    np.testing.assert_allclose(rotate_sh_y(COEFFICIENTS, 2 * pi), COEFFICIENTS, atol=1e-12)
    batch = np.stack([COEFFICIENTS, light])
    np.testing.assert_allclose(rotate_sh_y(batch, 0.7)[1], rotate_sh_y(light, 0.7))


def test_turns_about_y_are_rotations_one_per_light() -> None:
    lights, angles = RANDOM.normal(size=(20, 9, 3)), RANDOM.uniform(-9, 9, 20)
    turned = rotate_sh_y(lights, angles)
    for light, angle, one in zip(lights, angles, turned, strict=True):
        cosine, sine = np.cos(angle), np.sin(angle)
        by_matrix = rotate_sh(light, [[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
        np.testing.assert_allclose(one, by_matrix, atol=1e-12)


@pytest.mark.parametrize("half_angle", [0.1, 0.8, pi / 2, 2.5, pi])
def test_cap_is_its_projection(half_angle: float) -> None:
    axis = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    heights = np.cos(half_angle) + (1 - np.cos(half_angle)) * (np.arange(500) + 0.5) / 500
    angles = (np.arange(64) + 0.5) * 2 * pi / 64
    side = np.cross(axis, [0, 0, 1])
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    ring = np.sqrt(1 - heights**2)[:, None, None]
    points = heights[:, None, None] * axis + ring * (
        np.cos(angles)[None, :, None] * side + np.sin(angles)[None, :, None] * other
    )
    solid = 2 * pi * (1 - np.cos(half_angle))
    np.testing.assert_allclose(cap_sh(axis, half_angle), sh_basis(points).mean(axis=(0, 1)) * solid, atol=1e-4)


def face3d_basis(n: np.ndarray) -> np.ndarray:
    x, y, z = n.T
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x**2 - y**2, 3 * z**2 - 1], -1)


def test_face3d_shading_is_reproduced() -> None:
    theirs = RANDOM.normal(size=(9, 3)) * 0.1
    theirs[0] = 2
    np.testing.assert_allclose(shading(from_face3d(theirs), POINTS), face3d_basis(POINTS) @ theirs, rtol=1e-9)


def test_deca_shading_is_reproduced_with_its_missing_pi() -> None:
    theirs = RANDOM.normal(size=(9, 3)) * 0.1
    theirs[0] = 6
    # The numbers that DECA's renderer multiplies the nine polynomials with.
    numbers = [0.282095, 1.023327, 1.023327, 1.023327, 0.858086, 0.858086, 0.858086, 0.429043, 0.247708]
    expected = face3d_basis(POINTS) @ (np.array(numbers)[:, None] * theirs)
    assert expected.min() > 0
    np.testing.assert_allclose(shading(from_deca(theirs), POINTS), expected, rtol=1e-5)


def test_basel_shading_is_reproduced() -> None:
    # Their neutral light: 1 / (pi N0) in L00 alone renders the albedo itself.
    ambient = np.zeros((9, 3))
    ambient[0] = 1 / (pi * 0.5 / sqrt(pi))
    np.testing.assert_allclose(shading(from_basel(ambient), POINTS), 1.0)
    theirs = COEFFICIENTS
    kernel = np.array([3.141593] + [2.094395] * 3 + [0.785398] * 5)[:, None]
    expected = np.maximum(sh_basis(POINTS) @ (kernel * theirs), 0)
    np.testing.assert_allclose(shading(from_basel(theirs), POINTS), expected, rtol=1e-5)


@pytest.mark.parametrize("convert", [from_basel, from_deca, from_face3d, from_ramamoorthi])
def test_wrong_shapes_are_refused(convert: object) -> None:
    with pytest.raises(UsageError, match=r"shape \(3, 9\); expected \(9, colours\)"):
        convert(np.zeros((3, 9)))  # type: ignore[operator]
