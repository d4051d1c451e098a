"""`synthgen model`: morphable models as the project's own safe files."""

from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import put, say

if TYPE_CHECKING:
    from synthgen.morphable.model import MorphableModel

BUILTIN = {"procedural": "base", "procedural-fine": "fine"}
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model file (.npz), procedural or procedural-fine.")
]


class ModelFormat(StrEnum):
    """What `--format` accepts."""

    ICT_FACEKIT = "ict-facekit"


def import_model(
    source: Annotated[Path, typer.Argument(metavar="PATH", help="Folder or file of the model.", show_default=False)],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.npz", help="Model file to write.", show_default=False)
    ],
    model_format: Annotated[
        ModelFormat | None, typer.Option("--format", help="Format; recognised by itself.", show_default=False)
    ] = None,
) -> None:
    """Convert a published model to a model file.

    The file holds arrays only, no pickle; every number is checked.

    \b
    Examples:
      synthgen model import ICT-FaceKit/FaceXModel -o ict.npz
    """
    from synthgen.morphable.loaders.registry import import_model as load_foreign
    from synthgen.morphable.model_file import save_model

    model = load_foreign(source, None if model_format is None else model_format.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, out)
    say(f"{model.name}: {len(model.mean)} vertices; licence: {model.licence}")
    put(str(out))


def info(model: ModelArgument = "procedural") -> None:
    """Describe a model.

    Sizes, expressions, landmark sets, licence.

    \b
    Examples:
      synthgen model info
      synthgen model info ict.npz
    """
    loaded = open_named_model(model)
    template = loaded.template
    put(f"name         {loaded.name}")
    put(f"source       {loaded.source}")
    put(f"licence      {loaded.licence}")
    put(f"vertices     {len(loaded.mean)}")
    put(f"triangles    {len(template.triangles)}, {template.label_count} with labels")
    put(f"identity     {len(loaded.identity_basis)} components, standard deviations")
    put(f"expression   {len(loaded.expression_basis)} components, unit {loaded.expression_unit}")
    for name, (low, high) in zip(loaded.expression_names, loaded.expression_range, strict=True):
        put(f"             {name}  {low:g} .. {high:g}")
    for name, points in sorted(template.landmarks.items()):
        put(f"landmarks    {name}, {len(points.triangle)} points")


def preview(
    model: ModelArgument = "procedural",
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.png", help="Picture to write.")] = Path("model.png"),
    heads: Annotated[int, typer.Option("-n", min=1, max=64, help="How many random heads.")] = 6,
    size: Annotated[int, typer.Option("--size", min=64, max=1024, help="Pixels per view.")] = 256,
    columns: Annotated[int, typer.Option("--columns", min=1, max=8, help="Heads side by side.")] = 1,
) -> None:
    """Draw random heads of a model.

    Each head from five sides, under one light.

    \b
    Examples:
      synthgen model preview -o heads.png
      synthgen model preview ict.npz -n 36 --columns 3 --size 96 -o heads.png
    """
    from synthgen.cli.model_views import SheetLayout, write_model_views

    open_named_model(model)
    write_model_views(model_section(model), SheetLayout(heads, size, columns), out)
    put(str(out))


def model_section(name: str) -> dict[str, str]:
    """What a recipe's `model` says for a name on the command line."""
    if name in BUILTIN:
        return {"source": "procedural", "resolution": BUILTIN[name]}
    return {"path": str(Path(name).absolute())}


def open_named_model(name: str) -> "MorphableModel":
    """A built-in model or the model of a file. Raises ModelError."""
    from synthgen.morphable.open_model import open_model

    return open_model(SimpleNamespace(**model_section(name)))
