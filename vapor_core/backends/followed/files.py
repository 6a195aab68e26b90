"""Files that a trainer is writing, read as they grow: what is new since the last look, by a cursor.

JSON a line, tables and printed lines are read from where the last look ended, TensorBoard's events record by record.
What a line means is `readers`' question, and the same as for a log that is imported; a file of any other shape is read
whole each time, by `whole`.
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
SNIFFED = 65_536  # bytes that tell what a file is
RECORD_HEAD, RECORD_TAIL = 12, 4  # bytes around a record of TensorBoard's
OWN = b'{"event":'  # how a line of Vapor's own metrics.jsonl begins


class Followed(Protocol):
    """A file that is followed."""

    told: int  # lines or records that were read

    def look(self, log: LiveLog) -> bool:
        """Take in what is new; whether anything was."""


@dataclass(slots=True)
class Growing:
    """A text file that lines are appended to."""

    path: Path
    read: Callable[[str], list[Collected]]  # of whole lines
    begin: int = 0  # the byte at which its rows begin
    told: int = 0
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
        self.told += fresh.count(b"\n")
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
    told: int = 0
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
            self.told += 1
            _, name = placed(self.context, tag, "")
            log.take({name: value if value - value == 0 else float("inf")}, step=step, at=wall)
        return True


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


def file_source(path: Path, context: str = "") -> Growing | Events | OwnMetrics | None:
    """How a file is followed, by what it holds so far; None where it is to be read whole.

    Raises:
        InvalidUpload: where it cannot be read.
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
def _text_source(path: Path, start: str) -> Growing | None:
    if start.lstrip()[:1] in ("{", "["):
        rows = path.suffix != ".json" and json_logs.is_json_lines(start)
        return Growing(path, _of_json_lines) if rows else None
    layout = tables.layout_of(start)
    if layout is not None and (layout.has_loss or not lines.is_log(start)):
        before = start.split("\n")[: layout.line]
        begin = len("\n".join(before).encode()) + 1
        own = tables.Layout(1, layout.header, layout.delimiter)

        def rows_of(text: str) -> list[Collected]:
            return tables.read_table(f"{before[-1]}\n{text}", own, (), Notes(), _unheard)

        return Growing(path, rows_of, begin)
    if lines.is_log(start):
        return Growing(path, lambda text: lines.read_lines(text, (), _unheard))
    return None


@one_sentence(InvalidUpload, "the log")
def _of_json_lines(text: str) -> list[Collected]:
    return json_logs.read_lines(text, (), Notes(), _unheard)


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
