"""What a workspace holds, as frozen views that the store hands out."""

from collections.abc import Iterable
from typing import Literal

from pydantic import SkipValidation

from vapor_core.contracts.base import Contract
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.expectation import Expectation
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import DeploymentStatus, JobStatus
from vapor_core.contracts.serving import ENGINE_DEFAULTS, Demand, EngineSettings, ServingPrecision, Traffic
from vapor_core.contracts.training import JobConfig, Method

Counts = Literal[
    "step", "epoch", "row"
]  # a log may have its epochs alone, or rows of which nobody says what they are


class Job(Contract):
    """A job as it is now: a frozen view that the store hands out. Times are simulated seconds."""

    id: str
    name: str
    config: JobConfig
    status: JobStatus
    submitted_s: float
    started_s: float | None = None  # first step began
    ended_s: float | None = None
    step: int = 0  # steps done
    total_steps: int
    elapsed_s: float = (
        0.0  # what this job itself took, start-up included, pauses and inherited steps left out
    )
    eta_s: float | None = None  # None until it means something
    cost_usd: float = 0.0  # of elapsed_s
    failure: Failure | None = None
    parent_id: str | None = None
    fork_step: int | None = None
    attempt: int = 1
    deleted: bool = False
    # Of real work: what it was rehearsed to be. It was looked at when it was made, and a job is made at each tick
    expected: SkipValidation[Expectation | None] = None
    counts: Counts = "step"  # what `step`, `total_steps` and the column of that name count

    @property
    def progress(self) -> float:
        """Fraction done, 0 to 1."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else 0.0

    @property
    def live(self) -> bool:
        """Whether it still changes by itself."""
        return self.status in ("queued", "initializing", "running")


def counted(jobs: Iterable[Job]) -> str:
    """What the steps of several jobs count, in words."""
    return " or ".join(dict.fromkeys(job.counts for job in jobs)) or "step"


class Revision(Contract):
    """One model that an endpoint served: which job's result, from when (simulated seconds)."""

    number: int
    job_id: str
    since_s: float


class Deployment(Contract):
    """An endpoint as it is now. Times are simulated seconds of the workspace."""

    id: str
    name: str
    job_id: str  # of the current revision
    model_id: str
    accelerator: str | Accelerator
    replicas_min: int
    replicas_max: int
    traffic: Traffic
    precision: ServingPrecision = "bf16"
    demand: Demand | None = None  # that people make; None: what its first model and replicas bear
    settings: EngineSettings = ENGINE_DEFAULTS  # of the inference engine
    status: DeploymentStatus
    created_s: float
    ended_s: float | None = None
    revisions: tuple[Revision, ...] = ()
    replicas: int = 0  # ready now
    cost_usd: float = 0.0
    failure: Failure | None = None

    @property
    def live(self) -> bool:
        """Whether it still changes by itself."""
        return self.status in ("starting", "healthy", "degraded")


class RegisteredModel(Contract):
    """A model that this workspace has trained: where it came from, and what serves it."""

    id: str  # of the job that made it
    name: str
    job_id: str
    base_model_id: str
    method: Method
    dataset_id: str
    step: int  # steps done
    eval_loss: float | None = None  # the last one measured
    created_s: float  # simulated seconds of the workspace
    parent_id: str | None = None  # the job that this one was forked from
    deployment_ids: tuple[str, ...] = ()  # that serve it now
    served_by: tuple[str, ...] = ()  # that serve or once served it


class Clock(Contract):
    """Time in a workspace: `now` is the caller's seconds, `simulated_s` the world's, `speed` their ratio."""

    now: float
    simulated_s: float
    speed: float  # 0 is paused


class Summary(Contract):
    """Aggregates of a workspace, computed when asked."""

    jobs: int
    jobs_by_status: dict[str, int]
    deployments: int
    deployments_by_status: dict[str, int]
    tokens: float  # trained, all jobs
    accelerator_hours: float
    training_cost_usd: float
    serving_cost_usd: float
    request_rate: float  # of all live deployments, now
    replicas: int
    best_eval_loss: float | None = None
    best_job_id: str | None = None
