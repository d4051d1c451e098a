"""Folders where an annotation file lies beside each picture, under the same name."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from synthgen.asset_io.images import IMAGE_SUFFIXES
from synthgen.core.errors import AssetError
from synthgen.core.relative_path import path_problem
from synthgen.fittings.read_options import Skips


@dataclass(frozen=True)
class NamedFiles:
    """Files below a folder as POSIX paths. by_name: name without extension -> file; doubles: (name, file) of further
    files of a name."""

    by_name: dict[str, str]
    doubles: tuple[tuple[str, str], ...]


def paired_files(
    root: Path, suffix: str, photos: Path | None, skips: Skips, passed_over: Collection[str] = ()
) -> list[tuple[str, str, str]]:
    """(name, annotation file, picture) of every annotated picture, sorted by name: POSIX paths below their folders.

    suffix: of the annotation files, lower case. photos: folder of the pictures when they are elsewhere; then pictures
    without an annotation are nobody's business, otherwise they are noted as bad, like annotations without a picture.
    passed_over: names of folders to leave alone.
    Files whose names no dataset can hold are noted as bad; of several annotations of a picture, or pictures of an
    annotation, the first is taken and the others are noted.
    Raises AssetError when a folder is missing, or holds no annotation.
    """
    annotations = files_below(root, (suffix,), passed_over)
    annotated = annotations.by_name
    if not annotated:
        raise AssetError(f"{root}: no {suffix} file below this folder; expected NAME{suffix} beside NAME.jpg")
    found = files_below(photos or root, IMAGE_SUFFIXES, passed_over)
    pictures = found.by_name
    for name in sorted(set(annotated) - set(pictures)):
        picture = f"{photos or root}/{shown(name)}.jpg (or .png)"
        skips.add(shown(name), f"{root}/{shown(annotated[name])}: its picture {picture} is missing")
    for name in sorted(set(pictures) - set(annotated)) if photos is None else ():
        skips.add(shown(name), f"{root}/{shown(pictures[name])}: its annotation {shown(name)}{suffix} is missing")
    pairs = []
    for name in sorted(set(annotated) & set(pictures)):
        problem = path_problem(name)
        if problem:
            where = f"{root}/{shown(annotated[name])}"
            skips.add(shown(name), f"{where}: a name that no dataset can hold: {problem}; rename it and its picture")
        else:
            pairs.append((name, annotated[name], pictures[name]))
    for folder, files in ((root, annotations), (photos or root, found)):
        for name, file in files.doubles:
            if name in annotated and name in pictures:
                skips.note(shown(file), f"{folder / file}: not used; {files.by_name[name]} has the same name and is")
    return pairs


def files_below(root: Path, suffixes: tuple[str, ...], passed_over: Collection[str] = ()) -> NamedFiles:
    """The files with one of these suffixes; of several of one name, the one whose suffix comes first.

    Hidden files and folders and those named in `passed_over` are left out. Raises AssetError when there is no folder.
    """
    if not root.is_dir():
        raise AssetError(f"{root}: no such folder")
    found: dict[str, str] = {}
    doubles: list[tuple[str, str]] = []
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name not in passed_over)
        relative = Path(folder).relative_to(root).as_posix()
        prefix = "" if relative == "." else relative + "/"
        for suffix in suffixes:
            for file in sorted(files):
                stem, extension = os.path.splitext(file)
                if extension.lower() != suffix or file.startswith("."):
                    continue
                if prefix + stem in found:
                    doubles.append((prefix + stem, prefix + file))
                else:
                    found[prefix + stem] = prefix + file
    return NamedFiles(found, tuple(doubles))


def shown(name: str) -> str:
    """A file name as a report shows it: on one line, whatever is in it."""
    return name.encode("unicode_escape").decode("ascii") if path_problem(name) else name
