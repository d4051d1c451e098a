"""Codings of masked planes: exact words, declared worst errors, values that a coding must refuse."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgen.core.label_spec import LABELS
from synthgen.dataset import planes
from synthgen.dataset.planes import PlaneContext, decode_words, encode_words, stored_sizes


def codings() -> list[planes.Coding]:
    return list({coding.number: coding for row in planes.MASKED_CODINGS.values() for coding in row}.values())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 40))
def test_any_words_come_back(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    for coding in codings():
        top = 4095 if coding.packing == "twelve" else np.iinfo(coding.word).max
        words = rng.integers(0, top, (coding.words, count), coding.word, endpoint=True)
        words[:, 1::2] = words[:, :-1:2]  # small differences too
        data = encode_words(words, coding)
        least, most = stored_sizes(coding, count)
        assert least <= len(data) <= most
        np.testing.assert_array_equal(decode_words(data, coding, count), words)


def test_packings_by_hand() -> None:
    words = np.array([[10, 13, 20, 500]], np.uint16)
    coding = planes.DEPTH16
    assert encode_words(words, replace(coding, packing="words")) == bytes([10, 0, 13, 0, 20, 0, 500 % 256, 1])
    # steps 10, 3, 7, 480; in a byte with 127 for none: 137, 130, 134, and 480 + 127 = 607 at full width
    left = replace(coding, packing="left")
    assert encode_words(words, left) == bytes([137, 130, 134, 255, 607 % 256, 607 // 256])
    # changes of the step 10, -7, 4, 473; in a byte: 137, 120, 131, and 600 at full width
    assert encode_words(words, coding) == bytes([137, 120, 131, 255, 600 % 256, 600 // 256])
    # for zstd: steps with signs folded in (20, 6, 14, 960), low bytes before high bytes
    assert encode_words(words, replace(left, compressed=True)) == bytes([20, 6, 14, 960 % 256, 0, 0, 0, 3])
    pair = np.array([[0x123, 0xFFF], [0x456, 0x001]], np.uint16)
    assert encode_words(pair, planes.OCTAHEDRAL12) == bytes([0x23, 0xFF, 0x56, 0x01, 0x41, 0x0F])


@pytest.mark.parametrize("size", [4, 6, 9])
def test_differences_of_another_size_are_refused(size: int) -> None:
    """Four words, one of them large: six bytes."""
    data = encode_words(np.array([[10, 13, 20, 500]], np.uint16), planes.DEPTH16)
    assert len(data) == 6
    if size == 6:
        assert decode_words(data, planes.DEPTH16, 4).tolist() == [[10, 13, 20, 500]]
        return
    with pytest.raises(ValueError):
        decode_words((data + bytes(3))[:size], planes.DEPTH16, 4)


def largest_error(label: str, values: np.ndarray, origin: float = 0.0) -> float:
    """values: (n, C)."""
    values = np.ascontiguousarray(values.T)
    context = PlaneContext(label, origin)
    coding = planes.MASKED_CODINGS[label][0]
    words = coding.quantize(values, context)
    assert words is not None
    assert words.dtype == coding.word
    assert words.shape == (coding.words, values.shape[1])
    restored = coding.restore(words, context)
    assert restored.shape == values.shape
    return float(np.abs(restored.astype(np.float64) - values).max())


def test_barycentric_error_and_sum() -> None:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet((1, 1, 1), 20000).astype(np.float32)
    edge = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    half = (np.arange(65533) + 0.5) / 65534
    awkward = np.stack([half, 1 - half, np.zeros_like(half)], 1).astype(np.float32)  # both round up
    values = np.concatenate([weights, edge, awkward])
    assert largest_error("barycentric", values) <= LABELS["barycentric"].worst_error
    coding, context = planes.BARYCENTRIC16, PlaneContext("barycentric")
    restored = coding.restore(coding.quantize(values.T, context), context)
    assert restored.min() >= 0.0
    np.testing.assert_allclose(restored.sum(0), 1.0, atol=2e-7)


def test_depth_error_over_its_whole_range() -> None:
    relative = np.concatenate([np.linspace(-512, 512, 50001), [-512.0, 512.0, 0.0]])
    for origin in (0.0, 617.25, 4000.0):
        values = (relative + origin).astype(np.float32)[:, None]
        inside = values[np.abs(values.astype(np.float64) - origin)[:, 0] <= 512]
        assert largest_error("depth", inside, origin) <= LABELS["depth"].worst_error / 2 + 5e-4  # float32 at 4 m
        assert largest_error("depth", inside, origin) <= LABELS["depth"].worst_error


def test_normal_error_over_the_sphere() -> None:
    rng = np.random.default_rng(2)
    normals = rng.normal(size=(200000, 3))
    axes = np.concatenate([np.eye(3), -np.eye(3), [[1, 1, 0], [-1, 0, 1], [0, -1, 1], [1, -1, 1e-8]]])
    normals = np.concatenate([normals, axes])
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    assert largest_error("normals", normals) <= LABELS["normals"].worst_error
    coding, context = planes.OCTAHEDRAL12, PlaneContext("normals")
    restored = coding.restore(coding.quantize(np.ascontiguousarray(normals.T), context), context)
    np.testing.assert_allclose(np.linalg.norm(restored, axis=0), 1.0, atol=1e-6)


@pytest.mark.parametrize(("label", "channels"), [("uv", 2), ("pncc", 3)])
def test_unit_range_error(label: str, channels: int) -> None:
    values = np.random.default_rng(3).random((20000, channels)).astype(np.float32)
    values[:2] = [[0.0] * channels, [1.0] * channels]
    assert largest_error(label, values) <= LABELS[label].worst_error


def test_flow_error_and_wide_flow() -> None:
    rng = np.random.default_rng(4)
    narrow = rng.uniform(-511, 511, (20000, 2)).astype(np.float32)
    assert largest_error("flow", narrow) <= LABELS["flow"].worst_error
    wide = rng.uniform(-40000, 40000, (2, 20000)).astype(np.float32)
    assert planes.FLOW16.quantize(wide, PlaneContext("flow")) is None
    words = planes.FLOW32.quantize(wide, PlaneContext("flow"))
    error = np.abs(planes.FLOW32.restore(words, PlaneContext("flow")).astype(np.float64) - wide).max()
    assert error <= LABELS["flow"].worst_error
    assert planes.FLOW32.quantize(np.full((2, 1), 1e9, np.float32), PlaneContext("flow")) is None


@pytest.mark.parametrize(("label", "top"), [("albedo", 1.9), ("shading", 31.9)])
def test_half_float_error(label: str, top: float) -> None:
    values = np.random.default_rng(5).uniform(0, top, (50000, 3)).astype(np.float32)
    assert largest_error(label, values) <= LABELS[label].worst_error


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("depth", 600.0),
        ("barycentric", 1.2),
        ("barycentric", 0.5),
        ("normals", 3.0),
        ("uv", -0.1),
        ("pncc", 1.01),
        ("albedo", 2.5),
        ("shading", 40.0),
    ],
)
def test_values_beyond_a_range_go_to_the_exact_coding(label: str, value: float) -> None:
    first, *_, last = planes.MASKED_CODINGS[label]
    channels = LABELS[label].shape[2:] or (1,)
    values = np.full((int(channels[0]), 3), value, np.float32)
    context = PlaneContext(label)
    assert first.quantize(values, context) is None
    np.testing.assert_array_equal(last.restore(last.quantize(values, context), context), values)


def test_large_triangle_ids_use_wide_words() -> None:
    values = np.array([[65536, 3]], np.int32)
    context = PlaneContext("triangle_id")
    assert planes.ID16.quantize(values, context) is None
    np.testing.assert_array_equal(planes.ID32.restore(planes.ID32.quantize(values, context), context), values)
    np.testing.assert_array_equal(planes.ID16.restore(planes.ID16.quantize(values - 1, context), context), values - 1)


def test_coding_numbers_are_unique_and_pinned() -> None:
    numbers = {coding.number: coding.name for coding in codings()}
    assert numbers == {
        10: "id16",
        11: "id32",
        12: "barycentric16",
        13: "depth16",
        14: "octahedral12",
        15: "unit16x2",
        16: "unit16x3",
        17: "flow16",
        18: "flow32",
        19: "float16x3",
        20: "float32x1",
        21: "float32x2",
        22: "float32x3",
        23: "unit16x1",
    }
