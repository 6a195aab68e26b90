"""One run that another program does, from whichever source it is read: its rows, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Literal, Protocol

from vapor_core.backends.base import Columns
from vapor_core.backends.followed.files import Followed, OwnMetrics, file_source
from vapor_core.backends.followed.folders import logs_of
from vapor_core.backends.followed.live_log import NOWHERE, LiveLog
from vapor_core.errors import InvalidUpload

Ended = Literal["", "completed", "stopped", "failed"]
_WORDS: dict[str, Ended] = {"completed": "completed", "stopped": "stopped"}
SILENT_S = 900.0  # without a word, after which a run that has not ended is out of sight
SILENT_STEPS = 20  # steps of its own, where those take longer than that
FOLDER_S = 5.0  # between two looks at which files a folder has


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands by its own word."""

    ended: Ended
    step: int
    total_steps: int  # 0 where nothing says
    elapsed_s: float
    step_time_s: float  # NaN where nothing says
    began: float | None  # seconds since 1970
    heard: float | None  # when it was last heard of, seconds since 1970
    counts: str = "step"
    why: str = ""  # it failed, where it says so


class RunSource(Protocol):
    """Where a run is read."""

    def look(self, now: float) -> None:
        """Take in what is new."""

    def standing(self) -> Standing:
        """How it stands."""

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""

    def eval_loss(self, step: int) -> float:
        """The last loss on held-out text up to a step."""

    def changed(self) -> int:
        """The first step whose row has changed since it was last asked, or beyond all of them."""

    @property
    def last(self) -> int:
        """The number of the last row's step; -1 where there is none."""

    def log(self) -> str:
        """What may be shown as its log."""


@dataclass(slots=True)
class FileRun:
    """A run that is read from a file or a folder."""

    path: Path
    live: LiveLog = field(default_factory=LiveLog)
    trouble: str = ""  # why nothing is read
    _own: OwnMetrics | None = None
    _files: dict[Path, Followed] = field(default_factory=dict)
    _looked: float = nan  # when the folder was last looked at
    _heard: float | None = None
    _last_own: int = -1

    def look(self, now: float) -> None:
        """Read what is new; a folder's files every few seconds."""
        if not isfinite(self._looked) or now - self._looked >= FOLDER_S or now < self._looked:
            self._find()
            self._looked = now
        for path, source in self._files.items():
            try:
                if source.look(self.live):
                    self._heard = max(self._heard or 0.0, path.stat().st_mtime)
            except (InvalidUpload, OSError) as error:
                self.trouble = str(error)
        if self._own is not None:
            before = self._own.rows.steps_done, len(self._own.rows.told)
            self._own.rows.look()
            if before != (self._own.rows.steps_done, len(self._own.rows.told)):
                self._heard = self._own.path.stat().st_mtime

    def standing(self) -> Standing:
        """By its planned steps, or by its own last word."""
        if self._own is not None:
            rows, word = self._own.rows, self._own.ended
            ended = _WORDS.get(word, "failed" if word else "")
            return Standing(
                ended,
                rows.steps_done,
                rows.total_steps,
                rows.elapsed_s,
                rows.step_time_s,
                rows.began,
                self._heard,
                why=word if ended == "failed" else "",
            )
        live = self.live
        done = bool(live.planned) and live.reached >= live.planned
        return Standing(
            "completed" if done else "",
            live.reached,
            max(live.planned, live.reached) if live.planned else 0,
            live.elapsed_s,
            live.step_time_s,
            live.began,
            self._heard,
            live.axis,
        )

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""
        return self.live.columns(start, stop) if self._own is None else self._own.rows.columns(start, stop)

    def eval_loss(self, step: int) -> float:
        """The last loss on held-out text up to a step."""
        return self.live.eval_loss(step) if self._own is None else self._own.rows.eval_loss(step)

    def changed(self) -> int:
        """The first step whose row has changed since it was last asked."""
        if self._own is not None:
            before, self._last_own = self._last_own, self._own.rows.steps_settled
            return NOWHERE if self._last_own >= before else max(self._last_own, 0)
        first = self.live.changed_from
        self.live.handed_out()
        return first

    @property
    def last(self) -> int:
        """The number of the last row's step."""
        return self.live.last if self._own is None else self._own.rows.steps_settled - 1

    def log(self) -> str:
        """Which files are read, and which of their names is which column."""
        names = [f"{column}: {' + '.join(taken)}" for column, taken in sorted(self.live.names().items())]
        files = [path.name for path in self._files] or ([self._own.path.name] if self._own else [])
        lines = [*(f"reads {name}" for name in files), *names]
        return "\n".join([*lines, self.trouble] if self.trouble else lines)

    def _find(self) -> None:
        """The run's files as they are now; those that are read already are read on."""
        try:
            found = logs_of(self.path)
            if self._own is not None or not found:
                return
            for path, context in found:
                if path in self._files:
                    continue
                source = file_source(path, context)
                if isinstance(source, OwnMetrics):
                    self._own, self._files = source, {}
                    return
                if len(found) == 1:  # a later checkpoint's state, or a better kind of log, takes over
                    self._files = {}
                self._files[path] = source
            self.trouble = ""
        except (InvalidUpload, OSError) as error:
            self.trouble = str(error)
