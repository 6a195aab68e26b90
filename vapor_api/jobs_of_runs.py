"""The job that a run which tells us of itself is in its workspace: recorded once, named and described as the run is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store

if TYPE_CHECKING:
    from vapor_core.backends.followed.tracking import TrackedRun
    from vapor_core.contracts.training import JobConfig

    ConfigOf = Callable[[Mapping[str, str], int], JobConfig | None]  # of parameters, and of the steps to take


class JobsOfRuns:
    """The jobs of one workspace's runs; safe for many threads."""

    def __init__(self, store: Store, now: Callable[[], float], config_of: ConfigOf) -> None:
        self._store, self._now, self._config_of = store, now, config_of
        self._lock = Lock()
        self._jobs: dict[str, str] = {}  # run id -> job id
        self._described: set[str] = set()

    def job_of(self, run: TrackedRun) -> str:
        """The id of a run's job, which is recorded where it was not."""
        known = self._jobs.get(run.run_id)
        if known is not None:
            return known
        with self._lock:
            self._store.entries()  # what other processes have recorded
            for job_id, record in self._store.world.jobs.items():
                followed = record.spec.followed
                if followed is not None and followed.source == "tracking":
                    self._jobs[followed.place] = job_id
            if run.run_id not in self._jobs:
                self._jobs[run.run_id] = self._store.track(run.run_id, run.name, now=self._now()).id
        return self._jobs[run.run_id]

    def describe(self, run: TrackedRun) -> None:
        """Let the job have the configuration that the run's parameters describe, once these are all there."""
        if run.run_id in self._described or not run.params:
            return
        planned = run.standing().total_steps
        if not planned and run.status == "RUNNING" and run.live.last < 1:
            return
        self._described.add(run.run_id)
        config = self._config_of(run.params, planned)
        if config is not None:
            self._act(run, lambda job: self._store.describe(job, config, now=self._now()))

    def rename(self, run: TrackedRun, name: str) -> None:
        """The job is called as its run."""
        self._act(run, lambda job: self._store.rename(job, name, now=self._now()))

    def delete(self, run: TrackedRun) -> None:
        """The job is out of sight, as its run."""
        self._act(run, lambda job: self._store.delete(job, now=self._now()))

    def restore(self, run: TrackedRun) -> None:
        """The job is back, as its run."""
        self._act(run, lambda job: self._store.restore(job, now=self._now()))

    def _act(self, run: TrackedRun, action: Callable[[str], object]) -> None:
        """An action that the workspace may refuse, since a person was there first."""
        job = self.job_of(run)
        try:
            with self._lock:
                action(job)
        except VaporError:
            return
