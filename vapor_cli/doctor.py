"""`vapor doctor`: what is installed, which backends are on and what they lack, and whether the journal is whole."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vapor_cli.told import FINE, OVER, one_line, quiet

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE = "vapor"
BACKENDS = {
    "local": "training on this machine",
    "ray": "training on a Ray cluster",
}  # each wants the extra of its name; one that this version only refuses is none
WITHOUT_EXTRA = ("hf_jobs",)  # backends that what is always installed is enough for
EXTRAS = {"postgres": "a journal in PostgreSQL", "auth": "sign-in", **BACKENDS}
FIRST_DAMAGES = 10  # that are printed


@dataclass(frozen=True, slots=True)
class Wanted:
    """A package that an installation stands on."""

    name: str
    range: str
    has: str | None  # the version that is installed

    @property
    def fits(self) -> bool:
        """Whether it is there, in a version that is tried."""
        from packaging.specifiers import SpecifierSet  # noqa: PLC0415 - other commands need it not

        return self.has is not None and SpecifierSet(self.range).contains(self.has, prereleases=True)


def doctor(
    database: Annotated[
        str | None, typer.Option(help="a journal's path or URL, in place of the server's own")
    ] = None,
    repair: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET", help="where a copy of what is sound is written, if something is damaged"
        ),
    ] = None,
) -> None:
    """Look whether everything is in order: packages, backends, the journal.

    For example: vapor doctor --database vapor.db --repair whole.db

    Exit codes: 0 all is well, 1 something is wrong, 2 it could not be looked at.
    """
    quiet()
    typer.echo(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    try:
        known = wanted()
    except PackageNotFoundError:
        known, troubles = {}, ["Vapor is not installed here: pip install -e . in Vapor's folder"]
    else:
        troubles = _packages(known)
    troubles += _backends(known)
    with one_line():
        troubles += _journal(database or _own_database(), repair)
    for sentence in troubles:
        typer.echo(f"wrong: {sentence}", err=True)
    typer.echo(f"{len(troubles)} found" if troubles else "all is well")
    raise typer.Exit(OVER if troubles else FINE)


def wanted() -> dict[str, tuple[Wanted, ...]]:
    """What this version stands on, by extra; "" for what it always needs.

    Raises:
        PackageNotFoundError: where Vapor runs from a folder without having been installed.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415

    extras = metadata(PACKAGE).get_all("Provides-Extra") or []
    asked = [Requirement(line) for line in requires(PACKAGE) or ()]
    always = [one for one in asked if _applies(one, "")]
    of_extras = {
        extra: [one for one in asked if _applies(one, extra) and one not in always] for extra in extras
    }
    return {extra: tuple(map(_found, some)) for extra, some in {"": always, **of_extras}.items()}


def _applies(asked: Requirement, extra: str) -> bool:
    """Whether a requirement is one of this machine's with an extra."""
    return asked.marker is None or asked.marker.evaluate({"extra": extra})


def _found(asked: Requirement) -> Wanted:
    try:
        has: str | None = version(asked.name)
    except PackageNotFoundError:
        has = None
    return Wanted(asked.name, str(asked.specifier), has)


def _packages(known: dict[str, tuple[Wanted, ...]]) -> list[str]:
    """Print what is installed; what is missing or of another version than was tried."""
    typer.echo(
        f"Vapor {version(PACKAGE)}: {', '.join(f'{one.name} {one.has}' for one in known[''] if one.has)}"
    )
    for extra, meaning in EXTRAS.items():
        lacking = [one.name for one in known.get(extra, ()) if not one.fits]
        has = "" if extra in known else "this version does not have it yet"
        needs = (
            f"needs {', '.join(lacking)}: pip install -e '.[{extra}]' in Vapor's folder"
            if lacking
            else "installed"
        )
        typer.echo(f"{meaning} (extra {extra}): {has or needs}")
    return [
        f"{one.name} {one.has or 'is missing'}; {one.range} is needed: pip install '{one.name}{one.range}'"
        for one in known[""]
        if not one.fits
    ]


