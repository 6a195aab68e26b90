"""What the shell keeps of a session from one run to the next; a screen's own stands in the screen's module."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar, cast

import streamlit as st

from vapor_ui.entrance.kept import KEY, kept, named
from vapor_ui.shell.refresh_rate import RefreshRate

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from vapor_core.journal.other_events import Role
    from vapor_core.sharing.links import Shared
    from vapor_core.workspace.members import Members
    from vapor_core.workspace.replay import Replay
    from vapor_core.workspace.store import Store

MOST_HELD_BYTES = 200_000_000  # of files that an uploader has lost, which a session keeps
__all__ = [
    "KEY",
    "Drawn",
    "Looking",
    "Messages",
    "Visit",
    "drawn",
    "files",
    "kept",
    "let_go",
    "messages",
    "named",
    "outcomes",
    "read_once",
    "visit",
]

T = TypeVar("T")


@dataclass(slots=True)
class Looking:
    """A world that is only looked at: one that was shared, or one's own as it once was."""

    kind: Literal["shared", "replay"]
    store: Store
    shared: Shared | None = None
    link: str = ""  # that `shared` came by
    replay: Replay | None = None
    speed: float = 0.0  # of a replay, simulated seconds a second
    since: float = 0.0  # when it was at `from_s`
    from_s: float = 0.0

    def position(self, now: float) -> float:
        """How far a replay is, simulated seconds."""
        end_s = self.replay.end_s if self.replay else 0.0
        return min(max(self.from_s + self.speed * (now - self.since), 0.0), end_s)


@dataclass(slots=True)
class Visit:
    """Whose workspace is worked on, what is looked at in its place, and what the visitor was told."""

    store: Store | None = None
    role: Role | Literal["owner"] = "owner"  # in the workspace that was opened
    members: Members | None = None
    chosen_workspace: str | None = None  # somebody else's
    session_only: bool = False  # the browser keeps nothing
    looking: Looking | None = None
    to_adopt: Shared | None = None  # asked for, and taken in as soon as one's own workspace is known
    welcome: Literal["unknown", "new", "leaving", "seen"] = "unknown"  # "leaving": seen, to be remembered
    demo_filled: bool = False
    told: set[str] = field(default_factory=set)  # notices of what was mended or set aside


@dataclass(slots=True)
class Messages:
    """What is told once, by the next head of a page."""

    refusal: str = ""
    said: str = ""  # Markdown


@dataclass(slots=True)
class Drawn:
    """The page on the screen and its live part."""

    page: str = ""  # its title
    clock: DeltaGenerator | None = None  # where the clock is drawn
    statuses: tuple[tuple[str, str], ...] = ()  # of jobs and deployments, when the whole page was drawn last
    whole_page: bool = False  # whether this run draws all of it, not the live part alone
    rate: RefreshRate = field(default_factory=RefreshRate)
    settled: set[str] = field(default_factory=set)  # pages whose objects `garbage` has set aside


@dataclass(slots=True)
class _Files:
    """What came of the files that were given: uploader -> file -> outcome."""

    outcomes: dict[str, dict[str, object]] = field(default_factory=dict)
    held: dict[str, dict[str, UploadedFile]] = field(default_factory=dict)  # uploader -> file id -> file
    shown: dict[str, frozenset[str]] = field(default_factory=dict)  # those that the uploader shows now


def visit() -> Visit:
    """This session's visit."""
    return kept(Visit)


def messages() -> Messages:
    """What this session is still to be told."""
    return kept(Messages)


def drawn() -> Drawn:
    """The page that this session sees."""
    return kept(Drawn)


def files(uploader: str, now: Sequence[UploadedFile], *, several: bool = True) -> list[UploadedFile]:
    """An uploader's files, those too that it lost by a change of page: what a person has begun to choose of them stays.

    Args:
        uploader: the widget's key.
        now: what the widget has.
        several: whether it takes more than one; of one that does not, the newest counts.
    """
    kept_files = kept(_Files)
    held = kept_files.held.setdefault(uploader, {})
    if now and not several:
        held.clear()
    held |= {file.file_id: file for file in now}
    kept_files.shown[uploader] = frozenset(file.file_id for file in now)
    lost = [file for key, file in held.items() if key not in kept_files.shown[uploader]]
    while sum(file.size for file in lost) > MOST_HELD_BYTES:
        del held[lost.pop(0).file_id]
    return list(held.values())


def let_go(uploader: str, file_id: str = "") -> None:
    """Forget a file, or those that the uploader has shown and shows no more; for callbacks."""
    kept_files = kept(_Files)
    now = st.session_state.get(uploader) or ()
    now = now if isinstance(now, list | tuple) else (now,)
    gone = (
        {file_id} if file_id else kept_files.shown.get(uploader, frozenset()) - {each.file_id for each in now}
    )
    held = kept_files.held.get(uploader, {})
    kept_files.held[uploader] = {key: file for key, file in held.items() if key not in gone}


def outcomes(uploader: str, given: Collection[str]) -> dict[str, object]:
    """What came of an uploader's files by file id, to read and to add to; files that are there no longer are forgotten.

    Args:
        uploader: the widget's key.
        given: ids of the files that are there now.
    """
    everything = kept(_Files).outcomes
    everything[uploader] = {key: told for key, told in everything.get(uploader, {}).items() if key in given}
    return everything[uploader]


def read_once(uploader: str, file: UploadedFile, read: Callable[[str, bytes], T]) -> tuple[T, bool]:
    """What came of an uploader's one file, and whether this run has read it: a page runs again at every click."""
    held = outcomes(uploader, (file.file_id,))
    fresh = file.file_id not in held
    if fresh:
        held[file.file_id] = read(file.name, file.getvalue())
    return cast(T, held[file.file_id]), fresh
