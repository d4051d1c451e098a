"""Damaged labels members: without any checksum the decoder must stay bounded and end in DatasetError or arrays."""

import struct
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import zstandard
from dataset_fakes import image_layout, image_sample, pair_layout, pair_sample

from synthgen.core.errors import DatasetError
from synthgen.dataset.label_planes import LabelPlanes
from synthgen.dataset.label_table import PlaneRow, pack_row, pack_table, unpack_table

SIZE = (24, 32)


def member() -> tuple[bytes, LabelPlanes]:
    layout, sample = image_layout(SIZE), image_sample(0, SIZE)
    planes = LabelPlanes(layout)
    return planes.encode(sample.arrays, sample.parameters), planes


def test_truncated_anywhere_is_refused() -> None:
    data, planes = member()
    for length in range(0, len(data), 7):
        with pytest.raises(DatasetError):
            planes.decode(data[:length])
    with pytest.raises(DatasetError):
        planes.decode(data + b"\0")


def test_flipped_bits_never_escape_as_another_exception_or_shape() -> None:
    data, planes = member()
    shapes = {name: (array.shape, array.dtype) for name, array in planes.decode(data).items()}
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(0, 8 * len(data), 1500).tolist():
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        try:
            arrays = planes.decode(bytes(flipped))
        except DatasetError:
            refused += 1
        else:
            assert {name: (array.shape, array.dtype) for name, array in arrays.items()} == shapes
    assert refused > 100


def test_a_small_member_cannot_ask_for_much_memory() -> None:
    """A frame that says it holds a gigabyte is refused because the table allows what the picture's size allows."""
    data, planes = member()
    table, start = unpack_table(data, image_layout(SIZE))
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 30))
    rest = data[start + table.compressed :]
    bad = pack_table([pack_row(row) for row in table.rows], len(bomb), SIZE) + bomb + rest
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="bytes its table says"):
            planes.decode(bad)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_tables_that_do_not_fit_the_dataset_are_refused() -> None:
    data, planes = member()
    layout = image_layout(SIZE)
    table, start = unpack_table(data, layout)
    rows, body = list(table.rows), data[start:]

    def packed(rows: list[PlaneRow], size: tuple[int, int] = SIZE) -> bytes:
        return pack_table([pack_row(row) for row in rows], table.compressed, size) + body

    def changed(number: int, **fields: Any) -> bytes:
        return packed([*rows[:number], replace(rows[number], **fields), *rows[number + 1 :]])

    number = {row.name: place for place, row in enumerate(rows)}
    cases = [
        changed(number["depth"], count=SIZE[0] * SIZE[1] + 1),
        changed(number["depth"], mask_row=5),
        changed(number["depth"], stored=rows[number["depth"]].stored + 1),
        changed(number["depth"], stored=0),
        changed(number["normals"], stored=2**32 - 1),
        changed(number["depth"], origin=float("nan")),
        changed(number["depth"], coding=12),
        changed(number["depth"], coding=99),
        changed(number["depth"], name="flow"),
        changed(number["depth"], name="../../etc"),
        changed(number["landmarks_2d"], count=137),
        changed(number["identity_coeffs"], count=5000),
        changed(number["occluder_mask"], count=1),
        changed(number["occluder_mask"], coding=3),
        packed(rows[:-1]),
        packed(rows, (SIZE[1], SIZE[0])),
        packed(rows[::-1]),
    ]
    for case in cases:
        with pytest.raises(DatasetError, match="labels member is damaged"):
            planes.decode(case)


def test_a_member_of_another_layout_is_refused() -> None:
    layout, sample = pair_layout(SIZE), pair_sample(0, SIZE)
    other = LabelPlanes(layout).encode(sample.arrays, sample.parameters)
    with pytest.raises(DatasetError):
        LabelPlanes(image_layout(SIZE)).decode(other)
    with pytest.raises(DatasetError):
        LabelPlanes(image_layout((64, 64))).decode(member()[0])


def test_empty_and_foreign_bytes_are_refused() -> None:
    _, planes = member()
    for data in (b"", b"\0", struct.pack("<II", 0x184D2A50, 1 << 31), zstandard.compress(b"hello"), bytes(4096)):
        with pytest.raises(DatasetError):
            planes.decode(data)
