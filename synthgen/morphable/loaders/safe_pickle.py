"""Pickles without the danger: protocols 0 to 5 read by a small stack machine of this project that can call nothing.

Python's own unpickler imports and calls what the file names. This one knows the opcodes (their arguments are decoded by
the standard library's `pickletools`, which only looks) and a list of harmless names (pickle_values.py); any other name,
class instances of the oldest kind, extension codes, persistent ids and out-of-band buffers are refused. Nothing that a
file can say takes more than time and memory in proportion to its length.
"""

import codecs
import io
import pickletools
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import ModelError
from synthgen.core.limits import (
    MOST_FOREIGN_MODEL_BYTES,
    MOST_PICKLE_DEPTH,
    MOST_PICKLE_ENTRIES,
    MOST_PICKLE_OPERATIONS,
)
from synthgen.morphable.loaders.pickle_values import (
    ByteBudget,
    NumberType,
    RefusedError,
    UnbuiltArray,
    allowed_global,
    build,
    call_global,
    checked_key,
    new_object,
)

_NPY_MAGIC = b"\x93NUMPY"


def read_pickle(path: Path) -> Any:
    """What a pickle file holds: dict, list, tuple, set, numbers, text, bytes, read-only arrays and `InertObject`s.

    Raises ModelError for a missing, damaged or hostile file.
    """
    return parse_pickle(read_whole_file(path), str(path))


def read_pickled_npy(path: Path) -> Any:
    """The item, or list of items, of an .npy file of type object, whose payload is a pickle. Raises ModelError."""
    data = read_whole_file(path)
    if data[:6] != _NPY_MAGIC or len(data) < 12:
        raise ModelError(f"{path}: not an .npy file")
    is_first_version = data[6] == 1
    (length,) = struct.unpack_from("<H" if is_first_version else "<I", data, 8)
    start = 8 + (2 if is_first_version else 4)
    header = data[start : start + length]
    if b"'|O'" not in header and b'"|O"' not in header:
        raise ModelError(f"{path}: an .npy file of numbers, expected one of type object; is it the right file?")
    return parse_pickle(data[start + length :], str(path))


def read_whole_file(path: Path) -> bytes:
    """The bytes of a model file. Raises ModelError when it is missing, unreadable or larger than any model."""
    try:
        return read_bounded(path, MOST_FOREIGN_MODEL_BYTES)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: file not found") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from error


def parse_pickle(data: bytes, source: str) -> Any:
    """The value of a pickle in memory; `source` names it in errors. Raises ModelError."""
    machine = _Machine(data)
    try:
        return machine.run()
    except RefusedError as error:
        raise ModelError(f"{source}: refused at byte {machine.place}: {error}") from error
    except (ValueError, LookupError, TypeError, OverflowError, struct.error, MemoryError) as error:
        raise ModelError(f"{source}: not a pickle, or a damaged one (byte {machine.place}: {error})") from error


