"""`python -m training`: train a method from a recipe, export a checkpoint, predict on pictures."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from synthgen.core.errors import SynthgenError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Training recipe (YAML).")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder of the run.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change an entry of the recipe.")
    ] = None,
    devices: Annotated[int, typer.Option("--devices", min=1, help="How many.")] = 1,
    accelerator: Annotated[str, typer.Option("--accelerator", help="cpu, cuda or auto.")] = "auto",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that load, per device.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")] = False,
) -> None:
    """Train a method.

    \b
    Examples:
      python -m training train recipes/dfc/train_compact.yaml -o out/dfc/run
      python -m training train recipes/tddfa_v2/train_paper.yaml -o out/v2 --devices 4 --accelerator cuda
    """
    from training.loop import RunOptions, train
    from training.recipe import load_training_recipe

    loaded = load_training_recipe(recipe, tuple(overrides or ()))
    result = train(loaded, out, RunOptions(devices, accelerator, workers, resume))
    for name, value in result.measures.items():
        print(f"{name:20} {value:.4g}")
    print(out)


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder `last` or `best` of a run.")],
    data: Annotated[Path, typer.Argument(metavar="DATASET", help="Dataset folder.")],
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.png", help="Predictions to look at.")
    ] = None,
) -> None:
    """Measure a checkpoint on a dataset."""
    import torch

    from training.loop import evaluate
    from training.restore import restore

    restored = restore(checkpoint)
    measures, pixels = evaluate(restored.method, restored.network, str(data), torch.device("cpu"))
    for name, measure in measures.items():
        print(f"{name:20} {measure.value:.4g}")
    if picture is not None and pixels is not None:
        from PIL import Image

        Image.fromarray(pixels).save(picture)
        print(picture)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder `last` or `best` of a run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.onnx", help="File to write.")],
) -> None:
    """Write a checkpoint's network as ONNX, with what is needed to use it."""
    from training.export import export_onnx

    export_onnx(checkpoint, out)
    print(out)


def main() -> int:
    """The command line; errors meant for a user are one message and an exit code."""
    try:
        app(standalone_mode=False)
    except SynthgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except typer.Exit as done:
        return done.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
