"""What a pickle may hold: plain values, arrays of numbers, and objects of chumpy and scipy.sparse as inert records.

A pickle builds its values by naming functions and classes. Here a name is only ever compared with the list below; none
of them is imported or called. Arrays are made from their bytes, after checking that the bytes are there.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthgen.core.limits import MOST_PICKLE_DIMENSIONS, MOST_PICKLE_KEY_BITS, MOST_PICKLE_KEY_CHARACTERS

_MODULES = ("numpy.core", "numpy._core")  # before and since numpy 2
_RECONSTRUCT = frozenset(f"{module}.multiarray._reconstruct" for module in _MODULES)
_SCALAR = frozenset(f"{module}.multiarray.scalar" for module in _MODULES)
_FROM_BUFFER = frozenset(f"{module}.numeric._frombuffer" for module in _MODULES)  # protocol 5
_ENCODE = "_codecs.encode"  # how protocols 0 to 2 spell bytes
_NEW_OBJECT = frozenset({"copyreg._reconstructor", "copy_reg._reconstructor"})
_OBJECT = frozenset({"builtins.object", "__builtin__.object"})
# chumpy objects carry an empty set, which protocols before 4 spell as a call.
_SET = frozenset({"builtins.set", "__builtin__.set"})
_EXACT = (
    _RECONSTRUCT | _SCALAR | _FROM_BUFFER | _NEW_OBJECT | _OBJECT | _SET | {_ENCODE, "numpy.ndarray", "numpy.dtype"}
)
_INERT_PACKAGES = ("chumpy", "scipy.sparse")

_NUMBER = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
_ITEMS = re.compile(r"[|]?O[48]?")


class RefusedError(Exception):
    """Why a pickle is refused; the reader adds where."""


@dataclass(frozen=True)
class GlobalName:
    """A name of the allow-list, not the thing it names."""

    name: str

    @property
    def is_inert(self) -> bool:
        """Whether it is a class of chumpy or scipy.sparse."""
        return self.name not in _EXACT


@dataclass(eq=False, repr=False)
class InertObject:
    """An object of a class that was not loaded: the class's dotted name, its arguments and its state."""

    class_name: str
    arguments: tuple[Any, ...]
    state: dict[Any, Any] = field(default_factory=dict)


@dataclass(eq=False, repr=False)
class UnbuiltArray:
    """An array whose shape and bytes come later."""


@dataclass(frozen=True)
class NumberType:
    """A dtype without its byte order, such as "f8"; "O" stands for arbitrary items."""

    code: str
    is_complete: bool = False


def allowed_global(module: str, name: str) -> GlobalName:
    """The record of a name. Raises RefusedError unless it is in the allow-list."""
    dotted = f"{module}.{name}"
    if dotted in _EXACT:
        return GlobalName(dotted)
    packages = [package for package in _INERT_PACKAGES if module == package or module.startswith(f"{package}.")]
    if packages and name.isidentifier():
        return GlobalName(dotted)
    raise RefusedError(
        f"it asks for {dotted[:200]!r}, which is not in the list of harmless names (numpy arrays, chumpy and "
        "scipy.sparse objects); nothing was executed. If you trust the file, convert it where it was made"
    )


class ByteBudget:
    """Bytes that a pickle may still make by copying; without it a few bytes could ask for the same copy again."""

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, size: int) -> None:
        """Raises RefusedError when the copies are larger than any honest file's."""
        self.left -= size
        if self.left < 0:
            raise RefusedError("its values are far larger than the file")


def call_global(target: Any, arguments: Any, budget: ByteBudget) -> Any:
    """What the call of an allowed name with a tuple of arguments stands for. Raises RefusedError."""
    if not isinstance(target, GlobalName) or not isinstance(arguments, tuple):
        raise RefusedError("it calls something that is not a name of the allow-list")
    name = target.name
    if target.is_inert:
        return InertObject(name, arguments)
    if name in _RECONSTRUCT and arguments[:1] == (GlobalName("numpy.ndarray"),):
        return UnbuiltArray()
    if name == "numpy.dtype" and arguments and isinstance(arguments[0], str):
        return _number_type(arguments[0])
    if name in _SCALAR and len(arguments) == 2:
        return _array(arguments[0], (), arguments[1], "C", budget)[()]
    if name in _FROM_BUFFER and len(arguments) == 4:
        data, number_type, shape, order = arguments
        return _array(number_type, shape, data, order, budget)
    if name == _ENCODE and len(arguments) == 2 and arguments[1] in ("latin1", "latin-1"):
        return _latin1(arguments[0], budget)
    if name in _NEW_OBJECT and len(arguments) == 3 and arguments[2] is None:
        return new_object(arguments[0], ())
    if name in _SET and len(arguments) == 1 and isinstance(arguments[0], list):
        return {checked_key(item) for item in arguments[0]}
    raise RefusedError(f"it calls {name!r} in a way that no array or model file does")


