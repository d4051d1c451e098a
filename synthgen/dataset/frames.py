"""A zstd frame of blocks that are stored as they are: any zstd tool reads it, writing it costs nothing."""

import struct
from collections.abc import Sequence

_BLOCK = 1 << 17
# Magic, "no checksum, content size in four bytes", a window of 128 KiB; then the content size.
_HEAD = struct.Struct("<IBBI")
_MAGIC, _DESCRIPTOR, _WINDOW = 0xFD2FB528, 0x80, 0x38


def stored_frame(parts: Sequence[bytes]) -> list[bytes]:
    """The frame whose content is `parts` one after another, in pieces that are to be joined."""
    length = sum(map(len, parts))
    head = _HEAD.pack(_MAGIC, _DESCRIPTOR, _WINDOW, length)
    if length <= _BLOCK:
        return [head, _block_header(length, last=True), *parts]
    content, pieces = b"".join(parts), [head]
    for start in range(0, length, _BLOCK):
        block = content[start : start + _BLOCK]
        pieces += [_block_header(len(block), last=start + _BLOCK >= length), block]
    return pieces


def stored_frame_length(length: int) -> int:
    """Bytes of the frame with `length` bytes of content."""
    return _HEAD.size + 3 * max(1, -(-length // _BLOCK)) + length


def _block_header(length: int, last: bool) -> bytes:
    return (length << 3 | last).to_bytes(3, "little")  # the two bits between are the type: 0, stored
