"""The shards of a folder, opened on demand: index checked once, members by offset from a memory map, crc every time."""

import mmap
import re
import resource
import zlib
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any

from synthgen.core.bounded_file import open_regular, read_bounded
from synthgen.core.errors import DatasetError
from synthgen.core.limits import MOST_INDEX_BYTES
from synthgen.dataset.index import ShardIndex, check_index, index_file, index_from_json, shard_file
from synthgen.dataset.manifest import Manifest
from synthgen.dataset.tar import member_name

# Open maps cost file handles and address space; a reader in random order wants many, and others need some too.
_LARGEST_OPEN = max(min(128, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4), 1)
_SHARD_FILE = re.compile(r"shard-([0-9]{6,12})\.tar")


class ShardFiles:
    """Members of the samples of one dataset folder. Safe to send to another process: maps are opened again there."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path = path
        self._manifest = manifest
        self._layout = manifest.layout
        self._indexes: dict[int, ShardIndex] = {}
        self._maps: OrderedDict[int, mmap.mmap] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": OrderedDict(), "_indexes": {}}

    def present(self) -> list[int]:
        """Numbers of the planned shards that have both a tar and an index."""
        names = {entry.name for entry in self._path.iterdir()} if self._path.is_dir() else set()
        numbers = sorted(int(match[1]) for name in names if (match := _SHARD_FILE.fullmatch(name)))
        planned = [number for number in numbers if number < self._manifest.shards]
        return [number for number in planned if shard_file(number) in names and index_file(number) in names]

    def index(self, shard: int) -> ShardIndex:
        """The index of a shard. Raises DatasetError when it is missing, damaged, or of another dataset."""
        if shard not in self._indexes:
            self._indexes[shard] = read_index(self._path, self._manifest, shard)
        return self._indexes[shard]

    def read(self, sample: int, chosen: Collection[int] | None = None) -> list[bytes]:
        """The members of a sample, each compared with its crc. Raises DatasetError naming shard, sample and member.

        chosen: numbers of the members to read, None for all; the others are empty bytes.
        """
        members = range(len(self._layout.members))
        return [self.read_member(sample, member) if chosen is None or member in chosen else b"" for member in members]

    def read_member(self, sample: int, member: int) -> bytes:
        """One member of a sample, by its place in `layout.members`, after comparing its crc."""
        shard = sample // self._manifest.shard_size
        index = self.index(shard)
        content = self._map(shard)
        offset, length, crc = index.entries[sample - index.start, member].tolist()
        data = content[offset : offset + length]
        if zlib.crc32(data) != crc or len(data) != length:
            name = member_name(sample, index.members[member][0])
            raise DatasetError(
                f"{self._path / index.file}: sample {sample}, member {name} is damaged (its crc32 is not the one in "
                "the index); delete the shard and run generate --resume to rebuild it"
            )
        return data

    def close(self) -> None:
        """Release the memory maps."""
        while self._maps:
            self._maps.popitem()[1].close()

    def _map(self, shard: int) -> mmap.mmap:
        if shard in self._maps:
            self._maps.move_to_end(shard)
            return self._maps[shard]
        path = self._path / shard_file(shard)
        expected = self.index(shard).bytes
        try:
            with open_regular(path) as file:
                size = file.seek(0, 2)
                if size != expected:
                    raise DatasetError(
                        f"{path} has {size} bytes, its index says {expected}; "
                        "delete the shard and run generate --resume to rebuild it"
                    )
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
        self._maps[shard] = content
        if len(self._maps) > _LARGEST_OPEN:
            self._maps.popitem(last=False)[1].close()
        return content


def read_index(path: Path, manifest: Manifest, shard: int) -> ShardIndex:
    """The index of a shard of the dataset in folder `path`. Raises DatasetError unless it is sound and belongs here."""
    file = path / index_file(shard)
    try:
        data = read_bounded(file, MOST_INDEX_BYTES)
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror}; run generate --resume to rebuild it") from error
    except ValueError as error:
        raise DatasetError(f"{file} is damaged: {error}; delete it and run generate --resume") from error
    index = index_from_json(data, str(file))
    planned = manifest.shard_range(shard)
    check_index(index, manifest.fingerprint, manifest.layout, range(planned.start, planned.stop), str(file))
    return index
