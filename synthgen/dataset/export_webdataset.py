"""Export to WebDataset tars whose members the webdataset library decodes by their names.

Our own shards keep all labels in one zstd member, which is small and fast to read by index, but needs our reader.
"""

from collections.abc import Sequence
from pathlib import Path

from synthgen.dataset.export_card import write_card
from synthgen.dataset.export_files import encode_npy
from synthgen.dataset.index import canonical_json, shard_file
from synthgen.dataset.reader import Dataset
from synthgen.dataset.tar import END, member_name, tar_header, tar_padding
from synthgen.dataset.whole_file import create_whole

SHARD_SAMPLES, SHARD_BYTES = 1000, 1 << 28

_READING = """```python
import webdataset

shards = "shard-{{000000..{last:06d}}}.tar"
for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
    sample["__key__"], sample["{first}"], sample["json"]["parameters"]
```

Pictures are the stored files, every other label is a `.npy` of the shape and type below, `.json` holds the sampled
parameters."""


def write_webdataset(dataset: Dataset, out: Path, positions: Sequence[int]) -> None:
    """`shard-NNNNNN.tar` with `NNNNNNNNN.image.jpg`, `.depth.npy`, ..., `.json`, and a README.md."""
    taken, shards = 0, 0
    while taken < len(positions):
        taken += _write_shard(dataset, out / shard_file(shards), positions[taken : taken + SHARD_SAMPLES])
        shards += 1
    first = _members(dataset, positions[0])[0][0]
    write_card(dataset, out, len(positions), _READING.format(last=shards - 1, first=first))


def _write_shard(dataset: Dataset, file: Path, positions: Sequence[int]) -> int:
    """Write a tar of samples until it is large enough; returns how many."""
    written = count = 0
    with create_whole(file) as stream:
        for position in positions:
            count += 1
            for suffix, content in _members(dataset, position):
                name = member_name(dataset.sample_index(position), suffix)
                part = tar_header(name, len(content)) + content + tar_padding(len(content))
                stream.write(part)
                written += len(part)
            if written >= SHARD_BYTES:
                break
        stream.write(END)
    return count


def _members(dataset: Dataset, position: int) -> list[tuple[str, bytes]]:
    """(suffix, content) of each member of a sample."""
    pictures = dataset.picture_files(position)
    arrays = {name: array for name, array in dataset[position].items() if name not in pictures}
    return [
        *((f"{name}.{dataset.layout.picture_suffix}", content) for name, content in pictures.items()),
        *((f"{name}.npy", encode_npy(array)) for name, array in arrays.items()),
        ("json", canonical_json(dataset.meta(position))),
    ]
