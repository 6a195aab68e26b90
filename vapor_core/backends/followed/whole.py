"""A log that is read whole again whenever it has grown: what says of a row what it is, may stand in later rows.

It is read as an imported log is, and so it is the measure for what is read line by line: see `agrees`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from math import inf, isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.backends.base import Columns
from vapor_core.backends.followed.live_log import NOWHERE, LiveLog
from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.errors import InvalidUpload
from vapor_core.readers.run_logs import LARGEST_BYTES, RunLog, read_logs

if TYPE_CHECKING:
    import pandas as pd

REST = 20.0  # times as long as reading it took, a log rests before it is read again
CLOSE = 1e-6  # two readings of one number


@dataclass(slots=True)
class WholeLog:
    """One file, as it was when it was read last."""

    path: Path
    log: RunLog | None = None
    others: int = 0  # further runs in the file, which are not shown
    changed_from: int = NOWHERE
    _mark: tuple[int, int, int] = (0, 0, 0)
    _took_s: float = 0.0
    _read_at: float = -inf  # by the caller's clock
    _columns: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def look(self, now: float) -> bool:
        """Read it where it has changed and has rested; whether it was. `now` is the caller's clock, NaN if unknown.

        Raises:
            InvalidUpload: it is no log, or larger than what is read whole.
        """
        try:
            found = os.stat(self.path)  # noqa: PTH116 - asked at every tick
        except OSError:
            return False
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if mark == self._mark or 0 <= now - self._read_at < REST * self._took_s:
            return False
        began = time.monotonic()
        self._mark, self._read_at = mark, now
        logs = read_logs(self.path.name, _content(self.path))
        self._took_s = time.monotonic() - began
        self.others = len(logs) - 1
        before, self.log = self._columns, logs[0]
        self._columns = _columns_of(logs[0].frame)
        self.changed_from = min(self.changed_from, _first_difference(before, self._columns))
        return True

    @property
    def last(self) -> int:
        """The number of the last row's step; -1 where there is none."""
        steps = self._columns.get("step")
        return int(steps[-1]) if steps is not None and steps.size else -1

    @property
    def reached(self) -> int:
        """Steps that were done."""
        if self.log is None:
            return 0
        if self.log.steps_done is not None:
            return self.log.steps_done
        return self.last + (1 if self._columns["step"][0] == 0 else 0)

    @property
    def elapsed_s(self) -> float:
        """By its closing row, else by its last one; 0 where nothing says."""
        clock = self._columns.get("elapsed_s", np.zeros(0))
        known = clock[np.isfinite(clock)]
        runtime_s = self.log.summary.get("runtime_s", 0.0) if self.log else 0.0
        return max(runtime_s, float(known[-1]) if known.size else 0.0)

    @property
    def step_time_s(self) -> float:
        """Seconds of a step, of the last rows; NaN where nothing says."""
        clock, steps = self._columns.get("elapsed_s"), self._columns.get("step")
        if clock is None or steps is None or len(steps) < 2:
            return nan
        early = max(len(steps) - 50, 0)
        took = float(clock[-1] - clock[early]) / float(steps[-1] - steps[early])
        return took if isfinite(took) and took > 0 else nan

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1, all TRAINING_COLUMNS; missing is NaN."""
        steps = self._columns.get("step", np.zeros(0))
        low, high = np.searchsorted(steps, (start, stop))
        missing = np.full(high - low, nan)
        found: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {
            name: self._columns[name][low:high] if name in self._columns else missing
            for name in TRAINING_COLUMNS
        }
        found["step"] = steps[low:high].astype(np.int64)
        return found

    def eval_loss(self, step: int) -> float:
        """The last one up to a step; NaN before the first."""
        steps, values = self._columns.get("step"), self._columns.get("eval_loss")
        if steps is None or values is None:
            return nan
        known = values[(steps <= step) & ~np.isnan(values)]
        return float(known[-1]) if known.size else nan


def agrees(live: LiveLog, log: RunLog) -> bool:
    """Whether rows that were read as they came are those of the log read whole."""
    if live.axis != log.axis:
        return False
    whole = _columns_of(log.frame)
    found = live.columns(0, NOWHERE)
    if len(found["step"]) != len(whole["step"]) or not (found["step"] == whole["step"]).all():
        return False
    return all(
        np.allclose(found[name], values, rtol=CLOSE, atol=0.0, equal_nan=True)
        for name, values in whole.items()
        if name in TRAINING_COLUMNS
    )


def first_log(path: Path) -> tuple[RunLog, int]:
    """The first run of a file, read whole, and how many more it holds.

    Raises:
        InvalidUpload: it is no log, or has none yet.
    """
    logs = read_logs(path.name, _content(path))
    return logs[0], len(logs) - 1


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InvalidUpload(
                f"{path.name} is larger than {LARGEST_BYTES // 10**6:,} MB, which is as much as is read whole; "
                "let the trainer write JSON a line or TensorBoard's events"
            )
        return path.read_bytes()
    except OSError as error:
        raise InvalidUpload(f"{path.name} cannot be read: {error.strerror}") from None


def _columns_of(frame: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    return {str(name): frame[name].to_numpy(dtype=np.float64) for name in frame}


def _first_difference(before: dict[str, NDArray[np.float64]], now: dict[str, NDArray[np.float64]]) -> int:
    """The first step from which two readings of one log differ."""
    both = min(len(before.get("step", ())), len(now["step"]))
    same = np.ones(both, dtype=np.bool_)
    for name in before.keys() | now.keys():
        old, new = before.get(name, np.full(both, nan))[:both], now.get(name, np.full(both, nan))[:both]
        same &= (old == new) | (np.isnan(old) & np.isnan(new))
    differs = np.flatnonzero(~same)
    if differs.size:
        return int(min(before["step"][differs[0]], now["step"][differs[0]]))
    return int(now["step"][both]) if len(now["step"]) > both else NOWHERE
