"""How often a live page refreshes: each second, and less often while the server takes long over it.

A refresh that asks for more than the server can do makes everybody wait; one that stretches makes nobody wait, and
says so.
"""

from dataclasses import dataclass

SHORTEST_S = 1.0
LONGEST_S = 32.0
BUSY = 0.4  # of its interval that a refresh may take
IDLE = 0.1
MEMORY = 0.7  # weight of earlier refreshes, so that a single slow one stretches nothing


@dataclass(frozen=True, slots=True)
class RefreshRate:
    """Seconds from one refresh to the next, and what one takes on average."""

    interval_s: float = SHORTEST_S
    takes_s: float = 0.0

    def after(self, took_s: float) -> "RefreshRate":
        """The rate after a refresh that took so long: twice as slow while the server is busy, and back."""
        takes_s = MEMORY * self.takes_s + (1 - MEMORY) * took_s
        if takes_s > BUSY * self.interval_s:
            return RefreshRate(min(self.interval_s * 2, LONGEST_S), takes_s)
        if takes_s < IDLE * self.interval_s:
            return RefreshRate(max(self.interval_s / 2, SHORTEST_S), takes_s)
        return RefreshRate(self.interval_s, takes_s)

    @property
    def sentence(self) -> str:
        """What a person is told; "" at the usual rate."""
        if self.interval_s <= SHORTEST_S:
            return ""
        return f"The server is busy; this page refreshes every {self.interval_s:.0f} seconds."
