"""`python -m eval`: score predictions or a model by the protocol of a benchmark."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from eval.commands import register
from eval.protocols.registry import MODULES
from synthgen.core.errors import SynthgenError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Score landmarks, fields and reconstructions by the protocols of the papers."""


@app.command("list")
def list_protocols() -> None:
    """The protocols and what they take."""
    from eval.protocols.registry import load_protocol

    for name in MODULES:
        print(f"{name:12} {load_protocol(name).title}")


def score(
    context: typer.Context,
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The benchmark as it is released.")],
    predictions: Annotated[Path | None, typer.Option("--predictions", metavar="FILE", help="NPZ or CSV.")] = None,
    model: Annotated[Path | None, typer.Option("--model", metavar="CKPT|ONNX", help="Makes the predictions.")] = None,
) -> None:
    """Score predictions."""
    from eval.protocol import Request
    from eval.protocols.registry import load_protocol

    result = load_protocol(context.info_name or "").run(Request(data, predictions, model))
    for number in result.numbers:
        print(f"{number.key:60} {number.value:.4g} {number.unit}")


for _name in MODULES:
    app.command(_name)(score)
register(app)


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