class _Machine:
    """Stack, marks and memo of one pickle."""

    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)
        self.budget = ByteBudget(4 * len(data) + 1024)
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each open mark
        self.memo: dict[int, Any] = {}
        self.memo_of: dict[int, list[int]] = {}  # id of an unbuilt value -> its places in the memo
        self.place = 0

    def run(self) -> Any:
        for _ in range(MOST_PICKLE_OPERATIONS):
            self.place = self.stream.tell()
            letter = self.stream.read(1)
            if not letter:
                raise ValueError("the file ends in the middle")
            opcode = _OPCODES.get(letter.decode("latin-1"))
            if opcode is None:
                raise ValueError("unknown operation")
            if opcode.name == "STOP":
                return self._finished()
            self._step(opcode)
        raise RefusedError(f"more than {MOST_PICKLE_OPERATIONS} operations, which no model needs")

    def _step(self, opcode: Any) -> None:
        name = opcode.name
        if name in _TEXT_OF_PYTHON_2:
            self.stack.append(self._python_2_text(name))
        elif name == "GLOBAL":
            self.stack.append(allowed_global(self._line(), self._line()))
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            literal = opcode.arg.reader(self.stream)
            self.stack.append(bytes(literal) if isinstance(literal, bytearray) else literal)
        elif name in _STEPS:
            _STEPS[name](self, opcode.arg.reader(self.stream) if opcode.arg is not None else None)
        elif name in ("PROTO", "FRAME"):
            opcode.arg.reader(self.stream)
        else:
            raise RefusedError(f"it uses {name}, which no model file needs")

    def _finished(self) -> Any:
        if len(self.stack) != 1 or self.below:
            raise ValueError("it ends with an unfinished value")
        return self.stack[0]

    def _python_2_text(self, name: str) -> str:
        """A `str` of Python 2: text or bytes, not known which, so each byte becomes one character."""
        if name == "STRING":
            line = self._line().encode("latin-1")
            if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
                raise ValueError("a text without its quotes")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # escapes that Python 2 did not write
                return codecs.escape_decode(line[1:-1])[0].decode("latin-1")
        size = self.stream.read(1 if name == "SHORT_BINSTRING" else 4)
        length = int.from_bytes(size, "little")
        text = self.stream.read(length)
        if len(text) != length:
            raise ValueError("a text ends early")
        return text.decode("latin-1")

    def _line(self) -> str:
        line = self.stream.readline()
        if line[-1:] != b"\n":
            raise ValueError("a line ends early")
        return line[:-1].decode("latin-1")

    # Stack, marks, memo.

    def _mark(self, _: Any) -> None:
        if len(self.below) >= MOST_PICKLE_DEPTH:
            raise RefusedError(f"more than {MOST_PICKLE_DEPTH} values inside each other")
        self.below.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        """Everything above the last mark, which is closed."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def _pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _duplicate(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, key: int | None) -> None:
        value = self.stack[-1]
        place = len(self.memo) if key is None else int(key)
        self.memo[place] = value
        if isinstance(value, UnbuiltArray | NumberType):
            self.memo_of.setdefault(id(value), []).append(place)

    def _get(self, key: int) -> None:
        self.stack.append(self.memo[int(key)])

    # Containers.

    def _list(self, _: Any) -> None:
        items = self._marked()
        self.stack.append(items)

    def _tuple(self, _: Any) -> None:
        items = tuple(self._marked())
        self.stack.append(items)

    def _short_tuple(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) != count:
            raise ValueError("a tuple without its items")
        del self.stack[-count:]
        self.stack.append(items)

    def _append(self, _: Any) -> None:
        item = self.stack.pop()
        self._top(list).append(item)

    def _appends(self, _: Any) -> None:
        items = self._marked()
        self._top(list).extend(items)

    def _dict(self, _: Any) -> None:
        items = self._marked()
        self.stack.append({})
        self._enter(items)

    def _set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._enter([key, value])

    def _set_items(self, _: Any) -> None:
        self._enter(self._marked())

    def _enter(self, items: list[Any]) -> None:
        """Put alternating keys and values into the dictionary on top of the stack."""
        target = self._top(dict)
        if len(items) % 2 or len(target) + len(items) // 2 > MOST_PICKLE_ENTRIES:
            raise RefusedError("a dictionary with a key without value, or of a size that no model has")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def _add_items(self, _: Any) -> None:
        items = self._marked()
        self._top(set).update(checked_key(item) for item in items)

    def _frozen_set(self, _: Any) -> None:
        items = frozenset(checked_key(item) for item in self._marked())
        self.stack.append(items)

    def _top(self, kind: type) -> Any:
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f"an item without its {kind.__name__}")
        return self.stack[-1]

    # Names, calls and states: looked at, never executed.

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise RefusedError("it asks for a name that is not text")
        self.stack.append(allowed_global(module, name))

    def _reduce(self, _: Any) -> None:
        arguments, target = self.stack.pop(), self.stack.pop()
        self.stack.append(call_global(target, arguments, self.budget))

    def _new_object(self, _: Any) -> None:
        arguments, target = self.stack.pop(), self.stack.pop()
        self.stack.append(new_object(target, arguments))

    def _build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack.pop()
        value = build(target, state, self.budget)
        for place in self.memo_of.pop(id(target), []) if value is not target else []:
            if self.memo.get(place) is target:
                self.memo[place] = value
        self.stack.append(value)


_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_TEXT_OF_PYTHON_2 = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})
_LITERALS = frozenset(
    {"INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"}
    | {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
    | {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": _Machine._duplicate,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._put,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "LIST": _Machine._list,
    "TUPLE": _Machine._tuple,
    "TUPLE1": lambda machine, _: machine._short_tuple(1),
    "TUPLE2": lambda machine, _: machine._short_tuple(2),
    "TUPLE3": lambda machine, _: machine._short_tuple(3),
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "DICT": _Machine._dict,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "ADDITEMS": _Machine._add_items,
    "FROZENSET": _Machine._frozen_set,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._new_object,
    "BUILD": _Machine._build,
}
