"""A real job's folder: what was asked for, what its trainer wrote, and whose process has it.

Every file is written whole and renamed into place, or appended line by line, so that whoever is killed when leaves
nothing that cannot be read. Whether a process lives is told by a lock that the kernel releases with it: a process id
may be given to somebody else, and a heartbeat needs a clock that runs forwards.

    spec.json       what is to be trained
    wanted.json     what a person wants last: run, pause or stop, and the number of that wish
    owner.lock      held by the supervisor as long as it lives
    trainer.lock    held by the trainer as long as it lives, whoever started it
    attempt.json    the last attempt: its number, the wish that it answers, when it began
    metrics.jsonl   what the trainer tells, an event a line
    output.log      what it prints
    stop            asks the trainer to save a checkpoint and to end
    exit.json       how the last attempt ended, and which wish that answers
    checkpoints/    what can be gone on from
    reserve         room that is given up when the disk is full, so that what is wanted and how it ended still fit
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vapor_core.backends.local.whole_file import written_whole
from vapor_core.program.full_disk import is_full

RUNS = "VAPOR_RUNS"  # the folder of all runs
Want = Literal["run", "pause", "stop"]
END_OF_LOG = 2_000  # letters
RESERVE = 2**15  # bytes


def runs_folder() -> Path:
    """Where runs are kept: VAPOR_RUNS, or the user's data folder."""
    named = os.environ.get(RUNS)
    if named:
        return Path(named).expanduser()
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "vapor" / "runs"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants last. `number` counts: 0 is the start, then a job's interventions."""

    number: int = 0
    what: Want = "run"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that the trainer was started."""

    number: int  # from 1
    wish: int  # the number of the wish that it answers
    began: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Exit:
    """How the last attempt ended."""

    wish: int
    reason: Literal["completed", "paused", "stopped", "failed", "killed"]
    at: float  # seconds since 1970
    message: str = ""


class RunDirectory:
    """One job's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = path / "metrics.jsonl"
        self.output = path / "output.log"
        self.stop_file = path / "stop"
        self._reserve_file = path / "reserve"
        self._place = f"{path}/"  # what is asked at every tick is asked in few words
        self._known: dict[
            str, tuple[tuple[int, int, int], dict[str, object]]
        ] = {}  # file -> its mark, what it held

    @property
    def line_name(self) -> str:
        """What it is called among those that wait."""
        return f"{self.path.parent.name}~{self.path.name}"

    @classmethod
    def in_line(cls, root: Path, name: str) -> RunDirectory:
        """The folder of a job by what it is called in the line of a runs folder."""
        workspace, _, job = name.partition("~")
        return cls(root / workspace / job)

    def create(self, spec: Mapping[str, object]) -> None:
        """Make the folder and write down what is to be trained, once."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self._file("spec").exists():
            self._write("spec", spec)
        self._reserve()

    @property
    def exists(self) -> bool:
        """Whether the job was begun here."""
        return self._file("spec").exists()

    def spec(self) -> dict[str, object]:
        """What is to be trained."""
        return self._read("spec")

    def wanted(self) -> Wanted:
        """What a person wants last."""
        known = self._read("wanted")
        return Wanted(**known) if known else Wanted()  # type: ignore[arg-type] # as `want` wrote it

    def want(self, number: int, what: Want) -> None:
        """Want something else from now on; a wish that came before the last one changes nothing."""
        with self.turn():
            if number > self.wanted().number:
                self._write("wanted", {"number": number, "what": what})

    def attempt(self) -> Attempt | None:
        """The last attempt."""
        known = self._read("attempt")
        return Attempt(**known) if known else None  # type: ignore[arg-type] # as `begin` wrote it

    def begin(self, attempt: Attempt) -> None:
        """Write down that an attempt begins."""
        self.stop_file.unlink(missing_ok=True)
        self._reserve()
        self._write("attempt", {"number": attempt.number, "wish": attempt.wish, "began": attempt.began})

    def exit(self) -> Exit | None:
        """How the last attempt ended; None before it has, and where its supervisor was killed."""
        known = self._read("exit")
        return Exit(**known) if known else None  # type: ignore[arg-type] # as `end` wrote it

    def end(self, exit: Exit) -> None:
        """Write down how an attempt ended."""
        told = {"wish": exit.wish, "reason": exit.reason, "at": exit.at, "message": exit.message}
        self._write("exit", told)

    def ended(self) -> Exit | None:
        """How it ended, where the last wish is answered by that."""
        exit = self.exit()
        return exit if exit is not None and exit.wish >= self.wanted().number else None

    def beside(self, name: str) -> dict[str, object]:
        """Another file of JSON in the folder, by its name without the ending; {} where it is not there."""
        return self._read(name)

    def end_of_log(self, letters: int = END_OF_LOG) -> str:
        """The last that the trainer printed."""
        try:
            with self.output.open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - 4 * letters, 0))
                return file.read().decode("utf-8", "replace")[-letters:]
        except OSError:
            return ""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among all processes that change what is wanted or how it ended."""
        with self._lock("turn") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def owner_lives(self) -> bool:
        """Whether a supervisor has the job."""
        return self._held("owner")

    def trainer_lives(self) -> bool:
        """Whether a trainer runs."""
        return self._held("trainer")

    def own(self, name: Literal["owner", "trainer"]) -> int | None:
        """Take a lock for as long as the returned descriptor is open; None where another process has it."""
        descriptor = os.open(self.path / f"{name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def _held(self, name: Literal["owner", "trainer"]) -> bool:
        try:
            descriptor = os.open(f"{self._place}{name}.lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(
                descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB
            )  # shared: two who ask are not in each other's way
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def _lock(self, name: str) -> Iterator[int]:
        descriptor = os.open(self.path / f"{name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _read(self, name: str) -> dict[str, object]:
        """What a file holds; it is renamed into place whole, so that another one has another mark."""
        file = f"{self._place}{name}.json"
        try:
            found = os.stat(file)  # noqa: PTH116 - a tenth of the time of a Path
        except FileNotFoundError:
            return {}
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        last = self._known.get(name)
        if last is not None and last[0] == mark:
            return last[1]
        try:
            known = json.loads(self._file(name).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        self._known[name] = (mark, known if isinstance(known, dict) else {})
        return self._known[name][1]

    def _write(self, name: str, value: Mapping[str, object]) -> None:
        """Whole or not at all, and on the disk before it counts; a full disk takes it where the reserve was."""
        try:
            with written_whole(self._file(name)) as file:
                json.dump(value, file)
        except OSError as error:
            if not is_full(error, self.path) or not self._reserve_file.exists():
                raise
            self._reserve_file.unlink(missing_ok=True)
            with written_whole(self._file(name)) as file:
                json.dump(value, file)

    def _reserve(self) -> None:
        """Keep room for the last words, where there is room."""
        if not self._reserve_file.exists():
            with suppress(OSError), written_whole(self._reserve_file) as file:
                file.write("." * RESERVE)
