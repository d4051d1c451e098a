"""Environment light as spherical-harmonics coefficients: built in, from JSON tables, or from .hdr maps."""

import json
from math import pi
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthgen.asset_io.builtin_lights import builtin_lights
from synthgen.asset_io.catalogue import AssetRecord, file_sha256, files_sha256, folder_licence, list_files
from synthgen.asset_io.radiance_hdr import read_hdr
from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import LARGEST_RADIANCE, MOST_LIGHT_TABLE_BYTES
from synthgen.core.spherical_harmonics import irradiance, rotate_sh, rotate_sh_y, sh_basis

__all__ = [
    "Lights",
    "environment_directions",
    "frontal_level",
    "irradiance",
    "light_assets",
    "normalise",
    "open_lights",
    "project_environment",
    "rotate_sh",
    "rotate_sh_y",
]

BUILTIN = "builtin"
# Luminance of linear sRGB.
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
FRONTAL_CONE_DEG = 60.0
# A light whose frontal level is a smaller part of its largest coefficient is rounding.
_DARKEST = 1e-9
_NAME_CHARACTERS = 200

Floats = NDArray[np.float64]


class Lights(NamedTuple):
    """Environments to choose from. coefficients: (L, 9, 3) float32 radiance, order of core.spherical_harmonics, each
    scaled by `normalise`. names: L names."""

    coefficients: NDArray[np.float32]
    names: tuple[str, ...]


def open_lights(source: str) -> Lights:
    """The environments of `builtin`, a .json table, an .hdr map, or a folder of .hdr maps (sorted by path).

    Raises AssetError, naming the file, for anything missing, damaged, not finite or dark.
    """
    if source == BUILTIN:
        tables = builtin_lights()
    elif Path(source).is_dir():
        names = list_files(source, (".hdr",))
        tables = {str(Path(name).with_suffix("")): project_environment(read_hdr(Path(source) / name)) for name in names}
    elif source.lower().endswith(".hdr"):
        tables = {Path(source).stem: project_environment(read_hdr(source))}
    elif source.lower().endswith(".json"):
        tables = _read_table(source)
    else:
        raise AssetError(f"{source}: no such light; expected builtin, a .json table, an .hdr map or a folder of them")
    scaled = [_scaled(source, name, table) for name, table in tables.items()]
    return Lights(np.stack(scaled).astype(np.float32), tuple(tables))


def light_assets(source: str) -> list[AssetRecord]:
    """What `open_lights(source)` read: nothing for `builtin`, else one record."""
    if source == BUILTIN:
        return []
    path = Path(source)
    if path.is_dir():
        digest = files_sha256(path, list_files(path, (".hdr",)))
        return [AssetRecord("light:folder", source, digest, folder_licence(path))]
    return [AssetRecord(f"light:{path.suffix[1:].lower()}", source, file_sha256(path), folder_licence(path.parent))]


def environment_directions(height: int, width: int) -> tuple[Floats, Floats]:
    """(H, W, 3) unit vectors of an equirectangular map's pixel centres, and (H,) the solid angle of a pixel per row.

    Row 0 is +y, the centre column lies along -z with +x to its right.
    """
    polar = (np.arange(height) + 0.5) * pi / height
    azimuth = ((np.arange(width) + 0.5) / width - 0.5) * 2 * pi
    sine = np.sin(polar)[:, None]
    directions = np.stack(
        [sine * np.sin(azimuth), np.broadcast_to(np.cos(polar)[:, None], (height, width)), -sine * np.cos(azimuth)], -1
    )
    edges = np.cos(np.arange(height + 1) * pi / height)
    return directions, (edges[:-1] - edges[1:]) * 2 * pi / width


def project_environment(radiance: ArrayLike) -> Floats:
    """(9, 3) coefficients of an equirectangular map (H, W, 3) of linear radiance, weighted by solid angle."""
    pixels = np.asarray(radiance)
    height, width = pixels.shape[:2]
    total = np.zeros((9, 3))
    directions, solid_angles = environment_directions(height, width)
    for row in range(height):
        total += solid_angles[row] * (sh_basis(directions[row]).T @ pixels[row].astype(np.float64))
    return total


