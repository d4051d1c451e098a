"""The table at the front of a labels member: which planes follow, how each is stored, and how large it may be.

The table is a skippable zstd frame, so that any zstd tool opens the member. Every row is compared with the label table
and the picture's size before anything is allocated: a damaged member cannot ask for more memory than its dataset needs.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class PlaneTable:
    """The rows of a member; compressed: bytes of the frame of planes that go through zstd."""

    rows: tuple[PlaneRow, ...]
    compressed: int


def pack_row(row: PlaneRow) -> bytes:
    """One row of the table."""
    name = row.name.encode()
    return _ROW.pack(row.coding, row.mask_row, row.count, row.stored, row.origin, len(name)) + name


def pack_table(rows: Sequence[bytes], compressed: int, size: tuple[int, int]) -> bytes:
    """The table as a skippable zstd frame. rows: from `pack_row`; compressed: see `PlaneTable`; size: (H, W)."""
    packed = _HEAD.pack(_MAGIC, size[0], size[1], len(rows), compressed) + b"".join(rows)
    return struct.pack("<II", _SKIPPABLE, len(packed)) + packed


def unpack_table(data: bytes, layout: SampleLayout) -> tuple[PlaneTable, int]:
    """The table, and where the frames begin. Raises DatasetError, struct.error or ValueError when it is not sound."""
    skippable, length = struct.unpack_from("<II", data)
    magic, height, width, planes, compressed = _HEAD.unpack_from(data, 8)
    if skippable != _SKIPPABLE or magic != _MAGIC or (height, width) != layout.size:
        raise DatasetError(f"its table is not one of a {layout.size[0]} x {layout.size[1]} sample")
    rows, position = [], 8 + _HEAD.size
    for _ in range(planes):
        coding, mask_row, count, stored, origin, name_length = _ROW.unpack_from(data, position)
        position += _ROW.size
        name = data[position : position + name_length].decode("ascii")
        position += name_length
        row = PlaneRow(name, coding, mask_row, count, stored, origin)
        _check_row(row, layout)
        rows.append(row)
    if position != 8 + length:
        raise DatasetError("its table has another length than it says")
    masks = sum(row.coding == MASK for row in rows)
    if 2 * masks > len(rows):
        # Each costs memory; a plane needs one at most.
        raise DatasetError(f"it has {masks} masks for {len(rows) - masks} planes")
    if tuple(row.name for row in rows if row.coding != MASK) != layout.plane_names:
        raise DatasetError(f"it holds {[row.name for row in rows]}, expected {layout.plane_names}")
    plain = sum(payload_length(row) for row in rows if not is_compressed(row))
    if position + compressed + stored_frame_length(plain) != len(data):
        raise DatasetError(f"it has {len(data)} bytes, its table says otherwise")
    return PlaneTable(tuple(rows), compressed), position


def is_dense(row: PlaneRow) -> bool:
    """True for masks and planes without a mask."""
    return row.coding in (MASK, BITS, BYTES, RAW)


def is_compressed(row: PlaneRow) -> bool:
    """True for planes in the compressed frame, False for those in the stored one."""
    coding = masked_coding(row)
    return coding is None or coding.compressed


def masked_coding(row: PlaneRow) -> Coding | None:
    """The coding of a masked plane, None for the others."""
    return None if is_dense(row) else _CODING_OF.get((label_of(row.name).name, row.coding))


def dense_coding(spec: LabelSpec) -> int:
    """How a label without a mask is stored."""
    if spec.shape[:2] != ("H", "W"):
        return RAW
    return BITS if spec.dtype == "bool" else BYTES


def payload_length(row: PlaneRow) -> int:
    """Bytes of a plane inside its frame."""
    if not is_dense(row):
        return row.stored
    if row.coding in (MASK, BITS):
        return (row.count + 7) // 8
    return row.count * np.dtype(label_of(row.name).dtype).itemsize


def _check_row(row: PlaneRow, layout: SampleLayout) -> None:
    """Refuse a row whose declared size is not the one that the label table and the picture's size give."""
    pixels = layout.size[0] * layout.size[1]
    if row.coding == MASK:
        fits = row.name == "" and row.count == pixels and row.stored == 0
    elif row.name not in layout.array_names:
        fits = False
    elif (spec := label_of(row.name)).name in MASKED_CODINGS:
        fits = _fits_mask(row, pixels)
    else:
        fits = row.coding == dense_coding(spec) and row.count == _dense_count(spec, row, pixels) and row.stored == 0
    if not fits:
        raise DatasetError(f"plane {row.name!r} is not one of this dataset")


def _fits_mask(row: PlaneRow, pixels: int) -> bool:
    coding = masked_coding(row)
    if coding is None or row.count > pixels or not abs(row.origin) <= LARGEST_ORIGIN_MM:
        return False
    least, most = stored_sizes(coding, row.count)
    return least <= row.stored <= most


def _dense_count(spec: LabelSpec, row: PlaneRow, pixels: int) -> int:
    if spec.shape[:2] == ("H", "W"):
        return pixels
    if isinstance(spec.shape[0], str):
        return min(row.count, MOST_VECTOR)
    return math.prod(int(side) for side in spec.shape)
