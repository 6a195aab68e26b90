"""Where the command `vapor` starts: its groups of commands, and how an error becomes one line and an exit code."""

import typer

from vapor_cli import journal
from vapor_cli.doctor import doctor
from vapor_cli.estimate import estimate
from vapor_cli.follow import follow
from vapor_cli.measure import measure
from vapor_cli.run import run
from vapor_cli.serve import serve
from vapor_cli.told import Commands

app = typer.Typer(
    name="vapor",
    cls=Commands,
    help="Vapor from a terminal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(journal.app, name="journal")
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)
app.command()(serve)
app.command()(estimate)
app.command()(measure)
app.command()(follow)
app.command()(doctor)


@app.callback()
def vapor() -> None:
    """Vapor from a terminal."""
