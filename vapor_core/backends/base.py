"""The seam behind which jobs run. The store talks to a Backend and knows nothing of what stands behind it.

Times are simulated seconds of the workspace. A backend that computes uses them; one that runs real work may
ignore them, since its own process says what has happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import JobStatus, LifeEvent
from vapor_core.contracts.training import JobConfig
from vapor_core.journal.events import LogImported

Columns = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]
InterventionKind = Literal["pause", "resume", "stop"]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What a backend is asked to run."""

    job_id: str
    config: JobConfig
    submitted_s: float
    parent: "JobSpec | None" = None  # of a fork
    fork_step: int = 0  # steps that come from the parent
    log: LogImported | None = None  # what a real run wrote, where it was imported


@dataclass(frozen=True, slots=True)
class Intervention:
    """A person's intervention at an instant."""

    kind: InterventionKind
    at_s: float


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a job stands at an instant."""

    status: JobStatus
    step: int  # steps done
    total_steps: int
    elapsed_s: float  # time that the accelerators were held and used, pauses left out
    started_s: float | None = None  # the first step began
    ended_s: float | None = None
    eta_s: float | None = None  # None until it means something
    failure: Failure | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """What happened to a job since a cursor: rows of metrics, and lines of its history."""

    cursor: int  # hand it in next time
    columns: Columns
    events: tuple[LifeEvent, ...]


class Backend(Protocol):
    """Runs jobs. All methods but `submit` and `recall` want a job that one of those two made known."""

    def submit(self, spec: JobSpec) -> None:
        """Start a job.

        Raises:
            BackendRefused: says why and what would be taken; nothing has started.
        """

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a job from the journal, with all that was done to it. Starts nothing; may be repeated."""

    def forget(self, job_id: str) -> None:
        """Undo a `submit` that could not be recorded."""

    def pause(self, job_id: str, at_s: float) -> None:
        """Hold a job; it keeps its accelerators."""

    def resume(self, job_id: str, at_s: float) -> None:
        """Let a paused job go on."""

    def stop(self, job_id: str, at_s: float) -> None:
        """End a job, keeping its last checkpoint."""

    def status(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands at an instant, past or to come."""

    def events(self, job_id: str, cursor: int, at_s: float, limit: int = 65_536) -> MetricBatch:
        """Metrics of at most `limit` steps from step `cursor` on, as far as they exist at an instant."""

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Lines of a job's history after `from_s` and up to `to_s`, in order."""

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Metrics of steps start..stop-1 once more."""

    def eval_loss(self, job_id: str, step: int) -> float:
        """Loss on held-out text once `step` steps are done, 1 or more; NaN where it was not measured then."""

    def logs(self, job_id: str, at_s: float) -> str:
        """What the job has printed."""
