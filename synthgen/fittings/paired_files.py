"""Folders where an annotation file lies beside each picture, under the same name."""

import os
from collections.abc import Collection
from pathlib import Path

from synthgen.asset_io.images import IMAGE_SUFFIXES
from synthgen.core.errors import AssetError
from synthgen.fittings.read_options import Skips


def paired_files(
    root: Path, suffix: str, photos: Path | None, skips: Skips, passed_over: Collection[str] = ()
) -> list[tuple[str, str, str]]:
    """(name, annotation file, picture) of every annotated picture, sorted by name: POSIX paths below their folders.

    suffix: of the annotation files, lower case. photos: folder of the pictures when they are elsewhere; then pictures
    without an annotation are nobody's business, otherwise they are noted as bad, like annotations without a picture.
    passed_over: names of folders to leave alone.
    Raises AssetError when a folder is missing, or holds no annotation.
    """
    annotated = files_below(root, (suffix,), passed_over)
    if not annotated:
        raise AssetError(f"{root}: no {suffix} file below this folder; expected NAME{suffix} beside NAME.jpg")
    pictures = files_below(photos or root, IMAGE_SUFFIXES, passed_over)
    for name in sorted(set(annotated) - set(pictures)):
        skips.add(name, f"{root / annotated[name]}: its picture {(photos or root) / name}.jpg (or .png) is missing")
    if photos is None:
        for name in sorted(set(pictures) - set(annotated)):
            skips.add(name, f"{root / pictures[name]}: its annotation {name}{suffix} is missing")
    return [(name, annotated[name], pictures[name]) for name in sorted(annotated) if name in pictures]


def files_below(root: Path, suffixes: tuple[str, ...], passed_over: Collection[str] = ()) -> dict[str, str]:
    """Name without extension -> POSIX path below `root`; of several, the one whose suffix comes first.

    Hidden files and folders and those named in `passed_over` are left out. Raises AssetError when there is no folder.
    """
    if not root.is_dir():
        raise AssetError(f"{root}: no such folder")
    found: dict[str, str] = {}
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name not in passed_over)
        relative = Path(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else relative + "/"
        for suffix in reversed(suffixes):
            for file in sorted(files):
                stem, extension = os.path.splitext(file)
                if extension.lower() == suffix and not file.startswith("."):
                    found[prefix + stem] = prefix + file
    return found
