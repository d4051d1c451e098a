"""Pictures of annotated faces, which scoring needs for drawings and models alone."""

from pathlib import Path

from synthgen.asset_io.images import IMAGE_SUFFIXES


def picture_of(folder: Path, name: str) -> Path | None:
    """The picture `name` below a folder, with whichever suffix it is there, or None."""
    whole = folder / name
    if whole.suffix.lower() in IMAGE_SUFFIXES and whole.is_file():
        return whole
    for suffix in IMAGE_SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    return None


def find_file(folder: Path, name: str) -> Path | None:
    """The file called `name` in a folder or below it, the first in order of paths, or None."""
    if (folder / name).is_file():
        return folder / name
    return next((path for path in sorted(folder.rglob(name)) if path.is_file()), None)