def _backends(known: dict[str, tuple[Wanted, ...]]) -> list[str]:
    """Print which backends are on; what those lack."""
    from vapor_core.backends.local.jobs import named_backends  # noqa: PLC0415 - takes a while to load
    from vapor_ui.entrance import configured  # noqa: PLC0415 - it reads Streamlit's secrets

    configured.take_in()
    on = named_backends()
    typer.echo(f"real backends: {', '.join(on) or 'none; VAPOR_BACKENDS=local switches one on'}")
    troubles = []
    for name in on:
        lacking = [one.name for one in known.get(name, ()) if not one.fits]
        if name not in (*BACKENDS, *WITHOUT_EXTRA):
            there = ", ".join((*BACKENDS, *WITHOUT_EXTRA))
            troubles.append(f"VAPOR_BACKENDS names {name!r}; there are {there}")
        elif lacking:
            needs = ", ".join(lacking)
            troubles.append(f"the backend {name} needs {needs}: pip install -e '.[{name}]' in Vapor's folder")
    if "ray" in on:
        troubles += _ray()
    if "hf_jobs" in on:
        lends = os.environ.get("VAPOR_HF_JOBS_TOKEN", "").strip().lower() == "server"
        has = bool(os.environ.get("HF_TOKEN", "").strip())
        typer.echo(
            f"jobs of the Hub: {'with the token of this server' if lends else 'each person gives a token'}"
        )
        if lends and not has:
            troubles.append("VAPOR_HF_JOBS_TOKEN=server lends HF_TOKEN, which is not set; set it")
        if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on"):
            troubles.append(
                "the backend hf_jobs asks the Hub, which HF_HUB_OFFLINE forbids; start without it"
            )
    return troubles


def _ray() -> list[str]:
    """Print where the Ray cluster is, and that whoever reaches one may do anything there; what is wrong with it."""
    from vapor_core.backends.ray import place  # noqa: PLC0415
    from vapor_core.backends.ray.api import Cluster  # noqa: PLC0415
    from vapor_core.errors import BackendRefused  # noqa: PLC0415

    try:
        address = place.given()
    except BackendRefused as refused:
        return [str(refused)]
    typer.echo(f"Ray cluster: {address or 'one of its own on this machine, started with the first job'}")
    if address and not Cluster(address).is_here:
        typer.echo("  whoever reaches it may run anything on its machines: see that nobody else does")
    return []


def _own_database() -> str:
    """Where a server that was started from here would keep its journal."""
    from vapor_ui.shell import settings  # noqa: PLC0415 - it reads Streamlit's secrets

    return settings.database()


def _journal(place: str, repair: str | None) -> list[str]:
    """Print where the journal is and what is in it; what is damaged. Nothing in it is changed."""
    if place == "memory":
        typer.echo("journal: kept nowhere; workspaces end with the server")
        return []
    from sqlalchemy.engine import make_url  # noqa: PLC0415

    from vapor_core.journal import care  # noqa: PLC0415 - takes a while to load
    from vapor_core.journal.sql import look_at  # noqa: PLC0415

    shown = make_url(place).render_as_string(hide_password=True) if "://" in place else place
    if "://" not in place and not Path(place).exists():
        typer.echo(f"journal: {shown} is not there yet; the first visit makes it")
        return []
    held = look_at(place)
    try:
        typer.echo(f"journal: {shown}, {len(list(held.workspaces())):,} workspaces")
    finally:
        held.close()
    damages = list(care.check(place))
    if damages and repair is not None:
        done = care.repair(place, repair)
        typer.echo(f"{done.events:,} events and {done.blocks:,} blocks of points are in {repair}")
    told = damages[:FIRST_DAMAGES]
    if len(damages) > len(told):
        told.append(f"and {len(damages) - len(told):,} more in the journal: vapor journal check {shown}")
    return told
