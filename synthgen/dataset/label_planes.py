"""The labels member of a sample, both directions: a table of planes, then zstd frames (level 1).

Planes with empty pixels store values at their mask pixels only, one frame each; equal masks are stored once. Masks and
all other arrays share the first frame.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError, LabelError
from synthgen.core.label_spec import LabelSpec
from synthgen.dataset.label_table import (
    BITS,
    BYTES,
    LARGEST_ORIGIN_MM,
    LARGEST_VECTOR,
    MASK,
    NO_MASK,
    RAW,
    PlaneRow,
    PlaneTable,
    dense_coding,
    is_dense,
    masked_coding,
    pack_table,
    payload_length,
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
    """One array of the layout: its name, label, expected shape and whether it has empty pixels."""

    name: str
    spec: LabelSpec
    shape: tuple[int, ...] | None
    masked: bool


@dataclass(frozen=True)
class _Mask:
    """A mask of a member. row: its place in the table; pixels: (H W,) bool; count: how many of them are True."""

    row: int
    pixels: NDArray[np.bool_]
    count: int


class LabelPlanes:
    """Encodes and decodes labels members of one layout. Holds zstd contexts, so one object serves one thread."""

    def __init__(self, layout: SampleLayout) -> None:
        self._layout = layout
        self._pixels = layout.size[0] * layout.size[1]
        self._slots = [_slot(name, layout) for name in layout.plane_names]
        self._compressor = zstandard.ZstdCompressor(level=1, write_checksum=False, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor()

    def encode(self, arrays: Mapping[str, Array], parameters: Mapping[str, Any]) -> bytes:
        """The member. Raises LabelError for arrays that do not fit the label table."""
        rows: list[PlaneRow] = []
        dense: list[bytes] = []
        frames: list[bytes] = []
        masks: list[_Mask] = []
        for slot in self._slots:
            array = checked_array(arrays, slot.name, slot.spec, slot.shape)
            if not slot.masked:
                dense.append(np.packbits(array).tobytes() if slot.spec.dtype == "bool" else array.tobytes())
                rows.append(PlaneRow(slot.name, dense_coding(slot.spec), NO_MASK, array.size, 0, 0.0))
                continue
            flat = array.reshape(self._pixels, -1)
            values, mask = _masked_values(flat, masks, slot)
            if mask is None:
                pixels = _validity(flat, slot)
                values, mask = _take(flat, pixels), _Mask(len(rows), pixels, int(np.count_nonzero(pixels)))
                _check_values(values, slot)
                masks.append(mask)
                dense.append(np.packbits(pixels).tobytes())
                rows.append(PlaneRow("", MASK, NO_MASK, self._pixels, 0, 0.0))
            origin = _depth_origin(parameters, slot.name) if slot.spec.name == "depth" else 0.0
            coding, words = _quantize(values, PlaneContext(slot.spec.name, origin))
            frames.append(self._compressor.compress(encode_words(words, coding.prediction)))
            rows.append(PlaneRow(slot.name, coding.number, mask.row, mask.count, len(frames[-1]), origin))
        shared = self._compressor.compress(b"".join(dense))
        return b"".join([pack_table(PlaneTable(tuple(rows), len(shared)), self._layout.size), shared, *frames])

    def decode(self, data: bytes) -> dict[str, Array]:
        """The arrays of a member by name. Raises DatasetError when anything does not fit the layout."""
        try:
            return self._decode(data)
        except (DatasetError, struct.error, zstandard.ZstdError, ValueError, IndexError) as error:
            raise DatasetError(f"the labels member is damaged: {error}") from error

    def _decode(self, data: bytes) -> dict[str, Array]:
        table, position = unpack_table(data, self._layout)
        size = self._layout.size
        lengths = [payload_length(row) for row in table.rows]
        expected = sum(length for row, length in zip(table.rows, lengths, strict=True) if is_dense(row))
        shared = memoryview(self._decompress(data[position : position + table.dense_stored], expected, "dense planes"))
        position += table.dense_stored
        arrays: dict[str, Array] = {}
        masks: dict[int, _Mask] = {}
        taken = 0
        for number, (row, length) in enumerate(zip(table.rows, lengths, strict=True)):
            coding = masked_coding(row)
            if coding is None:
                payload = shared[taken : taken + length]
                taken += length
                if row.coding == MASK:
                    pixels = _unpack_bits(payload, size).reshape(-1)
                    masks[number] = _Mask(number, pixels, int(np.count_nonzero(pixels)))
                else:
                    arrays[row.name] = _decode_dense(row, payload, size)
                continue
            if row.mask_row not in masks or masks[row.mask_row].count != row.count:
                raise DatasetError(f"plane {row.name!r} does not fit its mask")
            words = self._decompress(data[position : position + row.stored], length, f"plane {row.name!r}")
            position += row.stored
            arrays[row.name] = _decode_plane(row, coding, words, masks[row.mask_row].pixels, size)
        return arrays

    def _decompress(self, frame: bytes, length: int, what: str) -> bytes:
        if zstandard.frame_content_size(frame) != length:
            raise DatasetError(f"{what} does not have the {length} bytes its table says")
        payload = self._decompressor.decompress(frame, max_output_size=length) if length else b""
        if len(payload) != length:
            raise DatasetError(f"{what} is cut short")
        return payload


def label_shape(spec: LabelSpec, size: tuple[int, int]) -> tuple[int, ...] | None:
    """The shape of a label in pictures of a size; None for vectors whose length the model decides."""
    symbols: dict[str | int, int] = {"H": size[0], "W": size[1]}
    shape = [symbols.get(side, side) for side in spec.shape]
    return None if isinstance(shape[0], str) else tuple(int(side) for side in shape)


def checked_array(arrays: Mapping[str, Array], name: str, spec: LabelSpec, shape: tuple[int, ...] | None) -> Array:
    """The array of that name, contiguous, after comparing it with its label and shape. Raises LabelError."""
    array = arrays.get(name)
    if array is None:
        raise LabelError(f"label {name!r} is to be stored but was not rendered")
    fits = array.shape == shape if shape is not None else array.ndim == 1 and array.size <= LARGEST_VECTOR
    if array.dtype != spec.dtype or not fits:
        raise LabelError(f"label {name!r} is {array.shape} {array.dtype}, expected {spec.shape} {spec.dtype}")
    return np.ascontiguousarray(array)


def _slot(name: str, layout: SampleLayout) -> _Slot:
    spec = label_of(name)
    return _Slot(name, spec, label_shape(spec, layout.size), spec.name in MASKED_CODINGS)


def _masked_values(flat: Array, masks: list[_Mask], slot: _Slot) -> tuple[Array, _Mask | None]:
    """Values (C, n) of a plane (H W, C) under the first mask that is exactly where it has values."""
    empty = np.count_nonzero(flat < 0) if slot.spec.dtype == "int32" else np.count_nonzero(np.isnan(flat))
    for mask in masks:
        if flat.size - empty == mask.count * flat.shape[1]:
            values = _take(flat, mask.pixels)
            if slot.spec.dtype != "int32" and np.isfinite(values).all():
                return values, mask
    return flat, None


def _take(flat: Array, pixels: NDArray[np.bool_]) -> Array:
    """Rows of a plane (H W, C) where pixels (H W,) is True, as (C, n)."""
    whole = flat.view(f"V{flat.itemsize * flat.shape[1]}")[:, 0]  # a pixel as one item: three times faster
    return np.ascontiguousarray(whole[pixels].view(flat.dtype).reshape(-1, flat.shape[1]).T)


def _validity(flat: Array, slot: _Slot) -> NDArray[np.bool_]:
    """Where a plane (H W, C) has values, (H W,). Raises LabelError for partly empty pixels."""
    if slot.spec.dtype == "int32":
        if flat.min() < -1:
            raise LabelError(f"label {slot.name!r} has an id below -1")
        return np.greater_equal(flat[:, 0], 0)
    missing = np.isnan(flat)
    pixels: NDArray[np.bool_] = ~missing[:, 0]
    if flat.size - np.count_nonzero(missing) != np.count_nonzero(pixels) * flat.shape[1]:
        raise LabelError(f"label {slot.name!r} is NaN in some channels of a pixel only")
    return pixels


def _check_values(values: Array, slot: _Slot) -> None:
    if slot.spec.dtype != "int32" and not np.isfinite(values).all():
        raise LabelError(f"label {slot.name!r} is infinite or NaN in some channels of a pixel only")


def _quantize(values: Array, context: PlaneContext) -> tuple[Coding, Array]:
    for coding in MASKED_CODINGS[context.label]:
        words = coding.quantize(values, context)
        if words is not None:
            return coding, words
    raise AssertionError(f"no coding of {context.label} takes every value")


def _decode_plane(
    row: PlaneRow, coding: Coding, payload: bytes, pixels: NDArray[np.bool_], size: tuple[int, int]
) -> Array:
    spec = label_of(row.name)
    values = coding.restore(decode_words(payload, coding, row.count), PlaneContext(spec.name, row.origin))
    dense = np.full((pixels.size, len(values)), -1 if spec.dtype == "int32" else np.nan, spec.dtype)
    item = f"V{dense.itemsize * len(values)}"
    dense.view(item)[pixels] = np.stack(list(values), axis=1).view(item)
    return dense.reshape(*size, *spec.shape[2:])


def _decode_dense(row: PlaneRow, payload: memoryview, size: tuple[int, int]) -> Array:
    spec = label_of(row.name)
    if row.coding == BITS:
        return _unpack_bits(payload, size)
    shape: tuple[Any, ...] = size if row.coding == BYTES else spec.shape
    if row.coding == RAW and isinstance(spec.shape[0], str):
        shape = (row.count,)
    return np.frombuffer(payload, np.dtype(spec.dtype).newbyteorder("<")).astype(spec.dtype).reshape(shape)


def _unpack_bits(payload: memoryview, size: tuple[int, int]) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(payload, np.uint8), count=size[0] * size[1])
    return bits.view(np.bool_).reshape(size)


def _depth_origin(parameters: Mapping[str, Any], name: str) -> float:
    """Depth of the model origin, mm: the sampled parameter of that view, or 0 where there is none of use."""
    origin = float(parameters.get(name.removesuffix("depth") + "origin_depth") or 0.0)
    return origin if abs(origin) <= LARGEST_ORIGIN_MM else 0.0
