"""The formats that `synthgen model import` knows. A format is one file here: a function from a path to a model."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from synthgen.core.errors import ModelError, UsageError
from synthgen.morphable.model import MorphableModel


@dataclass(frozen=True)
class Loader:
    """A format by name, so that only the one in use is imported.

    module: a module of this package; importer: its function from a Path to a MorphableModel; recogniser: its function
    from a Path, which exists, to whether it looks like this format, or "" for a format that must be named.
    """

    module: str
    importer: str
    recogniser: str = ""

    def function(self, name: str) -> Callable[[Path], Any]:
        """The function `name` of the module."""
        found: Callable[[Path], Any] = getattr(import_module(f"synthgen.morphable.loaders.{self.module}"), name)
        return found


# Recognised in this order: where 3DDFA's own files lie beside Basel's they are meant.
LOADERS: dict[str, Loader] = {
    "ict-facekit": Loader("ict_facekit", "import_ict_facekit", "is_ict_release"),
    "3ddfa": Loader("tddfa_mat_model", "import_tddfa_mat", "is_tddfa_path"),
    "bfm2009": Loader("bfm2009", "import_bfm2009", "is_bfm2009_path"),
    "face3d": Loader("face3d_mat", "import_face3d", "is_face3d_path"),
    "3ddfa-v2": Loader("tddfa_v2_pickle", "import_tddfa_v2", "is_tddfa_v2_path"),
    "bfm2017": Loader("bfm_h5", "import_bfm_h5", "is_bfm_h5"),
    "surrey": Loader("surrey", "import_surrey", "is_surrey"),
    "flame": Loader("flame", "import_flame", "is_flame"),  # any other pickle
}


def import_model(path: Path, format_name: str | None = None) -> MorphableModel:
    """The model that a foreign file or folder holds.

    format_name: a key of LOADERS, or None to recognise the format.
    Raises UsageError for an unknown format name, ModelError when the path holds nothing that is recognised.
    """
    if format_name is not None:
        if format_name not in LOADERS:
            raise UsageError(f"unknown model format {format_name!r}; known formats: {', '.join(LOADERS)}")
        return _import(LOADERS[format_name], path)
    if not path.exists():
        raise ModelError(f"{path}: no such file or folder")
    for loader in LOADERS.values():
        if loader.recogniser and loader.function(loader.recogniser)(path):
            return _import(loader, path)
    raise ModelError(f"{path}: not a known model format; known formats: {', '.join(LOADERS)}")


def _import(loader: Loader, path: Path) -> MorphableModel:
    model: MorphableModel = loader.function(loader.importer)(path)
    return model
