"""A bounded memory of decoded assets."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

DEFAULT_CACHE_BYTES = 256 * 1024**2


class ByteCache(Generic[Value]):
    """The most recently used values, at most `limit` bytes of them in all.

    A value larger than the limit is handed out and not kept. What a caller gets never depends on what is kept.
    """

    def __init__(self, limit: int, size_of: Callable[[Value], int]) -> None:
        self._limit = limit
        self._size_of = size_of
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def find(self, key: Hashable, load: Callable[[], Value]) -> Value:
        """The value of `key`, loaded when it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = load()
        size = self._size_of(value)
        if size <= self._limit:
            self._values[key] = value
            self.bytes += size
            while self.bytes > self._limit:
                _, oldest = self._values.popitem(last=False)
                self.bytes -= self._size_of(oldest)
        return value
