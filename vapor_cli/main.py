"""Where the command `vapor` starts: its groups of commands, and how an error becomes one line and an exit code."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from vapor_cli import journal
from vapor_cli.doctor import doctor
from vapor_cli.estimate import estimate
from vapor_cli.follow import follow
from vapor_cli.measure import measure
from vapor_cli.run import run
from vapor_cli.serve import serve
from vapor_cli.told import FAILED, FINE


class OneLine(TyperGroup):
    """What is wrong with how a command was called is one line and exit code 2 too, of every option of all commands."""

    def main(  # noqa: D102 - as the class says
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **more: Any,  # noqa: ANN401 - whatever typer hands on
    ) -> Any:  # noqa: ANN401
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **more)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **more)
        except (typer.Abort, KeyboardInterrupt):
            sys.exit(130)
        except Exception as error:
            said = getattr(error, "format_message", None)  # of whichever click typer stands on
            if said is None:
                raise
            typer.echo(" ".join(str(said()).split()) + " See --help.", err=True)
            sys.exit(FAILED)
        sys.exit(code if isinstance(code, int) else FINE)


app = typer.Typer(
    name="vapor",
    cls=OneLine,
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
