"""Pictures behind the head: flat, procedural, from a folder, or from COCO."""

from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.asset_io.cache import DEFAULT_CACHE_BYTES, ByteCache
from synthgen.asset_io.catalogue import AssetRecord, files_sha256, folder_licence, list_files
from synthgen.asset_io.coco import check_files, read_coco
from synthgen.asset_io.images import IMAGE_SUFFIXES, read_image_reduced, report_unusable, resize_crop
from synthgen.asset_io.procedural_background import render_procedural
from synthgen.asset_io.replacement import UsablePick, picked, usable_pick
from synthgen.core.errors import AssetError

FLAT_KINDS = ("gray", "colour")
KINDS = (*FLAT_KINDS, "procedural", "folder", "coco")
# Pictures are kept large enough for this zoom; a stronger one enlarges what is kept.
MOST_ZOOM_KEPT = 4.0
# The strongest zoom may enlarge what is kept by a quarter: COCO's pictures can then be decoded at half their size.
ENOUGH = 0.8
# Pillow keeps four bytes per pixel.
_BYTES_PER_PIXEL = 4

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class BackgroundSpec:
    """Where backgrounds come from.

    kind: one of KINDS. images: folder, for kinds folder and coco. annotations: COCO instances file, for coco.
    skip_people: leave out pictures with an annotated person. largest_zoom: upper bound of the zooms to come, >= 1;
    it decides at which resolution pictures are kept, hence a part of what a pixel looks like.
    """

    kind: str
    images: str | None = None
    annotations: str | None = None
    skip_people: bool = True
    largest_zoom: float = 1.0


class BackgroundChoice(Protocol):
    """What one background is; sampling.scene.BackgroundParams has these attributes and documents them."""

    @property
    def pick(self) -> float: ...
    @property
    def zoom(self) -> float: ...
    @property
    def x(self) -> float: ...
    @property
    def y(self) -> float: ...
    @property
    def colour(self) -> NDArray[np.float64]: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Backgrounds:
    """Opened backgrounds. `names` are the picture files below `root`, sorted; empty for the kinds without files."""

    spec: BackgroundSpec
    names: tuple[str, ...]
    licence: str
    _size: tuple[int, int]
    _cache: ByteCache[Image.Image]

    @property
    def count(self) -> int:
        """Number of pictures; 0 for the kinds without files."""
        return len(self.names)

    def render(self, choice: BackgroundChoice, size: tuple[int, int]) -> Pixels:
        """(H, W, 3) uint8 sRGB for `size` = (H, W), a pure function of the files and the arguments.

        Raises AssetError, naming the file, when a picture turns out to be damaged.
        """
        if self.spec.kind in FLAT_KINDS:
            pixels = np.empty((*size, 3), np.uint8)
            pixels[0] = np.rint(np.clip(choice.colour, 0.0, 1.0) * 255.0).astype(np.uint8)
            pixels[1:] = pixels[0]  # rows copy faster than pixels
            return pixels
        if self.spec.kind == "procedural":
            return render_procedural(choice.seed, size)
        return crop_picture(self._picture(picked(choice.pick, self.count)), choice, size)

    def usable_pick(self, pick: float) -> UsablePick:
        """The pick of a picture that can be read, see asset_io.replacement. Raises AssetError when none is found."""
        return usable_pick(pick, self.count, self._picture) if self.count else UsablePick(pick, 0)

    def assets(self) -> list[AssetRecord]:
        """The folder as one record, and the annotation file. Reads every picture once, to hash it."""
        if self.spec.images is None:
            return []
        kind = f"background:{self.spec.kind}"
        records = [AssetRecord(kind, self.spec.images, files_sha256(self.spec.images, self.names), self.licence)]
        if self.spec.annotations is not None:
            path = Path(self.spec.annotations)
            digest = files_sha256(path.parent, [path.name])
            records.append(AssetRecord(f"{kind}:annotations", str(path), digest, folder_licence(path.parent)))
        return records

    def _picture(self, number: int) -> Image.Image:
        name = self.names[number]
        return self._cache.find(name, partial(self._load, name))

    def _load(self, name: str) -> Image.Image:
        zoom = min(max(self.spec.largest_zoom, 1.0), MOST_ZOOM_KEPT)
        height, width = (ceil(side * zoom) for side in self._size)
        enough = ENOUGH if zoom > 1.0 else 1.0
        path = Path(self.spec.images or "") / name
        pixels = read_image_reduced(path, ceil(height * enough), ceil(width * enough))
        image = Image.fromarray(pixels)
        scale = max(height / image.height, width / image.width)
        # A large collection shows each picture once or twice: reducing it exactly would cost more than it saves.
        if scale >= 1.0 or (self.spec.kind == "coco" and scale > 0.5):
            return image
        kept = (max(round(image.width * scale), width), max(round(image.height * scale), height))
        return image.resize(kept, Image.Resampling.BILINEAR, reducing_gap=3.0)


