"""What happened, append-only: the truth of a workspace. `journal_sql` keeps it on disk.

An entry's number within its workspace is its identity. Who appends says which number was the last it knew; if
another one has written meanwhile, nothing is written and it must look again. So two processes never both act on a
world that only one of them knew.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from threading import Lock
from typing import Protocol

from vapor_core.errors import JournalError
from vapor_core.journal.events import WorkspaceEvent, encode, reread, understood
from vapor_core.journal.metric_blocks import Floats, MetricBlock, packed, unpacked
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


class MemoryJournal:
    """Kept while the process lives; safe for many threads. Events pass through their written form, as on disk."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lines: dict[str, list[tuple[float, str]]] = {}
        self._blocks: dict[tuple[str, str], list[tuple[int, str, bytes]]] = {}

    @property
    def notices(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def read_only(self) -> bool:
        """It takes entries."""
        return False

    def read(self, workspace: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries with numbers above `after`."""
        lines: Sequence[tuple[float, str]] = self._lines.get(workspace, [])[after:]
        found = []
        for number, (at, text) in enumerate(lines, after + 1):
            event, notice = understood(text)
            found.append(Entry(number, at, event, f"event {number} {notice}" if notice else ""))
        return tuple(found)

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry."""
        entry = Entry(after + 1, finite(at), reread(event))
        text = encode(entry.event)
        with self._lock:
            lines = self._lines.setdefault(workspace, [])
            if len(lines) != after:
                raise JournalConflict(TAKEN)
            lines.append((at, text))
        return entry

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Add points of a real run."""
        block = packed(columns)
        with self._lock:
            blocks = self._blocks.setdefault((workspace, job_id), [])
            if len(blocks) != after:
                raise JournalConflict(TAKEN)
            blocks.append(block)
        return after + 1

    def metric_blocks(self, workspace: str, job_id: str, after: int = 0) -> tuple[MetricBlock, ...]:
        """Blocks of points with numbers above `after`."""
        blocks = self._blocks.get((workspace, job_id), [])[after:]
        return tuple(
            MetricBlock(number, unpacked(*block, f"block {number} of {job_id}"))
            for number, block in enumerate(blocks, after + 1)
        )

    def close(self) -> None:
        """Nothing to let go of."""
