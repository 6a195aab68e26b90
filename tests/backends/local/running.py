"""What tests of real jobs share: a workspace on disk, a trainer that only counts, and patience."""

import os
import signal
import sys
import time
from pathlib import Path

from vapor_core import JobConfig, Store
from vapor_core.backends.local import jobs
from vapor_core.backends.local.run_directory import RunDirectory

ROOT = Path(__file__).parents[3]
TRAINER = [sys.executable, str(Path(__file__).with_name("trainer.py"))]
PATIENCE_S = 60.0
MODEL = "HuggingFaceTB/SmolLM2-135M"


def kill(run: RunDirectory) -> None:
    """Leave no process behind."""
    for pid in (*processes("supervisor", run), *processes("trainer.py", run)):
        os.kill(pid, signal.SIGKILL)


def processes(program: str, run: RunDirectory) -> list[int]:
    """Who runs this program on this job."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        rest = [word for word in words if word != str(run.path)]
        if len(rest) < len(words) and any(program in word for word in rest):
            found.append(int(entry.name))
    return found


def config(steps: int = 40, **more: object) -> JobConfig:
    return JobConfig(model=MODEL, max_steps=steps, backend="local", **more)


def opened(tmp_path: Path, workspace: str = "default") -> Store:
    return Store.open(tmp_path / "work.db", workspace)


def run_of(store: Store, job_id: str) -> RunDirectory:
    return RunDirectory(jobs.runs_folder() / store.workspace / job_id)


def until(store: Store, job_id: str, *statuses: str, step: int = 0) -> str:
    """Wait until a job is in one of these states and has done so many steps."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        store.advance(now=time.time())
        job = store.job(job_id)
        if job.status in statuses and job.step >= step:
            return job.status
        time.sleep(0.05)
    raise AssertionError(f"{job_id} is {job.status} at step {job.step}: {run_of(store, job_id).end_of_log()}")


def until_true(holds) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
