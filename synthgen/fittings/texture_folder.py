"""A set of fittings -> a folder of textures that recipes use (`albedo: {textures: FOLDER}`)."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.catalogue import NOT_STATED, folder_licence
from synthgen.asset_io.photos import Orientation, read_mask, read_photo
from synthgen.core.errors import AssetError, UsageError
from synthgen.dataset.whole_file import write_whole
from synthgen.fittings.fitting import FittingSet, Skipped, fitting_cameras
from synthgen.fittings.photo_texture import FittedPhoto, open_chart, photo_texture
from synthgen.morphable.model import MorphableModel

LICENCE_FILE = "LICENCE.txt"


@dataclass(frozen=True)
class TextureOptions:
    """size: texels a side, a power of two. together: name of the one texture to make of all photos, which then show
    one person; None makes one per fitting. orientation: as in asset_io.photos. skip_bad: leave out fittings without
    a visible face instead of raising. progress: called with (done, total) textures."""

    size: int = 512
    together: str | None = None
    orientation: Orientation = "refuse"
    skip_bad: bool = False
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class WrittenTextures:
    """files: the textures, in the order of the set; skipped: what was left out."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def write_textures(
    fittings: FittingSet, photos: Path, model: MorphableModel, folder: Path, options: TextureOptions | None = None
) -> WrittenTextures:
    """Write a PNG per fitting, named after it, and LICENCE.txt, which says what they were made from.

    photos: folder that the picture names belong to. Raises AssetError for a photo that cannot be used or shows nothing
    of the face, UsageError for a wrong option, DatasetError when a file cannot be written.
    """
    options = options or TextureOptions()
    chart = open_chart(model, options.size)
    rows = [[row] for row in range(len(fittings))]
    names = list(fittings.names)
    if options.together is not None:
        if not options.together or Path(options.together).name != options.together:
            raise UsageError(f"together: {options.together!r} is no file name")
        rows, names = [list(range(len(fittings)))], [options.together]
    files: list[Path] = []
    skipped: list[Skipped] = []
    for number, (name, group) in enumerate(zip(names, rows, strict=True)):
        try:
            texture = photo_texture([fitted_photo(fittings, row, photos, options) for row in group], model, chart)
            files.append(_write_texture(texture, folder / f"{name}.png"))
        except (UsageError, AssetError) as error:
            if not options.skip_bad:
                raise AssetError(f"{name}: {error}; leave such fittings out with --skip-bad") from error
            skipped.append(Skipped(name, str(error)))
        if options.progress is not None:
            options.progress(number + 1, len(names))
    if not files:
        raise AssetError(f"no texture was made of {len(fittings)} fittings; the first: {skipped[0].reason}")
    write_whole(folder / LICENCE_FILE, _licence_text(fittings, photos, model, files, folder).encode())
    return WrittenTextures(tuple(files), tuple(skipped))


def fitted_photo(fittings: FittingSet, row: int, folder: Path, options: TextureOptions) -> FittedPhoto:
    """One fitting with its photo. Raises AssetError when the photo is not the one that was fitted."""
    path = folder / fittings.photos[row]
    pixels = read_photo(path, options.orientation)
    height, width = (int(side) for side in fittings.sizes[row])
    if pixels.shape[:2] != (height, width):
        raise AssetError(
            f"{path}: the photo has {pixels.shape[1]} x {pixels.shape[0]} pixels, its fitting was made for "
            f"{width} x {height}; put back the photo that was fitted"
        )
    ignored = np.zeros((height, width), np.bool_)
    if fittings.ignore_masks[row]:
        ignored |= read_mask(folder / fittings.ignore_masks[row], (height, width), options.orientation)
    ignored |= _boxes_mask(fittings, row, (height, width))
    camera = fitting_cameras(fittings, np.array([row]))
    return FittedPhoto(pixels, fittings.identity[row], fittings.expression[row], camera, ignored)


def _boxes_mask(fittings: FittingSet, row: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels whose centre lies in a box of another face."""
    x, y = np.arange(size[1]) + 0.5, (np.arange(size[0]) + 0.5)[:, None]
    mask = np.zeros(size, np.bool_)
    for left, top, right, bottom in fittings.ignore_boxes[row]:
        mask |= (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return mask


def _write_texture(texture: NDArray[np.uint8], path: Path) -> Path:
    buffer = io.BytesIO()
    Image.fromarray(texture).save(buffer, "PNG", compress_level=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, buffer.getvalue())
    return path


def _licence_text(fittings: FittingSet, photos: Path, model: MorphableModel, files: list[Path], folder: Path) -> str:
    """What must be known before textures are passed on; the first line is what datasets record."""
    terms = folder_licence(photos)
    stated = "not stated; ask the owner of the photos" if terms == NOT_STATED else terms
    lines = [
        f"Derived from photos of people; the photos' terms hold: {stated}",
        "",
        f"Parts that no photo shows are painted on the model {model.name} ({model.licence}).",
        "Textures:",
        *(f"  {file.relative_to(folder).as_posix()}" for file in files),
        "Photos:",
        *(f"  {name}" for name in sorted(set(fittings.photos))),
    ]
    return "\n".join(lines) + "\n"
