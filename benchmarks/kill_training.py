"""Kill the app, supervisors and trainers of real runs at random, and look whether anything is lost or runs twice.

`python -m benchmarks.kill_training [KILLS]`. An app process submits, pauses, resumes and stops jobs on this machine and
says each action once it is acknowledged; it, or a supervisor or trainer of its jobs, gets SIGKILL at random instants,
and the app is started again. The trainer is the tests' own, which counts steps as the real one does, so that fifty
kills take minutes; what is tried is who owns a run and what is told of it, and that is the same.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.endurance import Ordeal, record
from vapor_core.backends.local import jobs
from vapor_core.backends.local.run_directory import RunDirectory, runs_folder
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import VaporError
from vapor_core.journal.events import JobPaused, JobResumed, JobStopped, JobSubmitted
from vapor_core.workspace.store import Store

ROOT = Path(__file__).parents[1]
KILLS, STEPS, JOBS_AT_ONCE = 50, 120, 3
LONGEST_S = 1.5  # between two kills
NAMED_S = 15.0  # in which a dead process is named
SETTLED_S = 240.0  # for everything to end, once nothing is killed
ACTIONS = {"pause": JobPaused, "resume": JobResumed, "stop": JobStopped}
APP = "from benchmarks.kill_training import app; app()"
PROGRAMS = {"supervisor": "backends.local.supervisor", "trainer": "tests/backends/local/trainer.py"}


@dataclass
class Found:
    """What came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)  # acknowledged actions that are not there
    twice: list[str] = field(default_factory=list)  # jobs of which two attempts ran at once
    gaps: list[str] = field(default_factory=list)  # jobs that lack a step
    false: list[str] = field(default_factory=list)  # jobs that were said to run long after they did not
    jobs: int = 0


def app() -> None:
    """Act on jobs for ever; a line for each action that was acknowledged."""
    draw = random.Random()  # noqa: S311 - each life of the app is another one
    jobs.NEEDED = ()  # the trainer needs none of what a real one does
    store = Store.open(os.environ["VAPOR_DATABASE_URL"])
    while True:
        store.advance(now=time.time())
        open_jobs = [job for job in store.jobs() if job.status != "completed"]
        what, on = draw.choice(("submit", *ACTIONS)), draw.choice(open_jobs) if open_jobs else None
        try:
            if what == "submit" and len(open_jobs) < JOBS_AT_ONCE:
                config = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=STEPS, backend="local")
                on = store.submit(config, now=time.time())
            elif what != "submit" and on is not None:
                getattr(store, what)(on.id, now=time.time())
            else:
                what = ""
        except VaporError:
            what = ""
        if what and on is not None:
            sys.stdout.write(f"{what} {on.id}\n")
            sys.stdout.flush()
        time.sleep(draw.uniform(0.0, 0.4))


