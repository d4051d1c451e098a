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
Prediction = Literal["none", "left", "slope"]
_DIFFERENCES = {"left": 1, "slope": 2}

# float16 keeps albedo within 1e-3 below 2 and shading within 1e-2 below 32.
_FLOAT16_LIMITS = {"albedo": 2.0, "shading": 32.0}
_UNIT_STEPS = 65534


@dataclass(frozen=True)
class PlaneContext:
    """What a coding may know besides the values. label: name in the label table; origin: mm, of the depth."""

    label: str
    origin: float = 0.0


@dataclass(frozen=True)
class Coding:
    """One way of storing a masked plane. `number` is part of the format: append, never renumber.

    word: unsigned type of one stored word; words: words per pixel (C'); prediction: see `encode_words`;
    quantize(values (C, n), context) -> words (C', n) or None when out of range; restore is its inverse.
    """

    number: int
    name: str
    word: type[np.unsignedinteger[Any]]
    words: int
    prediction: Prediction
    quantize: Callable[[Array, PlaneContext], Array | None]
    restore: Callable[[Array, PlaneContext], Array]


def _quantize_id16(values: Array, context: PlaneContext) -> Array | None:
    return values.astype(np.uint16) if values.size == 0 or int(values.max()) <= 0xFFFF else None


def _quantize_id32(values: Array, context: PlaneContext) -> Array | None:
    return values.astype(np.uint32)


def _restore_id(words: Array, context: PlaneContext) -> Array:
    return words.astype(np.int32)


def _quantize_barycentric(values: Array, context: PlaneContext) -> Array | None:
    first, second, third = values
    if values.size and not (values.min() >= -1e-4 and np.abs(first + second + third - 1.0).max() < 1e-4):
        return None
    words: Array = (np.clip(values[:2], 0.0, 1.0) * np.float32(BARYCENTRIC_STEPS) + np.float32(0.5)).astype(np.uint16)
    # Two weights rounded up may exceed one together, and the third would become negative.
    excess = words[0].astype(np.int32) + words[1] - BARYCENTRIC_STEPS
    if excess.size and excess.max() > 0:
        for pixel in np.flatnonzero(excess > 0):
            words[int(words[1, pixel] > words[0, pixel]), pixel] -= np.uint16(excess[pixel])
    return words


def _restore_barycentric(words: Array, context: PlaneContext) -> Array:
    steps = np.empty((3, words.shape[1]), np.int32)
    steps[:2] = words
    np.subtract(BARYCENTRIC_STEPS, steps[0], out=steps[2])
    steps[2] -= steps[1]
    return steps.astype(np.float32) * np.float32(1.0 / BARYCENTRIC_STEPS)


def _quantize_depth(values: Array, context: PlaneContext) -> Array | None:
    relative = values.astype(np.float64) - context.origin
    if relative.size and max(-relative.min(), relative.max()) > DEPTH_HALF_RANGE_MM:
        return None
    return np.rint((relative + DEPTH_HALF_RANGE_MM) * (1.0 / DEPTH_STEP_MM)).astype(np.uint16)


def _restore_depth(words: Array, context: PlaneContext) -> Array:
    return (words * DEPTH_STEP_MM + (context.origin - DEPTH_HALF_RANGE_MM)).astype(np.float32)


def _quantize_normals(values: Array, context: PlaneContext) -> Array | None:
    """Octahedral map about the viewing axis: normals that face the camera (z < 0) lie in the unfolded middle."""
    length = np.abs(values).sum(axis=0)
    if length.size and not 0.9 < length.min() <= length.max() < 2.0:
        return None  # not unit vectors
    pair: Array = values[:2] / length
    away = np.flatnonzero(values[2] > 0.0)
    if away.size:
        folded = pair[:, away]
        pair[:, away] = (1.0 - np.abs(folded[::-1])) * np.where(folded >= 0.0, 1.0, -1.0)
    pair += np.float32(1.0)
    pair *= np.float32(NORMAL_STEPS / 2)
    return np.rint(pair, out=pair).astype(np.uint16)


def _restore_normals(words: Array, context: PlaneContext) -> Array:
    normals = np.empty((3, words.shape[1]), np.float32)
    np.multiply(words, np.float32(2.0 / NORMAL_STEPS), out=normals[:2])
    normals[:2] -= np.float32(1.0)
    p, q, z = normals
    np.add(np.abs(p), np.abs(q), out=z)
    z -= np.float32(1.0)
    if z.size and z.max() > 0.0:
        fold = np.maximum(z, 0.0)
        p -= np.copysign(fold, p)
        q -= np.copysign(fold, q)
    normals /= np.sqrt(p * p + q * q + z * z)
    return normals


def _quantize_unit(values: Array, context: PlaneContext) -> Array | None:
    if values.size and (values.min() < 0.0 or values.max() > 1.0):
        return None
    return np.rint(values * np.float32(_UNIT_STEPS)).astype(np.uint16)


def _restore_unit(words: Array, context: PlaneContext) -> Array:
    return words.astype(np.float32) * np.float32(1.0 / _UNIT_STEPS)


