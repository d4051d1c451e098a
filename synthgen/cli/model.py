"""`synthgen model`: morphable models as the project's own safe files."""

from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli.console import put, say
from synthgen.morphable.model_names import BUILTIN as BUILTIN
from synthgen.morphable.model_names import model_section as model_section

if TYPE_CHECKING:
    from synthgen.morphable.model import MorphableModel

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model file (.npz), procedural or procedural-fine.")
]


class ModelFormat(StrEnum):
    """What `--format` accepts."""

    ICT_FACEKIT = "ict-facekit"
    TDDFA = "3ddfa"
    BFM2009 = "bfm2009"
    FACE3D = "face3d"
    TDDFA_V2 = "3ddfa-v2"
    BFM2017 = "bfm2017"
    SURREY = "surrey"
    FLAME = "flame"


def import_model(
    source: Annotated[Path, typer.Argument(metavar="PATH", help="Folder or file of the model.", show_default=False)],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.npz", help="Model file to write.", show_default=False)
    ],
    model_format: Annotated[
        ModelFormat | None, typer.Option("--format", help="Format; recognised by itself.", show_default=False)
    ] = None,
    with_pose_correctives: Annotated[
        bool, typer.Option("--with-pose-correctives", help="FLAME's joints; not supported, refused.")
    ] = False,
) -> None:
    """Convert a published model to a model file.

    The file holds arrays only, no pickle; every number is checked. Pickles are read without executing anything.

    \b
    Examples:
      synthgen model import ICT-FaceKit/FaceXModel -o ict.npz
      synthgen model import ict_facekit.npz -o ict.npz          # the same release packed as arrays
      synthgen model import 3DDFA_V2/configs -o tddfa_v2.npz
      synthgen model import flame2020/generic_model.pkl --format flame -o flame.npz
    """
    from synthgen.cli.model_facts import model_facts
    from synthgen.morphable.loaders.flame import refuse_pose_correctives
    from synthgen.morphable.loaders.registry import import_model as load_foreign
    from synthgen.morphable.model_file import save_model

    if with_pose_correctives:
        refuse_pose_correctives()

    model = load_foreign(source, None if model_format is None else model_format.value)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, out)
    for topic, text in model_facts(model):
        say(f"{topic:<12} {text}")
    say(f"look at it: synthgen model info {out} --picture {out.with_suffix('.png')}")
    put(str(out))


def info(
    model: ModelArgument = "procedural",
    picture: Annotated[
        Path | None,
        typer.Option("-o", "--picture", metavar="FILE.png", help="Draw the mean, its labels too.", show_default=False),
    ] = None,
) -> None:
    """Describe a model.

    Sizes in mm, components, expressions, landmark sets, licence; a picture of the mean head on request.

    \b
    Examples:
      synthgen model info
      synthgen model info ict.npz -o ict.png
    """
    from synthgen.cli.model_facts import model_facts

    for topic, text in model_facts(open_named_model(model)):
        put(f"{topic:<12} {text}")
    if picture is not None:
        from synthgen.cli.model_views import write_mean_views

        write_mean_views(model_section(model), picture)
        put(f"{'picture':<12} {picture}")


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


def open_named_model(name: str) -> "MorphableModel":
    """A built-in model or the model of a file. Raises ModelError."""
    from synthgen.morphable.open_model import open_model

    return open_model(SimpleNamespace(**model_section(name)))
