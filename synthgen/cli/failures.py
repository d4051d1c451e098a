"""Errors become one message on stderr and an exit code; a traceback means a bug."""

import functools
import os
import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import typer

from synthgen.cli.console import complain, say
from synthgen.core.errors import SynthgenError

INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141


def with_exit_codes(command: Callable[..., None]) -> Callable[..., None]:
    """The command, ending with the exit code of core.errors where it raises an error meant for a user."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except SynthgenError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has gone; what is left in the buffer must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except OSError as error:
            if error.filename is None and error.strerror is None:
                raise
            complain(f"{error.filename or 'the operating system'}: {error.strerror}")
            raise typer.Exit(1) from None

    return run


def stop_on_terminate() -> None:
    """A polite kill unwinds like Ctrl-C, so that temporary files are removed."""

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, stop)


def command_line(*added: str) -> str:
    """The command of this process as it can be typed again, with more options."""
    words = ["synthgen", *(word for word in sys.argv[1:] if word not in added), *added]
    return shlex.join(words)
