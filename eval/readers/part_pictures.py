"""Part labels: pictures of class numbers, and Helen's release with a picture for each of eleven labels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthgen.core.conventions import PARTS
from synthgen.core.errors import DatasetError

Labels = NDArray[np.uint8]
# Helen's labels of Smith et al. 2013 by number -> ours: 1 skin, 2 and 3 brows, 4 and 5 eyes, 6 nose, 7 upper lip, 8
# inner mouth, 9 lower lip; 0 background and 10 hair are none. Left there is left in the picture, which is our right.
# The inner mouth has no class among densereg's eight and is none.
HELEN_TO_OURS = (0, 8, 3, 4, 1, 2, 7, 5, 0, 6, 0)
_FIRST = "_lbl00.png"


def read_parts(path: Path) -> Labels:
    """(H, W) part numbers of a picture of class numbers 0 to 8 (core.conventions.PARTS), in grey or with a palette.

    Raises DatasetError for other pictures, and for numbers beyond 8.
    """
    picture = _open(path)
    if picture.mode not in ("L", "P", "I;16", "I"):
        raise DatasetError(f"{path}: a picture of mode {picture.mode}; expected class numbers in one channel")
    numbers = np.asarray(picture)
    if numbers.size == 0 or int(numbers.max()) >= len(PARTS):
        raise DatasetError(
            f"{path}: class {int(numbers.max(initial=0))}; expected 0 to {len(PARTS) - 1}: "
            + ", ".join(f"{number} {name}" for number, name in enumerate(PARTS))
        )
    return numbers.astype(np.uint8)


def read_helen_parts(folder: Path) -> Labels:
    """(H, W) part numbers of a picture of Helen's release: NAME_lbl00.png to NAME_lbl10.png in a folder, grey levels
    that say how likely a label is; the likeliest counts. Raises DatasetError when one is missing or of another size."""
    first = sorted(folder.glob(f"*{_FIRST}"))
    if len(first) != 1:
        raise DatasetError(f"{folder}: {len(first)} files end in {_FIRST}, expected one")
    stem = first[0].name.removesuffix(_FIRST)
    planes = [np.asarray(_open(folder / f"{stem}_lbl{number:02d}.png").convert("L")) for number in range(11)]
    sizes = {plane.shape for plane in planes}
    if len(sizes) > 1:
        raise DatasetError(f"{folder}: its eleven pictures have the sizes {sorted(sizes)}, expected one")
    likeliest = np.argmax(np.stack(planes), axis=0)
    return np.array(HELEN_TO_OURS, np.uint8)[likeliest]


def find_parts(folder: Path) -> dict[str, Path]:
    """Name -> folder of Helen's release, or picture of class numbers. Raises DatasetError when there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    released = {path.parent.name: path.parent for path in sorted(folder.rglob(f"*{_FIRST}"))}
    found = released or {path.stem: path for path in sorted(folder.glob("*.png"))}
    if not found:
        raise DatasetError(f"{folder} holds no part labels; expected NAME/NAME_lbl00.png and so on, or NAME.png")
    return found


def load_parts(path: Path) -> Labels:
    """The labels at a path of `find_parts`."""
    return read_helen_parts(path) if path.is_dir() else read_parts(path)


def _open(path: Path) -> Image.Image:
    try:
        picture = Image.open(path)
        picture.load()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DatasetError(f"{path} is not a picture: {error}") from error
    return picture
