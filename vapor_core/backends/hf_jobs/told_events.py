"""What a job says aloud, taken by number into the metrics.jsonl of its folder here: each event once, in order.

Logs may be cut, and come again from the beginning, in another order or with gaps. An event that is ahead of its turn
waits for those before it; where these never come, it is taken at the end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from vapor_core.program.names import EVENT

MOST_WAITING = 2_000  # events ahead of their turn; beyond, what is missing is given up
NUMBERED = "number"  # what an event is called by in metrics.jsonl
LONGEST_LOG = 4_000_000  # bytes of what is printed besides


@dataclass(slots=True)
class ToldEvents:
    """One attempt's events, as far as they came.

    Attributes:
        metrics: the file that they go into.
        output: the file for whatever else is printed.
        attempt: whose they are.
        taken: how many were taken: the last one's number.
        last: the last event of each kind.
    """

    metrics: Path
    output: Path
    attempt: int
    taken: int = 0
    last: dict[str, dict[str, object]] = field(default_factory=dict)
    _waiting: dict[int, dict[str, object]] = field(default_factory=dict)
    _printed: int = 0  # lines of this attempt that are in `output`
    _line: int = 0  # of the stream that is read now

    def __post_init__(self) -> None:
        """Go on after what is there already; a torn last line ends."""
        if self.metrics.exists():
            content = self.metrics.read_bytes()
            if content and not content.endswith(b"\n"):
                with self.metrics.open("ab") as file:
                    file.write(b"\n")
            for line in content.splitlines():
                event = _event(line.decode("utf-8", "replace"))
                if event is not None and event.get("attempt") == self.attempt:
                    self._note(event)
        mark = _mark(self.attempt).encode()
        if self.output.exists():
            after = self.output.read_bytes().rpartition(mark)
            self._printed = after[2].count(b"\n") if after[1] else 0

    def begin(self) -> None:
        """A stream begins, from the first line on."""
        self._line = 0

    def take(self, line: str) -> bool:
        """A line that the job printed; whether it told something new."""
        words = line.split(" ", 3)
        if len(words) == 4 and words[0] == EVENT and words[1].isdigit() and words[2].isdigit():
            return self._take_event(int(words[1]), int(words[2]), words[3])
        if line.strip():
            self._take_words(line)
        return False

    @property
    def is_whole(self) -> bool:
        """Whether nothing waits for events before it."""
        return not self._waiting

    def close(self) -> None:
        """Nothing more will come: what waits is taken as it is."""
        for number in sorted(self._waiting):
            self._write([self._waiting.pop(number)])

    def _take_event(self, attempt: int, number: int, text: str) -> bool:
        event = _event(text)
        if event is None or attempt != self.attempt or number <= self.taken or number in self._waiting:
            return False
        self._waiting[number] = {**event, "attempt": attempt, NUMBERED: number}
        ready: list[dict[str, object]] = []
        while self.taken + 1 + len(ready) in self._waiting:
            ready.append(self._waiting.pop(self.taken + 1 + len(ready)))
        if len(self._waiting) > MOST_WAITING:
            ready += [self._waiting.pop(each) for each in sorted(self._waiting)]
        self._write(ready)
        return bool(ready)

    def _write(self, events: list[dict[str, object]]) -> None:
        if not events:
            return
        with self.metrics.open("ab") as file:
            file.write(b"".join(json.dumps(event).encode() + b"\n" for event in events))
        for event in events:
            self._note(event)

    def _note(self, event: dict[str, object]) -> None:
        number = event.get(NUMBERED)
        self.taken = max(self.taken, number if isinstance(number, int) else 0)
        self.last[str(event.get("event"))] = event

    def _take_words(self, line: str) -> None:
        """What is printed besides, each line once: a stream begins with those that are known."""
        self._line += 1
        if self._line <= self._printed:
            return
        size = self.output.stat().st_size if self.output.exists() else 0
        if size < LONGEST_LOG:
            with self.output.open("ab") as file:
                if not self._printed:
                    file.write(_mark(self.attempt).encode())
                file.write(line.encode("utf-8", "replace") + b"\n")
        self._printed = self._line


def _mark(attempt: int) -> str:
    return f"--- attempt {attempt} ---\n"


def _event(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
