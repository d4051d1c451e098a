"""What a dataset was made from: one record per asset, with a content hash."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from synthgen.core.bounded_file import open_regular, read_bounded
from synthgen.core.errors import AssetError
from synthgen.core.limits import MOST_LICENCE_BYTES
from synthgen.core.relative_path import is_utf8

NOT_STATED = "not stated"
_LICENCE_STEMS = ("licence", "license", "copying")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class AssetRecord:
    """One asset: a file, or a folder of files taken as one.

    id: what it serves as, for example "background:folder". path: as the recipe names it, absolute; anything published
    should store the last component only. sha256: hex, of the file, or of the sorted list of a folder's files.
    licence: in words, NOT_STATED where neither the asset nor a licence file beside it says.
    """

    id: str
    path: str
    sha256: str
    licence: str


def file_sha256(path: str | Path) -> str:
    """Hex sha256 of a file's content, remembered by (path, size, modification time). Raises AssetError."""
    try:
        status = os.stat(path)
        return _sha256(str(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise AssetError(f"{path}: the file cannot be read ({error.strerror or error})") from error


def files_sha256(root: str | Path, names: Sequence[str]) -> str:
    """Hex sha256 over the sorted lines "name size sha256" of the files `names`, POSIX paths below `root`."""
    total = hashlib.sha256()
    for name in sorted(names):
        path = Path(root) / name
        digest = file_sha256(path)
        total.update(f"{name}\t{os.stat(path).st_size}\t{digest}\n".encode())
    return total.hexdigest()


def list_files(root: str | Path, suffixes: Sequence[str]) -> list[str]:
    """POSIX paths below `root`, sorted, of the files with one of `suffixes` (lower case, with the dot) at any depth.

    Hidden files and folders are passed over. Raises AssetError when `root` is not a folder or holds no such file.
    """
    if not os.path.isdir(root):
        raise AssetError(f"{root}: no such folder; expected a folder with {', '.join(suffixes)} files")
    found: list[str] = []
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        relative = Path(folder).relative_to(root)
        wanted = (n for n in files if not n.startswith(".") and Path(n).suffix.lower() in suffixes)
        found.extend((relative / name).as_posix() for name in wanted)
    if not found:
        raise AssetError(f"{root}: the folder holds no usable file; expected {', '.join(suffixes)}")
    for name in found:
        if not is_utf8(name):
            raise AssetError(
                f"{root}: the name of the file {name!r} is not UTF-8, so no dataset can hold it; rename it"
            )
    return sorted(found)


def folder_licence(root: str | Path) -> str:
    """First line of a licence file in the folder or the one above it, else NOT_STATED."""
    for folder in (Path(root), Path(root).parent):
        try:
            found = sorted(n for n in os.listdir(folder) if Path(n).stem.lower() in _LICENCE_STEMS)
            text = read_bounded(folder / found[0], MOST_LICENCE_BYTES).decode(errors="replace") if found else ""
        except (OSError, ValueError):  # not readable: then it does not say
            continue
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[0][:200]
    return NOT_STATED


def problems_error(what: str, problems: Sequence[str], shown: int = 10) -> AssetError:
    """An AssetError that lists the first problems and says how many there are."""
    listed = "\n".join(f"  {problem}" for problem in problems[:shown])
    more = f"\n  ... and {len(problems) - shown} more" if len(problems) > shown else ""
    return AssetError(f"{what}:\n{listed}{more}")


@lru_cache(maxsize=1 << 18)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
