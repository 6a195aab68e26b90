"""A workspace at an earlier instant, moving on as it did then: nothing of it is recorded and nothing can be done.

Time here is the workspace's own: simulated seconds since it began, so that a night that was paused is not waited for
again. How fast it goes is the caller's matter.
"""

from collections.abc import Iterable

from vapor_core.journal.journal import Entry
from vapor_core.journal.other_events import ClockCorrected, SpeedSet, TimeSkipped
from vapor_core.journal.read_only import ReadOnlyJournal
from vapor_core.workspace.clocks.timeline import Timeline
from vapor_core.workspace.store import Store


class Replay:
    """What a journal tells, at any instant.

    Args:
        entries: of one workspace, in order.
        end_s: how far it goes, simulated seconds.
        at_s: where to begin.
    """

    def __init__(self, entries: Iterable[Entry], end_s: float, at_s: float = 0.0) -> None:
        self._entries = _by_simulated_time(entries)
        self.end_s = end_s
        self.at_s = 0.0
        self.store = self._begun(0.0)
        self.go(at_s)

    def go(self, at_s: float) -> Store:
        """The world at an instant, forwards or backwards; the same store as long as it goes forwards."""
        at_s = min(max(at_s, 0.0), self.end_s)
        if at_s < self.at_s:
            self.store = self._begun(at_s)
        self._revealed.upto = self.at_s = at_s
        self.store.advance(now=at_s)
        return self.store

    def _begun(self, upto: float) -> Store:
        self._revealed = ReadOnlyJournal(self._entries, upto)
        return Store(self._revealed, "replay")


def _by_simulated_time(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The same entries at a second a second: speeds and leaps are in their instants already."""
    timeline = Timeline()
    told: list[Entry] = []
    for entry in entries:
        timeline.note(entry.at)
        at_s, event = timeline.at(entry.at), entry.event
        if isinstance(event, SpeedSet):
            timeline.bend(entry.at, event.speed)
        elif isinstance(event, TimeSkipped):
            timeline.bend(entry.at, timeline.speed, event.seconds)
        if isinstance(event, SpeedSet | TimeSkipped | ClockCorrected):
            event = SpeedSet(speed=1.0)
        told.append(Entry(len(told) + 1, at_s, event))
    return tuple(told)
