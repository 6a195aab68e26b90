"""The commands that look after a journal: `vapor journal check | repair | export | restore`.

Each takes a file's path or a database URL. Exit codes: 0 all is well, 1 something is damaged, 2 it could not be done.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from vapor_cli.told import FINE, OVER, one_line, quiet

app = typer.Typer(help="Look after a journal.", no_args_is_help=True, pretty_exceptions_enable=False)
Place = Annotated[str, typer.Argument(metavar="PATH_OR_URL", help="a journal's file, or a database URL")]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="where the new journal is written: a path or a URL")
]


@app.callback()
def journal(verbose: Annotated[bool, typer.Option(help="tell what the database says")] = False) -> None:
    """Look after a journal."""
    quiet(verbose=verbose)


@app.command()
def check(place: Place) -> None:
    """Read all of a journal and list what is damaged, missing or not understood; nothing is changed."""
    with one_line():
        from vapor_core.journal import care  # noqa: PLC0415 - takes a while to load

        found = list(care.check(place))
        if not found:
            found = [*_does_not_follow(place)]
    for sentence in found:
        typer.echo(sentence)
    typer.echo(f"{len(found):,} found" if found else "all of it is whole")
    raise typer.Exit(OVER if found else FINE)


@app.command()
def repair(place: Place, target: Target) -> None:
    """Write a copy of what is sound; what is not goes into a file beside it. The journal itself stays as it is."""
    with one_line():
        from vapor_core.journal import care  # noqa: PLC0415 - takes a while to load

        done = care.repair(place, target)
    typer.echo(f"{done.events:,} events and {done.blocks:,} blocks of points are in {target}")
    if done.side_file is not None:
        typer.echo(f"{done.left_out:,} were left out; they are in {done.side_file}")


@app.command()
def export(
    place: Place,
    workspace: Annotated[str | None, typer.Option(help="only this one")] = None,
    out: Annotated[Path | None, typer.Option(help="a file; the terminal where it is not given")] = None,
) -> None:
    """Write all workspaces, or one, as lines of JSON."""
    with one_line():
        from vapor_core.journal import care  # noqa: PLC0415 - takes a while to load

        lines = care.exported(place, workspace)
        if out is None:
            sys.stdout.writelines(lines)
        else:
            with out.open("w", encoding="utf-8") as file:
                file.writelines(lines)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="EXPORT", help="what `vapor journal export` wrote")],
    target: Target,
    skip_damaged: Annotated[bool, typer.Option(help="leave damaged lines out")] = False,
) -> None:
    """Write what was exported into an empty database."""
    with one_line():
        from vapor_core.journal import care  # noqa: PLC0415 - takes a while to load

        lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
        count, damaged = care.restore(lines, target, skip_damaged)
    typer.echo(f"{count:,} events and blocks of points are in {target}")
    if damaged:
        typer.echo(f"{len(damaged):,} lines were damaged or missing: {', '.join(map(str, damaged[:20]))}")
        raise typer.Exit(OVER)


def _does_not_follow(place: str) -> Iterator[str]:
    """Events that are whole and do not follow from those before them."""
    from vapor_core.journal.sql import look_at  # noqa: PLC0415
    from vapor_core.workspace.live import LiveWorkspace  # noqa: PLC0415

    held = look_at(place)
    try:
        for workspace in held.workspaces():
            yield from (f"workspace {workspace}: {each}" for each in LiveWorkspace(held, workspace).set_aside)
    finally:
        held.close()
