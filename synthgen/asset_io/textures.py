"""Face textures: a folder of images laid out in the template's uv."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.cache import DEFAULT_CACHE_BYTES, ByteCache
from synthgen.asset_io.catalogue import AssetRecord, files_sha256, folder_licence, list_files
from synthgen.asset_io.images import IMAGE_SUFFIXES, image_size, read_image_reduced, report_unusable, resize_crop
from synthgen.asset_io.replacement import UsablePick, picked, usable_pick

SMALLEST_SIDE, LARGEST_SIDE = 64, 1024

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Textures:
    """Opened textures. names: image files below `root`, sorted. side: S, to which all of them are resampled."""

    root: str
    names: tuple[str, ...]
    side: int
    _cache: ByteCache[Pixels]

    @property
    def count(self) -> int:
        """Number of textures."""
        return len(self.names)

    def load(self, pick: float) -> Pixels:
        """(S, S, 3) uint8 sRGB, read-only: texture floor(pick * count). Row 0 is the top of the image, v = 1.

        pick: in [0, 1). Raises AssetError, naming the file, when a texture turns out to be damaged.
        """
        return self._texture(picked(pick, self.count))

    def usable_pick(self, pick: float) -> UsablePick:
        """The pick of a texture that can be read, see asset_io.replacement. Raises AssetError when none is found."""
        return usable_pick(pick, self.count, self._texture)

    def assets(self) -> list[AssetRecord]:
        """The folder as one record. Reads every texture once, to hash it."""
        return [
            AssetRecord("albedo:textures", self.root, files_sha256(self.root, self.names), folder_licence(self.root))
        ]

    def _texture(self, number: int) -> Pixels:
        name = self.names[number]
        return self._cache.find(name, partial(self._read, name))

    def _read(self, name: str) -> Pixels:
        pixels = read_image_reduced(Path(self.root) / name, self.side, self.side)
        height, width = pixels.shape[:2]
        if (height, width) != (self.side, self.side):
            pixels = resize_crop(Image.fromarray(pixels), (0, 0, width, height), (self.side, self.side))
        pixels.setflags(write=False)
        return pixels


def open_textures(folder: str, cache_bytes: int = DEFAULT_CACHE_BYTES, check: bool = True) -> Textures:
    """The textures of a folder, at any depth.

    The side is the largest power of two within 64 to 1024 that the largest usable texture fills.
    check: log a list of the unusable ones, which others will replace.
    Raises AssetError for a missing or empty folder, and one that lists every image when none can be used.
    """
    names = list_files(folder, IMAGE_SUFFIXES)
    unusable = report_unusable(folder, names, "textures", silent=not check)
    largest = max(max(image_size(Path(folder) / name)) for name in names if name not in unusable)
    side = SMALLEST_SIDE
    while 2 * side <= min(largest, LARGEST_SIDE):
        side *= 2
    return Textures(folder, tuple(names), side, ByteCache[Pixels](cache_bytes, lambda pixels: pixels.nbytes))
