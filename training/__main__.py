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
      python -m training train training/recipes/dfc/compact.yaml -o out/dfc/compact
      python -m training train training/recipes/tddfa_v2/paper.yaml -o out/v2 --devices 4 --accelerator cuda
    """
    from training.loop import RunOptions, train
    from training.recipe import load_training_recipe

    loaded = load_training_recipe(recipe, tuple(overrides or ()))
    result = train(loaded, out, RunOptions(devices, accelerator, workers, resume, progress=True))
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

    from synthgen.dataset.reader import open_dataset
    from training.loop import evaluate
    from training.restore import restore
    from training.same_data import check_alike

    restored = restore(checkpoint)
    first = next(iter(restored.recipe.stages.values())).data
    check_alike(restored.method, open_dataset(first), open_dataset(data))
    measures, pixels = evaluate(restored.method, restored.network, str(data), torch.device("cpu"))
    for name, measure in measures.items():
        print(f"{name:20} {measure.value:.4g}")
    if picture is not None and pixels is not None:
        from synthgen.report.tiles import save_picture

        save_picture(pixels, picture)
        print(picture)


@app.command()
def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs, whose curves are overlaid.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.png", help="Chart to write.")],
    across: Annotated[str, typer.Option("--across", help="minutes, samples or steps.")] = "minutes",
    losses: Annotated[bool, typer.Option("--losses/--no-losses", help="The losses, too.")] = True,
) -> None:
    """Draw the learning curves of runs: measures and losses against minutes, samples or steps.

    \b
    Examples:
      python -m training plot out/dfc/compact -o curves.png
      python -m training plot out/ablations/densereg_bins/runs/k1-0 out/ablations/densereg_bins/runs/k10-0 -o bins.png
    """
    from training.curves import draw_learning_curves

    draw_learning_curves(runs, out, across, losses)
    print(out)


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder `last` or `best` of a run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.onnx", help="File to write.")],
) -> None:
    """Write a checkpoint's network as ONNX, with what is needed to use it."""
    from training.export import export_onnx

    export_onnx(checkpoint, out)
    print(out)


@app.command()
def ablate(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Table (YAML), such as those in training/ablations.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder of the runs and the table.")],
    budget: Annotated[str, typer.Option("--budget", help="smoke or full.")] = "smoke",
    updates: Annotated[int | None, typer.Option("--updates", min=1, help="Of the weights, per row.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Runs of each row.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Runs side by side, one thread each.")] = 1,
    accelerator: Annotated[str, typer.Option("--accelerator", help="cpu or cuda.")] = "cpu",
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, help="Stop then; the same command goes on.")
    ] = None,
    rows: Annotated[list[str] | None, typer.Option("--row", metavar="NAME", help="This row alone; repeatable.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe of all rows.")
    ] = None,
) -> None:
    """Train and compare the rows of an ablation table, and set the paper's numbers beside ours.

    Data that are missing are made first. What is done stays done: the same command goes on.
    The folder receives table.md and table.json; exit code 1 when a row failed.

    \b
    Examples:
      python -m training ablate training/ablations/densereg_bins.yaml -o out/ablations/densereg_bins --jobs 2
      python -m training ablate TABLE.yaml -o DIR --budget full --jobs 8 --accelerator cuda --minutes 9
    """
    from training.ablation.ablate import PAGE, AblationOptions, ablate
    from training.ablation.table import load_table

    options = AblationOptions(budget, updates, seeds, jobs, accelerator, minutes, tuple(rows or ()))
    loaded = load_table(table)
    loaded = loaded.model_copy(update={"set": (*loaded.set, *(overrides or ()))})
    result = ablate(loaded, out, options, lambda line: print(line, file=sys.stderr, flush=True))
    print((out / PAGE).read_text(encoding="utf-8"))
    print(out / PAGE)
    if result["failed"]:
        raise typer.Exit(1)


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="Folder `last` or `best` of a run.")],
    pictures: Annotated[Path, typer.Argument(metavar="PHOTO_OR_FOLDER", help="A photo, or a folder of them.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for drawings and numbers.")],
    boxes: Annotated[Path | None, typer.Option("--boxes", metavar="FILE", help="Face boxes: .csv or .json.")] = None,
    tight: Annotated[bool, typer.Option("--tight", help="The boxes are those of the landmarks.")] = False,
    landmarks: Annotated[
        Path | None, typer.Option("--landmarks", metavar="FILE", help="Landmarks, as synthgen fit reads them.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--target", metavar="PHOTO", help="What dfc trained on pairs matches with.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Morphable model.")] = None,
) -> None:
    """Run a checkpoint on photos and draw what it sees: synthgen predict without an export."""
    from synthgen.predict.faces import FaceSource
    from synthgen.predict.run import PredictRequest, run_predict
    from training.checkpoint_network import open_checkpoint

    source = FaceSource(pictures, boxes, landmarks, tight)
    network = open_checkpoint(checkpoint)
    found = run_predict(network, PredictRequest(source, out, target, model), lambda text: print(text, file=sys.stderr))
    print(f"{len(found)} faces", file=sys.stderr)
    print(out)


