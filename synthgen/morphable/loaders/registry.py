"""The formats that `synthgen model import` knows. A format is one file here: a function from a path to a model."""

from collections.abc import Callable
from pathlib import Path

from synthgen.core.errors import ModelError, UsageError
from synthgen.morphable.loaders.ict_facekit import import_ict_facekit, is_ict_folder
from synthgen.morphable.model import MorphableModel

LOADERS: dict[str, Callable[[Path], MorphableModel]] = {"ict-facekit": import_ict_facekit}
_DETECTORS: dict[str, Callable[[Path], bool]] = {"ict-facekit": is_ict_folder}


def import_model(path: Path, format_name: str | None = None) -> MorphableModel:
    """The model that a foreign file or folder holds.

    format_name: a key of LOADERS, or None to recognise the format.
    Raises UsageError for an unknown format name, ModelError when the path holds nothing that is recognised.
    """
    if format_name is not None:
        if format_name not in LOADERS:
            raise UsageError(f"unknown model format {format_name!r}; known formats: {', '.join(LOADERS)}")
        return LOADERS[format_name](path)
    if not path.exists():
        raise ModelError(f"{path}: no such file or folder")
    for name, recognises in _DETECTORS.items():
        if recognises(path):
            return LOADERS[name](path)
    raise ModelError(f"{path}: not a known model format; known formats: {', '.join(LOADERS)}")