def open_backgrounds(
    spec: BackgroundSpec, size: tuple[int, int], cache_bytes: int = DEFAULT_CACHE_BYTES, check: bool = True
) -> Backgrounds:
    """Backgrounds ready to render pictures of about `size` = (H, W).

    size: what pictures are kept for; rendering at another size works, with the detail of this one.
    check: look at the header of every picture first, and log a list of the unusable ones, which other pictures will
    replace. A process whose parent has done so may pass False.
    Raises AssetError for a missing or empty folder, and one that lists every picture when none can be used.
    """
    if spec.kind not in KINDS:
        raise AssetError(f"background kind {spec.kind!r} is unknown; expected one of {', '.join(KINDS)}")
    names: list[str] = []
    licence = ""
    if spec.kind in ("folder", "coco"):
        if spec.images is None:
            raise AssetError(f"background kind {spec.kind} needs a folder of images")
        names, licence = _coco_names(spec) if spec.kind == "coco" else _folder_names(spec.images)
        if check:
            report_unusable(spec.images, names, "background pictures")
    cache = ByteCache[Image.Image](cache_bytes, lambda image: image.width * image.height * _BYTES_PER_PIXEL)
    return Backgrounds(spec, tuple(names), licence, size, cache)


def crop_picture(picture: Image.Image, choice: BackgroundChoice, size: tuple[int, int]) -> Pixels:
    """(H, W, 3) uint8: the largest crop with the aspect of `size`, reduced by the zoom, at (x, y) of its free play."""
    height, width = size
    scale = min(picture.height / height, picture.width / width) / max(choice.zoom, 1.0)
    crop_width, crop_height = width * scale, height * scale
    left, top = (choice.x * (picture.width - crop_width), choice.y * (picture.height - crop_height))
    if scale == 1.0:
        # Already at the wanted resolution: whole pixels, nothing to resample.
        left, top = round(left), round(top)
        return np.array(picture.crop((left, top, left + width, top + height)))
    # Rounding must not push the box over the border, which Pillow refuses.
    right, bottom = (min(left + crop_width, picture.width), min(top + crop_height, picture.height))
    return resize_crop(picture, (max(left, 0.0), max(top, 0.0), right, bottom), size)


def _folder_names(images: str) -> tuple[list[str], str]:
    return list_files(images, IMAGE_SUFFIXES), folder_licence(images)


def _coco_names(spec: BackgroundSpec) -> tuple[list[str], str]:
    if spec.annotations is None:
        raise AssetError("background kind coco needs an annotations file (COCO instances JSON)")
    index = read_coco(spec.annotations)
    if not index.files:
        raise AssetError(f"{spec.annotations}: the file lists no pictures")
    wanted = set(index.files)
    if spec.skip_people:
        if not index.people:
            raise AssetError(
                f"{spec.annotations}: there is no category named 'person' to skip; set skip_people: false to use all"
            )
        wanted -= index.images_with_people()
        if not wanted:
            raise AssetError(
                f"{spec.annotations}: all {len(index.files)} pictures show people, so skip_people leaves none; "
                "add pictures or set skip_people: false"
            )
    check_files(index, spec.images or "", wanted)
    return sorted(index.files[number] for number in wanted), index.licence
