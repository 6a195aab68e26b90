"""`vapor serve`: the app, and beside it the routes by which trainers log their runs into it."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vapor_cli.told import fail

SERVING = Path(__file__).parents[1] / "vapor_api" / "serving.py"
SERVES = "VAPOR_SERVES"  # tells the app that the routes are there


def serve(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="where it listens; 8501 where that is free")] = None,
    address: Annotated[str, typer.Option(help="whom it listens to; 0.0.0.0 for everybody")] = "127.0.0.1",
    headless: Annotated[bool, typer.Option(help="open no browser")] = False,
) -> None:
    """Serve the app and MLflow's tracking protocol: what a trainer reports to MLflow becomes a live job.

    On Monitor, *Log from a trainer* gives the address for MLFLOW_TRACKING_URI. Options of Streamlit follow after --.
    """
    if not SERVING.with_name("routes.py").is_file() or not (SERVING.parents[1] / "Home.py").is_file():
        fail("this installation holds the core alone; clone the repository and start `vapor serve` there")
    from streamlit.web import cli  # noqa: PLC0415 - other commands need no server

    os.environ[SERVES] = "tracking"
    given = {"--server.port": port, "--server.address": address, "--server.headless": headless or None}
    options = [f"{name}={str(value).lower()}" for name, value in given.items() if value is not None]
    sys.argv = ["streamlit", "run", str(SERVING), *options, *context.args]
    cli.main(prog_name="streamlit")
