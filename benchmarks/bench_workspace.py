"""A workspace of 10,000 jobs and 50,000 events: opened, ticked, told and saved, and a second visitor of one process.

Processor seconds of a process of its own, so that others on the machine count little.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TypeVar

from sqlalchemy import insert

from benchmarks.rows import Row
from vapor_core import JobConfig, Store
from vapor_core.journal.codec import encode
from vapor_core.journal.events import (
    JobDeleted,
    JobPaused,
    JobResumed,
    JobStopped,
    JobSubmitted,
    Renamed,
    WorkspaceEvent,
)
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.records import NOTHING, digest
from vapor_core.journal.schema import EVENTS
from vapor_core.journal.sql import SqlJournal, open_journal
from vapor_core.sharing import files, selection

JOBS = 10_000
LIVE = 20  # jobs at the end that still run
CONFIG = JobConfig(model="openai-community/gpt2", max_steps=500, eval_every=50)
TARGETS_S = {"open": 1.0, "first tick": 1.0, "tick": 0.025, "all events": 1.0, "save": 1.0}
SECOND_MB = 25.0

T = TypeVar("T")


def history() -> list[tuple[float, WorkspaceEvent]]:
    """What was done, five events a job, by the caller's clock."""
    done: list[tuple[float, WorkspaceEvent]] = [(0.0, SpeedSet(speed=60.0))]
    for number in range(1, JOBS + 1):
        key, at = f"job-{number}", float(number)
        live = number > JOBS - LIVE
        config = CONFIG.changed(
            seed=number, learning_rate=1e-4 * (1 + number % 7), max_steps=10**6 if live else 500
        )
        last: WorkspaceEvent = SpeedSet(speed=60.0)
        if not live and number % 2:
            last = JobDeleted(job_id=key) if number % 4 == 1 else JobStopped(job_id=key)
        done += [
            (at, JobSubmitted.of(key, f"run {number}", config)),
            (at + 0.1, JobPaused(job_id=key)),
            (at + 0.2, JobResumed(job_id=key)),
            (at + 0.3, Renamed(id=key, name=f"run {number} again")),
            (at + 0.4, last),
        ]
    return done


def write(path: Path) -> None:
    """Put the history into a file at once."""
    journal, before, rows = open_journal(path), NOTHING, []
    assert isinstance(journal, SqlJournal)
    for number, (at, event) in enumerate(history(), start=1):
        body = encode(event)
        before = digest(before, "default", number, at, body)
        row = {"workspace": "default", "number": number, "at": at, "body": body}
        rows.append({**row, "nonce": None, "digest": before})
    with journal.place.engine.begin() as connection:
        connection.execute(insert(EVENTS), rows)
    journal.close()


def memory_mb() -> float:
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * 4096 / 1e6


def took(do: Callable[[], T]) -> tuple[float, T]:
    began = process_time()
    answer = do()
    return process_time() - began, answer


def measure(path: str) -> dict[str, float]:
    """What each takes, processor seconds, and what a second visitor adds, MB."""
    now, found = JOBS + 2.0, {}
    found["open"], store = took(lambda: Store.open(path))

    def look(visitor: Store) -> None:
        visitor.advance(now=now)
        _ = visitor.jobs(include_deleted=True)

    found["first tick"], _ = took(lambda: look(store))

    def tick(second: int) -> None:
        store.advance(now=now + second)
        _ = store.jobs(), store.summary()

    tick(1)
    ticks = [took(lambda: tick(second))[0] for second in range(2, 12)]  # noqa: B023 - asked at once
    found["tick"] = sorted(ticks)[5]
    found["all events"], _ = took(store.events)
    found["save"], _ = took(lambda: files.to_file(selection.share(store, "workspace")))
    before = memory_mb()
    found["second visitor"], second_store = took(lambda: Store(store.journal))
    look(second_store)
    found["second MB"] = memory_mb() - before
    found["check"], _ = took(lambda: _checked(path))
    return found


def _checked(path: str) -> None:
    """The digests of all events alone, as they are looked at when a workspace is opened."""
    journal = open_journal(path)
    assert isinstance(journal, SqlJournal)
    with journal.place.reading() as connection:
        found = connection.execute(EVENTS.select().order_by(EVENTS.c.number)).all()
    before = NOTHING
    for row in found:
        before = digest(before, "default", row.number, row.at, row.body)
    journal.close()


def rows() -> list[Row]:
    """A process of its own measures it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.db"
        write(path)
        command = [sys.executable, "-m", "benchmarks.bench_workspace", str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    found: dict[str, float] = json.loads(said)
    told = [
        Row(
            f"workspace of {JOBS:,} jobs and {5 * JOBS:,} events: {name}",
            "",
            f"{found[name]:.3f} s of processor time",
            f"{found[name]:.3f} s",
            f"{target} s",
            found[name] <= target,
            f"Of opening, {found['check']:.2f} s are reading and the digests of all events."
            if name == "open"
            else "",
        )
        for name, target in TARGETS_S.items()
    ]
    told.append(
        Row(
            "the same, a second visitor of one process",
            "",
            f"{found['second MB']:.0f} MB more, opened in {found['second visitor']:.2f} s",
            f"{found['second MB']:.0f} MB",
            f"{SECOND_MB:.0f} MB",
            found["second MB"] <= SECOND_MB,
        )
    )
    return told


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
