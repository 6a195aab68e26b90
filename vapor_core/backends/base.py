"""The two seams behind which work runs: one for jobs, one for deployments. Nothing else knows who does the work.

What a person does is recorded in the journal first and handed to a backend then, so a backend may be told a thing twice
(a process was killed in between, or two processes look at one workspace) and carries it out once: a job is started once
by its id, an intervention once by its number, a deployment is brought to what its specification says.

Times that are asked for and answered are of the backend's own clock: simulated seconds of the workspace where it
computes, seconds since 1970 where it does real work. Who asks turns the one into the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.expectation import Expectation
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import DeploymentStatus, JobStatus, LifeEvent
from vapor_core.contracts.serving import ENGINE_DEFAULTS, Demand, EngineSettings, ServingPrecision, Traffic
from vapor_core.contracts.training import Calibration, JobConfig

if TYPE_CHECKING:
    from vapor_core.journal.events import LogImported, RunFollowed

Columns = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]
InterventionKind = Literal["pause", "resume", "stop"]
ROWS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that a backend is asked to run."""

    job_id: str
    config: JobConfig
    submitted_s: float
    parent: JobSpec | None = None  # of a fork
    fork_step: int = 0  # steps that come from the parent
    log: LogImported | None = None  # what a real run wrote, where it was imported
    followed: RunFollowed | None = None  # where another program's run is read as it goes

    @property
    def is_log(self) -> bool:
        """Whether its rows are another program's: they have its own step numbers, and not every step has one."""
        return self.log is not None or self.followed is not None


@dataclass(frozen=True, slots=True)
class Intervention:
    """What a person did to a job that runs. `number` counts a job's own, from 1."""

    kind: InterventionKind
    at_s: float
    number: int = 1


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
    attempt: int = 1  # how often it was begun; steps of an earlier attempt may come again


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """Rows of metrics since a cursor. Hand `cursor` in next time."""

    cursor: int
    columns: Columns


