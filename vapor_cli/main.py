"""Where the command `vapor` starts: its groups of commands, and how an error becomes one line and an exit code."""

import typer

from vapor_cli import journal

app = typer.Typer(
    name="vapor",
    help="Vapor from a terminal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(journal.app, name="journal")


@app.callback()
def vapor() -> None:
    """Vapor from a terminal."""
