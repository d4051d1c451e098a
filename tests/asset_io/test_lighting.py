import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthgen.asset_io.builtin_lights import builtin_lights
from synthgen.asset_io.lighting import (
    environment_directions,
    frontal_level,
    irradiance,
    light_assets,
    normalise,
    open_lights,
    project_environment,
    rotate_sh_y,
)
from synthgen.asset_io.radiance_hdr import read_hdr
from synthgen.core.errors import AssetError

HEADER = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n"


def brute_force_irradiance(radiance: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(3,) integral of radiance times the clamped cosine over all pixels; directions from the convention."""
    height, width = radiance.shape[:2]
    theta = (np.arange(height) + 0.5) / height * np.pi  # from +y
    phi = (np.arange(width) + 0.5) / width * 2 * np.pi  # from the left edge, which lies along +z
    x = -np.sin(theta)[:, None] * np.sin(phi)
    y = np.repeat(np.cos(theta)[:, None], width, 1)
    z = np.sin(theta)[:, None] * np.cos(phi)
    cosine = np.maximum(x * normal[0] + y * normal[1] + z * normal[2], 0)
    solid = np.sin(theta)[:, None] * (np.pi / height) * (2 * np.pi / width)
    return np.einsum("hwc,hw->c", radiance, cosine * solid)


def normals(count: int) -> np.ndarray:
    vectors = np.random.default_rng(2).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_hdr(path: Path, rgbe: np.ndarray) -> Path:
    path.write_bytes(HEADER + f"-Y {rgbe.shape[0]} +X {rgbe.shape[1]}\n".encode() + rgbe.astype(np.uint8).tobytes())
    return path


def sky_rgbe() -> np.ndarray:
    """A map whose upper half is 16 times as bright as the lower one."""
    rgbe = np.full((16, 32, 4), 128, np.uint8)
    rgbe[:8, :, 3] = 132
    return rgbe


def table_file(tmp_path: Path, content: Any) -> str:
    path = tmp_path / "lights.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_solid_angles_cover_the_sphere_and_directions_follow_the_convention() -> None:
    directions, solid_angles = environment_directions(64, 128)
    np.testing.assert_allclose((solid_angles * 128).sum(), 4 * np.pi)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0)
    assert directions[0, 5, 1] > 0.99  # row 0 is +y
    np.testing.assert_allclose(directions[32, 64], [0, 0, -1], atol=0.04)  # centre column along -z
    assert directions[32, 96, 0] > 0.99  # +x to its right


def test_projection_meets_the_published_coefficients(shared_data: Path) -> None:
    maps = json.loads((shared_data / "env" / "sh_lighting.json").read_text())["maps"]
    published = np.array(maps["royal_esplanade_1k"]["coefficients"])
    ours = project_environment(read_hdr(shared_data / "env" / "royal_esplanade_1k.hdr"))
    np.testing.assert_allclose(ours, published, rtol=1e-3, atol=1e-5)


def test_projection_of_the_reduced_maps_meets_the_published_coefficients(shared_data: Path) -> None:
    maps = json.loads((shared_data / "env" / "sh_lighting.json").read_text())["maps"]
    with np.load(shared_data / "env" / "hdri_256x128.npz") as small:
        for name in small.files:
            published = next(
                np.array(entry["coefficients"])
                for key, entry in maps.items()
                if key.startswith(name) or name.startswith(key)
            )
            ours = project_environment(small[name].astype(np.float32))
            # Four by four pixels were averaged, and the peaks of some maps do not fit into float16.
            assert np.abs(ours - published).max() < 0.02 * np.abs(published).max(), name


def test_irradiance_agrees_with_brute_force(shared_data: Path) -> None:
    with np.load(shared_data / "env" / "hdri_256x128.npz") as maps:
        for name in maps.files:
            radiance = maps[name].astype(np.float64)
            coefficients = project_environment(radiance)
            exact = np.array([brute_force_irradiance(radiance, normal) for normal in normals(40)])
            error = np.abs(irradiance(coefficients, normals(40)) - exact).mean()
            assert error < 0.10 * exact.mean(), name


def test_rotation_is_that_of_the_map(shared_data: Path) -> None:
    with np.load(shared_data / "env" / "hdri_256x128.npz") as maps:
        radiance = maps[maps.files[0]].astype(np.float64)
    before = project_environment(radiance)
    for columns in (16, 64, 100):
        # Turning by +angle about +y moves light from +z (left edge) towards +x (a quarter left of the right edge).
        turned = project_environment(np.roll(radiance, -columns, axis=1))
        np.testing.assert_allclose(rotate_sh_y(before, columns / 256 * 2 * np.pi), turned, atol=1e-9)


def test_a_sphere_lit_from_above_has_a_bright_top(tmp_path: Path) -> None:
    lights = open_lights(str(write_hdr(tmp_path / "sky.hdr", sky_rgbe())))
    top, bottom = irradiance(lights.coefficients[0], [[0, 1, 0], [0, -1, 0]])
    assert (top > 5 * bottom).all()
    assert lights.names == ("sky",) and lights.coefficients.dtype == np.float32


def test_normalise_makes_the_mean_frontal_brightness_one() -> None:
    lights = open_lights("builtin")
    z, angle = np.random.default_rng(0).uniform(0.5, 1, 4000), np.random.default_rng(1).uniform(0, 2 * np.pi, 4000)
    radius = np.sqrt(1 - z * z)
    cone = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    for coefficients in lights.coefficients:
        turned = [rotate_sh_y(coefficients, turn) for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False)]
        levels = [float((irradiance(c, cone) / np.pi @ [0.2126, 0.7152, 0.0722]).mean()) for c in turned]
        assert np.mean(levels) == pytest.approx(1.0, abs=0.01)
        assert frontal_level(turned[3]) == pytest.approx(levels[3], abs=0.03)
    np.testing.assert_allclose(normalise(7 * lights.coefficients[0]), lights.coefficients[0], rtol=1e-5)


def test_builtin_lights_are_the_published_ones_and_believable() -> None:
    lights = builtin_lights()
    # Ramamoorthi and Hanrahan 2001, Grace Cathedral: red L00 and L21, blue L2-1.
    grace = lights["grace_cathedral"]
    assert (grace[0, 0], grace[7, 0], grace[5, 2]) == (0.79, 0.56, -0.47)
    assert len(lights) >= 12
    opened = open_lights("builtin")
    assert opened.coefficients.shape == (len(lights), 9, 3) and opened.names == tuple(lights)
    directions = environment_directions(32, 64)[0]
    for name, coefficients in zip(opened.names, opened.coefficients, strict=True):
        shading = irradiance(coefficients, directions) / np.pi
        assert shading.min() > -0.15, name
        assert shading.max() < 4.5, name
        # Every real place is brighter above than below.
        top, bottom = irradiance(coefficients, [[0, 1, 0], [0, -1, 0]]).mean(axis=1)
        assert top > 0.8 * bottom, name


def test_table_file(shared_data: Path) -> None:
    path = shared_data / "env" / "sh_lighting.json"
    maps = json.loads(path.read_text())["maps"]
    lights = open_lights(str(path))
    assert lights.names == tuple(maps)
    for name, coefficients in zip(lights.names, lights.coefficients, strict=True):
        published = np.array(maps[name]["coefficients"])
        np.testing.assert_allclose(coefficients / coefficients[0, 0], published / published[0, 0], rtol=1e-4)
    assert light_assets(str(path))[0].id == "light:json"


def test_folder_of_maps_is_sorted(tmp_path: Path) -> None:
    for name in ("b.hdr", "a.hdr", "sub/c.hdr"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_hdr(tmp_path / name, sky_rgbe())
    assert open_lights(str(tmp_path)).names == ("a", "b", "sub/c")
    (record,) = light_assets(str(tmp_path))
    assert record.id == "light:folder" and len(record.sha256) == 64
    assert light_assets("builtin") == []


GOOD = [[1.0, 1.0, 1.0]] + [[0.0] * 3] * 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a valid JSON"),
        ({}, "an object `maps`"),
        ({"maps": {}}, "an object `maps`"),
        ({"maps": {"a": {}}}, "'a' has no `coefficients`"),
        ({"maps": {"a": {"coefficients": GOOD[:8]}}}, "9 rows"),
        ({"maps": {"a": {"coefficients": [["x"] * 3] * 9}}}, "9 rows"),
        ({"maps": {"a": {"coefficients": GOOD}, "b": {"coefficients": [[float("nan")] * 3] * 9}}}, "'b'.*not finite"),
        ({"maps": {"a": {"coefficients": [[0.0] * 3] * 9}}}, "brightness is 0"),
        ({"maps": {"a": {"coefficients": [[-1.0] * 3] * 9}}}, "expected a positive one"),
    ],
)
def test_wrong_tables_are_refused_by_name(tmp_path: Path, content: Any, words: str) -> None:
    path = table_file(tmp_path, content)
    with pytest.raises(AssetError, match=words) as caught:
        open_lights(path)
    assert "lights.json" in str(caught.value)


def test_missing_unknown_and_dark_sources(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"none\.json.*cannot be read"):
        open_lights(str(tmp_path / "none.json"))
    with pytest.raises(AssetError, match="no usable file"):
        open_lights(str(tmp_path))
    with pytest.raises(AssetError, match="expected builtin"):
        open_lights(str(tmp_path / "sky.exr"))
    with pytest.raises(AssetError, match=r"dark\.hdr.*brightness is 0"):
        open_lights(str(write_hdr(tmp_path / "dark.hdr", np.zeros((8, 16, 4)))))
