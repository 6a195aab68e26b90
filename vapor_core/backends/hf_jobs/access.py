"""Whose token a job is started and looked at with: a person's own, in the memory of this process alone.

A token is lent for one action (`lent`), which binds it to the job that is started by it, and never to a workspace:
nobody's job runs on another one's account. Nothing here is written anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

from pydantic import SecretStr

from vapor_core.errors import BackendRefused

OWN_TOKEN = "VAPOR_HF_JOBS_TOKEN"  # noqa: S105 - a setting's name: "server" lends the server's HF_TOKEN to whoever may act
SHAPE = re.compile(r"[!-~]{8,500}")


@dataclass(frozen=True, slots=True)
class Access:
    """A token, and whether what is trained is kept with it.

    Attributes:
        token: the person's own.
        keeps: whether checkpoints and the result go into a private repository of theirs.
    """

    token: SecretStr
    keeps: bool = False

    @property
    def secret(self) -> str:
        """The token, for a header."""
        return self.token.get_secret_value()


@dataclass(slots=True)
class _Bound:
    """What this process knows, by (workspace, job)."""

    known: dict[tuple[str, str], Access] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


@dataclass(slots=True)
class _Lent:
    """What is lent for one action, and the label of the job that it is for, once that is known."""

    access: Access
    label: str = ""


_LENT: ContextVar[_Lent | None] = ContextVar("lent", default=None)
_BOUND = _Bound()


def access_of(token: str, *, keeps: bool = False) -> Access:
    """A token as a person typed it.

    Raises:
        BackendRefused: where it cannot be one.
    """
    typed = token.strip()
    if not SHAPE.fullmatch(typed):
        raise BackendRefused("that is no token; make one in your settings at the Hub and paste it whole")
    return Access(SecretStr(typed), keeps)


@contextmanager
def lent(access: Access | None) -> Iterator[None]:
    """Lend a token for the one job that is submitted within."""
    before = _LENT.set(None if access is None else _Lent(access))
    try:
        yield
    finally:
        _LENT.reset(before)


def offered(label: str) -> Access | None:
    """What may be used for a job that is about to be submitted: what is lent is for that one from now on."""
    held = _LENT.get()
    if held is not None:
        held.label = label
        return held.access
    return servers_own()


def lent_for(label: str) -> Access | None:
    """What a job may be started with: what was lent for it alone, or the server's own."""
    held = _LENT.get()
    return held.access if held is not None and held.label == label else servers_own()


def servers_own() -> Access | None:
    """The server's HF_TOKEN, where its settings lend it to whoever may act; None otherwise."""
    token = os.environ.get("HF_TOKEN", "").strip()
    allowed = os.environ.get(OWN_TOKEN, "").strip().lower() == "server"
    return _servers(token) if allowed and SHAPE.fullmatch(token) else None


@lru_cache(maxsize=2)
def _servers(token: str) -> Access:
    return Access(SecretStr(token), keeps=True)


def bind(workspace: str, job_id: str, access: Access) -> None:
    """Use a token for a job from now on, as long as this process lives."""
    with _BOUND.lock:
        _BOUND.known[workspace, job_id] = access


def release(workspace: str, job_id: str) -> None:
    """Use no token for a job any more: the Hub refuses it."""
    with _BOUND.lock:
        _BOUND.known.pop((workspace, job_id), None)


def bound(workspace: str, job_id: str) -> Access | None:
    """What a job is looked at with; None where nobody has given a token since this process began."""
    with _BOUND.lock:
        return _BOUND.known.get((workspace, job_id)) or servers_own()


def forget() -> None:
    """Know no token any more."""
    with _BOUND.lock:
        _BOUND.known.clear()