def frontal_level(coefficients: ArrayLike) -> float:
    """Mean luminance of irradiance / pi over the normals within 60 degrees of +z, under coefficients (9, 3)."""
    return float((_FRONTAL @ np.asarray(coefficients, np.float64)) @ LUMINANCE)


def normalise(coefficients: ArrayLike) -> Floats:
    """(9, 3) the same light, scaled so that its frontal level, averaged over all turns about +y, is 1.

    Then `intensity` 1 means the same for every environment, and turning one keeps its difference between the lit and
    the dark side. Raises ValueError when there is no light.
    """
    table = np.asarray(coefficients, np.float64)
    level = float((_FRONTAL_TURNED @ table) @ LUMINANCE)
    if not level > _DARKEST * np.abs(table).max():
        raise ValueError(f"the mean frontal brightness is {level:.3g}")
    return table / level


def _scaled(source: str, name: str, table: Floats) -> Floats:
    if not np.isfinite(table).all():
        raise AssetError(f"{source}: the light {name!r} has coefficients that are not finite numbers")
    try:
        if not np.abs(table).max() <= LARGEST_RADIANCE:
            raise ValueError(f"a coefficient is above {LARGEST_RADIANCE:.0e}")
        return normalise(table)
    except ValueError as error:
        raise AssetError(f"{source}: the light {name!r} cannot be used: {error}; expected a positive one") from error


def _read_table(path: str) -> dict[str, Floats]:
    try:
        content = json.loads(read_bounded(path, MOST_LIGHT_TABLE_BYTES))
    except OSError as error:
        raise AssetError(f"{path}: the light table cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise AssetError(f"{path}: not a valid JSON file ({error})") from error
    maps = content.get("maps") if isinstance(content, dict) else None
    if not isinstance(maps, dict) or not maps:
        raise AssetError(f"{path}: expected an object `maps` of named lights, each with `coefficients` (9 x 3)")
    for name in maps:
        if not name.isprintable() or len(name) > _NAME_CHARACTERS:
            raise AssetError(
                f"{path}: {name[:60]!r} is no name of a light; expected a short text without control codes"
            )
    return {name: _table_rows(path, name, entry) for name, entry in maps.items()}


def _table_rows(path: str, name: str, entry: Any) -> Floats:
    rows = entry.get("coefficients") if isinstance(entry, dict) else None
    try:
        table = np.array(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        table = np.empty(0)
    if table.shape != (9, 3):
        raise AssetError(f"{path}: the light {name[:60]!r} has no `coefficients` of 9 rows and 3 numbers each")
    return table


def _frontal_weights() -> Floats:
    """(9,) weights that turn coefficients into the mean of irradiance / pi over the frontal cone."""
    # Rings of equal solid angle about +z, enough that order-2 polynomials average exactly to rounding.
    steps = 64
    low = np.cos(np.radians(FRONTAL_CONE_DEG))
    height = low + (1 - low) * (np.arange(steps) + 0.5) / steps
    angle = (np.arange(steps) + 0.5) * 2 * pi / steps
    radius = np.sqrt(1 - height**2)[:, None]
    normals = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.repeat(height[:, None], steps, 1)], -1)
    one_by_one = irradiance(np.eye(9), normals)  # (rings, angles, 9)
    return one_by_one.mean(axis=(0, 1)) / pi


def _turned_weights(weights: Floats) -> Floats:
    """(9,) the mean of `weights` over turns about +y; four quarters and their halves are exact for order 2."""
    turns = [rotate_sh_y(np.eye(9), angle) for angle in np.arange(8) * pi / 4]
    return weights @ np.mean(turns, axis=0)


_FRONTAL = _frontal_weights()
_FRONTAL_TURNED = _turned_weights(_FRONTAL)
