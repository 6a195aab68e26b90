"""`vapor run`: the app, as `streamlit run Home.py` starts it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vapor_cli.told import fail

HOME = Path(__file__).parents[1] / "Home.py"


def run(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="where it listens; 8501 where that is free")] = None,
    address: Annotated[
        str | None, typer.Option(help="whom it listens to; 127.0.0.1 for this machine alone")
    ] = None,
    headless: Annotated[bool, typer.Option(help="open no browser")] = False,
) -> None:
    """Serve the app. Options of Streamlit follow after --, as in `vapor run -- --theme.base dark`."""
    if not HOME.is_file():
        fail("this installation holds the core alone; clone the repository and start `make run` there")
    from streamlit.web import cli  # noqa: PLC0415 - other commands need no server

    given = {"--server.port": port, "--server.address": address, "--server.headless": headless or None}
    options = [f"{name}={str(value).lower()}" for name, value in given.items() if value is not None]
    sys.argv = ["streamlit", "run", str(HOME), *options, *context.args]
    cli.main(prog_name="streamlit")
