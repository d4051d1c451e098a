"""The command line: this file only registers the commands."""

import io
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

import synthgen
from synthgen.cli import (
    assets,
    demo,
    env,
    export,
    fit,
    generate,
    labels,
    model,
    predict,
    preview,
    profile,
    repair,
    report,
    show,
    status,
    texture,
    validate,
    verify,
    video,
)
from synthgen.cli.console import put
from synthgen.cli.failures import stop_on_terminate, with_exit_codes

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="synthgen",
    help="Synthetic faces with every label: a recipe becomes a sharded dataset.",
    epilog="Start with:  synthgen demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=CONTEXT,
)
model_app = typer.Typer(
    help="Morphable models: import, describe, look at.", no_args_is_help=True, context_settings=CONTEXT
)
asset_app = typer.Typer(
    help="Backgrounds, textures, lights and photos of a recipe.", no_args_is_help=True, context_settings=CONTEXT
)

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "validate": validate.validate,
    "preview": preview.preview,
    "generate": generate.generate,
    "fit": fit.fit,
    "labels": labels.labels,
    "profile": profile.profile,
    "video": video.video,
    "texture": texture.texture,
    "predict": predict.predict,
    "status": status.status,
    "verify": verify.verify,
    "repair": repair.repair,
    "show": show.show,
    "report": report.report,
    "export": export.export,
    "env": env.env,
}
ASSET_COMMANDS: dict[str, Callable[..., None]] = {"check": assets.check}
MODEL_COMMANDS: dict[str, Callable[..., None]] = {
    "import": model.import_model,
    "info": model.info,
    "preview": model.preview,
}


def _print_version(wanted: bool) -> None:
    if wanted:
        put(f"synthgen {synthgen.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


for _name, _command in COMMANDS.items():
    app.command(_name)(with_exit_codes(_command))
for _name, _command in MODEL_COMMANDS.items():
    model_app.command(_name)(with_exit_codes(_command))
for _name, _command in ASSET_COMMANDS.items():
    asset_app.command(_name)(with_exit_codes(_command))
app.add_typer(model_app, name="model")
app.add_typer(asset_app, name="assets")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line, that of the process by default; ends with SystemExit and the exit code."""
    stop_on_terminate()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path must not end a run where the output is ASCII
    app(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="synthgen")