class JobBackend(Protocol):
    """Runs jobs. All methods but `check` and `expected` want a job that `recall` made known.

    `start`, `pause`, `resume` and `stop` may come again for what was carried out already, by this process or another
    one, and then do nothing.
    """

    def check(self, spec: JobSpec) -> None:
        """See whether a job would be taken. Starts nothing, keeps nothing.

        Raises:
            BackendRefused: says why not, and what would be taken.
        """

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """What a job should be by the laws, for who holds it against what comes; None where it is computed by them."""

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a job from the journal, with all that was done to it. Starts nothing; may be repeated."""

    def start(self, job_id: str) -> None:
        """Start a job that is recorded.

        Raises:
            BackendRefused: where it cannot be started after all; it never will be.
        """

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Hold a job; it keeps its accelerators."""

    def resume(self, job_id: str, intervention: Intervention) -> None:
        """Let a paused job go on."""

    def stop(self, job_id: str, intervention: Intervention) -> None:
        """End a job, keeping its last checkpoint."""

    def state(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands at an instant, past or to come."""

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Metrics of at most `limit` steps from step `cursor` on, as far as they exist at an instant.

        A cursor below the one that was asked for takes rows back: from there on they have changed, and are asked anew.
        """

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Metrics of steps start..stop-1 once more."""

    def eval_loss(self, job_id: str, step: int) -> float:
        """Loss on held-out text once `step` steps are done, 1 or more; NaN where it was not measured then."""

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Lines of a job's history after `from_s` and up to `to_s`, in order."""

    def logs(self, job_id: str, at_s: float) -> str:
        """What the job has printed."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One revision: whose result is served, from when on."""

    since_s: float
    job_id: str
    model: str | CatalogModel


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """A deployment as it should be, with how it came to be so.

    Attributes:
        revisions: what was served, ascending by `since_s`; the last one is served now.
        ranges: (since, replicas_min, replicas_max), ascending.
        demands: (since, what people ask of it), ascending; none where it follows from the first model and range.
        settings: of the inference engine.
        ended_s: when it was stopped; None while it should run.
    """

    deployment_id: str
    accelerator: str | Accelerator
    precision: ServingPrecision
    traffic: Traffic
    created_s: float
    ended_s: float | None
    revisions: tuple[ServedModel, ...]
    ranges: tuple[tuple[float, int, int], ...]
    demands: tuple[tuple[float, Demand], ...] = ()
    settings: EngineSettings = ENGINE_DEFAULTS


@dataclass(frozen=True, slots=True)
class Health:
    """How a deployment is at an instant."""

    status: DeploymentStatus
    replicas: int  # ready
    request_rate: float  # a second
    cost_usd: float
    failure: Failure | None = None
    failed_s: float | None = None
    reasons: tuple[str, ...] = ()  # why it is not healthy, in words


class MeasuredMachine(Protocol):
    """Where a backend trains, measured: what a rehearsal for it is computed with."""

    @property
    def accelerator(self) -> Accelerator:
        """What a configuration takes."""

    @property
    def is_processor(self) -> bool:
        """Whether there is no card and the processor itself computes."""

    @property
    def defaults(self) -> Mapping[str, object]:
        """Fields that a configuration has there where a person chose nothing else."""


class Place(Protocol):
    """A machine where real work is done: what is known of it, and what only it has."""

    def measured(self) -> MeasuredMachine | None:
        """As it was measured last; None where it was not."""

    def measure(self) -> MeasuredMachine:
        """Measure it anew; some twenty seconds.

        Raises:
            BackendRefused: where it cannot be measured; says what would help.
        """

    def price(self, dollars_per_hour: float) -> None:
        """Say what an hour of it costs.

        Raises:
            BackendRefused: where that cannot be said.
        """

    def models(self) -> tuple[CatalogModel, ...]:
        """Models that only it has."""

    def keep_data(self, workspace: str, dataset: Dataset, examples: Iterable[Mapping[str, object]]) -> None:
        """Keep a person's own data for runs of a workspace.

        Raises:
            BackendRefused: where they cannot be kept.
        """

    def ahead(self, workspace: str, job_id: str) -> int | None:
        """How many jobs run before one that waits; None where it does not wait."""

    def run_next(self, workspace: str, job_id: str) -> None:
        """Let a job that waits go first."""


class Rental(Protocol):
    """Machines that are rented by the minute, with a key of the person who pays for them."""

    key: str  # what it is called, on a field
    about_key: str
    keeping: str  # what a tick lets it do with what is trained
    about_keeping: str

    @property
    def defaults(self) -> Mapping[str, object]:
        """Fields that a configuration has there where a person chose nothing else."""

    def offers(self) -> tuple[Accelerator, ...]:
        """A card of each machine, cheapest first; `cards_per_node` of them are rented together.

        Raises:
            BackendRefused: where nobody tells them now.
        """

    def told(self, card: Accelerator) -> str:
        """The machine of a card, in a few words."""

    def is_offered(self, card: Accelerator) -> bool:
        """Whether a card is one of its machines."""

    def has_key(self) -> bool:
        """Whether the server lends its own key to whoever may act."""

    def lent(self, token: str, *, keeps: bool) -> AbstractContextManager[None]:
        """Lend a key for what is submitted within; `keeps`: what is trained is kept with it.

        Raises:
            BackendRefused: where it cannot be one.
        """

    def wants_key(self, workspace: str, job_id: str) -> bool:
        """Whether a job cannot be seen until a key is given again."""

    def look_again(self, workspace: str, job_id: str, token: str, *, keeps: bool) -> None:
        """Use a key for a job from now on.

        Raises:
            BackendRefused: where it is none, or another one's.
        """


class DeploymentBackend(Protocol):
    """Runs deployments. All methods but `check` and `failure` want one that `recall` made known.

    `deploy`, `scale`, `revise` and `stop` bring a deployment to what was last recalled; they may come again.
    """

    def check(self, spec: DeploymentSpec) -> None:
        """See whether a deployment would be taken. Starts nothing, keeps nothing.

        Raises:
            BackendRefused: says why not, and what would be taken.
        """

    def failure(self, spec: DeploymentSpec) -> Failure | None:
        """Why the last revision could never serve; None where nothing speaks against it."""

    def recall(self, spec: DeploymentSpec) -> None:
        """Know a deployment from the journal, as it should be. Starts nothing; may be repeated."""

    def deploy(self, deployment_id: str) -> None:
        """Start a deployment that is recorded.

        Raises:
            BackendRefused: where it cannot be started after all; it never will be.
        """

    def scale(self, deployment_id: str) -> None:
        """Keep the replicas within the last range."""

    def revise(self, deployment_id: str) -> None:
        """Serve the last revision."""

    def stop(self, deployment_id: str) -> None:
        """Answer no more requests."""

    def health(self, deployment_id: str, at_s: float) -> Health:
        """How a deployment is at an instant, past or to come."""

    def first_row(self, deployment_id: str, at_s: float) -> int:
        """The first row that is still kept of a telemetry that ends at an instant."""

    def rows(self, deployment_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """At most `limit` rows of telemetry from row `cursor` on, as far as they exist at an instant."""

    def replay(self, deployment_id: str, from_s: float, to_s: float) -> Columns:
        """Rows once more whose `elapsed_s` is in from_s..to_s, the end left out."""

    def history(self, deployment_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """What befell a deployment by itself after `from_s` and up to `to_s`, in order."""
