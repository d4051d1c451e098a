"""Stored zstd frames, read by the zstd library."""

import io

import numpy as np
import pytest
import zstandard

from synthgen.dataset.frames import stored_frame, stored_frame_length


@pytest.mark.parametrize("length", [0, 1, 131071, 131072, 131073, 400000])
def test_zstd_reads_a_stored_frame(length: int) -> None:
    content = np.random.default_rng(length).bytes(length)
    frame = b"".join(stored_frame([content[:100], content[100:]]))
    assert len(frame) == stored_frame_length(length)
    assert zstandard.frame_content_size(frame) == length
    assert zstandard.ZstdDecompressor().decompress(frame, max_output_size=length) == content
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(frame)) as stream:
        assert stream.read() == content
