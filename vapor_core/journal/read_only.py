"""A journal that is over: it reveals its entries up to an instant and takes no new ones.

At an instant that moves it is a replay; at the end, a workspace that is only looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING

from vapor_core.errors import JournalError

if TYPE_CHECKING:
    from vapor_core.journal.events import WorkspaceEvent
    from vapor_core.journal.journal import Journal
    from vapor_core.journal.metric_blocks import Floats, MetricBlock
    from vapor_core.journal.records import Entry

REFUSAL = "this is read-only: make it yours, or go back to your own workspace, to act"
VIEWER = "you may look at this workspace and not change it; ask its owner to make you an editor"


class ReadOnlyJournal:
    """Entries of one workspace, whatever it is called.

    Attributes:
        upto: the caller's clock; later entries are not revealed.
        notices: what a person should be told about the entries.
    """

    def __init__(self, entries: Iterable[Entry], upto: float = inf, notices: tuple[str, ...] = ()) -> None:
        self._entries = tuple(entries)
        self.upto = upto
        self._notices = notices

    @property
    def read_only(self) -> bool:
        """It takes no entries."""
        return True

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should be told about the entries."""
        return self._notices

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries after a number, as far as they are revealed."""
        return tuple(entry for entry in self._entries[after:] if entry.at <= self.upto)

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Refuse.

        Raises:
            JournalError: always.
        """
        raise JournalError(REFUSAL)

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Refuse.

        Raises:
            JournalError: always.
        """
        raise JournalError(REFUSAL)

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """None: real runs are recorded with their columns in the event."""
        return ()

    def close(self) -> None:
        """Nothing to let go of."""


class WatchedJournal:
    """Another journal that may be read and not written: what a viewer of a workspace has."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @property
    def read_only(self) -> bool:
        """It takes no entries."""
        return True

    @property
    def notices(self) -> tuple[str, ...]:
        """The journal's."""
        return self._journal.notices

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """The journal's entries."""
        return self._journal.read(workspace, after)

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Refuse.

        Raises:
            JournalError: always.
        """
        raise JournalError(VIEWER)

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Refuse.

        Raises:
            JournalError: always.
        """
        raise JournalError(VIEWER)

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """The journal's points."""
        return self._journal.metric_blocks(workspace, job_id, after)

    def close(self) -> None:
        """The journal is others' too."""