@app.command()
def cascade(
    training: Annotated[Path, typer.Argument(metavar="DATASET", help="Faces with landmarks to learn from.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the cascades.")],
    validation: Annotated[
        Path | None, typer.Option("--validation", metavar="DATASET", help="Other faces, to measure on.")
    ] = None,
    densereg: Annotated[
        Path | None, typer.Option("--densereg", metavar="NETWORK", help="Checkpoint or .onnx that gives starts.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=3, max=4, help="Regressions.")] = 4,
    copies: Annotated[int, typer.Option("--copies", min=1, help="Random starts of each face.")] = 5,
    ridge: Annotated[float, typer.Option("--ridge", min=0, help="Prior of the regressions.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Of the starts.")] = 0,
) -> None:
    """Train densereg's cascaded refinement and compare what it starts from (figure 7).

    \b
    Example:
      python -m training cascade out/densereg/training --validation out/densereg/validation \\
          --densereg out/densereg/compact/best -o out/densereg/cascade
    """
    from training.cascade.experiment import compare_starts, read_faces, train_cascades
    from training.cascade.regressors import REACHES, CascadeOptions
    from training.cascade.store import save_cascades
    from training.cascade.table import cascade_table
    from training.checkpoint_network import open_network

    network = None if densereg is None else open_network(densereg)
    options = CascadeOptions(REACHES[:steps], ridge=ridge)

    def told(name: str, step: int, error: float) -> None:
        print(f"starts {name}: step {step}, mean distance {error:.4f} of the shape's size", file=sys.stderr)

    cascades = train_cascades(read_faces(training), options, copies, seed, told)
    save_cascades(out, cascades)
    if validation is not None:
        print(cascade_table(compare_starts(cascades, read_faces(validation), network)))
    print(out)


@app.command()
def refine(
    cascades: Annotated[Path, typer.Argument(metavar="CASCADE", help="Folder of python -m training cascade.")],
    data: Annotated[Path, typer.Argument(metavar="DATASET", help="Faces to measure on.")],
    densereg: Annotated[
        Path | None, typer.Option("--densereg", metavar="NETWORK", help="Checkpoint or .onnx that gives starts.")
    ] = None,
) -> None:
    """Measure stored cascades on a dataset, by start and step."""
    from training.cascade.experiment import compare_starts, read_faces
    from training.cascade.store import load_cascades
    from training.cascade.table import cascade_table
    from training.checkpoint_network import open_network

    network = None if densereg is None else open_network(densereg)
    print(cascade_table(compare_starts(load_cascades(cascades), read_faces(data), network)))


def main() -> int:
    """The command line; errors meant for a user are one message and an exit code."""
    words = sys.argv[1:]
    if words and words[0].endswith((".yaml", ".yml")):  # a recipe alone is to be trained
        words.insert(0, "train")
    try:
        app(words, prog_name="python -m training")  # which tells of unknown commands, options and values itself
    except SynthgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.filename is None and error.strerror is None:
            raise
        print(f"{error.filename or 'the operating system'}: {error.strerror}", file=sys.stderr)
        return 1
    except SystemExit as done:
        return int(done.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
