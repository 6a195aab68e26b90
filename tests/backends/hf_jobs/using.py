"""What tests of jobs at the Hub share: a configuration on one of its machines, a workspace on disk, and patience."""

import time
from pathlib import Path

from tests.backends.hf_jobs.hub import TOKEN
from vapor_core import JobConfig, Store
from vapor_core.backends.hf_jobs import access, hardware
from vapor_core.backends.hf_jobs.record import HubRun
from vapor_core.backends.local.run_directory import runs_folder

PATIENCE_S = 15.0


def card(name: str = "l4x1"):
    return next(each.accelerator for each in hardware.flavors() if each.name == name)


def config(steps: int = 12, **more) -> JobConfig:
    given = {"model": "HuggingFaceTB/SmolLM2-135M", "accelerator": card(), "backend": "hf_jobs"} | more
    return JobConfig(max_steps=steps, **given)


def opened(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "work.db")


def submitted(store: Store, steps: int = 12, *, keeps: bool = False, token: str = TOKEN, **more):
    with access.lent(access.access_of(token, keeps=keeps)):
        return store.submit(config(steps, **more), now=time.time())


def run_of(store: Store, job_id: str = "job-1") -> HubRun:
    return HubRun(runs_folder() / store.workspace / job_id)


def until(store: Store, job_id: str, *statuses: str, step: int = 0):
    """Wait until a job is in one of these states and has done so many steps."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        store.advance(now=time.time())
        job = store.job(job_id)
        if job.status in statuses and job.step >= step:
            return job
        time.sleep(0.02)
    raise AssertionError(f"{job_id} is {job.status} at step {job.step}, {job.failure}")


def until_true(holds) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def steps_told(store: Store, job_id: str = "job-1") -> list[int]:
    return store.metrics(job_id).frame()["step"].tolist()
