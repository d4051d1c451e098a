"""The labels member of a sample, both directions: a table of planes, then one zstd frame (level 1) per plane.

Planes with empty pixels store values at their mask pixels only; equal masks are stored once.
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from synthgen.core.errors import DatasetError, LabelError
from synthgen.core.label_spec import LabelSpec
from synthgen.dataset.label_table import (
    BITS,
    BYTES,
    LARGEST_VECTOR,
    MASK,
    NO_MASK,
    RAW,
    PlaneRow,
    dense_coding,
    masked_coding,
    pack_table,
    payload_length,
    unpack_table,
)
from synthgen.dataset.layout import SampleLayout, label_of
from synthgen.dataset.planes import (
    MASKED_CODINGS,
    Coding,
    MaskPixels,
    PlaneContext,
    decode_words,
    encode_words,
    mask_pixels,
)

Array = NDArray[Any]


class LabelPlanes:
    """Encodes and decodes labels members of one layout. Holds zstd contexts, so one object serves one thread."""

    def __init__(self, layout: SampleLayout) -> None:
        self._layout = layout
        self._names = tuple(name for name in layout.array_names if label_of(name).name != "image")
        self._compressor = zstandard.ZstdCompressor(level=1, write_checksum=False, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor()

    def encode(self, arrays: Mapping[str, Array], parameters: Mapping[str, Any]) -> bytes:
        """The member. Raises LabelError for arrays that do not fit the label table."""
        rows: list[PlaneRow] = []
        frames: list[bytes] = []
        masks: dict[bytes, tuple[int, MaskPixels]] = {}

        def append(
            name: str, coding: int, payload: bytes, count: int, mask_row: int = NO_MASK, origin: float = 0.0
        ) -> None:
            frames.append(self._compressor.compress(payload))
            rows.append(PlaneRow(name, coding, mask_row, count, len(frames[-1]), origin))

        for name in self._names:
            spec = label_of(name)
            array = checked_array(arrays, name, self._layout)
            if spec.name not in MASKED_CODINGS:
                payload = np.packbits(array).tobytes() if spec.dtype == "bool" else array.tobytes()
                append(name, dense_coding(spec), payload, array.size)
                continue
            mask = _validity(array, spec, name)
            bits = np.packbits(mask).tobytes()
            if bits not in masks:
                masks[bits] = (len(rows), mask_pixels(mask))
                append("", MASK, bits, mask.size)
            mask_row, pixels = masks[bits]
            origin = _depth_origin(parameters, name) if spec.name == "depth" else 0.0
            coding, payload = _encode_plane(array, pixels, PlaneContext(spec.name, origin), name)
            append(name, coding.number, payload, pixels.positions.size, mask_row, origin)
        return pack_table(rows, self._layout.size) + b"".join(frames)

    def decode(self, data: bytes) -> dict[str, Array]:
        """The arrays of a member by name. Raises DatasetError when anything does not fit the layout."""
        try:
            return self._decode(data)
        except (DatasetError, struct.error, zstandard.ZstdError, ValueError, IndexError) as error:
            raise DatasetError(f"the labels member is damaged: {error}") from error

    def _decode(self, data: bytes) -> dict[str, Array]:
        rows, position = unpack_table(data, self._layout)
        size = self._layout.size
        arrays: dict[str, Array] = {}
        masks: dict[int, MaskPixels] = {}
        for number, row in enumerate(rows):
            payload = self._decompress(data[position : position + row.stored], row)
            position += row.stored
            coding = masked_coding(row)
            if row.coding == MASK:
                masks[number] = mask_pixels(_unpack_bits(payload, size))
            elif coding is None:
                arrays[row.name] = _decode_dense(row, payload, size)
            elif row.mask_row not in masks or masks[row.mask_row].positions.size != row.count:
                raise DatasetError(f"plane {row.name!r} does not fit its mask")
            else:
                arrays[row.name] = _decode_plane(row, coding, payload, masks[row.mask_row])
        return arrays

    def _decompress(self, frame: bytes, row: PlaneRow) -> bytes:
        length = payload_length(row)
        if zstandard.frame_content_size(frame) != length:
            raise DatasetError(f"plane {row.name!r} does not have the {length} bytes its table says")
        payload = self._decompressor.decompress(frame, max_output_size=length) if length else b""
        if len(payload) != length:
            raise DatasetError(f"plane {row.name!r} is cut short")
        return payload


def checked_array(arrays: Mapping[str, Array], name: str, layout: SampleLayout) -> Array:
    """The array of that name, contiguous, after comparing it with the label table. Raises LabelError."""
    spec = label_of(name)
    array = arrays.get(name)
    if array is None:
        raise LabelError(f"label {name!r} is to be stored but was not rendered")
    symbols: dict[str | int, str | int] = {"H": layout.size[0], "W": layout.size[1]}
    shape = tuple(symbols.get(side, side) for side in spec.shape)
    variable = isinstance(shape[0], str)
    fits = array.ndim == 1 and array.size <= LARGEST_VECTOR if variable else array.shape == shape
    if array.dtype != spec.dtype or not fits:
        raise LabelError(f"label {name!r} is {array.shape} {array.dtype}, expected {spec.shape} {spec.dtype}")
    return np.ascontiguousarray(array)


def _validity(array: Array, spec: LabelSpec, name: str) -> NDArray[np.bool_]:
    """Where a plane has values (H, W). Raises LabelError for pixels that are neither empty nor sound."""
    if spec.dtype == "int32":
        if array.min() < -1:
            raise LabelError(f"label {name!r} has an id below -1")
        return np.greater_equal(array, 0)
    missing = np.isnan(array).reshape(*array.shape[:2], -1)
    mask: NDArray[np.bool_] = ~missing[..., 0]
    if (array.size - np.count_nonzero(missing)) != np.count_nonzero(mask) * missing.shape[2]:
        raise LabelError(f"label {name!r} is NaN in some channels of a pixel only")
    return mask


def _encode_plane(array: Array, pixels: MaskPixels, context: PlaneContext, name: str) -> tuple[Coding, bytes]:
    flat = array.reshape(pixels.size[0] * pixels.size[1], -1)
    values = flat.take(pixels.positions, axis=0)
    if not np.isfinite(values).all():
        raise LabelError(f"label {name!r} is infinite or partly NaN at some pixel")
    for coding in MASKED_CODINGS[context.label]:
        words = coding.quantize(values, context)
        if words is not None:
            return coding, encode_words(words, pixels, coding.prediction)
    raise AssertionError(f"no coding of {context.label} takes every value")


def _decode_plane(row: PlaneRow, coding: Coding, payload: bytes, pixels: MaskPixels) -> Array:
    spec = label_of(row.name)
    values = coding.restore(decode_words(payload, coding, pixels), PlaneContext(spec.name, row.origin))
    empty = -1 if spec.dtype == "int32" else np.nan
    dense = np.full((pixels.size[0] * pixels.size[1], values.shape[1]), empty, spec.dtype)
    dense[pixels.positions] = values
    return dense.reshape(*pixels.size, *spec.shape[2:])


def _decode_dense(row: PlaneRow, payload: bytes, size: tuple[int, int]) -> Array:
    spec = label_of(row.name)
    if row.coding == BITS:
        return _unpack_bits(payload, size)
    shape: tuple[Any, ...] = size if row.coding == BYTES else spec.shape
    if row.coding == RAW and isinstance(spec.shape[0], str):
        shape = (row.count,)
    return np.frombuffer(payload, np.dtype(spec.dtype).newbyteorder("<")).astype(spec.dtype).reshape(shape)


def _unpack_bits(payload: bytes, size: tuple[int, int]) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(payload, np.uint8), count=size[0] * size[1])
    return bits.view(np.bool_).reshape(size)


def _depth_origin(parameters: Mapping[str, Any], name: str) -> float:
    """Depth of the model origin, mm: the sampled parameter of that view, or 0 where there is none."""
    return float(parameters.get(name.removesuffix("depth") + "origin_depth", 0.0))
