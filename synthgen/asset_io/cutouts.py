"""Things cut out of COCO pictures, to be laid over a face."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.cache import ByteCache
from synthgen.asset_io.catalogue import AssetRecord, file_sha256, files_sha256, folder_licence
from synthgen.asset_io.coco import CocoAnnotation, check_files, read_coco
from synthgen.asset_io.images import read_image, report_unusable
from synthgen.asset_io.outlines import outline_mask
from synthgen.asset_io.replacement import UsablePick, picked, usable_pick
from synthgen.core.errors import AssetError, UnusableAssetError

# Square pixels; smaller things are mush when they are enlarged.
MIN_AREA = 2500.0
# Longer sides are reduced to this: occluders rarely cover more.
LARGEST_SIDE = 256
CACHE_BYTES = 64 * 1024**2

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Cutouts:
    """Opened cut-outs, in the order of the annotation file."""

    images: str
    annotations: str
    shapes: tuple[CocoAnnotation, ...]
    files: dict[int, str]
    licence: str
    _cache: ByteCache[Pixels]

    @property
    def count(self) -> int:
        """Number of cut-outs."""
        return len(self.shapes)

    def load(self, pick: float) -> Pixels:
        """(h, w, 4) uint8 sRGB and coverage, read-only, cropped to the thing: number floor(pick * count).

        pick: in [0, 1). Raises AssetError when its picture is damaged or its outline does not fit the picture.
        """
        return self._thing(picked(pick, self.count))

    def usable_pick(self, pick: float) -> UsablePick:
        """The pick of a cut-out that can be made, see asset_io.replacement. Raises AssetError when none is found."""
        return usable_pick(pick, self.count, self._thing)

    def assets(self) -> list[AssetRecord]:
        """The pictures in use as one record, and the annotation file."""
        names = sorted({self.files[shape.image_id] for shape in self.shapes})
        return [
            AssetRecord("occluders:images", self.images, files_sha256(self.images, names), self.licence),
            AssetRecord(
                "occluders:annotations",
                self.annotations,
                file_sha256(self.annotations),
                folder_licence(Path(self.annotations).parent),
            ),
        ]

    def _thing(self, number: int) -> Pixels:
        return self._cache.find(number, partial(self._cut, self.shapes[number]))

    def _cut(self, shape: CocoAnnotation) -> Pixels:
        name = self.files[shape.image_id]
        picture = read_image(Path(self.images) / name)
        mask = self._mask(shape, name, picture.shape[0], picture.shape[1])
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            raise UnusableAssetError(f"{self.annotations}: an outline in {name} covers no pixel; correct or remove it")
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        pixels = np.dstack([picture[window], mask[window] * np.uint8(255)])
        scale = LARGEST_SIDE / max(pixels.shape[:2])
        if scale < 1.0:
            pixels = _resize(pixels, scale)
        pixels.setflags(write=False)
        return pixels

    def _mask(self, shape: CocoAnnotation, name: str, height: int, width: int) -> NDArray[np.uint8]:
        try:
            return outline_mask(shape.outline, height, width)
        except ValueError as error:
            raise UnusableAssetError(f"{self.annotations}: an outline in {name} is malformed ({error})") from error


def open_cutouts(
    images: str, annotations: str, skip_people: bool = False, min_area: float = MIN_AREA, check: bool = True
) -> Cutouts:
    """Cut-outs of the single things (no crowds) of a COCO instances file with at least `min_area` square pixels.

    check: look at the header of every picture first, and log a list of the unusable ones, whose things others will
    replace. A process whose parent has done so may pass False.
    Raises AssetError for missing files, when no picture can be used, or when no thing is large enough.
    """
    index = read_coco(annotations, min_area)
    shapes = tuple(
        shape
        for shape in index.annotations
        if shape.outline and not (skip_people and shape.category_id in index.people)
    )
    if not shapes:
        raise AssetError(f"{annotations}: no outline of at least {min_area:.0f} square pixels to cut occluders from")
    used = {shape.image_id for shape in shapes}
    check_files(index, images, used)
    if check:
        report_unusable(images, sorted(index.files[number] for number in used), "pictures with cut-outs")
    cache = ByteCache[Pixels](CACHE_BYTES, lambda pixels: pixels.nbytes)
    return Cutouts(images, annotations, shapes, index.files, index.licence, cache)


def place_cutout(cutout: Pixels, area: float, angle: float) -> Pixels:
    """(h, w, 4) uint8: the cut-out scaled so that its own box covers `area` square pixels, then turned.

    angle: radians, counter-clockwise in the image. Colours and coverage are mixed so that what surrounded the thing in
    its picture does not bleed into its edge.
    """
    scaled = _resize(cutout, float(np.sqrt(area / (cutout.shape[0] * cutout.shape[1]))))
    turned = Image.fromarray(scaled).rotate(float(np.degrees(angle)), Image.Resampling.BILINEAR, expand=True)
    return np.array(turned)


def _resize(pixels: Pixels, scale: float) -> Pixels:
    height, width = (max(round(side * scale), 1) for side in pixels.shape[:2])
    # Pillow multiplies colours by coverage before it mixes RGBA pixels, and divides after.
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
