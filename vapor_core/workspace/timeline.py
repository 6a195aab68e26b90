"""How simulated time ran: speeds and leaps by the caller's clock."""

from bisect import bisect_right


class Timeline:
    """Simulated seconds by the caller's clock: the integral of speed. It starts at the first event."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._bends: list[tuple[float, float]] = []  # (simulated seconds, speed) from each wall instant on
        self.last: float | None = None  # of the caller's clock, the latest event's

    def at(self, now: float) -> float:
        """Simulated seconds at an instant of the caller's clock; 0 before the first event."""
        place = bisect_right(self._walls, now) - 1
        if place < 0:
            return 0.0
        simulated_s, speed = self._bends[place]
        return simulated_s + speed * (now - self._walls[place])

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
