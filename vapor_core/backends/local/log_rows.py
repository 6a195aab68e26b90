"""metrics.jsonl as columns: what a trainer has told so far, read as it grows.

An event a line: `start`, `log`, `eval`, `checkpoint`, `end`. A torn last line is left for the next look. After a resume
steps come again: the last attempt's count, and what an earlier one did beyond the checkpoint is dropped.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan, nextafter
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from vapor_core.backends.base import Columns
from vapor_core.contracts.columns import TRAINING_COLUMNS, eval_set_column

# Columns of a `log` event that are taken as they are; the others are worked out.
TOLD = ("loss", "learning_rate", "grad_norm", "tokens", "epoch", "step_time_s", "memory_gb", "utilization")
LATEST = 50  # steps whose times say how long the next ones take
MOST_AT_ONCE = 64 * 2**20  # bytes of a file that are read at a look


@dataclass(frozen=True, slots=True)
class Told:
    """A line of a run's history as its trainer told it."""

    at: float  # seconds since 1970; never before the line above it, nor in a past that was looked at without it
    kind: str  # "start", "checkpoint", "retry" or "end"
    step: int  # steps done
    attempt: int
    words: str = ""


@dataclass(slots=True)
class LogRows:
    """One file, as far as it was read."""

    path: Path
    price_per_second: float = 0.0
    told: list[Told] = field(default_factory=list)
    began: float | None = None  # when the first attempt trained, seconds since 1970
    attempt: int = 0
    total_steps: int = 0
    sets: list[str] = field(default_factory=list)  # columns of further evaluation sets
    _file: str = ""
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))  # of the last steps, seconds
    _read: int = 0
    _steps: list[int] = field(default_factory=list)  # ascending, from 0
    _rows: list[dict[str, float]] = field(default_factory=list)
    _evals: dict[int, dict[str, float]] = field(default_factory=dict)
    _open: bool = False  # whether the last step's evaluation may still come
    _before_s: float = 0.0  # what earlier attempts took
    _last_s: float = 0.0
    _seen_s: float = -inf  # by the reader's clock, when it looked last

    def __post_init__(self) -> None:
        """Keep the path as the system takes it."""
        self._file = str(self.path)

    def look(self, now: float | None = None) -> None:
        """Read what has been appended; `now` is the reader's clock, see `dated`."""
        try:
            size = os.stat(self._file).st_size  # noqa: PTH116 - asked at every tick
        except FileNotFoundError:
            return
        if size < self._read:  # another file stands there
            self._forget()
        if size == self._read:
            return
        descriptor = os.open(self._file, os.O_RDONLY)  # no buffer is made for the line of a tick
        try:
            fresh = os.pread(descriptor, min(size - self._read, MOST_AT_ONCE), self._read)
        finally:
            os.close(descriptor)
        whole = fresh.rfind(b"\n") + 1
        self._read += whole
        for line in fresh[:whole].splitlines():
            self._take(line, now)

    def dated(self, at: float, now: float | None) -> float:
        """The instant of something that is read for the first time, by the clock of whoever reads.

        A machine's clock may be set back while a run writes, and a line may come to be read a moment after its instant.
        So what is news is dated after all that was looked at before, and what was read has happened by now: it is told,
        in the order in which it was written, and once.
        """
        earliest = max(nextafter(self._seen_s, inf), self.told[-1].at if self.told else -inf)
        return max(at if now is None else min(at, now), earliest)

    def seen(self, now: float) -> None:
        """All that is there has been read by an instant of the reader's clock."""
        self._seen_s = max(self._seen_s, now)

    @property
    def steps_done(self) -> int:
        """Steps that were done and told."""
        return self._steps[-1] + 1 if self._steps else 0

    @property
    def steps_settled(self) -> int:
        """Steps whose rows nothing changes any more: an evaluation comes after the step that it was made at."""
        return self.steps_done - (1 if self._open and self._steps else 0)

    @property
    def elapsed_s(self) -> float:
        """What all attempts took, pauses left out."""
        return self._last_s

    @property
    def step_time_s(self) -> float:
        """Median of the last steps; NaN before there are any."""
        return median(self._times) if self._times else nan

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1, all TRAINING_COLUMNS and the further evaluation sets; missing is NaN."""
        low, high = bisect_left(self._steps, start), bisect_left(self._steps, stop)
        rows, steps = self._rows[low:high], self._steps[low:high]
        names = [name for name in TRAINING_COLUMNS if name not in ("step", "eval_loss")]
        columns: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
            "step": np.array(steps, dtype=np.int64)
        }
        for name in names:
            columns[name] = np.array([row.get(name, nan) for row in rows], dtype=np.float64)
        for name in ("eval_loss", *self.sets):
            known = [self._evals.get(step, {}).get(name, nan) for step in steps]
            columns[name] = np.array(known, dtype=np.float64)
        return columns

    def eval_loss(self, step: int) -> float:
        """The last one measured by the time that `step` steps were done; NaN before the first."""
        before = [at for at, losses in self._evals.items() if at < step and "eval_loss" in losses]
        return self._evals[max(before)]["eval_loss"] if before else nan

    def _forget(self) -> None:
        fresh = LogRows(self.path, self.price_per_second)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def _take(self, line: bytes, now: float | None) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return  # a line that was torn by a kill, and written over by what came next
        if not isinstance(event, dict):
            return
        kind, step = event.get("event"), int(_number(event, "step", 0))
        self._open = kind == "log" or (self._open and kind == "eval")
        if kind == "start":
            self._begin(event, step)
        elif kind == "log" and step > 0:
            self._row(event, step - 1)
        elif kind == "eval" and step > 0:
            self._evaluation(event, step - 1)
        if kind in ("start", "checkpoint", "retry", "end"):
            words = str(event.get("message") or event.get("reason") or "")
            at = self.dated(_number(event, "at", 0.0), now)
            self.told.append(Told(at, str(kind), step, self.attempt, words))

    def _begin(self, event: Mapping[str, object], step: int) -> None:
        """A new attempt goes on from `step`: what an earlier one did beyond is dropped, but not the time it took."""
        self.attempt = int(_number(event, "attempt", self.attempt + 1))
        if self.began is None:
            self.began = _number(event, "at", 0.0)
        self.total_steps = int(_number(event, "total_steps", self.total_steps))
        self._before_s = self._last_s
        keep = bisect_left(self._steps, step)
        del self._steps[keep:], self._rows[keep:]
        self._evals = {at: losses for at, losses in self._evals.items() if at < step}

    def _row(self, event: Mapping[str, object], step: int) -> None:
        if self._steps and step <= self._steps[-1]:
            return
        row = {name: _number(event, name, nan) for name in TOLD if name in event}
        elapsed_s = self._before_s + _number(event, "elapsed_s", 0.0)
        self._last_s = max(self._last_s, elapsed_s)
        rate = _number(event, "tokens_per_second", nan)
        row |= {
            "elapsed_s": elapsed_s,
            "cost_usd": elapsed_s * self.price_per_second,
            "tokens_per_second": rate,
        }
        self._steps.append(step)
        self._rows.append(row)
        took_s = row.get("step_time_s", nan)
        if isfinite(took_s):
            self._times.append(took_s)

    def _evaluation(self, event: Mapping[str, object], step: int) -> None:
        losses = self._evals.setdefault(step, {})
        for name, value in event.items():
            if name == "eval_loss" or (name.startswith("eval_") and name.endswith("_loss")):
                column = name if name == "eval_loss" else eval_set_column(name[len("eval_") : -len("_loss")])
                losses[column] = _number(event, name, nan)
                if column not in ("eval_loss", *self.sets) and isinstance(value, int | float):
                    self.sets.append(column)


def _number(event: Mapping[str, object], name: str, default: float) -> float:
    """A number of an event; a loss that was no number is infinite, as `readers` keep it."""
    value = event.get(name, default)
    if value.__class__ is float and value == value:  # noqa: PLR0124 - nearly all are; NaN alone differs from itself
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("inf") if value in ("nan", "NaN") else default
    return float("inf") if isnan(value) else float(value)
