"""The one reader of npz files: plain arrays come back, everything else is refused before it costs memory."""

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from synthgen.core.npz import read_npy, read_npz
from tests.fuzzing import damaged, in_small_memory, quick

ARRAYS = {
    "numbers": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
    "text": np.array(["a", "ü", "𝟛"]),
    "scalar": np.array(7, np.uint8),
    "none": np.zeros((0, 3), np.float32),
}


def npz(compressed: bool = False, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


def raw_npz(members: list[tuple[str, bytes]], kind: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def npy(descr: str, shape: object, data: bytes = b"") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def read(data: bytes, most_bytes: int = 10_000, compressed: bool = False) -> dict[str, Any]:
    return read_npz(io.BytesIO(data), lambda name, shape, dtype: None, most_bytes, compressed)


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_come_back_as_numpy_wrote_them(compressed: bool) -> None:
    found = read(npz(compressed, **ARRAYS), compressed=compressed)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    stream = io.BytesIO()
    np.save(stream, ARRAYS["fortran"])
    np.testing.assert_array_equal(read_npy(io.BytesIO(stream.getvalue()), 1000), ARRAYS["fortran"])


def test_the_judge_sees_every_header_before_an_array_is_read() -> None:
    seen = []

    def judge(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        seen.append((name, shape, dtype.kind))
        if name == "scalar":
            raise KeyError("its own reason")

    with pytest.raises(KeyError, match="its own reason"):
        read_npz(io.BytesIO(npz(**ARRAYS)), judge, 10_000)
    assert [name for name, _, _ in seen] == ["numbers", "fortran", "text", "scalar"]


SMALL = npy("'<f8'", (2,), bytes(16))
REFUSED = {
    "8 TB": ([("a.npy", npy("'<f8'", (10**12,)))], "declares 8000000000000 bytes"),
    "more than there": ([("a.npy", npy("'<f8'", (100,), bytes(16)))], "declares 800 bytes but the file holds"),
    "far more than said": ([("a.npy", npy("'<f8'", (1,), bytes(100_000)))], "declares 8 bytes"),
    "negative": ([("a.npy", npy("'<f8'", (-1,)))], "shape"),
    "no integer": ([("a.npy", npy("'<f8'", (1.5,), bytes(8)))], "not an npy"),
    "endless axis": ([("a.npy", npy("'<f8'", (0, 10**30)))], "shape"),
    "objects": ([("a.npy", npy("'|O'", (1,), b"cposix\nsystem\n(S'false'\ntR."))], "items of type object"),
    "structured": ([("a.npy", npy("[('x', '<f8')]", (1,), bytes(8)))], "items of type"),
    "executed header": ([("a.npy", npy("__import__('os').getcwd()", (1,), bytes(8)))], "not an npy"),
    "deep header": ([("a.npy", npy("(" * 3000 + ")" * 3000, (1,), bytes(8)))], "not an npy"),
    "version 9": ([("a.npy", b"\x93NUMPY\x09\x00" + bytes(100))], "not an npy"),
    "not an array": ([("a.npy", b"hello")], "not an npy"),
    "twice": ([("a.npy", SMALL), ("a.npy", SMALL)], "twice"),
    "twice under two names": ([("a.npy", SMALL), ("a", SMALL)], "twice"),
    "text beyond Unicode": ([("a.npy", npy("'<U1'", (1,), b"\xff\xff\xff\x7f"))], "characters"),
    "lone surrogate": ([("a.npy", npy("'<U1'", (1,), b"\x00\xd8\x00\x00"))], "characters"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_plain_array_is_refused(what: str) -> None:
    members, words = REFUSED[what]
    with pytest.raises(ValueError, match=words):
        read(raw_npz(members), most_bytes=200_000)


def test_size_and_storage_are_limited() -> None:
    bomb = npz(True, a=np.zeros(10_000_000))
    assert len(bomb) < 80_000
    with pytest.raises(ValueError, match="compressed"):
        read(bomb)
    with pytest.raises(ValueError, match="more than the 1000000"):
        read(bomb, 1_000_000, compressed=True)
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(ValueError, match="compressed"):
            read(raw_npz([("a.npy", SMALL)], kind), compressed=True)


def test_members_that_share_their_bytes_are_refused() -> None:
    """A file of 1 MB whose directory names the same member twenty times would become 20 MB."""
    data = raw_npz([(f"{number:02d}.npy", npy("'|u1'", (50_000,), bytes(50_000))) for number in range(20)])
    start = data.index(b"PK\x01\x02")
    directory = bytearray(data[start:])
    place = 0
    while (place := directory.find(b"PK\x01\x02", place)) >= 0:
        directory[place + 42 : place + 46] = bytes(4)  # offset of the member: the first one's
        directory[place + 46 : place + 48] = b"00"
        place += 46
    first = data[: data.index(b"PK\x03\x04", 4)]
    end = directory.index(b"PK\x05\x06")
    directory[end + 16 : end + 20] = len(first).to_bytes(4, "little")
    with pytest.raises(ValueError, match="twice|overlap|header"):
        read(first + bytes(directory), most_bytes=10**9)


@quick(100)
@given(damaged(npz(**ARRAYS), ends=300))
def test_damaged_files(data: bytes) -> None:
    try:
        found = read(data)
    except (ValueError, OSError):
        return
    assert all(array.nbytes <= 10_000 and not array.dtype.hasobject for array in found.values())


@quick(80)
@given(damaged(npy("'<f8'", (2, 3), bytes(48))))
def test_damaged_npy_files(data: bytes) -> None:
    with suppress(ValueError, OSError):
        assert read_npy(io.BytesIO(data), 10_000).nbytes <= 10_000


def test_an_npy_file_of_8_terabytes_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy("'<f8'", (10**12,)))
    program = """
from synthgen.core.npz import read_npy
cap()
try:
    read_npy(open(sys.argv[1], "rb"), 2**50)
except ValueError as error:
    print(error)
"""
    assert "declares 8000000000000 bytes" in in_small_memory(program, str(tmp_path / "a.npy"), megabytes=50)
