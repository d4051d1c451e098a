import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from synthgen.asset_io.mat5 import read_mat
from synthgen.core.errors import AssetError

LIMIT = 1 << 20
RANDOM = np.random.default_rng(4)
ARRAYS = {
    "doubles": RANDOM.normal(size=(7, 3)),
    "singles": RANDOM.normal(size=(1, 7)).astype(np.float32),
    "bytes": np.array([[1, 255]], np.uint8),
    "shorts": np.array([[312, -38, 880, 530]], np.int16),
    "longs": np.array([[2**40], [-5]], np.int64),
    "cube": RANDOM.integers(0, 9, (2, 3, 4)).astype(np.uint16),
    "logical": np.array([[True, False]]),
    "scalar": np.array([[2.5]]),
    "none": np.zeros((0, 4)),
}


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_come_back_as_scipy_wrote_them(tmp_path: Path, compressed: bool) -> None:
    savemat(tmp_path / "a.mat", ARRAYS, do_compression=compressed)
    found = read_mat(tmp_path / "a.mat", tuple(ARRAYS), LIMIT)
    assert set(found) == set(ARRAYS)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(found[key], array, err_msg=key)
        expected = np.uint8 if array.dtype == np.bool_ else array.dtype
        assert found[key].dtype == expected, key


@pytest.mark.parametrize("compressed", [True, False])
def test_cells_of_text(tmp_path: Path, compressed: bool) -> None:
    cell = np.empty((3, 1), object)
    cell[:, 0] = ["0/a.jpg", "2/image00002.jpg", "3/ü.png"]
    savemat(tmp_path / "a.mat", {"x": 1.0, "nameList": cell}, do_compression=compressed)
    assert read_mat(tmp_path / "a.mat", ("nameList",), LIMIT) == {"nameList": tuple(cell[:, 0])}


def element(kind: int, data: bytes, order: str) -> bytes:
    if len(data) <= 4:  # a small element: type and length in one word
        return struct.pack(order + "I", kind | len(data) << 16) + data.ljust(4, b"\0")
    return struct.pack(order + "II", kind, len(data)) + data + bytes(-len(data) % 8)


def variable(name: str, shape: tuple[int, int], stored: int, values: bytes, order: str) -> bytes:
    """A double array whose values are stored as the smaller type `stored`, as MATLAB does."""
    parts = element(6, struct.pack(order + "II", 6, 0), order)
    parts += element(5, struct.pack(order + "ii", *shape), order)
    parts += element(1, name.encode(), order) + element(stored, values, order)
    return element(14, parts, order)


def header(order: str) -> bytes:
    mark = b"IM" if order == "<" else b"MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(order + "H", 0x0100) + mark


@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_written_by_hand(tmp_path: Path, order: str) -> None:
    # MATLAB stores whole doubles as integers, and little data inside the tag; columns come first.
    small = variable("ab", (1, 3), 2, bytes([7, 8, 9]), order)
    large = variable("a_longer_name", (2, 3), 3, struct.pack(order + "6h", 1, 2, 3, 4, 5, -6), order)
    packed = zlib.compress(large)
    plain = struct.pack(order + "II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(header(order) + small + plain + small.replace(b"ab", b"cd"))
    found = read_mat(tmp_path / "a.mat", ("ab", "a_longer_name", "cd"), LIMIT)
    np.testing.assert_array_equal(found["ab"], [[7.0, 8.0, 9.0]])
    np.testing.assert_array_equal(found["a_longer_name"], [[1.0, 3.0, 5.0], [2.0, 4.0, -6.0]])
    np.testing.assert_array_equal(found["cd"], found["ab"])
    assert all(array.dtype == np.float64 for array in found.values())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([1 + 2j]), "x is complex"),
        ("some text", "x is text"),
        ({"a": 1}, "x is a struct"),
        (np.array([np.zeros(3), np.zeros(2)], object), "x is a cell of something else than text"),
    ],
)
def test_other_classes_are_named(tmp_path: Path, value: object, words: str) -> None:
    savemat(tmp_path / "a.mat", {"x": value, "y": 1.0})
    with pytest.raises(AssetError, match=rf"a\.mat: {words}"):
        read_mat(tmp_path / "a.mat", ("x",), LIMIT)
    assert read_mat(tmp_path / "a.mat", ("y",), LIMIT)["y"] == 1.0


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    cases = {b"": "header", b"x" * 200: "header", b"MATLAB 7.3 MAT-file".ljust(200): "HDF5",
             header("<") + struct.pack("<II", 14, 4000): "longer than what is left"}  # fmt: skip
    for content, words in cases.items():
        path.write_bytes(content)
        with pytest.raises(AssetError, match=rf"a\.mat: not a readable MATLAB 5 file.*{words}"):
            read_mat(path, ("x",), LIMIT)
    with pytest.raises(AssetError, match="does not exist"):
        read_mat(tmp_path / "none.mat", ("x",), LIMIT)


def test_a_compressed_bomb_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": np.zeros((1000, 1000))}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 20_000
    with pytest.raises(AssetError, match="cut off, or larger"):
        read_mat(tmp_path / "a.mat", ("x",), LIMIT)


@pytest.mark.parametrize("compressed", [True, False])
def test_damage_gives_an_error_or_other_numbers_and_nothing_worse(tmp_path: Path, compressed: bool) -> None:
    cell = np.array([["a"], ["bc"]], object)
    savemat(tmp_path / "whole.mat", ARRAYS | {"cell": cell}, do_compression=compressed)
    whole = (tmp_path / "whole.mat").read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 5):
            data[place] ^= int(random.integers(1, 256))
        (tmp_path / "a.mat").write_bytes(data)
        try:
            read_mat(tmp_path / "a.mat", (*ARRAYS, "cell"), LIMIT)
        except AssetError:
            refused += 1
    assert 0 < refused <= 400
