"""The seam to real work on a Ray cluster: a job is the folder that it is on this machine, and Ray says when it runs.

The folder lies where the cluster's machines see it too. Each time that a job is wanted to run, the cluster is told
once, under an id of its own; what it says of a job that waits, or that could not begin, is remembered beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vapor_core.backends.local.jobs import BACKENDS, DETACHED, LocalJobs, named_backends
from vapor_core.backends.ray import place
from vapor_core.backends.ray.submit import ray_id, submitted
from vapor_core.backends.ray.view import VIEW
from vapor_core.contracts.findings import Failure
from vapor_core.errors import BackendRefused
from vapor_core.program.limits import refusal

if TYPE_CHECKING:
    from vapor_core.backends.base import JobSpec
    from vapor_core.backends.local.log_rows import LogRows
    from vapor_core.backends.local.run_directory import Attempt, Exit, RunDirectory
    from vapor_core.contracts.lifecycle import JobStatus
    from vapor_core.journal.journal import Journal

NEEDED = ("ray", "torch", "transformers", "trl", "peft", "datasets")
GONE = ("FAILED", "STOPPED", "SUCCEEDED")  # of a job that has no owner and no end of its own
SUBMIT = DETACHED.replace("vapor_core.backends.local.supervisor", "vapor_core.backends.ray.submit")


class RayJobs(LocalJobs):
    """Runs jobs on a Ray cluster."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        super().__init__(workspace, journal)
        self._ray_ids: dict[tuple[str, int], str] = {}

    def _see_that_it_is_on(self) -> None:
        if "ray" not in named_backends():
            raise BackendRefused(
                f"training on a Ray cluster is off on this server; it is on where that is started with {BACKENDS}=ray"
            )
        if os.name != "posix":
            raise BackendRefused("training on a Ray cluster needs Linux or macOS")
        if place.given():
            return  # the cluster has what it needs, or its jobs say so
        missing = [name for name in NEEDED if find_spec(name) is None]
        if missing:
            raise BackendRefused(
                f"a Ray cluster here needs {', '.join(missing)}, which this installation lacks: "
                "pip install -e '.[ray]' in Vapor's folder"
            )

    def _see_that_it_can_be_done(self, spec: JobSpec) -> None:
        machine = place.RayPlace.measured()
        gpu = bool(place.given()) or (machine is not None and not machine.is_processor)
        reason = refusal(spec.config.model_dump(), gpu=gpu, workers=0)
        if reason is not None:
            raise BackendRefused(reason)

    def _supervise(self, run: RunDirectory) -> None:
        """Have the cluster told, where it was not: in a process of its own, which is not waited for."""
        wanted, attempt = run.wanted(), run.attempt()
        begun = attempt is not None and attempt.wish >= wanted.number
        told, trouble = submitted(run)
        if begun or run.ended() is not None or (told >= wanted.number and not trouble):
            return
        try:
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-c", SUBMIT, str(run.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        except (subprocess.CalledProcessError, OSError):
            raise BackendRefused("the cluster could not be told; try again") from None

    def _status(
        self, run: RunDirectory, rows: LogRows, attempt: Attempt | None, ended: Exit | None
    ) -> JobStatus:
        known = super()._status(run, rows, attempt, ended)
        if known != "queued":
            return known
        told, trouble = submitted(run)
        if told >= run.wanted().number and trouble:
            return "lost"
        seen = VIEW.of(self._ray_id(run))
        if seen is not None and seen.status in GONE and not run.owner_lives():
            return "lost"
        return "queued" if seen is None or seen.status == "PENDING" else "initializing"

    def _failure(self, run: RunDirectory, status: JobStatus, ended: Exit | None) -> Failure | None:
        told, trouble = submitted(run)
        seen, attempt = VIEW.of(self._ray_id(run)), run.attempt()
        unheard = trouble if told >= run.wanted().number else ""
        begun = attempt is not None and attempt.wish >= run.wanted().number
        if status == "lost" and ended is None and not begun and (unheard or (seen and seen.message)):
            why = unheard or (seen.message if seen is not None else "")
            return Failure(
                code="lost",
                what="The cluster does not run this job.",
                why=f"{why[:1].upper()}{why[1:600].rstrip('.')}.",
                cure="Resume asks it once more.",
            )
        return super()._failure(run, status, ended)

    def _ray_id(self, run: RunDirectory) -> str:
        """What the job is called on the cluster where it is wanted as it is wanted now."""
        key = (run.line_name, run.wanted().number)
        if key not in self._ray_ids:
            self._ray_ids[key] = ray_id(run, key[1])
        return self._ray_ids[key]

    def logs(self, job_id: str, at_s: float) -> str:
        """What the cluster says of a job that waits, and the last that its trainer printed."""
        run = self._run(job_id)
        seen = VIEW.of(self._ray_id(run))
        said = f"{seen.status.lower()}: {seen.message}\n" if seen is not None and seen.message else ""
        return said + super().logs(job_id, at_s)
