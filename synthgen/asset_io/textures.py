"""Face textures: a folder of images laid out in the template's uv."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.cache import DEFAULT_CACHE_BYTES, ByteCache
from synthgen.asset_io.catalogue import AssetRecord, files_sha256, folder_licence, list_files
from synthgen.asset_io.images import IMAGE_SUFFIXES, check_images, image_size, read_image_reduced, resize_crop

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
        name = self.names[min(int(pick * self.count), self.count - 1)]
        return self._cache.find(name, partial(self._read, name))

    def assets(self) -> list[AssetRecord]:
        """The folder as one record. Reads every texture once, to hash it."""
        return [
            AssetRecord("albedo:textures", self.root, files_sha256(self.root, self.names), folder_licence(self.root))
        ]

    def _read(self, name: str) -> Pixels:
        pixels = read_image_reduced(Path(self.root) / name, self.side, self.side)
        height, width = pixels.shape[:2]
        if (height, width) != (self.side, self.side):
            pixels = resize_crop(Image.fromarray(pixels), (0, 0, width, height), (self.side, self.side))
        pixels.setflags(write=False)
        return pixels


def open_textures(folder: str, cache_bytes: int = DEFAULT_CACHE_BYTES) -> Textures:
    """The textures of a folder, at any depth.

    The side is the largest power of two within 64 to 1024 that the largest texture fills.
    Raises AssetError for a missing or empty folder, and one that lists every unusable image.
    """
    names = list_files(folder, IMAGE_SUFFIXES)
    check_images(folder, names, "textures")
    largest = max(max(image_size(Path(folder) / name)) for name in names)
    side = SMALLEST_SIDE
    while 2 * side <= min(largest, LARGEST_SIDE):
        side *= 2
    return Textures(folder, tuple(names), side, ByteCache[Pixels](cache_bytes, lambda pixels: pixels.nbytes))
