"""What a caller's clock means in a workspace, where some event was dated by a clock that was far ahead.

Time in a workspace never runs backwards, so one event of next year would hold the world still for a year. Where an
event is dated later than any clock that was told here by more than a few minutes, the world goes on from that event
at the caller's pace instead. Whoever acts first records by how much (`ClockCorrected`), so that it goes on from there
next time too; once the caller's clock has reached that event, it counts as it is again.
"""

from math import inf, isfinite

from vapor_core.errors import InvalidConfig
from vapor_core.journal.other_events import ClockCorrected
from vapor_core.workspace.clocks.timeline import Timeline

AHEAD_S = 300.0  # clocks of one team's machines differ by less


class CallersClock:
    """The clock of whoever looks at a workspace or acts in it.

    Attributes:
        notice: what a person should be told about it; "" where nothing is wrong.
    """

    def __init__(self) -> None:
        self.notice = ""
        self._told = -inf  # the latest that was ever told
        self._behind: tuple[float, float] | None = (
            None  # (until then, by so much), as long as nobody has recorded it
        )

    def meant(self, now: float, timeline: Timeline, seen: float | None) -> float:
        """The instant that a caller's clock means.

        Args:
            now: by the caller's clock.
            timeline: of the workspace.
            seen: up to where it was seen, None before anything was.
        """
        if not isinstance(now, int | float) or not isfinite(now):
            raise InvalidConfig({"now": f"now should be seconds as a finite number, not {now!r}"})
        now = float(now)
        self._told = max(self._told, now)
        last = timeline.last
        if self._behind is not None and now >= self._behind[0]:
            self._behind = None
        if last is None or last <= timeline.corrected(self._told) + AHEAD_S:
            self._behind = None  # another one has recorded it, or nothing is wrong
        elif self._behind is None:
            self._behind = (last, max(last, seen or last) - self._told)
            self.notice = (
                f"an event here is dated {(last - self._told) / 3600:,.1f} hours ahead of this clock, so one of "
                "the two clocks is wrong; the world goes on from that event"
            )
        return timeline.corrected(now) if self._behind is None else now + self._behind[1]

    @property
    def correction(self) -> ClockCorrected | None:
        """What is still to be recorded before anything else is."""
        return None if self._behind is None else ClockCorrected(ahead_s=self._behind[1])
