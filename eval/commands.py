"""Commands beside the protocols."""

from pathlib import Path
from typing import Annotated

import typer

RECIPE = Path("recipes/benchmark.yaml")


def make_sweeps(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="New folder.")],
    recipe: Annotated[Path, typer.Option("--recipe", metavar="FILE.yaml", help="Whose faces are shown.")] = RECIPE,
    faces: Annotated[int, typer.Option("--faces", min=1, max=10_000, help="Faces at every level.")] = 32,
) -> None:
    """Render the pictures that the protocol `sweeps` scores: yaw, occluded features, light, box jitter."""
    from eval.sweep_set import write_sweeps
    from synthgen.recipe.load import load_recipe

    count = write_sweeps(load_recipe(recipe), out, faces)
    typer.echo(f"{out}: {count} pictures")


def components(
    data: Annotated[Path, typer.Option("--data", metavar="DATASET", help="Whose faces lose components.")],
    identity: Annotated[str, typer.Option(metavar="N,N,...", help="Identity components kept.")] = "10,20,30,40",
    expression: Annotated[str, typer.Option(metavar="N,N,...", help="Expression components kept.")] = "2,4,6,8,10",
    out: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers.")] = None,
) -> None:
    """Landmark NME when a shape keeps its first components alone (tddfa_v2 figure 9)."""
    import json

    from eval.component_sweep import component_sweep, faces_of
    from eval.result_files import write_result_file
    from synthgen.dataset.reader import open_dataset
    from synthgen.morphable.open_model import open_model
    from synthgen.recipe.schema import Recipe

    dataset = open_dataset(data)
    model = open_model(Recipe.model_validate(dataset.recipe).model)
    found = component_sweep(model, faces_of(dataset), _numbers(identity), _numbers(expression))
    typer.echo("NME (%) of 68 points; rows: identity components, columns: expression components")
    typer.echo("      " + "".join(f"{count:8}" for count in found.expression))
    for count, row in zip(found.identity, found.nme, strict=True):
        typer.echo(f"{count:6}" + "".join(f"{100 * value:8.3f}" for value in row))
    if out is not None:
        content = {"identity": found.identity, "expression": found.expression, "nme": found.nme.tolist(),
                   "dataset": dataset.fingerprint}  # fmt: skip
        write_result_file(out, (json.dumps(content, indent=1) + "\n").encode())


def run_table(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of training runs.")],
    options: Annotated[str, typer.Option(metavar="NAME,NAME", help="Options that the runs differ in.")],
    measure: Annotated[str, typer.Option(metavar="NAME", help="Measure of their evaluation.")],
) -> None:
    """A measure of training runs against options: a and b (anisotropic), bins (densereg figure 5)."""
    from eval.run_sweep import run_sweep

    names = options.split(",")
    typer.echo("".join(f"{name:>12}" for name in (*names, measure)))
    for point in run_sweep(runs, names, measure):
        typer.echo("".join(f"{point.options[name]!s:>12}" for name in names) + f"{point.value:12.4g}  {point.run}")


def speed(
    methods: Annotated[str, typer.Option(metavar="NAME,...", help="Networks that are timed.")] = (
        "dfc,densereg,dal2d,tddfa_v2,anisotropic"
    ),
    sizes: Annotated[str, typer.Option(metavar="NAME,...", help="paper, compact, or paper,compact.")] = "paper",
    calls: Annotated[int, typer.Option(min=1, help="Calls of each, at most.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.1, help="For the calls of each, about.")] = 1.0,
    onnx: Annotated[bool, typer.Option(help="ONNX Runtime, too; exporting takes a while.")] = True,
    out: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers.")] = None,
    table: Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Write tables.")] = None,
) -> None:
    """Parameters, multiply-adds and latency of one picture: median, 90th and 99th percentile."""
    import json
    from dataclasses import asdict

    from eval.console import print_published
    from eval.result_files import write_result_file
    from eval.speed import speed_result, speed_rows
    from eval.tables import comparisons, markdown
    from eval.timing import TimingOptions

    rows = []
    wanted = tuple(methods.split(",")), tuple(sizes.split(","))

    def told(text: str) -> None:
        typer.echo(text, err=True)

    for row in speed_rows(*wanted, TimingOptions(calls=calls, seconds=seconds), onnx, told):
        rows.append(row)
        cost = "" if row.parameters is None else f"{row.parameters / 1e6:.2f} M parameters, "
        cost += "" if row.multiply_adds is None else f"{row.multiply_adds / 1e6:.1f} M multiply-adds"
        typer.echo(f"{row.name} ({row.size}) {cost}")
        for name, latency in row.latencies.items():
            times = f"{latency.median:9.2f} {latency.p90:9.2f} {latency.p99:9.2f} ms"
            typer.echo(f"    {name:28}{times}   ({latency.calls} calls)")
        if row.published:
            typer.echo(f"    published: {row.published}")
    result = speed_result(rows)
    for comparison in comparisons(result):
        print_published(comparison.table, ("networks of the recipes", comparison.ours))
    if out is not None:
        write_result_file(out, (json.dumps([asdict(row) for row in rows], indent=1) + "\n").encode())
    if table is not None:
        write_result_file(table, markdown(result, "networks of the recipes").encode())


def demo(
    models: Annotated[Path, typer.Option(metavar="DIR", help="Folder with METHOD/compact/best.")] = Path("out"),
    images: Annotated[Path, typer.Option(metavar="DATASET")] = Path("out/benchmark"),
    pairs: Annotated[Path, typer.Option(metavar="DATASET")] = Path("out/benchmark_pairs"),
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR")] = Path("out/eval_demo"),
) -> None:
    """Score the compact models on the synthetic benchmark (make eval-demo) and write pages."""
    from eval.demo import demo_pages
    from eval.result_files import make_folder

    make_folder(out)
    typer.echo(f"open in a browser: {demo_pages(models, images, pairs, out, typer.echo).absolute().as_uri()}")


def _numbers(text: str) -> list[int]:
    from synthgen.core.errors import UsageError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"{text!r} is not a list of whole numbers such as 10,20,40") from error


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("make-sweeps")(make_sweeps)
    app.command("components")(components)
    app.command("run-table")(run_table)
    app.command("speed")(speed)
    app.command("demo")(demo)
