"""Files that a trainer is writing, read as they grow: what is new since the last look, by a cursor.

JSON a line, tables and printed lines are read from where the last look ended, TensorBoard's events record by record; a
Trainer's state, which is written anew each time, is read whole when it has changed. What a line means is `readers`'
question, and the same as for a log that is imported.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Protocol

from vapor_core.backends.followed.live_log import LiveLog
from vapor_core.backends.local.log_rows import LogRows
from vapor_core.errors import InvalidUpload
from vapor_core.readers.edge import one_sentence
from vapor_core.readers.logs import json_logs, lines, tables
from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import HELD_OUT, role_of, words_of
from vapor_core.readers.logs.points import placed
from vapor_core.readers.logs.run_log import Notes
from vapor_core.readers.tensorboard import is_event_file, scalars

MOST_AT_ONCE = 32 * 2**20  # bytes that are read at a look
LARGEST_WHOLE = 200_000_000  # bytes of a file that is read whole
SNIFFED = 65_536  # bytes that tell what a file is
RECORD_HEAD, RECORD_TAIL = 12, 4  # bytes around a record of TensorBoard's
OWN = b'{"event":'  # how a line of Vapor's own metrics.jsonl begins


class Followed(Protocol):
    """A file that is followed."""

    def look(self, log: LiveLog) -> bool:
        """Take in what is new; whether anything was."""


@dataclass(slots=True)
class Growing:
    """A text file that lines are appended to."""

    path: Path
    read: Callable[[str], list[Collected]]  # of whole lines
    begin: int = 0  # the byte at which its rows begin
    _cursor: int = 0
    _run: str | None = None  # the first run's name, where rows have one

    def look(self, log: LiveLog) -> bool:
        """Read whole lines that are new; a torn last one waits. A file that is shorter than it was begins anew."""
        fresh = _fresh(self.path, max(self._cursor, self.begin))
        if fresh is None:
            self._cursor = 0
            return False
        whole = fresh.rfind(b"\n") + 1
        if not whole:
            return False
        self._cursor = max(self._cursor, self.begin) + whole
        for found in self.read(fresh[:whole].decode("utf-8", "replace")):
            self._take(found, log)
        return True

    def _take(self, found: Collected, log: LiveLog) -> None:
        if found.planned_steps:
            log.planned = found.planned_steps
        run = _words(found, "run")
        split = _words(found, "split")
        for row in range(len(found)):
            if run is not None:
                self._run = self._run or run[row]
                if run[row] and run[row] != self._run:
                    continue
            told = {name: float(values[row]) for name, values in found.numbers.items()}
            told = {name: value for name, value in told.items() if not isnan(value)}
            if split is not None and HELD_OUT & set(words_of(split[row])):
                told = {
                    (f"{split[row]} {name}" if name == "loss" else name): value
                    for name, value in told.items()
                }
            if told:
                log.take(told)


@dataclass(slots=True)
class Events:
    """An event file of TensorBoard's."""

    path: Path
    context: str = ""  # of the folder that it lies in: "train" beside "validation"
    _cursor: int = 0

    def look(self, log: LiveLog) -> bool:
        """Read whole records that are new."""
        fresh = _fresh(self.path, self._cursor)
        if fresh is None:
            self._cursor = 0
            return False
        whole = _whole_records(fresh)
        if not whole:
            return False
        self._cursor += whole
        for tag, step, value, wall in scalars(fresh[:whole]):
            _, name = placed(self.context, tag, "")
            log.take({name: value if value - value == 0 else float("inf")}, step=step, at=wall)
        return True


