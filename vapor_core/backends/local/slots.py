"""Whose turn it is: jobs that wait for this machine, in an order that can be changed, and how many run at once.

A slot is a lock that the supervisor of a running job holds; it is free again when that process has ended, however it
ended. A job that waits has a file with its place in the line; one whose supervisor died waits for nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from vapor_core.backends.local.whole_file import written_whole

AT_ONCE = "VAPOR_LOCAL_JOBS"  # how many jobs may run at once; one by default, since they share the same cores


class Slots:
    """The line of one machine's runs folder."""

    def __init__(self, root: Path, at_once: int | None = None) -> None:
        self._line, self._slots = root / "line", root / "slots"
        self.at_once = at_once if at_once is not None else max(int(os.environ.get(AT_ONCE) or 1), 1)

    def wait(self, name: str, place: float) -> None:
        """Join the line, or take another place in it."""
        self._line.mkdir(parents=True, exist_ok=True)
        with written_whole(self._line / name) as file:
            file.write(repr(place))

    def leave(self, name: str) -> None:
        """Wait no longer."""
        (self._line / name).unlink(missing_ok=True)

    def line(self) -> list[str]:
        """Who waits, the next one first."""
        return [name for _, name in sorted(self._places())]

    def first_place(self) -> float:
        """The place of who is next; 0 where nobody waits."""
        return min((place for place, _ in self._places()), default=0.0)

    def _places(self) -> list[tuple[float, str]]:
        places: list[tuple[float, str]] = []
        for file in self._line.glob("[!.]*"):
            try:
                places.append((float(file.read_text(encoding="utf-8")), file.name))
            except (OSError, ValueError):  # it has just left
                continue
        return places

    def take(self) -> int | None:
        """A free slot, for as long as the returned descriptor is open; None where all are taken."""
        self._slots.mkdir(parents=True, exist_ok=True)
        for number in range(self.at_once):
            descriptor = os.open(self._slots / f"{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                continue
            return descriptor
        return None