def _quantize_flow(signed: type, unsigned: type, limit: float) -> Callable[[Array, PlaneContext], Array | None]:
    def quantize(values: Array, context: PlaneContext) -> Array | None:
        steps = np.rint(values.astype(np.float64) * (1.0 / FLOW_STEP_PX))
        if steps.size and max(-steps.min(), steps.max()) > limit:
            return None
        return steps.astype(signed).view(unsigned)

    return quantize


def _restore_flow(words: Array, context: PlaneContext) -> Array:
    signed: Array = words.view(f"i{words.dtype.itemsize}")
    return np.multiply(signed, FLOW_STEP_PX).astype(np.float32)


def _quantize_float16(values: Array, context: PlaneContext) -> Array | None:
    limit = _FLOAT16_LIMITS.get(context.label, 0.0)
    if values.size and max(-values.min(), values.max()) >= limit:
        return None
    return values.astype(np.float16).view(np.uint16)


def _restore_float16(words: Array, context: PlaneContext) -> Array:
    return words.view(np.float16).astype(np.float32)


def _quantize_float32(values: Array, context: PlaneContext) -> Array | None:
    return values.view(np.uint32)


def _restore_float32(words: Array, context: PlaneContext) -> Array:
    return words.view(np.float32)


ID16 = Coding(10, "id16", np.uint16, 1, "left", _quantize_id16, _restore_id)
ID32 = Coding(11, "id32", np.uint32, 1, "left", _quantize_id32, _restore_id)
BARYCENTRIC16 = Coding(12, "barycentric16", np.uint16, 2, "none", _quantize_barycentric, _restore_barycentric)
DEPTH16 = Coding(13, "depth16", np.uint16, 1, "slope", _quantize_depth, _restore_depth)
OCTAHEDRAL12 = Coding(14, "octahedral12", np.uint16, 2, "slope", _quantize_normals, _restore_normals)
UNIT16_2 = Coding(15, "unit16x2", np.uint16, 2, "slope", _quantize_unit, _restore_unit)
UNIT16_3 = Coding(16, "unit16x3", np.uint16, 3, "slope", _quantize_unit, _restore_unit)
FLOW16 = Coding(17, "flow16", np.uint16, 2, "slope", _quantize_flow(np.int16, np.uint16, 32767), _restore_flow)
FLOW32 = Coding(18, "flow32", np.uint32, 2, "slope", _quantize_flow(np.int32, np.uint32, 2.0**31 - 1), _restore_flow)
FLOAT16_3 = Coding(19, "float16x3", np.uint16, 3, "left", _quantize_float16, _restore_float16)
FLOAT32_1 = Coding(20, "float32x1", np.uint32, 1, "left", _quantize_float32, _restore_float32)
FLOAT32_2 = Coding(21, "float32x2", np.uint32, 2, "left", _quantize_float32, _restore_float32)
FLOAT32_3 = Coding(22, "float32x3", np.uint32, 3, "left", _quantize_float32, _restore_float32)

# Label -> codings in the order in which they are tried.
MASKED_CODINGS: dict[str, tuple[Coding, ...]] = {
    "triangle_id": (ID16, ID32),
    "barycentric": (BARYCENTRIC16, FLOAT32_3),
    "depth": (DEPTH16, FLOAT32_1),
    "normals": (OCTAHEDRAL12, FLOAT32_3),
    "uv": (UNIT16_2, FLOAT32_2),
    "pncc": (UNIT16_3, FLOAT32_3),
    "albedo": (FLOAT16_3, FLOAT32_3),
    "shading": (FLOAT16_3, FLOAT32_3),
    "flow": (FLOW16, FLOW32, FLOAT32_2),
    "flow_backward": (FLOW16, FLOW32, FLOAT32_2),
}


def encode_words(words: Array, prediction: Prediction) -> bytes:
    """Bytes of words (C, n) in row order: differences to the prediction, signs folded in, split by byte.

    "left" predicts the word before; "slope" predicts that the last step goes on, so that only curvature remains of a
    smooth surface. Arithmetic wraps around: every word survives.
    """
    if prediction != "none":
        for _ in range(_DIFFERENCES[prediction]):
            change = words.copy()
            change[:, 1:] -= words[:, :-1]
            words = change
        signed = words.view(f"i{words.dtype.itemsize}")
        words = ((signed << 1) ^ (signed >> (8 * words.dtype.itemsize - 1))).view(words.dtype)
    return b"".join((words >> (8 * byte)).astype(np.uint8).tobytes() for byte in range(words.dtype.itemsize))


def decode_words(data: bytes, coding: Coding, count: int) -> Array:
    """The words (C, count) that `encode_words` turned into `data`; data must have the right size."""
    width = np.dtype(coding.word).itemsize
    split = np.frombuffer(data, np.uint8).reshape(width, coding.words, count)
    words = split[0].astype(coding.word)
    for byte in range(1, width):
        words |= split[byte].astype(coding.word) << coding.word(8 * byte)
    if coding.prediction == "none":
        return words
    one = words.dtype.type(1)
    words = (words >> one) ^ (~(words & one) + one)
    for channel in range(coding.words):
        sums = words[channel]
        for _ in range(_DIFFERENCES[coding.prediction]):
            sums = np.add.accumulate(sums)  # in 64 bits, which is faster, and wraps to the same
        words[channel] = sums
    return words
