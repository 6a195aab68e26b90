"""What is written down of a run at the Hub, in its folder: which jobs it has there, and what was last heard of them.

    hub.json      the account, the repository of what is kept, the attempts: the Hub's id of each
    heard.json    the last that the Hub said of the newest attempt, and when
    wanted.json, exit.json, metrics.jsonl, output.log    as in every real run's folder

No token stands in any of them.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vapor_core.backends.local.run_directory import RunDirectory


@dataclass(frozen=True, slots=True)
class Attempt:
    """One job of the Hub's: its number here from 1, the wish that it answers, its id there, when it was started."""

    number: int
    wish: int
    job: str
    began: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The last answer: the job's stage there, since when, seconds since 1970, and what was kept by then."""

    attempt: int = 0
    stage: str = ""
    at: float = 0.0
    message: str = ""
    kept_step: int = 0
    not_kept: str = ""  # why the last that was saved could not be kept


class HubRun(RunDirectory):
    """A run's folder, with what the Hub has of it."""

    def account(self) -> str:
        """In whose account it runs; "" before it was started."""
        return str(self._read("hub").get("account") or "")

    def repository(self) -> str | None:
        """Where checkpoints and the result are kept; None where they are not."""
        found = self._read("hub").get("repository")
        return str(found) if found else None

    def attempts(self) -> list[Attempt]:
        """Its jobs, oldest first."""
        found = self._read("hub").get("attempts")
        return [Attempt(**each) for each in found] if isinstance(found, list) else []

    def latest(self) -> Attempt | None:
        """The newest of them."""
        found = self.attempts()
        return found[-1] if found else None

    def settle(self, account: str, repository: str | None) -> None:
        """Write down where it is to run, before it does."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.account():
            self._write("hub", {"account": account, "repository": repository, "attempts": []})

    def add(self, attempt: Attempt) -> None:
        """Write down a job that was started."""
        known = self._read("hub")
        told = {"number": attempt.number, "wish": attempt.wish, "job": attempt.job, "began": attempt.began}
        attempts = known.get("attempts")
        self._write("hub", {**known, "attempts": [*(attempts if isinstance(attempts, list) else []), told]})

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Alone among all processes of this machine that start its jobs; what is wanted may change meanwhile."""
        with self._lock("start") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def heard(self) -> Heard:
        """What was last heard."""
        known = self._read("heard")
        return Heard(**known) if known else Heard()  # type: ignore[arg-type] # as `hear` wrote it

    def hear(self, heard: Heard) -> None:
        """Write down what was heard."""
        names = ("attempt", "stage", "at", "message", "kept_step", "not_kept")
        self._write("heard", {name: getattr(heard, name) for name in names})
