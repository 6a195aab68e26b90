"""How simulated time ran: speeds and leaps by the caller's clock."""

from bisect import bisect_right
from math import inf


class Timeline:
    """Simulated seconds by the caller's clock: the integral of speed. It starts at the first event."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._bends: list[tuple[float, float]] = []  # (simulated seconds, speed) from each wall instant on
        self.last: float | None = None  # of the caller's clock, the latest event's
        self._corrected: tuple[float, float] = (-inf, 0.0)  # (clocks below this are behind, by so much)

    def at(self, now: float) -> float:
        """Simulated seconds at an instant of the caller's clock; 0 before the first event."""
        place = bisect_right(self._walls, now) - 1
        if place < 0:
            return 0.0
        simulated_s, speed = self._bends[place]
        return simulated_s + speed * (now - self._walls[place])

    def not_before(self, now: float) -> float:
        """An instant, or the last event's where that is later: time never runs backwards."""
        return now if self.last is None else max(now, self.last)

    def corrected(self, now: float) -> float:
        """What a caller's clock means here, where events before it were dated by a clock that was ahead."""
        until, ahead_s = self._corrected
        return now + ahead_s if now < until else now

    def correct(self, at: float, ahead_s: float) -> None:
        """A caller's clock is so much behind the event at an instant; once it reaches that it is right again."""
        self._corrected = (at, ahead_s)

    @property
    def speed(self) -> float:
        """As last set."""
        return self._bends[-1][1] if self._bends else 1.0

    def note(self, now: float) -> None:
        """An event happened."""
        if not self._walls:
            self.bend(now, 1.0)
        self.last = now

    def bend(self, now: float, speed: float, skip_s: float = 0.0) -> None:
        """Run at another speed from an instant on, or leap forward at it."""
        self._bends.append((self.at(now) + skip_s, speed))
        self._walls.append(now)