@dataclass(slots=True)
class Rewritten:
    """A file of JSON that is written anew each time, as a Trainer's state is."""

    path: Path
    _mark: tuple[int, int, int] = (0, 0, 0)

    def look(self, log: LiveLog) -> bool:
        """Read it whole where it has changed; one that is just being written is read at the next look."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - asked at every tick
            mark = (found.st_ino, found.st_mtime_ns, found.st_size)
            if mark == self._mark or found.st_size > LARGEST_WHOLE:
                return False
            text = self.path.read_text("utf-8", "replace")
        except OSError:
            return False
        if json_logs.parsed(text) is None:
            return False
        self._mark = mark
        runs = _whole(text)
        for each in runs[:1]:
            log.planned = each.planned_steps or log.planned
            log.take_many(each.numbers, len(each))
        return bool(runs)


@dataclass(slots=True)
class OwnMetrics:
    """The metrics.jsonl of Vapor's training program, wherever it was run."""

    path: Path
    rows: LogRows = field(init=False)

    def __post_init__(self) -> None:
        """Read as the backends read it."""
        self.rows = LogRows(self.path)

    @property
    def ended(self) -> str:
        """How its last attempt ended by its own word; "" while it has not."""
        last = self.rows.told[-1] if self.rows.told else None
        return last.words if last is not None and last.kind == "end" else ""


def file_source(path: Path, context: str = "") -> Growing | Events | Rewritten | OwnMetrics:
    """How a file is followed, by what it holds so far.

    Raises:
        InvalidUpload: where it holds nothing yet that says what it is, or is no log.
    """
    try:
        with path.open("rb") as file:
            start = file.read(SNIFFED)
    except OSError as error:
        raise InvalidUpload(f"{path.name} cannot be read: {error.strerror}") from None
    if is_event_file(start):
        return Events(path, context)
    if start.startswith(OWN):
        return OwnMetrics(path)
    return _text_source(path, start.decode("utf-8", "replace"))


@one_sentence(InvalidUpload, "the log")
def _text_source(path: Path, start: str) -> Growing | Rewritten:
    opening = start.lstrip()[:1]
    if (
        opening in ("{", "[")
        and (path.suffix == ".json" or "\n" not in start.strip())
        and path.suffix != ".jsonl"
    ):
        return Rewritten(path)
    if opening == "{":
        return Growing(path, _of_json_lines)
    layout = tables.layout_of(start)
    if layout is not None and (layout.has_loss or not lines.is_log(start)):
        before = start.split("\n")[: layout.line]
        header = before[-1] if before else ""
        begin = len("\n".join(before).encode()) + 1
        own = tables.Layout(1, layout.header, layout.delimiter)
        return Growing(
            path, lambda text: tables.read_table(f"{header}\n{text}", own, (), Notes(), _unheard), begin
        )
    if lines.is_log(start):
        return Growing(path, lambda text: lines.read_lines(text, (), _unheard))
    raise InvalidUpload(
        f"{path.name} has no line yet that tells a loss; follow it once it has, or name the file that does"
    )


@one_sentence(InvalidUpload, "the log")
def _of_json_lines(text: str) -> list[Collected]:
    return json_logs.read_lines(text, (), Notes(), _unheard)


@one_sentence(InvalidUpload, "the log")
def _whole(text: str) -> list[Collected]:
    return json_logs.read_whole(text, "the log", (), Notes())


def _unheard(_: float) -> None:
    """Nobody is told how far a look is."""


def _fresh(path: Path, cursor: int) -> bytes | None:
    """What stands after a cursor; None where the file is shorter than that, or gone."""
    try:
        size = os.stat(path).st_size  # noqa: PTH116 - asked at every tick
        if size <= cursor:
            return b"" if size == cursor else None
        with path.open("rb") as file:
            file.seek(cursor)
            return file.read(MOST_AT_ONCE)
    except OSError:
        return None


def _whole_records(content: bytes) -> int:
    """The bytes of the whole records that a piece begins with."""
    at = 0
    while at + RECORD_HEAD <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        end = at + RECORD_HEAD + length + RECORD_TAIL
        if end > len(content):
            break
        at = end
    return at


def _words(found: Collected, kind: str) -> list[str] | None:
    """The column of words of a kind, "run" or "split"; None where there is none."""
    name = next((name for name in found.words if (role := role_of(name)) and role.kind == kind), None)
    return None if name is None else [str(word) for word in found.words[name]]
