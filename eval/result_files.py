"""Files that an evaluation writes."""

from pathlib import Path

from synthgen.core.errors import DatasetError
from synthgen.dataset.whole_file import write_whole


def write_result_file(path: Path, content: bytes) -> None:
    """Write a whole file, its folder too. Raises DatasetError when that is not possible."""
    make_folder(path.parent)
    write_whole(path, content)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises DatasetError when something else is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{folder}: the folder cannot be made ({error.strerror or error})") from error
