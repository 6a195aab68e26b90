"""Runs that tell us of themselves, kept as they tell it: a file a run, a line for all that was told at once.

Whoever logs may say a thing twice, since an answer was lost on the way: a metric's point is known by its key, step and
time, and counts once. Several processes may append to one run; each reads on from where it last was, under a lock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Literal, NamedTuple

from vapor_core.backends.base import Columns
from vapor_core.backends.followed.live_log import LiveLog
from vapor_core.backends.followed.run import Ended, Standing
from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.errors import BackendRefused

Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
ENDED: dict[str, Ended] = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "stopped"}
LARGEST_BYTES = 500_000_000  # of one run
EPOCHS = (
    "num_train_epochs",
    "epochs",
    "max_epochs",
    "num_epochs",
)  # what trainers call the passes that are planned
STEPS = ("max_steps", "total_steps", "num_training_steps", "max_iters")


class Point(NamedTuple):
    """A value of a metric. `at_ms` is milliseconds since 1970."""

    key: str
    value: float
    at_ms: int
    step: int


@dataclass(slots=True)
class TrackedRun:
    """One run, as far as its file was read."""

    path: Path
    run_id: str
    experiment_id: str = "0"
    name: str = ""
    status: str = "RUNNING"
    start_ms: int = 0
    end_ms: int | None = None
    deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    live: LiveLog = field(default_factory=LiveLog)
    _points: dict[str, list[Point]] = field(default_factory=dict)
    _seen: set[tuple[str, int, int]] = field(default_factory=set)
    _cursor: int = 0
    _heard: float | None = None

    # what is told

    def create(self, experiment_id: str, name: str, start_ms: int, tags: Mapping[str, str]) -> None:
        """Begin the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        born = {"run_id": self.run_id, "experiment_id": experiment_id, "name": name, "start_ms": start_ms}
        self.tell(created=born, tags=dict(tags))

    def tell(
        self,
        *,
        points: Iterable[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        untagged: Iterable[str] = (),
        **more: object,
    ) -> None:
        """Append what is new of it; when this returns, it is in the file.

        Raises:
            BackendRefused: the run is as large as one may be, or its file cannot be written.
        """
        with self._alone():
            self._read()
            fresh = [each for each in points if (each.key, each.step, each.at_ms) not in self._seen]
            line: dict[str, object] = {name: value for name, value in more.items() if value is not None}
            if fresh:
                line["points"] = [[each.key, _plain(each.value), each.at_ms, each.step] for each in fresh]
            line |= {"params": dict(params)} if params else {}
            line |= {"tags": dict(tags)} if tags else {}
            line |= {"untagged": list(untagged)} if untagged else {}
            if line:
                self._append(json.dumps(line).encode() + b"\n")
                self._read()

    # what was told

    def look(self, now: float = nan) -> None:
        """Read what others have appended."""
        try:
            if os.stat(self.path).st_size != self._cursor:  # noqa: PTH116 - asked at every tick
                self._read()
        except OSError:
            return

    @property
    def exists(self) -> bool:
        """Whether it was begun."""
        return self.path.exists()

    def points(self, key: str) -> list[Point]:
        """All points of a metric, in the order in which they were told."""
        return self._points.get(key, [])

    def latest(self) -> Iterator[Point]:
        """Of each metric the point at the greatest step, the latest of these."""
        for points in self._points.values():
            yield max(points, key=lambda point: (point.step, point.at_ms))

    def standing(self) -> Standing:
        """How it stands by its own word."""
        live = self.live
        ended = ENDED.get(self.status, "")
        total = max(self._planned(), live.reached)
        return Standing(
            ended,
            live.reached,
            total if self._planned() or ended == "completed" else 0,
            live.elapsed_s,
            live.step_time_s,
            live.began or (self.start_ms / 1000 if self.start_ms else None),
            self._heard,
            why="its trainer said so" if ended == "failed" else "",
        )

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""
        return self.live.columns(start, stop)

    def eval_loss(self, step: int) -> float:
        """The last loss on held-out text up to a step."""
        return self.live.eval_loss(step)

    def changed(self) -> int:
        """The first step whose row has changed since it was last asked."""
        first = self.live.changed_from
        self.live.handed_out()
        return first

    @property
    def last(self) -> int:
        """The number of the last row's step."""
        return self.live.last

    def log(self) -> str:
        """Its parameters and tags, and which of its names is which column."""
        lines = [f"{column}: {' + '.join(names)}" for column, names in sorted(self.live.names().items())]
        told = [*self.params.items(), *self.tags.items()]
        return "\n".join([*lines, *(f"{name} = {value[:200]}" for name, value in told)])

    def _planned(self) -> int:
        """Steps that it is to take: told, or from the passes that are planned and how far the run is in them."""
        steps = _first(self.params, STEPS)
        if steps >= 1:
            return int(steps)
        epochs, last = _first(self.params, EPOCHS), self.live.last
        if not epochs > 0 or last < 1:
            return 0
        reached = float(self.live.columns(last, last + 1)["epoch"][-1])
        return round(epochs * last / reached) if isfinite(reached) and reached > 0 else 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Alone among all processes and threads that append to this run."""
        try:
            lock = os.open(self.path.parent / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise BackendRefused(f"the run cannot be written: {error.strerror}; try again") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _append(self, line: bytes) -> None:
        if self._cursor + len(line) > LARGEST_BYTES:
            raise BackendRefused(
                f"a run holds {LARGEST_BYTES // 10**6:,} MB; log less often, or begin another run"
            )
        try:
            with self.path.open("ab") as file:
                before = file.tell()
                torn = before > self._cursor  # by a kill; it ends here
                try:
                    file.write(b"\n" + line if torn else line)
                    file.flush()
                except OSError:
                    os.truncate(self.path, before)
                    raise
        except OSError as error:
            raise BackendRefused(f"the run cannot be written: {error.strerror}; free some space") from None

    def _read(self) -> None:
        try:
            with self.path.open("rb") as file:
                file.seek(self._cursor)
                fresh = file.read()
                self._heard = os.fstat(file.fileno()).st_mtime
        except OSError:
            return
        whole = fresh.rfind(b"\n") + 1
        self._cursor += whole
        for line in fresh[:whole].splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                self._take(told)

    def _take(self, told: Mapping[str, object]) -> None:
        created = told.get("created")
        if isinstance(created, dict):
            self.experiment_id, self.name = str(created["experiment_id"]), str(created["name"])
            self.start_ms = int(created["start_ms"])
        for known, key in ((self.params, "params"), (self.tags, "tags")):
            said = told.get(key)
            if isinstance(said, dict):
                known |= {str(name): str(value) for name, value in said.items()}
        gone = told.get("untagged")
        for name in gone if isinstance(gone, list) else ():
            self.tags.pop(str(name), None)
        self.name = str(told.get("name", self.name))
        self.status = str(told.get("status", self.status))
        end = told.get("end_ms")
        self.end_ms = int(end) if isinstance(end, int) else self.end_ms
        self.deleted = bool(told.get("deleted", self.deleted))
        points = told.get("points")
        for each in points if isinstance(points, list) else ():
            key, value, at_ms, step = each
            self._point(Point(str(key), float(value), int(at_ms), int(step)))

    def _point(self, point: Point) -> None:
        mark = (point.key, point.step, point.at_ms)
        if mark in self._seen:
            return
        self._seen.add(mark)
        known = self._points.setdefault(point.key, [])
        known.append(point)
        step = point.step
        if not step and len(known) > 1 and self.live.last < len(known):
            step = len(known) - 1  # who logs without a step means one after the other
        value = point.value if isfinite(point.value) else float("inf")
        self.live.take({point.key: value}, step=step, at=point.at_ms / 1000)


def tracked_run(workspace: str, run_id: str) -> TrackedRun:
    """A workspace's run by its id."""
    safe = "".join(letter for letter in run_id if letter.isalnum())[:64] or "none"
    return TrackedRun(runs_folder() / workspace / "tracking" / safe / "run.jsonl", safe)


def _first(params: Mapping[str, str], names: tuple[str, ...]) -> float:
    for name in names:
        try:
            return float(params[name])
        except (KeyError, ValueError):
            continue
    return nan


def _plain(value: float) -> float | str:
    """A number as JSON has it; what is none as the word that float() reads."""
    return value if isfinite(value) else str(value)


def tracked_runs(workspace: str) -> list[str]:
    """Ids of all runs that a workspace was told of, oldest first."""
    folder = runs_folder() / workspace / "tracking"
    found: list[tuple[float, str]] = []
    for file in folder.glob("*/run.jsonl"):
        try:
            found.append((file.parent.stat().st_ctime, file.parent.name))
        except OSError:
            continue
    return [name for _, name in sorted(found)]
