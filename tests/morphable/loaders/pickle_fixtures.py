"""A pickle writer for tests: opcodes written by hand, so that any class can be named without being importable.

Shares nothing with the reader. `dump` writes what Python 2 (protocols 0 to 2) or Python 3 (3 to 5) would write for
model files: dictionaries, arrays, chumpy objects, sparse matrices.
"""

import struct
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Pickled:
    """An instance of a class by name, with its __dict__."""

    module: str
    name: str
    state: dict[str, object] = field(default_factory=dict)


def chumpy_array(values: np.ndarray) -> Pickled:
    """What `chumpy.array(values)` leaves in a pickle."""
    state = {"_dirty_vars": set(), "_itr": None, "_depends_on_deps": {}, "_make_dense": False, "x": values}
    return Pickled("chumpy.ch", "Ch", state)


def chumpy_select(values: Pickled, rows: np.ndarray, shape: tuple[int, ...]) -> Pickled:
    """What `values[...]` of chumpy leaves in a pickle: rows of the flat values, and a shape."""
    return Pickled("chumpy.reordering", "Select", {"a": values, "idxs": rows, "preferred_shape": shape})


def sparse_matrix(kind: str, dense: np.ndarray) -> Pickled:
    """A csc or csr matrix, as old scipy pickled it."""
    major = dense.T if kind == "csc" else dense
    rows, columns = np.nonzero(major)
    starts = np.searchsorted(rows, np.arange(len(major) + 1)).astype(np.int32)
    state = {
        "_shape": dense.shape,
        "maxprint": 50,
        "data": major[rows, columns],
        "indices": columns.astype(np.int32),
        "indptr": starts,
        "format": kind,
    }
    return Pickled(f"scipy.sparse.{kind}", f"{kind}_matrix", state)


class _Writer:
    """One pickle in the making. old_text: text and array bytes as Python 2's str."""

    def __init__(self, protocol: int, old_text: bool) -> None:
        self.protocol, self.old_text = protocol, old_text
        self.out: list[bytes] = []

    def name(self, module: str, name: str) -> None:
        if self.protocol >= 4:
            self.text(module)
            self.text(name)
            self.out.append(b"\x93")
        else:
            self.out.append(f"c{module}\n{name}\n".encode())

    def text(self, value: str) -> None:
        if self.old_text:
            self.bytes(value.encode("latin-1"))
        elif self.protocol == 0:
            self.out.append(b"V" + value.encode("raw-unicode-escape") + b"\n")
        else:
            data = value.encode()
            self.out.append(b"X" + struct.pack("<I", len(data)) + data)

    def bytes(self, value: bytes) -> None:
        if self.old_text and self.protocol == 0:
            self.out.append(b"S" + repr(value)[1:].encode() + b"\n")
        elif self.old_text:
            self.out.append(b"T" + struct.pack("<i", len(value)) + value)
        elif self.protocol < 3:
            self.name("_codecs", "encode")
            self.out.append(b"(")
            text = value.decode("latin-1")
            if self.protocol == 0:
                escaped = text.replace("\\", "\\u005c").replace("\0", "\\u0000").replace("\n", "\\u000a")
                self.out.append(b"V" + escaped.replace("\r", "\\u000d").encode("raw-unicode-escape") + b"\n")
            else:
                self.text(text)
            self.text("latin1")
            self.out.append(b"tR")
        else:
            self.out.append(b"B" + struct.pack("<I", len(value)) + value)

    def value(self, value: object) -> None:
        if value is None:
            self.out.append(b"N")
        elif isinstance(value, bool):
            self.out.append(f"I0{int(value)}\n".encode())
        elif isinstance(value, int):
            self.out.append(f"I{value}\n".encode())
        elif isinstance(value, float):
            self.out.append(f"F{value!r}\n".encode())
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, bytes):
            self.bytes(value)
        elif isinstance(value, tuple):
            self.out.append(b"(")
            for item in value:
                self.value(item)
            self.out.append(b"t")
        elif isinstance(value, list):
            self.out.append(b"(l")
            for item in value:
                self.value(item)
                self.out.append(b"a")
        elif isinstance(value, dict):
            self.out.append(b"(d")
            for key, item in value.items():
                self.value(key)
                self.value(item)
                self.out.append(b"s")
        elif isinstance(value, set):
            self.name("__builtin__", "set")
            self.value((sorted(value),))
            self.out.append(b"R")
        elif isinstance(value, Pickled):
            self.instance(value)
        elif isinstance(value, np.ndarray):
            self.array(value)
        else:
            raise TypeError(type(value))

    def instance(self, value: Pickled) -> None:
        if self.protocol < 2:
            self.name("copy_reg", "_reconstructor")
            self.out.append(b"(")
            self.name(value.module, value.name)
            self.name("__builtin__", "object")
            self.out.append(b"NtR")
        else:
            self.name(value.module, value.name)
            self.out.append(b")\x81")
        self.value(value.state)
        self.out.append(b"b")

    def number_type(self, dtype: np.dtype) -> None:
        self.name("numpy", "dtype")
        self.value((dtype.str[1:], 0, 1))
        self.out.append(b"R")
        self.value((3, dtype.str[0], None, None, None, -1, -1, 0))
        self.out.append(b"b")

    def array(self, value: np.ndarray) -> None:
        """Items of type object are written one after another."""
        is_fortran = value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous
        self.name("numpy.core.multiarray", "_reconstruct")
        self.out.append(b"(")
        self.name("numpy", "ndarray")
        self.value((0,))
        self.bytes(b"b")
        self.out.append(b"tR(I1\n")
        self.value(value.shape)
        if value.dtype.kind == "O":
            self.name("numpy", "dtype")
            self.value(("O8", 0, 1))
            self.out.append(b"R")
            self.value((3, "|", None, None, None, -1, -1, 63))
            self.out.append(b"b")
            self.value(False)
            self.value(value.ravel().tolist())
        else:
            self.number_type(value.dtype)
            self.value(is_fortran)
            self.bytes(value.tobytes("F" if is_fortran else "C"))
        self.out.append(b"tb")


def dump(value: object, protocol: int = 2, old_text: bool = True) -> bytes:
    """The pickle of a value. old_text: as Python 2 writes it (only meaningful up to protocol 2)."""
    writer = _Writer(protocol, old_text and protocol <= 2)
    if protocol >= 2:
        writer.out.append(b"\x80" + bytes([protocol]))
    writer.value(value)
    return b"".join(writer.out) + b"."


def object_npy(value: object, old_text: bool = False) -> bytes:
    """An .npy file of type object and no axis, as `np.save(file, {...})` writes it."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    item = np.empty((), object)
    item[()] = value
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + dump(item, 3 if not old_text else 2, old_text)
    )
