"""How the values of a label plane become unsigned words, and back: both directions of every coding side by side.

A plane's values are taken at its mask pixels only, in row order: `values` below is (C, n), `words` is (C', n) of an
unsigned type. The largest difference a coding may cause is `worst_error` in the label table; `quantize` returns None
for values that its range does not hold, and the next coding of the label is tried.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synthgen.core.label_spec import (
    BARYCENTRIC_STEPS,
    DEPTH_HALF_RANGE_MM,
    DEPTH_STEP_MM,
    FLOW_STEP_PX,
    NORMAL_STEPS,
)

Array = NDArray[Any]
Packing = Literal["words", "twelve", "left", "slope"]
_DIFFERENCES = {"left": 1, "slope": 2}
# A difference in one byte: 127 is none, 255 says that it is stored elsewhere.
_ZERO, _LARGE = 127, 255

# float16 keeps albedo within 1e-3 below 2 and shading within 1e-2 below 32.
_FLOAT16_LIMITS = {"albedo": 2.0, "shading": 32.0}
_UNIT_STEPS = 65534
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class PlaneContext:
    """What a coding may know besides the values. label: name in the label table; origin: mm, of the depth."""

    label: str
    origin: float = 0.0


@dataclass(frozen=True)
class Coding:
    """One way of storing a masked plane. `number` is part of the format: append, never renumber.

    word: unsigned type of one stored word; words: words per pixel (C'); packing: see `encode_words`;
    quantize(values (C, n), context) -> words (C', n) or None when out of range; restore is its inverse;
    compressed: the words go through zstd, for planes whose differences are too large for one byte.
    """

    number: int
    name: str
    word: type[np.unsignedinteger[Any]]
    words: int
    packing: Packing
    quantize: Callable[[Array, PlaneContext], Array | None]
    restore: Callable[[Array, PlaneContext], Array]
    compressed: bool = False


def _quantize_id16(values: Array, context: PlaneContext) -> Array | None:
    return values.astype(np.uint16) if values.size == 0 or int(values.max()) <= 0xFFFF else None


def _quantize_id32(values: Array, context: PlaneContext) -> Array | None:
    return values.astype(np.uint32)


def _restore_id(words: Array, context: PlaneContext) -> Array:
    if words.dtype == np.uint32 and words.max(initial=0) > _LARGEST_ID:
        raise ValueError("an id is larger than any")
    return words.astype(np.int32)


def _quantize_barycentric(values: Array, context: PlaneContext) -> Array | None:
    if values.size == 0:
        return np.zeros((2, 0), np.uint16)
    total = values[0] + values[1]
    total += values[2]
    least = values.min()
    if not (least >= -1e-4 and total.min() > 1.0 - 1e-4 and total.max() < 1.0 + 1e-4):
        return None
    steps = values[:2] * np.float32(BARYCENTRIC_STEPS)
    if least < 0.0 or steps.max() > BARYCENTRIC_STEPS:
        steps = np.clip(steps, 0.0, BARYCENTRIC_STEPS)
    steps += np.float32(0.5)
    words: Array = steps.astype(np.uint16)
    # Two weights rounded up may exceed one together, and the third would become negative.
    room = np.uint16(BARYCENTRIC_STEPS) - words[0]
    above = words[1] > room
    if above.any():
        for pixel in np.flatnonzero(above):
            words[int(words[1, pixel] > words[0, pixel]), pixel] -= words[1, pixel] - room[pixel]
    return words


def _restore_barycentric(words: Array, context: PlaneContext) -> Array:
    steps = np.empty((3, words.shape[1]), np.float32)  # whole numbers below 2^24 are exact in float32
    steps[:2] = words
    np.subtract(BARYCENTRIC_STEPS, steps[0], out=steps[2])
    steps[2] -= steps[1]
    steps *= np.float32(1.0 / BARYCENTRIC_STEPS)
    return steps


def _quantize_depth(values: Array, context: PlaneContext) -> Array | None:
    steps = values - np.float32(context.origin)
    if steps.size and not (steps.min() >= -DEPTH_HALF_RANGE_MM and steps.max() <= DEPTH_HALF_RANGE_MM):
        return None
    steps += np.float32(DEPTH_HALF_RANGE_MM)
    steps *= np.float32(1.0 / DEPTH_STEP_MM)
    steps += np.float32(0.5)
    return steps.astype(np.uint16)


def _restore_depth(words: Array, context: PlaneContext) -> Array:
    return (words * DEPTH_STEP_MM + (context.origin - DEPTH_HALF_RANGE_MM)).astype(np.float32)


def _quantize_normals(values: Array, context: PlaneContext) -> Array | None:
    """Octahedral map about the viewing axis: normals that face the camera (z < 0) lie in the unfolded middle."""
    half = np.float32(NORMAL_STEPS / 2)
    scale, *others = np.abs(values)
    for other in others:
        scale += other
    if scale.size and not (scale.min() > 0.9 and scale.max() < 2.0):
        return None  # not unit vectors
    np.divide(half, scale, out=scale)
    pair: Array = values[:2] * scale
    away = np.flatnonzero(values[2] > 0.0)
    if away.size:
        first, second = pair[0].take(away), pair[1].take(away)
        pair[0][away] = np.copysign(half - np.abs(second), first)
        pair[1][away] = np.copysign(half - np.abs(first), second)
    pair += half + np.float32(0.5)
    return pair.astype(np.uint16)


def _restore_normals(words: Array, context: PlaneContext) -> Array:
    normals = np.empty((3, words.shape[1]), np.float32)
    np.multiply(words, np.float32(2.0 / NORMAL_STEPS), out=normals[:2])
    normals[:2] -= np.float32(1.0)
    p, q, z = normals
    np.add(np.abs(p), np.abs(q), out=z)
    z -= np.float32(1.0)
    away = np.flatnonzero(z > 0.0)
    if away.size:
        fold, first, second = z.take(away), p.take(away), q.take(away)
        p[away] = first - np.copysign(fold, first)
        q[away] = second - np.copysign(fold, second)
    normals /= np.sqrt(p * p + q * q + z * z)
    return normals


def _quantize_unit(values: Array, context: PlaneContext) -> Array | None:
    if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
        return None
    return np.rint(values * np.float32(_UNIT_STEPS)).astype(np.uint16)


def _restore_unit(words: Array, context: PlaneContext) -> Array:
    return words.astype(np.float32) * np.float32(1.0 / _UNIT_STEPS)


def _quantize_flow(signed: type, unsigned: type, limit: float) -> Callable[[Array, PlaneContext], Array | None]:
    def quantize(values: Array, context: PlaneContext) -> Array | None:
        if values.size and not (values.min() >= -limit * FLOW_STEP_PX and values.max() <= limit * FLOW_STEP_PX):
            return None
        steps = values * np.float32(1.0 / FLOW_STEP_PX)
        return np.rint(steps, out=steps).astype(signed).view(unsigned)

    return quantize


def _restore_flow(words: Array, context: PlaneContext) -> Array:
    signed: Array = words.view(f"i{words.dtype.itemsize}")
    return np.multiply(signed, FLOW_STEP_PX).astype(np.float32)


def _quantize_float16(values: Array, context: PlaneContext) -> Array | None:
    limit = _FLOAT16_LIMITS.get(context.label, 0.0)
    if values.size and not (values.min() > -limit and values.max() < limit):
        return None
    return values.astype(np.float16).view(np.uint16)


def _restore_float16(words: Array, context: PlaneContext) -> Array:
    return words.view(np.float16).astype(np.float32)


def _quantize_float32(values: Array, context: PlaneContext) -> Array | None:
    return values.view(np.uint32) if np.isfinite(values).all() else None


def _restore_float32(words: Array, context: PlaneContext) -> Array:
    return words.view(np.float32)


ID16 = Coding(10, "id16", np.uint16, 1, "words", _quantize_id16, _restore_id)
ID32 = Coding(11, "id32", np.uint32, 1, "words", _quantize_id32, _restore_id)
BARYCENTRIC16 = Coding(12, "barycentric16", np.uint16, 2, "words", _quantize_barycentric, _restore_barycentric)
DEPTH16 = Coding(13, "depth16", np.uint16, 1, "slope", _quantize_depth, _restore_depth)
OCTAHEDRAL12 = Coding(14, "octahedral12", np.uint16, 2, "twelve", _quantize_normals, _restore_normals)
UNIT16_2 = Coding(15, "unit16x2", np.uint16, 2, "slope", _quantize_unit, _restore_unit, True)
UNIT16_3 = Coding(16, "unit16x3", np.uint16, 3, "slope", _quantize_unit, _restore_unit, True)
FLOW16 = Coding(17, "flow16", np.uint16, 2, "slope", _quantize_flow(np.int16, np.uint16, 32767), _restore_flow)
FLOW32 = Coding(18, "flow32", np.uint32, 2, "slope", _quantize_flow(np.int32, np.uint32, 2.0**31 - 128), _restore_flow)
FLOAT16_3 = Coding(19, "float16x3", np.uint16, 3, "left", _quantize_float16, _restore_float16, True)
FLOAT32_1 = Coding(20, "float32x1", np.uint32, 1, "left", _quantize_float32, _restore_float32, True)
FLOAT32_2 = Coding(21, "float32x2", np.uint32, 2, "left", _quantize_float32, _restore_float32, True)
FLOAT32_3 = Coding(22, "float32x3", np.uint32, 3, "left", _quantize_float32, _restore_float32, True)
UNIT16_1 = Coding(23, "unit16x1", np.uint16, 1, "slope", _quantize_unit, _restore_unit, True)

# Label -> codings in the order in which they are tried.
MASKED_CODINGS: dict[str, tuple[Coding, ...]] = {
    "triangle_id": (ID16, ID32),
    "barycentric": (BARYCENTRIC16, FLOAT32_3),
    "depth": (DEPTH16, FLOAT32_1),
    "normals": (OCTAHEDRAL12, FLOAT32_3),
    "uv": (UNIT16_2, FLOAT32_2),
    "pncc": (UNIT16_3, FLOAT32_3),
    "depth_unit": (UNIT16_1, FLOAT32_1),
    "source_map": (FLOW16, FLOW32, FLOAT32_2),
    "albedo": (FLOAT16_3, FLOAT32_3),
    "shading": (FLOAT16_3, FLOAT32_3),
    "flow": (FLOW16, FLOW32, FLOAT32_2),
    "flow_backward": (FLOW16, FLOW32, FLOAT32_2),
}


def encode_words(words: Array, coding: Coding) -> bytes:
    """Bytes of words (C, n) in row order, by the packing and compression of their coding.

    "words" stores them as they are, "twelve" two of 12 bits in three bytes. "left" and "slope" store differences to a
    prediction: the word before, or that the last step goes on, so that only curvature remains of a smooth surface.
    Differences wrap around: every word survives. They take one byte each, the rare large ones their full width after
    them (`_pack_differences`); for zstd their signs are folded in and they are split by byte.
    """
    if coding.packing == "words":
        return words.astype(words.dtype.newbyteorder("<"), copy=False).tobytes()
    if coding.packing == "twelve":
        return _pack_twelve(words)
    change = words
    for _ in range(_DIFFERENCES[coding.packing]):
        before, change = change, np.empty_like(change)
        change[:, :1] = before[:, :1]
        np.subtract(before[:, 1:], before[:, :-1], out=change[:, 1:])
    if not coding.compressed:
        return _pack_differences(change)
    width = words.dtype.itemsize
    signed = change.view(f"i{width}")
    folded = ((signed << 1) ^ (signed >> (8 * width - 1))).view(words.dtype)
    return b"".join((folded >> (8 * byte)).astype(np.uint8).tobytes() for byte in range(width))


def decode_words(data: bytes | memoryview, coding: Coding, count: int) -> Array:
    """The words (C, count) that `encode_words` turned into `data`. Raises ValueError for data of another size."""
    shape, word = (coding.words, count), np.dtype(coding.word)
    if coding.packing == "words":
        return np.frombuffer(data, word.newbyteorder("<")).astype(word).reshape(shape)
    if coding.packing == "twelve":
        return _unpack_twelve(data, shape)
    words = _unfold(data, word, shape) if coding.compressed else _unpack_differences(data, word, shape)
    for channel in range(coding.words):
        sums = words[channel]
        for _ in range(_DIFFERENCES[coding.packing]):
            sums = np.add.accumulate(sums)  # in 64 bits, which is faster, and wraps to the same
        words[channel] = sums
    return words


def stored_sizes(coding: Coding, count: int) -> tuple[int, int]:
    """The least and the most bytes that `encode_words` makes of (C, count) words."""
    whole = coding.words * count * np.dtype(coding.word).itemsize
    if coding.packing == "twelve":
        return 3 * count, 3 * count
    if coding.compressed or coding.packing == "words":
        return whole, whole
    return coding.words * count, coding.words * count + whole


def _pack_twelve(words: Array) -> bytes:
    """The low bytes of words (2, n) uint16, then n bytes of their upper four bits."""
    upper = words >> np.uint16(8)
    upper[1] <<= np.uint16(4)
    upper[0] |= upper[1]
    return words.astype(np.uint8).tobytes() + upper[0].astype(np.uint8).tobytes()


def _unpack_twelve(data: bytes | memoryview, shape: tuple[int, int]) -> Array:
    packed = np.frombuffer(data, np.uint8).reshape(3, shape[1])
    words = np.empty(shape, np.uint16)
    words[0] = packed[2] & np.uint8(15)
    words[1] = packed[2] >> np.uint8(4)
    words <<= np.uint16(8)
    words |= packed[:2]
    return words


def _pack_differences(change: Array) -> bytes:
    """A byte of difference + 127 for each word, then those of 255 and more at full width; "255" says so."""
    change += change.dtype.type(_ZERO)
    change = change.reshape(-1)
    large = np.flatnonzero(change >= _LARGE)
    small = change.astype(np.uint8)
    small[large] = _LARGE
    wide = change.take(large)
    return small.tobytes() + wide.astype(wide.dtype.newbyteorder("<"), copy=False).tobytes()


def _unpack_differences(data: bytes | memoryview, word: np.dtype[Any], shape: tuple[int, int]) -> Array:
    small = np.frombuffer(data, np.uint8, shape[0] * shape[1])
    change = small.astype(word)
    large = np.flatnonzero(small == _LARGE)
    wide = np.frombuffer(data, word.newbyteorder("<"), offset=small.size)
    if wide.size != large.size:
        raise ValueError(f"{large.size} large differences are announced, {wide.size} are there")
    change[large] = wide
    change -= word.type(_ZERO)
    return change.reshape(shape)


def _unfold(data: bytes | memoryview, word: np.dtype[Any], shape: tuple[int, int]) -> Array:
    split = np.frombuffer(data, np.uint8).reshape(word.itemsize, *shape)
    folded = split[0].astype(word)
    for byte in range(1, word.itemsize):
        folded |= split[byte].astype(word) << word.type(8 * byte)
    one = word.type(1)
    change: Array = (folded >> one) ^ (~(folded & one) + one)
    return change
