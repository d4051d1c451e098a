"""The model that a recipe names."""

from synthgen.core.errors import ModelError
from synthgen.morphable.model import MorphableModel
from synthgen.morphable.model_file import load_model


def open_model(spec: object) -> MorphableModel:
    """The model of a recipe's `model` section: `path` of a model file, or `source: procedural` with a `resolution`.

    Raises ModelError when the file cannot be used.
    """
    path = getattr(spec, "path", None)
    if path is not None:
        return load_model(path)
    if getattr(spec, "source", None) != "procedural":
        raise ModelError(f"model section {spec!r} names neither a file nor the built-in model")
    # The built-in head takes seconds to build; a recipe with a file does not pay for importing it.
    from synthgen.morphable.procedural.build import build_procedural_model

    return build_procedural_model(getattr(spec, "resolution", "base"))
