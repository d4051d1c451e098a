"""The table at the front of a labels member: which planes follow, how each is stored, and how large it may be.

The table is a skippable zstd frame, so that any zstd tool opens the member. Every row is compared with the label table
and the picture's size before anything is allocated: a damaged member cannot ask for more memory than its dataset needs.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from synthgen.core.errors import DatasetError
from synthgen.core.label_spec import LabelSpec
from synthgen.core.limits import LARGEST_ORIGIN_MM, MOST_VECTOR
from synthgen.dataset.frames import stored_frame_length
from synthgen.dataset.layout import SampleLayout, label_of
from synthgen.dataset.planes import MASKED_CODINGS, Coding, stored_sizes

# Codings without a mask; their numbers share one space with those of planes.py.
MASK, BITS, BYTES, RAW = 1, 2, 3, 4
NO_MASK = 65535

_SKIPPABLE = 0x184D2A50
_MAGIC = b"SGP3"
_HEAD = struct.Struct("<4sHHHI")  # magic, H, W, number of rows, bytes of the compressed frame
_ROW = struct.Struct("<BHIIdB")  # coding, mask row, count, bytes of the plane, origin, length of the name
_CODING_OF = {(label, coding.number): coding for label, codings in MASKED_CODINGS.items() for coding in codings}


@dataclass(frozen=True)
class PlaneRow:
    """One plane of a labels member.

    name: array name, empty for a mask that later rows refer to; coding: number; mask_row: row number of the mask or
    NO_MASK; count: pixels under the mask, or elements; stored: bytes of a plane with a mask inside its frame, 0 for the
    others; origin: see planes.PlaneContext.
    """

    name: str
    coding: int
    mask_row: int
    count: int
    stored: int
    origin: float

    @property
    def spec(self) -> LabelSpec:
        """The row of the label table. Raises KeyError for a mask."""
        return label_of(self.name)

    @property
    def masked_coding(self) -> Coding | None:
        """The coding of a plane with a mask, None for the others."""
        dense = self.coding in (MASK, BITS, BYTES, RAW)
        return None if dense else _CODING_OF.get((self.spec.name, self.coding))


class Plane(NamedTuple):
    """A row with what follows from it.

    coding: of a plane with a mask, None for the others; compressed: True for the compressed frame, False for the stored
    one; length: bytes inside that frame.
    """

    row: PlaneRow
    coding: Coding | None
    compressed: bool
    length: int


@dataclass(frozen=True)
class PlaneTable:
    """What a member holds.

    planes: in order; starts: where each begins in the content of its frame; compressed: bytes of the frame of planes
    that go through zstd; lengths: bytes of content of the stored frame, then of the compressed one.
    """

    planes: tuple[Plane, ...]
    starts: tuple[int, ...]
    compressed: int
    lengths: tuple[int, int]

    @property
    def rows(self) -> tuple[PlaneRow, ...]:
        """The rows alone."""
        return tuple(plane.row for plane in self.planes)


def pack_row(row: PlaneRow) -> bytes:
    """One row of the table."""
    name = row.name.encode()
    return _ROW.pack(row.coding, row.mask_row, row.count, row.stored, row.origin, len(name)) + name


def pack_table(rows: Sequence[bytes], compressed: int, size: tuple[int, int]) -> bytes:
    """The table as a skippable zstd frame. rows: from `pack_row`; compressed: see `PlaneTable`; size: (H, W)."""
    packed = _HEAD.pack(_MAGIC, size[0], size[1], len(rows), compressed) + b"".join(rows)
    return struct.pack("<II", _SKIPPABLE, len(packed)) + packed


def unpack_table(data: bytes, layout: SampleLayout, known: dict[bytes, Plane] | None = None) -> tuple[PlaneTable, int]:
    """The table, and where the frames begin. Raises DatasetError, struct.error or ValueError when it is not sound.

    known: rows of this layout that were unpacked before, by their bytes. Those without a mask are the same in every
    sample and are added to it.
    """
    skippable, length = struct.unpack_from("<II", data)
    magic, height, width, count, compressed = _HEAD.unpack_from(data, 8)
    if skippable != _SKIPPABLE or magic != _MAGIC or (height, width) != layout.size:
        raise DatasetError(f"its table is not one of a {layout.size[0]} x {layout.size[1]} sample")
    known = {} if known is None else known
    planes: list[Plane] = []
    starts, lengths, position = [], [0, 0], 8 + _HEAD.size
    for _ in range(count):
        start, name_start = position, position + _ROW.size
        position = name_start + data[name_start - 1]
        packed = data[start:position]
        plane = known.get(packed)
        if plane is None:
            plane = _unpack_row(packed, layout)
            if plane.coding is None:
                known[packed] = plane
        planes.append(plane)
        starts.append(lengths[plane.compressed])
        lengths[plane.compressed] += plane.length
    if position != 8 + length:
        raise DatasetError("its table has another length than it says")
    masks = sum(plane.row.coding == MASK for plane in planes)
    if 2 * masks > len(planes):
        # Each costs memory; a plane needs one at most.
        raise DatasetError(f"it has {masks} masks for {len(planes) - masks} planes")
    names = tuple([plane.row.name for plane in planes if plane.row.coding != MASK])
    if names != layout.plane_names:
        raise DatasetError(f"it holds {names}, expected {layout.plane_names}")
    if position + compressed + stored_frame_length(lengths[False]) != len(data):
        raise DatasetError(f"it has {len(data)} bytes, its table says otherwise")
    return PlaneTable(tuple(planes), tuple(starts), compressed, (lengths[False], lengths[True])), position


def _unpack_row(packed: bytes, layout: SampleLayout) -> Plane:
    """A row, after comparing it with the layout."""
    *fields, _ = _ROW.unpack_from(packed)
    row = PlaneRow(packed[_ROW.size :].decode("ascii"), *fields)
    _check_row(row, layout)
    coding = row.masked_coding
    if coding is not None:
        return Plane(row, coding, coding.compressed, row.stored)
    dense = (row.count + 7) // 8 if row.coding in (MASK, BITS) else row.count * np.dtype(row.spec.dtype).itemsize
    return Plane(row, None, True, dense)


def dense_coding(spec: LabelSpec) -> int:
    """How a label without a mask is stored."""
    if spec.shape[:2] != ("H", "W"):
        return RAW
    return BITS if spec.dtype == "bool" else BYTES


def _check_row(row: PlaneRow, layout: SampleLayout) -> None:
    """Refuse a row whose declared size is not the one that the label table and the picture's size give."""
    pixels = layout.size[0] * layout.size[1]
    if row.coding == MASK:
        fits = row.name == "" and row.count == pixels and row.stored == 0
    elif row.name not in layout.array_names:
        fits = False
    elif row.spec.name in MASKED_CODINGS:
        fits = _fits_mask(row, pixels)
    else:
        dense = row.coding == dense_coding(row.spec) and row.mask_row == NO_MASK and row.stored == 0
        fits = dense and row.count == _dense_count(row.spec, row, pixels)
    if not fits:
        raise DatasetError(f"plane {row.name!r} is not one of this dataset")


def _fits_mask(row: PlaneRow, pixels: int) -> bool:
    if row.masked_coding is None or row.count > pixels or not abs(row.origin) <= LARGEST_ORIGIN_MM:
        return False
    least, most = stored_sizes(row.masked_coding, row.count)
    return least <= row.stored <= most


def _dense_count(spec: LabelSpec, row: PlaneRow, pixels: int) -> int:
    if spec.shape[:2] == ("H", "W"):
        return pixels
    if isinstance(spec.shape[0], str):
        return min(row.count, MOST_VECTOR)
    return math.prod(int(side) for side in spec.shape)
