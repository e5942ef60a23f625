"""The program: its verbs, and how every error becomes one line and an exit code.

Exit codes: 0 ok, 2 wrong content or request, 3 partial (or the disk refused), 4 a file that
cannot be parsed, is unsafe or fails its checksum, 5 numerical failure, 130/143 interrupted.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any, TextIO

import typer

from noneq import __version__
from noneq.cache import environment
from noneq.cli.output import say
from noneq.cli.ranks import join
from noneq.cli.stopping import Stopped, leave, stop_on_signals
from noneq.cli.verbs import VERBS
from noneq.errors import Interrupted, NoneqError
from noneq.progress import silence


# Typer keeps the exceptions of its parser in click or in itself, depending on its version.
_UsageError: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Non-equilibrium generative modelling: simulate or read data, fit, sample, compare.",
    epilog="First steps: noneq demo, or noneq inspect FILE. Every verb explains itself: --help.",
)
for verb in VERBS:
    app.command(name=verb.__name__.rstrip("_"), no_args_is_help=False)(verb)


def _version(asked: bool) -> bool:
    if asked:
        typer.echo(f"noneq {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Options before the verb."""


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code; an error is one line on stderr."""
    typed = arguments = list(arguments)
    debug = "--debug" in arguments
    arguments = [word for word in arguments if word != "--debug"]  # allowed anywhere
    with warnings.catch_warnings(), silence():
        warnings.showwarning = _show_warning
        try:
            join()
            code = typer.main.get_command(app).main(
                arguments, prog_name="noneq", standalone_mode=False, obj=typed
            )
            sys.stdout.flush()
            if code == 130:  # typer took a KeyboardInterrupt for an exit
                raise KeyboardInterrupt
            return code if isinstance(code, int) else 0
        except BrokenPipeError:  # `noneq list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except SystemExit:  # rich met a closed pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except BaseException as error:
            if debug and not isinstance(error, _UsageError):
                raise
            code, text = _verdict(error)
            say(text)
            return code


def main() -> None:
    """Entry point of ``noneq``; keeps compiled programs for the next call."""
    stop_on_signals()
    os.environ.update(environment())
    for stream in (sys.stdout, sys.stderr):
        replace_unknown(stream)
    leave(run(sys.argv[1:]))


def replace_unknown(stream: TextIO) -> None:
    """Show a question mark for what a terminal's encoding lacks, such as µ in ASCII."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")


def _verdict(error: BaseException) -> tuple[int, str]:
    """Exit code and the one line."""
    if isinstance(error, _UsageError):
        return 2, f"{error.format_message()} (noneq --help)"  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(error, Interrupted | Stopped):
        return 128 + error.signal, str(error)
    if isinstance(error, NoneqError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return 130, "interrupted."
    if isinstance(error, MemoryError):
        return 2, "not enough memory; use fewer samples, times or components."
    if isinstance(error, OSError):
        return 3, f"{error.filename or 'the system'}: {error.strerror or error}."
    name, text = type(error).__name__, str(error) or "no message"
    return 1, f"unexpected {name}: {text.splitlines()[0]} (a bug: --debug shows where)"


def _show_warning(message: Any, *_: Any) -> None:
    say(f"warning: {message}")
