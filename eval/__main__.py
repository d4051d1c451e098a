"""`python -m eval`: score predictions or a model by the protocol of a benchmark."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from eval.commands import register
from eval.protocol import FIRST_PIXELS, Missing, Protocol, Request, Result, as_json
from eval.protocols.registry import TITLES, load_protocol
from eval.result_files import write_result_file
from synthgen.core.errors import SynthgenError, UsageError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)  # fmt: skip


@app.callback()
def about() -> None:
    """Score landmarks, fields and reconstructions by the protocols of the papers.

    \b
    Examples:
      python -m eval list
      python -m eval aflw2000 --data AFLW2000-3D --predictions mine.npz --html mine.html
      python -m eval w300 --data 300W --model out/anisotropic/compact/best --json ours.json
      python -m eval compare ours.json theirs.json
    """


@app.command("list")
def list_protocols() -> None:
    """The protocols, and what data and predictions each takes."""
    for name in TITLES:
        protocol = load_protocol(name)
        print(f"{name}: {protocol.title}\n  --data         {protocol.data}\n  --predictions  {protocol.predictions}")
        for option, meaning in protocol.options.items():
            print(f"  --set {option}=VALUE  {meaning}")


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json", help="A result that --json wrote.")],
    second: Annotated[Path, typer.Argument(metavar="B.json", help="Another one of the same protocol and data.")],
    common: Annotated[bool, typer.Option("--common", help="On the samples that both have.")] = False,
) -> None:
    """Whether two methods differ: paired bootstrap interval and sign-flip test on the same samples."""
    from eval.comparing import differences, read_saved
    from eval.console import print_differences

    print_differences(differences(read_saved(first), read_saved(second), common), (first.stem, second.stem))


@app.command()
def runs(
    files: Annotated[list[Path], typer.Argument(metavar="RESULT.json...", help="One result for each run.")],
) -> None:
    """Mean and standard deviation of every number over runs, such as five seeds."""
    from eval.comparing import over_runs, read_saved
    from eval.console import print_runs

    print_runs(over_runs([read_saved(file) for file in files]), len(files))


@app.command()
def published(
    paper: Annotated[str, typer.Argument(metavar="[PAPER]", help="dfc, densereg, dal2d, tddfa_v2, anisotropic.")] = "",
) -> None:
    """The tables of the papers, as printed."""
    from eval.console import print_published
    from eval.published_tables import PAPERS, published_tables

    if paper and paper not in PAPERS:
        raise UsageError(f"no paper {paper!r}; there are {', '.join(PAPERS)}")
    for table in published_tables():
        if not paper or table.paper == paper:
            print_published(table)


register(app)


def score(
    context: typer.Context,
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The benchmark, see above.")],
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions", metavar="FILE", help="Any system's output: .npz with ids and points, .csv, .npy."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="PATH", help="A checkpoint folder or .onnx file that makes it.")
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option("--missing", metavar="fail|exclude", help="What a sample without a prediction is; no default."),
    ] = None,
    first_pixel: Annotated[
        float | None,
        typer.Option(
            "--first-pixel", help="What predictions give to the centre of the first pixel: 0 (default), 0.5 or 1."
        ),
    ] = None,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="Predictions have no ids and come in the benchmark's order.")
    ] = False,
    resamples: Annotated[int, typer.Option("--resamples", min=0, help="Of the bootstrap; 0 for no intervals.")] = 1000,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="See above.")] = None,
    name: Annotated[str, typer.Option("--name", help="What is scored, for tables and pages.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Numbers and every error.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Tables.")] = None,
    plots: Annotated[Path | None, typer.Option("--plots", metavar="FILE", help="Curves: .svg, .png, .pdf.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="A page with cases drawn.")] = None,
) -> None:
    """Score predictions or a model."""
    protocol = load_protocol(context.info_name or "")
    choice = _missing(missing)
    options = _options(sets or [], protocol.options)
    _refuse_what_is_not_taken(protocol, predictions, model, first_pixel, in_order)
    request = Request(data, predictions, model, choice, first_pixel or 0.0, in_order, resamples, options)
    result = protocol.run(request)
    _write(result, name or _method_name(predictions or model), json_file, markdown_file, plots, html)


def _write(
    result: Result,
    method: str,
    json_file: Path | None,
    markdown_file: Path | None,
    plots: Path | None,
    html: Path | None,
) -> None:
    from eval.console import print_result
    from eval.tables import markdown

    print_result(result, method)
    if json_file is not None:
        write_result_file(json_file, (json.dumps(as_json(result)) + "\n").encode())
    if markdown_file is not None:
        write_result_file(markdown_file, markdown(result, method).encode())
    if plots is not None:
        from eval.plots import write_curves

        write_curves(result.errors, plots)
    if html is not None:
        from eval.page import write_page

        write_page(result, method, html)
    for path in (json_file, markdown_file, plots, html):
        if path is not None:
            print(path)


def _refuse_what_is_not_taken(
    protocol: Protocol, predictions: Path | None, model: Path | None, first_pixel: float | None, in_order: bool
) -> None:
    """What a protocol would not look at is a mistake, not a wish to be passed over."""
    if model is not None and not protocol.takes_model:
        raise UsageError(f"{protocol.name} takes no --model; --predictions: {protocol.predictions}")
    if predictions is not None and not protocol.takes_predictions:
        raise UsageError(f"{protocol.name} takes no --predictions; {protocol.predictions}")
    if not protocol.takes_points and (in_order or first_pixel is not None):
        name = "--in-order" if in_order else "--first-pixel"
        raise UsageError(f"{protocol.name} takes no {name}; --predictions: {protocol.predictions}")
    if first_pixel not in (None, *FIRST_PIXELS):
        raise UsageError(f"--first-pixel {first_pixel:g}: expected {' or '.join(f'{one:g}' for one in FIRST_PIXELS)}")


def _missing(text: str | None) -> Missing | None:
    if text is None:
        return None
    for choice in get_args(Missing):
        if text == choice:
            return cast(Missing, choice)
    raise UsageError(f"--missing {text}: expected fail or exclude")


def _options(sets: list[str], known: Any) -> dict[str, str]:
    options = {}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise UsageError(f"--set {text}: expected NAME=VALUE with a name of {', '.join(known) or 'none'}")
        options[name] = value
    return options


def _method_name(path: Path | None) -> str:
    if path is None:
        return ""
    # A run's folder is out/METHOD/RUN/best.
    return "/".join(path.absolute().parts[-3:-1]) if path.name in ("best", "last") else path.stem


def _help(name: str) -> str:
    protocol = load_protocol(name)
    lines = [protocol.title + ".", "", f"--data: {protocol.data}.", "", f"--predictions: {protocol.predictions}."]
    for option, meaning in protocol.options.items():
        lines += ["", f"--set {option}=VALUE: {meaning}."]
    return "\n".join(lines)


def _register(names: list[str]) -> None:
    """Commands of the protocols; their modules are loaded when one of them is asked for."""
    app.registered_commands = [command for command in app.registered_commands if command.name not in TITLES]
    for name in TITLES:
        app.command(name, help=_help(name) if name in names else TITLES[name])(score)


def main(arguments: list[str] | None = None) -> int:
    """The command line; errors meant for a user are one message and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    _register(words)
    try:
        app(words, prog_name="python -m eval", standalone_mode=True)
    except SynthgenError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except SystemExit as done:
        return int(done.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
