"""Reader of Radiance .hdr pictures (RGBE): flat, old and new run-length encoding."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthgen.core.bounded_file import read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import LARGEST_RADIANCE, MOST_HDR_BYTES, MOST_HDR_HEADER_BYTES, MOST_PIXELS

_MAGIC = (b"#?RADIANCE", b"#?RGBE")
_RESOLUTION = re.compile(rb"([-+])Y (\d+) ([-+])X (\d+)")
_EXPOSURES = (1e-20, 1e20)  # a product of some factors; within float32
# Widths that the new run-length encoding can express.
_RLE_WIDTHS = range(8, 32768)

Bytes = NDArray[np.uint8]


def read_hdr(path: str | Path) -> NDArray[np.float32]:
    """(H, W, 3) float32 linear radiance, row 0 at the top, in the file's own unit; EXPOSURE lines are divided out.

    Raises AssetError, naming the file, when it is missing, not RGBE, too large, damaged or truncated.
    """
    try:
        data = read_bounded(path, MOST_HDR_BYTES)
        start, exposure, (rows, columns), flips = _parse_header(data)
        radiance = _radiance(_decode_pixels(data, start, rows, columns), exposure)
    except OSError as error:
        raise AssetError(f"{path}: the .hdr file cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise AssetError(f"{path}: not a usable Radiance .hdr picture: {error}") from error
    return np.ascontiguousarray(radiance[:: flips[0], :: flips[1]], np.float32)


def _radiance(rgbe: Bytes, exposure: float) -> NDArray[np.float32]:
    scale = np.ldexp(np.float32(1.0), rgbe[..., 3].astype(np.int32) - 136) * (rgbe[..., 3] > 0)
    # Radiance itself puts a mantissa in the middle of its step; many readers leave out the half and come out darker.
    radiance = (rgbe[..., :3] + np.float32(0.5)) * scale[..., None].astype(np.float32)
    brightest = float(radiance.max()) / exposure
    if not brightest <= LARGEST_RADIANCE:
        raise ValueError(f"its brightest pixel has {brightest:.3g}, expected at most {LARGEST_RADIANCE:.0e}")
    exposed: NDArray[np.float32] = radiance / np.float32(exposure)
    return exposed


def _parse_header(data: bytes) -> tuple[int, float, tuple[int, int], tuple[int, int]]:
    """Start of the pixels, exposure, (rows, columns), and -1 for each axis that the file stores backwards."""
    if not data.startswith(_MAGIC):
        raise ValueError("it does not begin with #?RADIANCE")
    end = data.find(b"\n\n", 0, MOST_HDR_HEADER_BYTES)
    if end < 0:
        raise ValueError("its header has no end")
    exposure = 1.0
    for line in data[:end].split(b"\n"):
        name, _, value = line.partition(b"=")
        if name == b"FORMAT" and value.strip() != b"32-bit_rle_rgbe":
            raise ValueError(f"FORMAT is {value.decode('latin-1')!r}, expected 32-bit_rle_rgbe")
        if name == b"EXPOSURE":
            exposure *= float(value)
    if not _EXPOSURES[0] <= exposure <= _EXPOSURES[1]:
        raise ValueError(f"EXPOSURE is {exposure}, expected {_EXPOSURES[0]:.0e} to {_EXPOSURES[1]:.0e}")
    line_end = data.find(b"\n", end + 2)
    match = _RESOLUTION.fullmatch(data[end + 2 : line_end].strip()) if line_end > 0 else None
    if match is None:
        raise ValueError("its resolution line is not of the form -Y height +X width")
    rows, columns = int(match[2]), int(match[4])
    if not 0 < rows * columns <= MOST_PIXELS:
        raise ValueError(f"it has {rows} x {columns} pixels, expected 1 to {MOST_PIXELS}")
    flips = (1 if match[1] == b"-" else -1, 1 if match[3] == b"+" else -1)
    return line_end + 1, exposure, (rows, columns), flips


def _decode_pixels(data: bytes, start: int, rows: int, columns: int) -> Bytes:
    # Even run lengths need two bytes for up to 127 pixels and channel: a tiny file cannot claim a huge picture.
    if (len(data) - start) * 128 < rows * columns:
        raise ValueError("the pixel data is truncated")
    pixels = np.empty((rows, columns, 4), np.uint8)
    position, row = start, 0
    while row < rows:
        marker = data[position : position + 4]
        new_runs = columns in _RLE_WIDTHS and marker[:2] == b"\x02\x02" and len(marker) == 4 and marker[2] < 128
        if not new_runs:
            return _decode_flat(data, position, pixels, row)
        if marker[2] << 8 | marker[3] != columns:
            raise ValueError(f"row {row} has another width than the picture")
        position = _decode_row(data, position + 4, pixels[row], row)
        row += 1
    return pixels


def _decode_row(data: bytes, position: int, out: Bytes, row: int) -> int:
    """Fills one row, channel after channel, from new run-length encoding; returns where the next row begins."""
    columns = len(out)
    for channel in range(4):
        line = bytearray()
        while len(line) < columns:
            if position + 2 > len(data):
                raise ValueError(f"the pixel data is truncated in row {row}")
            count = data[position]
            if count > 128:
                line += data[position + 1 : position + 2] * (count - 128)
                position += 2
            else:
                line += data[position + 1 : position + 1 + count]
                position += 1 + count
            if count == 0 or position > len(data):
                raise ValueError(f"the pixel data is damaged or truncated in row {row}")
        if len(line) != columns:
            raise ValueError(f"a run crosses the end of row {row}")
        out[:, channel] = np.frombuffer(line, np.uint8)
    return position


def _decode_flat(data: bytes, position: int, pixels: Bytes, row: int) -> Bytes:
    """The remaining rows as plain RGBE quadruples, where (1, 1, 1, n) repeats the pixel before (old encoding)."""
    wanted = (len(pixels) - row) * pixels.shape[1]
    quads = np.frombuffer(data, np.uint8, (len(data) - position) // 4 * 4, position).reshape(-1, 4)
    is_run = (quads[:, :3] == 1).all(axis=1)
    if not is_run[:wanted].any():
        if len(quads) < wanted:
            raise ValueError(f"the pixel data is truncated: {wanted - len(quads)} pixels are missing")
        pixels[row:] = quads[:wanted].reshape(-1, *pixels.shape[1:])
        return pixels
    pixels[row:] = _expand_old_runs(quads, is_run, wanted).reshape(-1, *pixels.shape[1:])
    return pixels


def _expand_old_runs(quads: Bytes, is_run: NDArray[np.bool_], wanted: int) -> Bytes:
    # Consecutive run quads are the digits, base 256, of one count.
    positions = np.arange(len(quads))
    last_plain = np.maximum.accumulate(np.where(is_run, -1, positions))
    if last_plain[0] < 0:
        raise ValueError("a run stands before the first pixel")
    digit = positions - last_plain - 1
    counts = np.where(is_run, quads[:, 3].astype(np.int64) << np.minimum(8 * digit, 24), 1)
    ends = np.cumsum(counts)
    stop = int(np.searchsorted(ends, wanted))
    if stop >= len(ends) or ends[stop] != wanted:
        raise ValueError("the pixel data is truncated, or a run crosses its end")
    return np.repeat(quads[last_plain[: stop + 1]], counts[: stop + 1], axis=0)
