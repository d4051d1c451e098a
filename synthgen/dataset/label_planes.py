"""The labels member of a sample, both directions: a table of planes, then two zstd frames.

Planes with empty pixels hold values at their mask pixels only; equal masks are stored once. Planes whose coding already
makes them small lie in the second frame as they are; masks and all others share the first, compressed at level 1.
"""

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError, LabelError
from synthgen.core.label_spec import LabelSpec
from synthgen.core.limits import LARGEST_ORIGIN_MM, MOST_VECTOR
from synthgen.dataset.frames import stored_frame
from synthgen.dataset.label_table import (
    BITS,
    BYTES,
    MASK,
    NO_MASK,
    RAW,
    Plane,
    PlaneRow,
    dense_coding,
    pack_row,
    pack_table,
    unpack_table,
)
from synthgen.dataset.layout import SampleLayout, label_of
from synthgen.dataset.planes import (
    MASKED_CODINGS,
    Coding,
    PlaneContext,
    decode_words,
    encode_words,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class _Slot:
    """One array of the layout: its name, label, type, expected shape and whether it has empty pixels."""

    name: str
    spec: LabelSpec
    dtype: np.dtype[Any]
    shape: tuple[int, ...] | None
    masked: bool


class _Mask(NamedTuple):
    """A mask of a member. row: its place in the table; pixels: (H W,) bool; filled: how many of them are True."""

    row: int
    pixels: NDArray[np.bool_]
    filled: int


class PlaneValues(NamedTuple):
    """A decoded plane: the whole array where `pixels` is None, else values (C, n) where pixels (H W,) is True."""

    name: str
    values: Array
    pixels: NDArray[np.bool_] | None


@dataclass
class _Draft:
    """A member in the making: packed rows of its table, the content of its two frames, its masks."""

    rows: list[bytes] = field(default_factory=list)
    compressed: list[bytes] = field(default_factory=list)
    plain: list[bytes] = field(default_factory=list)
    masks: list[_Mask] = field(default_factory=list)


class LabelPlanes:
    """Encodes and decodes labels members of one layout. Holds zstd contexts, so one object serves one thread."""

    def __init__(self, layout: SampleLayout) -> None:
        self._layout = layout
        self._pixels = layout.size[0] * layout.size[1]
        self._slots = [_slot(name, layout) for name in layout.plane_names]
        self._compressor = zstandard.ZstdCompressor(level=1, write_checksum=False, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor()
        self._known_rows: dict[bytes, Plane] = {}

    def encode(self, arrays: Mapping[str, Array], parameters: Mapping[str, Any]) -> bytes:
        """The member. Raises LabelError for arrays that do not fit the label table."""
        draft = _Draft()
        for slot in self._slots:
            array = checked_array(arrays, slot.name, slot.spec, slot.dtype, slot.shape)
            if slot.masked:
                origin = _depth_origin(parameters, slot.name) if slot.spec.name == "depth" else 0.0
                _add_masked(draft, slot, array.reshape(self._pixels, -1), origin)
            else:
                draft.compressed.append((np.packbits(array) if slot.dtype == np.bool_ else array).tobytes())
                draft.rows.append(_dense_row(slot.name, dense_coding(slot.spec), array.size))
        compressed = self._compressor.compress(b"".join(draft.compressed))
        table = pack_table(draft.rows, len(compressed), self._layout.size)
        return b"".join([table, compressed, *stored_frame(draft.plain)])

    def decode(self, data: bytes, names: Collection[str] | None = None) -> dict[str, Array]:
        """The arrays of a member by name; names: which, None for all.

        Raises DatasetError when anything does not fit the layout.
        """
        return {
            name: values if pixels is None else self._spread(label_of(name), values, pixels)
            for name, values, pixels in self.decode_values(data, names)
        }

    def decode_values(self, data: bytes, names: Collection[str] | None = None) -> Iterator[PlaneValues]:
        """The values of each plane in the order of storage, as `decode` but not spread over the picture."""
        try:
            yield from self._decode(data, names)
        except (DatasetError, struct.error, zstandard.ZstdError, ValueError, IndexError) as error:
            raise DatasetError(f"the labels member is damaged: {error}") from error

    def _decode(self, data: bytes, names: Collection[str] | None) -> Iterator[PlaneValues]:
        table, position = unpack_table(data, self._layout, self._known_rows)
        view, middle = memoryview(data), position + table.compressed
        frames = (
            self._decompress(view[middle:], table.lengths[False], "the stored frame"),
            self._decompress(view[position:middle], table.lengths[True], "the compressed frame"),
        )
        masks: dict[int, _Mask] = {}
        for number, (plane, start) in enumerate(zip(table.planes, table.starts, strict=True)):
            row, coding, compressed, length = plane
            if names is not None and row.name and row.name not in names:
                continue
            payload = frames[compressed][start : start + length]
            if row.coding == MASK:
                pixels = _unpack_bits(payload, self._layout.size).reshape(-1)
                masks[number] = _Mask(number, pixels, int(np.count_nonzero(pixels)))
            elif coding is None:
                yield PlaneValues(row.name, _decode_dense(row, payload, self._layout.size), None)
            elif row.mask_row not in masks or masks[row.mask_row].filled != row.count:
                raise DatasetError(f"plane {row.name!r} does not fit its mask")
            else:
                words = decode_words(payload, coding, row.count)
                values = coding.restore(words, PlaneContext(row.spec.name, row.origin))
                yield PlaneValues(row.name, values, masks[row.mask_row].pixels)

    def _spread(self, spec: LabelSpec, values: Array, pixels: NDArray[np.bool_]) -> Array:
        """A plane (H, W) or (H, W, C) of values (C, n), empty where pixels (H W,) is False."""
        dense = np.full((pixels.size, len(values)), -1 if spec.dtype == "int32" else np.nan, spec.dtype)
        for channel, column in zip(dense.T, values, strict=True):  # one by one: three times faster than whole pixels
            channel[pixels] = column
        return dense.reshape(*self._layout.size, *spec.shape[2:])

    def _decompress(self, frame: memoryview, length: int, what: str) -> memoryview:
        if zstandard.frame_content_size(frame) != length:
            raise DatasetError(f"{what} does not have the {length} bytes its table says")
        payload = self._decompressor.decompress(frame, max_output_size=length) if length else b""
        if len(payload) != length:
            raise DatasetError(f"{what} is cut short")
        return memoryview(payload)


def label_shape(spec: LabelSpec, size: tuple[int, int]) -> tuple[int, ...] | None:
    """The shape of a label in pictures of a size; None for vectors whose length the model decides."""
    symbols: dict[str | int, int] = {"H": size[0], "W": size[1]}
    shape = [symbols.get(side, side) for side in spec.shape]
    return None if isinstance(shape[0], str) else tuple(int(side) for side in shape)


def checked_array(
    arrays: Mapping[str, Array], name: str, spec: LabelSpec, dtype: np.dtype[Any], shape: tuple[int, ...] | None
) -> Array:
    """The array of that name, contiguous, after comparing it with its label's type and shape. Raises LabelError."""
    array = arrays.get(name)
    if array is None:
        raise LabelError(f"label {name!r} is to be stored but was not rendered")
    fits = array.shape == shape if shape is not None else array.ndim == 1 and array.size <= MOST_VECTOR
    if array.dtype != dtype or not fits:
        raise LabelError(f"label {name!r} is {array.shape} {array.dtype}, expected {spec.shape} {spec.dtype}")
    return np.ascontiguousarray(array)


def _slot(name: str, layout: SampleLayout) -> _Slot:
    spec = label_of(name)
    return _Slot(name, spec, np.dtype(spec.dtype), label_shape(spec, layout.size), spec.name in MASKED_CODINGS)


@cache
def _dense_row(name: str, coding: int, count: int) -> bytes:
    return pack_row(PlaneRow(name, coding, NO_MASK, count, 0, 0.0))


def _add_masked(draft: _Draft, slot: _Slot, flat: Array, origin: float) -> None:
    """Append a plane (H W, C) to a member, with its mask where no earlier plane has the same.

    Raises LabelError for values that no coding of the label takes, and for partly empty pixels.
    """
    context = PlaneContext(slot.spec.name, origin)
    filled = -1 if slot.spec.dtype == "int32" else int(np.count_nonzero(flat == flat))  # NaN differs from itself
    for mask in draft.masks:
        # As many numbers as under the mask, and numbers everywhere under it: the masks are the same.
        if filled == mask.filled * flat.shape[1]:
            quantized = _quantize(_take(flat, mask.pixels), context)
            if quantized is not None:
                break
    else:
        pixels = _validity(flat, filled, slot)
        mask = _Mask(len(draft.rows), pixels, int(np.count_nonzero(pixels)))
        quantized = _quantize(_take(flat, pixels), context)
        draft.masks.append(mask)
        draft.compressed.append(np.packbits(pixels).tobytes())
        draft.rows.append(_dense_row("", MASK, pixels.size))
    if quantized is None:
        raise LabelError(f"label {slot.name!r} is infinite or NaN in some channels of a pixel only")
    coding, words = quantized
    payload = encode_words(words, coding)
    (draft.compressed if coding.compressed else draft.plain).append(payload)
    draft.rows.append(pack_row(PlaneRow(slot.name, coding.number, mask.row, mask.filled, len(payload), origin)))


def _take(flat: Array, pixels: NDArray[np.bool_]) -> Array:
    """Rows of a plane (H W, C) where pixels (H W,) is True, as (C, n)."""
    if flat.shape[1] == 1:
        return flat[:, 0][pixels][None]
    whole = flat.view(f"V{flat.itemsize * flat.shape[1]}")[:, 0]  # a pixel as one item: three times faster
    return np.ascontiguousarray(whole[pixels].view(flat.dtype).reshape(-1, flat.shape[1]).T)


def _validity(flat: Array, filled: int, slot: _Slot) -> NDArray[np.bool_]:
    """Where a plane (H W, C) with `filled` numbers has values, (H W,). Raises LabelError for partly empty pixels."""
    if slot.spec.dtype == "int32":
        if flat.min() < -1:
            raise LabelError(f"label {slot.name!r} has an id below -1")
        return np.greater_equal(flat[:, 0], 0)
    pixels: NDArray[np.bool_] = ~np.isnan(flat[:, 0])
    if filled != np.count_nonzero(pixels) * flat.shape[1]:
        raise LabelError(f"label {slot.name!r} is NaN in some channels of a pixel only")
    return pixels


def _quantize(values: Array, context: PlaneContext) -> tuple[Coding, Array] | None:
    """The first coding of the label that takes the values, and their words. None for values that are not finite."""
    for coding in MASKED_CODINGS[context.label]:
        words = coding.quantize(values, context)
        if words is not None:
            return coding, words
    return None


def _decode_dense(row: PlaneRow, payload: memoryview, size: tuple[int, int]) -> Array:
    if row.coding == BITS:
        return _unpack_bits(payload, size)
    shape: tuple[Any, ...] = size if row.coding == BYTES else row.spec.shape
    if row.coding == RAW and isinstance(shape[0], str):
        shape = (row.count,)
    stored = np.dtype(row.spec.dtype).newbyteorder("<")
    return np.frombuffer(payload, stored).astype(row.spec.dtype).reshape(shape)


def _unpack_bits(payload: memoryview, size: tuple[int, int]) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(payload, np.uint8), count=size[0] * size[1])
    return bits.view(np.bool_).reshape(size)


def _depth_origin(parameters: Mapping[str, Any], name: str) -> float:
    """Depth of the model origin, mm: the sampled parameter of that view, or 0 where there is none of use."""
    origin = float(parameters.get(name.removesuffix("depth") + "origin_depth") or 0.0)
    return float(np.float32(origin)) if abs(origin) <= LARGEST_ORIGIN_MM else 0.0
