"""`vapor follow`: a run that a trainer is doing, in a terminal, from the log that it writes."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Annotated

import typer

from vapor_cli.told import FINE, OVER, one_line

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.backends.followed.follow import Follower

LOOK_S = 1.0  # between two looks
COLUMNS = {  # column -> its head, how wide it is, how it is written
    "step": ("step", 9, "{:,.0f}"),
    "epoch": ("epoch", 8, "{:.3g}"),
    "loss": ("loss", 9, "{:.4f}"),
    "eval_loss": ("eval", 9, "{:.4f}"),
    "learning_rate": ("rate", 10, "{:.3g}"),
    "grad_norm": ("norm", 9, "{:.3g}"),
    "tokens_per_second": ("tokens/s", 10, "{:,.0f}"),
    "memory_gb": ("memory", 9, "{:.2f} GB"),
}


def follow(
    path: Annotated[str, typer.Argument(help="a log that a trainer writes, or the folder of one run")],
    once: Annotated[bool, typer.Option(help="print what is there, and end")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON a row, for programs")] = False,
) -> None:
    """Print a run's rows as its trainer writes them, until it has ended.

    Reads JSON a line, tables, printed lines, TensorBoard's events and a Trainer's state.

    Exit codes: 0 completed (or --once), 1 it failed or was stopped, 2 nothing of it can be read.
    """
    from vapor_core.backends.followed import follow as following  # noqa: PLC0415 - takes a while to load

    with one_line():
        run = following.follow(path)
        try:
            code = _print(run, once=once, as_json=as_json)
        except KeyboardInterrupt:
            code = FINE
    raise typer.Exit(code)


def _print(run: Follower, *, once: bool, as_json: bool) -> int:
    shown: list[str] = []
    while True:
        rows = run.look(now=time.time())
        shown = _rows(rows, shown, as_json=as_json)
        stands = run.standing
        if stands.ended and not as_json:
            typer.echo(f"{stands.ended} after {stands.step:,} {stands.counts}s")
        if once or stands.ended:
            return FINE if once or stands.ended == "completed" else OVER
        time.sleep(LOOK_S)


def _rows(rows: pd.DataFrame, shown: list[str], *, as_json: bool) -> list[str]:
    """Print rows; the columns that are in the table by now."""
    for row in rows.to_dict("records"):
        known = {str(name): value for name, value in row.items() if not math.isnan(value)}
        if as_json:
            typer.echo(
                json.dumps({name: value if math.isfinite(value) else None for name, value in known.items()})
            )
            continue
        fresh = [name for name in COLUMNS if name in known and name not in shown]
        if fresh:
            shown = [name for name in COLUMNS if name in known or name in shown]
            typer.echo("".join(f"{COLUMNS[name][0]:>{COLUMNS[name][1]}}" for name in shown))
        typer.echo("".join(_cell(name, known) for name in shown))
    return shown


def _cell(name: str, known: dict[str, float]) -> str:
    _, width, form = COLUMNS[name]
    value = known.get(name, math.nan)
    written = "" if math.isnan(value) else "no number" if math.isinf(value) else form.format(value)
    return f"{written:>{width}}"
