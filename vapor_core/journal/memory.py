"""A journal that is kept while the process lives: in tests, and where nothing is to be kept."""

from collections.abc import Mapping, Sequence
from threading import Lock

from vapor_core.journal.codec import encode, reread, understood
from vapor_core.journal.events import WorkspaceEvent
from vapor_core.journal.journal import TAKEN, JournalConflict, finite
from vapor_core.journal.metric_blocks import Floats, MetricBlock, packed, unpacked
from vapor_core.journal.records import Entry


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
