"""`vapor serve`: the app, and beside it the routes by which trainers log their runs into it."""

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from vapor_cli.told import fail

HOME = Path(__file__).parents[1] / "Home.py"
SERVES = "VAPOR_SERVES"  # tells the app that the routes are there
SERVED_AT = "VAPOR_SERVED_AT"  # and whom this server listens to, which Streamlit does not know of it
FIRST_PORT, PORTS = 8501, 50
LARGEST_MESSAGE = 200 * 2**20  # bytes of what a browser sends at once, as Streamlit's own server has it


def serve(
    port: Annotated[int | None, typer.Option(help="where it listens; 8501 where that is free")] = None,
    address: Annotated[str, typer.Option(help="whom it listens to; 0.0.0.0 for everybody")] = "127.0.0.1",
    headless: Annotated[bool, typer.Option(help="open no browser")] = False,
) -> None:
    """Serve the app and MLflow's tracking protocol: what a trainer reports to MLflow becomes a live job.

    On Monitor, *Log from a trainer* gives the address for MLFLOW_TRACKING_URI. Rules that watch jobs are looked at also
    while no page is open.

    Exit codes: 0 it was ended, 2 it cannot serve.
    """
    if not HOME.is_file():
        fail("this installation holds the core alone; clone the repository and start `vapor serve` there")
    listens_at = port or _free_port(address)
    os.environ |= {SERVES: "tracking", SERVED_AT: address}
    import uvicorn  # noqa: PLC0415 - other commands need no server

    shown = f"http://{address if address != '0.0.0.0' else 'localhost'}:{listens_at}"  # noqa: S104 - to compare with
    typer.echo(f"Vapor is served at {shown}")
    if not headless:
        typer.launch(shown)
    uvicorn.run(
        "vapor_api.serving:app",
        host=address,
        port=listens_at,
        log_level="warning",
        access_log=False,
        ws_max_size=LARGEST_MESSAGE,
        timeout_graceful_shutdown=3,
    )


def _free_port(address: str) -> int:
    """The first of a few that nobody listens at."""
    free = next((port for port in range(FIRST_PORT, FIRST_PORT + PORTS) if _is_free(address, port)), None)
    if free is None:
        fail(
            f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free at {address}; name another by --port"
        )
    return free


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
