"""What happened, append-only: the truth of a workspace. `journal_sql` keeps it on disk.

An entry's number within its workspace is its identity. Who appends says which number was the last it knew; if
another one has written meanwhile, nothing is written and it must look again. So two processes never both act on a
world that only one of them knew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from vapor_core.errors import JournalError
from vapor_core.journal.events import WorkspaceEvent, decode, encode
from vapor_core.journal.metric_blocks import Floats, MetricBlock, packed, unpacked


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its place: `number` counts from 1 within the workspace, `at` is the caller's clock."""

    number: int
    at: float
    event: WorkspaceEvent


class JournalConflict(JournalError):
    """Another one has appended meanwhile; nothing was written."""


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

        Raises:
            JournalError: where it cannot be read.
        """

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry numbered `after` + 1; when this returns, it is kept.

        Raises:
            JournalConflict: where that number is taken.
            JournalFull: where there is no room.
            JournalError: where it cannot be written.
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
        return tuple(
            Entry(number, at, decode(text, f"event {number} of workspace {workspace!r}"))
            for number, (at, text) in enumerate(lines, after + 1)
        )

    def append(self, workspace: str, after: int, at: float, event: WorkspaceEvent) -> Entry:
        """Add an entry."""
        where = f"event {after + 1} of workspace {workspace!r}"
        text = encode(event)
        entry = Entry(after + 1, at, decode(text, where))
        with self._lock:
            lines = self._lines.setdefault(workspace, [])
            if len(lines) != after:
                raise JournalConflict(f"{where} was written by another process")
            lines.append((at, text))
        return entry

    def append_metrics(self, workspace: str, job_id: str, after: int, columns: Mapping[str, Floats]) -> int:
        """Add points of a real run."""
        block = packed(columns)
        with self._lock:
            blocks = self._blocks.setdefault((workspace, job_id), [])
            if len(blocks) != after:
                raise JournalConflict(
                    f"points of {job_id} in workspace {workspace!r} were added by another process"
                )
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
