"""What a person can do to a workspace, as values: the journal's vocabulary.

Each event is frozen and versioned. A field that is added later has a default; a meaning that changes gets a new
version and a reader for the old one. What follows from events (metrics, states, costs) is never stored.
"""

import re
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.expectation import Expectation
from vapor_core.contracts.serving import Demand, EngineSettings, ServingPrecision, Traffic
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.journal.other_events import (
    ClockCorrected,
    Event,
    IdsReserved,
    Membership,
    SpeedSet,
    TimeSkipped,
    Watching,
)

_FIELDS = frozenset(JobConfig.model_fields)


class JobSubmitted(Event):
    """A job was taken by its backend. A fork names its parent and the step that it continues from."""

    kind: Literal["job_submitted"] = "job_submitted"
    job_id: str
    name: str
    config: JobConfig
    chosen: tuple[str, ...] = ()  # fields of the config that a person set; the others were defaults
    parent_id: str | None = None
    fork_step: int | None = None
    expected: Expectation | None = None  # of real work: what it was rehearsed to be

    @classmethod
    def of(
        cls, job_id: str, name: str, config: JobConfig, parent_id: str | None = None, step: int | None = None
    ) -> Self:
        """The event of a job, remembering which fields were chosen."""
        chosen = tuple(sorted(config.model_fields_set))
        return cls(
            job_id=job_id, name=name, config=config, chosen=chosen, parent_id=parent_id, fork_step=step
        )

    @model_validator(mode="after")
    def _only_chosen(self) -> Self:
        _let_only_the_chosen_count(self)
        return self


def _let_only_the_chosen_count(event: "JobSubmitted | RunDescribed") -> None:
    """Let the config count what a person set, however it was written: one config serves all who read the event."""
    chosen = _FIELDS.intersection(event.chosen)
    if event.config.model_fields_set != chosen:
        config = event.config.model_copy()
        object.__setattr__(config, "__pydantic_fields_set__", set(chosen))
        object.__setattr__(event, "config", config)


class JobPaused(Event):
    """A job was paused; it keeps its cards."""

    kind: Literal["job_paused"] = "job_paused"
    job_id: str


class JobResumed(Event):
    """A paused job goes on."""

    kind: Literal["job_resumed"] = "job_resumed"
    job_id: str


class JobStopped(Event):
    """A job was ended by a person."""

    kind: Literal["job_stopped"] = "job_stopped"
    job_id: str


class JobDeleted(Event):
    """A job was put out of sight."""

    kind: Literal["job_deleted"] = "job_deleted"
    job_id: str


class JobRestored(Event):
    """A deleted job was brought back."""

    kind: Literal["job_restored"] = "job_restored"
    job_id: str


class Renamed(Event):
    """A job or a deployment got another name."""

    kind: Literal["renamed"] = "renamed"
    id: str
    name: str


class Refused(Event):
    """A backend could not start a job or a deployment that was recorded; it never ran and never will."""

    kind: Literal["refused"] = "refused"
    id: str
    reason: Annotated[str, Field(max_length=1000)]


class Deployed(Event):
    """A job's result became an endpoint."""

    kind: Literal["deployed"] = "deployed"
    deployment_id: str
    name: str
    job_id: str
    accelerator: str | Accelerator
    replicas_min: int
    replicas_max: int
    traffic: Traffic
    precision: ServingPrecision
    backend: str = "simulated"  # where it runs
    demand: Demand | None = None  # None: what its first model bears on its first replicas
    settings: EngineSettings | None = None  # None: the engine's defaults


class Scaled(Event):
    """An endpoint got other bounds for its replicas."""

    kind: Literal["scaled"] = "scaled"
    deployment_id: str
    replicas_min: int
    replicas_max: int


class DemandChanged(Event):
    """People ask something else of an endpoint from now on."""

    kind: Literal["demand_changed"] = "demand_changed"
    deployment_id: str
    demand: Demand


class Redeployed(Event):
    """An endpoint serves another job's result: a new revision."""

    kind: Literal["redeployed"] = "redeployed"
    deployment_id: str
    job_id: str
    rolled_back: bool = False


class DeploymentStopped(Event):
    """An endpoint was ended by a person."""

    kind: Literal["deployment_stopped"] = "deployment_stopped"
    deployment_id: str


CalibrationName = Annotated[str, Field(min_length=1, max_length=200)]


class DatasetAdded(Event):
    """A person's own data joined the workspace."""

    kind: Literal["dataset_added"] = "dataset_added"
    dataset: Dataset


class ModelAdded(Event):
    """A model that the catalog lacks joined the workspace."""

    kind: Literal["model_added"] = "model_added"
    model: CatalogModel


