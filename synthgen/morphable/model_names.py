"""Names of models on a command line."""

from pathlib import Path

BUILTIN = {"procedural": "base", "procedural-fine": "fine"}


def model_section(name: str) -> dict[str, str]:
    """What a recipe's `model` says for a name: of the built-in model, or of a file."""
    if name in BUILTIN:
        return {"source": "procedural", "resolution": BUILTIN[name]}
    return {"path": str(Path(name).absolute())}
