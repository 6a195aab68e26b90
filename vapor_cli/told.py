"""How a command ends: what it could not do is one line on the error stream, and its exit code says which kind it is."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, Protocol, runtime_checkable

import typer
from typer.core import TyperGroup

FINE, OVER, FAILED = 0, 1, 2  # all is well; a limit is exceeded or something is damaged; it could not be done
LONGEST = 600  # letters of a line


def quiet(*, verbose: bool = False) -> None:
    """Leave to a command's own words what the database has to say, unless a person asks for it."""
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL, format="%(message)s")


@contextmanager
def one_line() -> Iterator[None]:
    """Whatever is wrong with what a person gave becomes one line and exit code 2."""
    from vapor_core.errors import VaporError  # noqa: PLC0415 - a command's first word does not wait for the core

    try:
        yield
    except VaporError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the file'}: {error.strerror or error}")


def fail(sentence: str) -> NoReturn:
    """Say why it could not be done, and end.

    Raises:
        typer.Exit: always.
    """
    typer.echo(" ".join(sentence.split())[:LONGEST], err=True)
    raise typer.Exit(FAILED)


class Commands(TyperGroup):
    """Commands whose misuse is one line too: an option that is none, a word where a number belongs, a missing file."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: object,
    ) -> object:
        """As typer's own, which draws a box around what was wrong."""
        try:
            code: object = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
            if not standalone_mode:
                return code
        except typer.Abort:
            if not standalone_mode:
                raise
            code = _ended_by_hand()
        except Exception as error:  # typer has click's errors under a name of its own in some versions
            if not standalone_mode or not isinstance(error, Misuse):
                raise
            code = _misused(error)
        sys.exit(code if isinstance(code, int) else FINE)


@runtime_checkable
class Misuse(Protocol):
    """What click raises for a command line that makes no sense."""

    def format_message(self) -> str:
        """What was wrong."""

    def show(self) -> None:
        """Print it as click would."""


def _misused(error: Misuse) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # nothing was asked: its message is the help
        error.show()
        return FAILED
    context = getattr(error, "ctx", None)
    said = " ".join(error.format_message().split()).rstrip(".")
    help_by = f"; {context.command_path} --help says what it takes" if context is not None else ""
    typer.echo(f"{said[:LONGEST]}{help_by}", err=True)
    return FAILED


def _ended_by_hand() -> int:
    typer.echo("ended before it was done", err=True)
    return 1
