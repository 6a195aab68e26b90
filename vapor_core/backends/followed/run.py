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
from vapor_core.backends.followed.whole import WholeLog, agrees, first_log
from vapor_core.errors import InvalidUpload

Ended = Literal["", "completed", "stopped", "failed"]
_WORDS: dict[str, Ended] = {"completed": "completed", "stopped": "stopped"}
SILENT_S = 900.0  # without a word, after which a run that has not ended is out of sight
SILENT_STEPS = 20  # steps of its own, where those take longer than that
FIRST_CHECK = 2  # lines: of one, nobody can say what it is
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
    """A run that is read from a file or a folder.

    What is read line by line is held against the same log read whole, each time that it has grown to twice its length:
    where the two differ, it is read whole from then on.
    """

    path: Path
    live: LiveLog = field(default_factory=LiveLog)
    trouble: str = ""  # why nothing is read
    _own: OwnMetrics | None = None
    _whole: WholeLog | None = None
    _files: dict[Path, Followed] = field(default_factory=dict)
    _looked: float = nan  # when the folder was last looked at
    _heard: float | None = None
    _last_own: int = -1
    _checked: int = 0  # lines that were held against the log read whole

    def look(self, now: float) -> None:
        """Read what is new; a folder's files every few seconds."""
        if not isfinite(self._looked) or not 0 <= now - self._looked < FOLDER_S:
            self._find()
            self._looked = now if isfinite(now) else self._looked
        try:
            if self._own is not None:
                self._look_at_own(self._own)
            elif self._whole is not None:
                if self._whole.look(now):
                    self._hear(self._whole.path)
            else:
                self._look_at_files(now)
        except (InvalidUpload, OSError) as error:
            self.trouble = str(error)

    def standing(self) -> Standing:
        """By its planned steps, or by its own last word."""
        if self._own is not None:
            return _standing_of_own(self._own, self._heard)
        read: LiveLog | WholeLog = self.live if self._whole is None else self._whole
        planned, counts = self.live.planned, self.live.axis
        if self._whole is not None and self._whole.log is not None:
            planned, counts = self._whole.log.planned_steps or 0, self._whole.log.axis
        return Standing(
            "completed" if planned and read.reached >= planned else "",
            read.reached,
            max(planned, read.reached) if planned else 0,
            read.elapsed_s,
            read.step_time_s,
            self.live.began,
            self._heard,
            counts,
        )

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""
        if self._own is not None:
            return self._own.rows.columns(start, stop)
        return (self.live if self._whole is None else self._whole).columns(start, stop)

    def eval_loss(self, step: int) -> float:
        """The last loss on held-out text up to a step."""
        if self._own is not None:
            return self._own.rows.eval_loss(step)
        return (self.live if self._whole is None else self._whole).eval_loss(step)

    def changed(self) -> int:
        """The first step whose row has changed since it was last asked."""
        if self._own is not None:
            before, self._last_own = self._last_own, self._own.rows.steps_settled
            return NOWHERE if self._last_own >= before else max(self._last_own, 0)
        read: LiveLog | WholeLog = self.live if self._whole is None else self._whole
        first, read.changed_from = read.changed_from, NOWHERE
        return first

    @property
    def last(self) -> int:
        """The number of the last row's step."""
        if self._own is not None:
            return self._own.rows.steps_settled - 1
        return (self.live if self._whole is None else self._whole).last

    def log(self) -> str:
        """Which files are read, which of their names is which column, and what was left out."""
        if self._own is not None:
            return f"reads {self._own.path.name}"
        if self._whole is not None:
            found = self._whole.log
            lines = [f"reads {self._whole.path.name}"]
            if found is not None:
                lines += [f"{column}: {name}" for column, name in sorted(found.sources.items())]
                lines += found.warnings
            if self._whole.others:
                lines.append(
                    f"{self._whole.others} more runs in the file are not shown; import it to have them"
                )
        else:
            lines = [f"reads {path.name}" for path in self._files]
            lines += [f"{column}: {' + '.join(names)}" for column, names in sorted(self.live.names().items())]
        return "\n".join([*lines, self.trouble] if self.trouble else lines)

    def _look_at_own(self, own: OwnMetrics) -> None:
        before = own.rows.steps_done, len(own.rows.told)
        own.rows.look()
        if before != (own.rows.steps_done, len(own.rows.told)):
            self._hear(own.path)

    def _look_at_files(self, now: float) -> None:
        for path, source in self._files.items():
            if source.look(self.live):
                self._hear(path)
        if len(self._files) == 1:
            ((path, source),) = self._files.items()
            if source.told >= max(2 * self._checked, FIRST_CHECK):
                self._checked = source.told
                self._check(path, now)

    def _check(self, path: Path, now: float) -> None:
        """Hold what was read line by line against the same log read whole."""
        try:
            log, others = first_log(path)
        except InvalidUpload as error:  # too large to be read whole, or nothing yet that says what it is
            self.trouble = "" if self.live.has_loss else str(error)
            return
        if others or not agrees(self.live, log):
            self._whole, self._files = WholeLog(path), {}
            self._whole.look(now)

    def _hear(self, path: Path) -> None:
        self.trouble = ""
        self._heard = max(self._heard or 0.0, path.stat().st_mtime)

    def _find(self) -> None:
        """The run's files as they are now; those that are read already are read on."""
        if self._own is not None:
            return
        try:
            for path, context in (found := logs_of(self.path)):
                if path in self._files or (self._whole is not None and self._whole.path == path):
                    continue
                source = file_source(path, context)
                if isinstance(source, OwnMetrics):
                    self._own, self._whole, self._files = source, None, {}
                    return
                if len(found) == 1:  # a later checkpoint's state, or a better kind of log, takes over
                    self._files = {}
                    self._whole = WholeLog(path) if source is None else None
                if source is not None:
                    self._files[path] = source
        except (InvalidUpload, OSError) as error:
            self.trouble = str(error)


def _standing_of_own(own: OwnMetrics, heard: float | None) -> Standing:
    rows, word = own.rows, own.ended
    ended = _WORDS.get(word, "failed" if word else "")
    return Standing(
        ended,
        rows.steps_done,
        rows.total_steps,
        rows.elapsed_s,
        rows.step_time_s,
        rows.began,
        heard,
        why=word if ended == "failed" else "",
    )
