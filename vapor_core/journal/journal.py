"""What happened, append-only: the truth of a workspace. `sql` keeps it on disk, `memory` while the process lives.

An entry's number within its workspace is its identity. Who appends says which number was the last it knew; if
another one has written meanwhile, nothing is written and it must look again. So two processes never both act on a
world that only one of them knew.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Protocol

from vapor_core.errors import JournalError
from vapor_core.journal.events import WorkspaceEvent
from vapor_core.journal.metric_blocks import Floats, MetricBlock
from vapor_core.journal.records import Entry


class JournalConflict(JournalError):
    """Another one has appended meanwhile; nothing was written."""


__all__ = ["Entry"]  # it belongs to a journal, whoever reads it; beside what is defined here
TAKEN = "another process has recorded something here meanwhile; look again and act then"


def finite(at: float) -> float:
    """An instant that can be recorded.

    Raises:
        JournalError: where it is none.
    """
    if not isfinite(at):
        raise JournalError("this cannot be recorded: its time is no finite number of seconds")
    return at


class Journal(Protocol):
    """Keeps the entries of many workspaces."""

    @property
    def read_only(self) -> bool:
        """Whether it takes no entries: then nothing that it tells of is started either."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should be told about how it was opened, for example that a corrupt file was set aside."""

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries with numbers above `after`, in order.

        One that is damaged, or that this version does not know, is set aside in its place: its event is a `SetAside`
        and its notice says what is wrong.

        Raises:
            JournalError: where nothing of it can be read.
        """

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry numbered `after` + 1; when this returns, it is kept.

        Raises:
            JournalConflict: where that number is taken.
            JournalFull: where there is no room.
            JournalError: where it cannot be written, or could not be read back.
        """

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Add points of a real run as block `after` + 1; when this returns that number, they are kept.

        Raises:
            JournalConflict: where that number is taken.
            JournalFull: where there is no room.
            JournalError: where they cannot be written.
        """

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """Blocks of points of a real run with numbers above `after`, in order.

        Raises:
            JournalError: where they cannot be read.
        """

    def close(self) -> None:
        """Let go of files and connections."""
