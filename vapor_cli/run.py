"""`vapor run`: the app, as `streamlit run Home.py` starts it, with what it stands on loaded before the first visit."""

import sys
import time
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Annotated

import typer

HOME = Path(__file__).parents[1] / "Home.py"
LOOKED_EVERY_S = 0.02
# What the first page imports; a browser takes longer to start than this does
FIRST_PAGE = ("vapor_ui.overview.workspace_view", "vapor_ui.shell.frame", "vapor_ui.shell.welcome")


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
        typer.echo(
            "this installation holds the core alone; clone the repository and start `make run` there",
            err=True,
        )
        raise typer.Exit(2)
    from streamlit.web import cli  # noqa: PLC0415 - other commands need no server

    given = {"--server.port": port, "--server.address": address, "--server.headless": headless or None}
    options = [f"{name}={str(value).lower()}" for name, value in given.items() if value is not None]
    Thread(target=_load, daemon=True).start()
    sys.argv = ["streamlit", "run", str(HOME), *options, *context.args]
    cli.main(prog_name="streamlit")


def _load() -> None:
    """Import what the first page needs, once the server listens: it would wait for that otherwise, or with it."""
    from streamlit import runtime  # noqa: PLC0415 - it is loaded by now
    from streamlit.runtime import RuntimeState  # noqa: PLC0415

    while not (runtime.exists() and runtime.get_instance().state is not RuntimeState.INITIAL):
        time.sleep(LOOKED_EVERY_S)
    from vapor_ui.entrance import arrival  # noqa: PLC0415 - it stands on Streamlit

    for name in (*arrival.LOADED_MEANWHILE, *FIRST_PAGE):
        import_module(name)
