"""The USTAR framing of a shard: fixed owner, mode and time, so that equal members give equal bytes."""

from synthgen.core.limits import MOST_MEMBER_BYTES

BLOCK = 512
END = bytes(2 * BLOCK)

_TEMPLATE = bytearray(BLOCK)
_TEMPLATE[100:108] = b"0000644\0"  # mode
_TEMPLATE[108:116] = b"0000000\0"  # uid
_TEMPLATE[116:124] = b"0000000\0"  # gid
_TEMPLATE[136:148] = b"00000000000\0"  # mtime
_TEMPLATE[148:156] = b"        "  # the checksum counts as spaces
_TEMPLATE[156:157] = b"0"  # a regular file
_TEMPLATE[257:265] = b"ustar\x0000"
_TEMPLATE_SUM = sum(_TEMPLATE)


def tar_header(name: str, length: int) -> bytes:
    """The 512-byte header of a member. Raises ValueError for a name above 100 bytes or 8 GiB of content."""
    encoded = name.encode("ascii")
    if len(encoded) > 100 or length > MOST_MEMBER_BYTES:
        raise ValueError(f"member {name!r} of {length} bytes does not fit a USTAR header")
    size = b"%011o\0" % length
    checksum = b"%06o\0 " % (_TEMPLATE_SUM + sum(encoded) + sum(size))
    fill = _TEMPLATE[len(encoded) : 124]
    return b"".join((encoded, fill, size, _TEMPLATE[136:148], checksum, _TEMPLATE[156:]))


def tar_padding(length: int) -> bytes:
    """The zeros that fill a member's last block."""
    return bytes(-length % BLOCK)


def member_name(index: int, suffix: str) -> str:
    """File name of a member: the sample's number in nine digits, then what it is."""
    return f"{index:09d}.{suffix}"