def victims(program: str, folder: Path) -> list[int]:
    """Processes of a program that work on a run within a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if program in words and str(folder) in words:
            found.append(int(entry.name))
    return found


def rehearse(kills: int, folder: Path, draw: random.Random) -> Found:
    """Kill so often, then let everything end and look."""
    found, acknowledged = Found(), Counter[str]()
    database = folder / "work.db"
    environment = {
        **os.environ,
        "VAPOR_DATABASE_URL": str(database),
        "VAPOR_TEST_STEP_S": "0.05",
        "PYTHONPATH": str(ROOT),
    }
    said = (folder / "said.txt").open("ab")
    alive = None
    dead_since: dict[str, float] = {}
    while found.kills.total() < kills:
        if alive is None or alive.poll() is not None:
            alive = subprocess.Popen([sys.executable, "-c", APP], cwd=ROOT, env=environment, stdout=said)  # noqa: S603
            time.sleep(1.5)  # until it has begun
        time.sleep(draw.uniform(0.05, LONGEST_S))
        who = draw.choice(("app", *PROGRAMS))
        ids = [alive.pid] if who == "app" else victims(PROGRAMS[who], folder)
        if ids:
            os.kill(draw.choice(ids), signal.SIGKILL)
            found.kills[who] += 1
        if who == "app":
            alive.wait()
        _look(Store.open(database), dead_since, found)
    if alive is not None:
        alive.kill()
        alive.wait()
    said.close()
    for line in (folder / "said.txt").read_text(encoding="utf-8").splitlines():
        acknowledged[line] += 1
    _settle(database, dead_since, found)
    _compare(Store.open(database), acknowledged, found)
    return found


def _look(store: Store, dead_since: dict[str, float], found: Found) -> None:
    """Note who is said to run though nobody works on it, and since when."""
    store.advance(now=time.time())
    for job in store.jobs():
        run = RunDirectory(runs_folder() / store.workspace / job.id)
        idle = job.status == "running" and not run.trainer_lives() and not run.owner_lives()
        since = dead_since.setdefault(job.id, time.monotonic()) if idle else dead_since.pop(job.id, None)
        if idle and since is not None and time.monotonic() - since > NAMED_S:
            found.false.append(job.id)


def _settle(database: Path, dead_since: dict[str, float], found: Found) -> None:
    """Let every job go on to its end."""
    store, end = Store.open(database), time.monotonic() + SETTLED_S
    while time.monotonic() < end:
        _look(store, dead_since, found)
        left = [job for job in store.jobs() if job.status != "completed"]
        if not left:
            return
        for job in left:
            if job.status in ("paused", "stopped", "lost", "failed"):
                store.resume(job.id, now=time.time())
        time.sleep(0.5)
    found.lost += [
        f"{job.id} is {job.status} at the end" for job in store.jobs() if job.status != "completed"
    ]


def _compare(store: Store, acknowledged: Counter[str], found: Found) -> None:
    """What was acknowledged against what is there."""
    there: Counter[str] = Counter()
    for entry in store.entries():
        if isinstance(entry.event, JobSubmitted):
            there[f"submit {entry.event.job_id}"] += 1
        for name, event in ACTIONS.items():
            if isinstance(entry.event, event):
                there[f"{name} {entry.event.job_id}"] += 1
    found.acknowledged = acknowledged.total()
    found.lost += [line for line, count in acknowledged.items() if there[line] < count]
    found.jobs = len(store.jobs())
    for job in store.jobs():
        steps = store.metrics(job.id).frame(max_points=10 * STEPS)["step"].tolist()
        if steps != list(range(STEPS)):
            found.gaps.append(f"{job.id} has {len(steps)} of {STEPS} steps")
        if _overlaps(runs_folder() / store.workspace / job.id / "metrics.jsonl"):
            found.twice.append(job.id)


def _overlaps(metrics: Path) -> bool:
    """Whether an earlier attempt wrote after a later one had begun."""
    latest = 0
    for line in metrics.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            attempt = int(json.loads(line)["attempt"])
        except (ValueError, KeyError, TypeError):
            continue  # torn by a kill
        if attempt < latest:
            return True
        latest = attempt
    return False


def main(kills: int = KILLS) -> int:
    """Go through it, write the row, and say what was found."""
    trainer = [sys.executable, str(ROOT / PROGRAMS["trainer"])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {
            "VAPOR_RUNS": str(folder / "runs"), "VAPOR_BACKENDS": "local", "VAPOR_LOCAL_JOBS": "2",
            "VAPOR_TRAINING_PROGRAM": json.dumps(trainer), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        jobs.NEEDED = ()
        found = rehearse(kills, folder, random.Random(time.time_ns()))  # noqa: S311 - not a secret
    wrong = [*found.lost, *found.twice, *found.gaps, *found.false]
    who = ", ".join(f"{count} of the {name}" for name, count in sorted(found.kills.items()))
    said = (
        f"{found.kills.total()} kills ({who}), {found.jobs} jobs, {found.acknowledged} actions acknowledged: "
        f"{len(found.lost)} lost, {len(found.twice)} jobs ran twice, {len(found.gaps)} with gaps, "
        f"{len(found.false)} falsely said to run"
    )
    sys.stdout.write(said + "\n" + "\n".join(wrong) + "\n")
    if kills >= KILLS:
        command = "python -m benchmarks.kill_training"
        target = "nothing lost, no job twice, the dead named within 15 s"
        record(
            Ordeal(
                "training",
                "App, supervisors and trainers of real runs killed",
                command,
                said,
                target,
                not wrong,
            )
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
