"""How a command ends: what it could not do is one line on the error stream, and its exit code says which kind it is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

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