def new_object(target: Any, arguments: Any) -> InertObject:
    """The record of a new object of a chumpy or scipy.sparse class. Raises RefusedError for any other."""
    if not isinstance(target, GlobalName) or not target.is_inert or not isinstance(arguments, tuple):
        raise RefusedError("it makes an object of a class that is not chumpy's or scipy.sparse's")
    return InertObject(target.name, arguments)


def build(target: Any, state: Any, budget: ByteBudget) -> Any:
    """The target with its state: a new array or number type, or the same inert object. Raises RefusedError."""
    if isinstance(target, InertObject):
        slots = state[1] if isinstance(state, tuple) and len(state) == 2 else {}
        plain = state[0] if isinstance(state, tuple) and len(state) == 2 else state
        for part in (plain, slots):
            if part is not None and not isinstance(part, dict):
                raise RefusedError(f"the state of {target.class_name} is {type(part).__name__}, not a dictionary")
            target.state.update(part or {})
        return target
    if isinstance(target, NumberType) and not target.is_complete:
        return _ordered_type(target, state)
    if isinstance(target, UnbuiltArray) and isinstance(state, tuple) and len(state) == 5:
        _version, shape, number_type, is_fortran, data = state
        return _array(number_type, shape, data, "F" if is_fortran else "C", budget)
    raise RefusedError(f"it sets the state of {type(target).__name__}")


def checked_key(key: Any) -> Any:
    """A key of a dictionary or member of a set: text, bytes or an integer, short enough to hash and compare."""
    if isinstance(key, str | bytes) and len(key) <= MOST_PICKLE_KEY_CHARACTERS:
        return key
    if isinstance(key, int) and key.bit_length() <= MOST_PICKLE_KEY_BITS:
        return key
    raise RefusedError(f"a dictionary or set has a key of type {type(key).__name__}, or a very long one")


def _number_type(code: str) -> NumberType:
    if _ITEMS.fullmatch(code):
        return NumberType("O")
    if not _NUMBER.fullmatch(code):
        raise RefusedError(f"an array has items of type {code[:40]!r}, expected plain numbers")
    return NumberType(code.lstrip("<>|="))


def _ordered_type(target: NumberType, state: Any) -> NumberType:
    """The type with its byte order; structured and dated types have more in their state and are refused."""
    if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
        raise RefusedError("the state of a number type is damaged")
    if any(part is not None for part in state[2:5]):
        raise RefusedError("an array has structured items, expected plain numbers")
    order = "<" if state[1] == "=" else state[1]
    return NumberType(target.code if target.code == "O" else f"{order}{target.code}", is_complete=True)


def _array(number_type: Any, shape: Any, data: Any, order: Any, budget: ByteBudget) -> Any:
    """A read-only array over the bytes; for type "O" the item itself (no axis) or the list of items (one axis)."""
    if not isinstance(number_type, NumberType) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise RefusedError("an array's type, shape or order is damaged")
    if len(shape) > MOST_PICKLE_DIMENSIONS or any(type(size) is not int or size < 0 for size in shape):
        raise RefusedError("an array's shape is damaged")
    count = math.prod(size if size < 1 << 48 else 1 << 48 for size in shape)
    if number_type.code == "O":
        return _items(shape, count, data)
    if isinstance(data, str):  # Python 2 wrote bytes as text
        data = _latin1(data, budget)
    dtype = np.dtype(number_type.code)
    if not isinstance(data, bytes | bytearray) or len(data) != count * dtype.itemsize:
        size = len(data) if isinstance(data, bytes | bytearray) else 0
        raise RefusedError(f"an array of {count} numbers of type {dtype} comes with {size} bytes")
    array: NDArray[Any] = np.frombuffer(data, dtype) if count else np.empty(0, dtype)
    array = array.reshape(shape, order=order)
    array.flags.writeable = False
    return array


def _items(shape: tuple[int, ...], count: int, data: Any) -> Any:
    if not isinstance(data, list) or len(data) != count or len(shape) > 1:
        raise RefusedError("an array of arbitrary items is damaged, or has more than one axis")
    return data if shape else data[0]


def _latin1(text: Any, budget: ByteBudget) -> bytes:
    if not isinstance(text, str):
        raise RefusedError(f"{type(text).__name__} where text was expected")
    budget.spend(len(text))
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise RefusedError("bytes written as text hold characters that are no bytes") from error