class CalibrationKept(Event):
    """What was fitted to a person's own runs is known by a name; an earlier one of that name gives way."""

    kind: Literal["calibration_kept"] = "calibration_kept"
    name: CalibrationName
    calibration: Calibration
    runs: Annotated[tuple[CalibrationName, ...], Field(max_length=100)] = ()  # that it was fitted to, by name


class CalibrationForgotten(Event):
    """A calibration is known no more."""

    kind: Literal["calibration_forgotten"] = "calibration_forgotten"
    name: CalibrationName


class CalibrationUsed(Event):
    """Estimates take the calibration of this name from here on; the laws alone where it is empty."""

    kind: Literal["calibration_used"] = "calibration_used"
    name: Annotated[str, Field(max_length=200)] = ""


Learnt = CalibrationKept | CalibrationForgotten | CalibrationUsed
MOST_NOTES, MOST_LETTERS = 24, 600  # of a log: sentences, and letters of each
Notes = Annotated[tuple[Annotated[str, Field(max_length=MOST_LETTERS)], ...], Field(max_length=MOST_NOTES)]


class LogImported(Event):
    """What a real run wrote joined the workspace as a job that is over; `log_columns` packs and unpacks its columns.

    `summary` is what its closing row says; `steps_done` is None where the log has no steps, and in what 0.1 wrote.
    """

    kind: Literal["log_imported"] = "log_imported"
    job_id: str
    name: str
    rows: Annotated[int, Field(ge=1, le=2_000_000)]
    columns: Annotated[tuple[str, ...], Field(min_length=2, max_length=32)]
    packed: str
    planned_steps: Annotated[int, Field(ge=1, lt=2**53)] | None = None
    steps_done: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    axis: Literal["epoch", "row"] | None = None  # that its steps count; None is steps
    summary: dict[str, float] | None = Field(default=None, max_length=16)
    notes: Notes | None = None


class RunFollowed(Event):
    """A run that another program does is shown as it goes: from a file that it writes, or from what it tells us.

    `place` is the file or folder within the server's root for such runs, or the id of the run where it tells us.
    """

    kind: Literal["run_followed"] = "run_followed"
    job_id: str
    name: str
    source: Literal["file", "tracking"]
    place: Annotated[str, Field(min_length=1, max_length=1000)]


class RunDescribed(Event):
    """What a followed run trains, as far as its parameters were understood."""

    kind: Literal["run_described"] = "run_described"
    job_id: str
    config: JobConfig
    chosen: tuple[str, ...] = ()  # fields of the config that its parameters said; the others are defaults

    @model_validator(mode="after")
    def _only_chosen(self) -> Self:
        _let_only_the_chosen_count(self)
        return self


Following = RunFollowed | RunDescribed  # no part of what a link can carry: they name what is on a server
Action = (
    JobSubmitted
    | JobPaused
    | JobResumed
    | JobStopped
    | JobDeleted
    | JobRestored
    | Renamed
    | Refused
    | Deployed
    | Scaled
    | DemandChanged
    | Redeployed
    | DeploymentStopped
    | DatasetAdded
    | ModelAdded
    | LogImported
)


class Adopted(Event):
    """Jobs and endpoints of another workspace joined this one, with their past.

    `past` has what was done to them, under ids of this workspace, in order: (simulated seconds against this event,
    so 0 or less; what). One event, so that they are there whole or not at all.
    """

    kind: Literal["adopted"] = "adopted"
    past: tuple[tuple[Annotated[float, Field(le=0.0)], Annotated[Action, Field(discriminator="kind")]], ...]


class SetAside(Event):
    """What a journal holds in an event's place and nobody can take in. It is never written; its text stays as it is.

    Attributes:
        problem: what is wrong with it and what to do, one sentence without its number.
        first: the number of the first event that this stands for, where several are missing; else 0.
    """

    kind: Literal["set_aside"] = "set_aside"
    body: str
    problem: str
    first: int = 0

    @property
    def notice(self) -> str:
        """What a person is told about it, behind its number."""
        return f"was set aside: {self.problem}"

    @property
    def ids(self) -> frozenset[str]:
        """Ids of jobs and deployments that it names, and may have given out."""
        return frozenset(_AN_ID.findall(self.body))


Recorded = (
    Action
    | Following
    | SpeedSet
    | TimeSkipped
    | ClockCorrected
    | IdsReserved
    | Adopted
    | Learnt
    | Watching
    | Membership
)
WorkspaceEvent = Recorded | SetAside
KINDS: dict[str, type[Event]] = {event.model_fields["kind"].default: event for event in get_args(Recorded)}
UPDATE = "a newer Vapor wrote it; update Vapor to have it back"
REPAIR = "`vapor journal check` tells more"
_AN_ID = re.compile(r"\b(?:job|deployment)-[1-9]\d{0,8}\b")
