"""What a person can do to a workspace, as values: the journal's vocabulary.

Each event is frozen and versioned. A field that is added later has a default; a meaning that changes gets a new
version and a reader for the old one. What follows from events (metrics, states, costs) is never stored.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.serving import ServingPrecision, Traffic
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import JournalError, VaporError


class Event(BaseModel):
    """An action. When it happened stands beside it, in the journal's entry."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    version: Literal[1] = 1


class JobSubmitted(Event):
    """A job was taken by its backend. A fork names its parent and the step that it continues from."""

    kind: Literal["job_submitted"] = "job_submitted"
    job_id: str
    name: str
    config: JobConfig
    chosen: tuple[str, ...] = ()  # fields of the config that a person set; the others were defaults
    parent_id: str | None = None
    fork_step: int | None = None

    @classmethod
    def of(
        cls, job_id: str, name: str, config: JobConfig, parent_id: str | None = None, step: int | None = None
    ) -> Self:
        """The event of a job, remembering which fields were chosen."""
        chosen = tuple(sorted(config.model_fields_set))
        return cls(
            job_id=job_id, name=name, config=config, chosen=chosen, parent_id=parent_id, fork_step=step
        )

    @property
    def restored_config(self) -> JobConfig:
        """The config as it was submitted: defaults are pinned to their values but still count as defaults.

        `chosen` may come from a link: what is no field of a config is left out of it.
        """
        chosen = set(self.chosen) & JobConfig.model_fields.keys()
        return JobConfig.model_construct(_fields_set=chosen, **dict(self.config))


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


class SpeedSet(Event):
    """Simulated seconds a second of the caller's clock; 0 pauses the world."""

    kind: Literal["speed_set"] = "speed_set"
    speed: float


class TimeSkipped(Event):
    """The world went forward by itself, at one instant of the caller's clock."""

    kind: Literal["time_skipped"] = "time_skipped"
    seconds: float


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


class Scaled(Event):
    """An endpoint got other bounds for its replicas."""

    kind: Literal["scaled"] = "scaled"
    deployment_id: str
    replicas_min: int
    replicas_max: int


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


class DatasetAdded(Event):
    """A person's own data joined the workspace."""

    kind: Literal["dataset_added"] = "dataset_added"
    dataset: Dataset


class ModelAdded(Event):
    """A model that the catalog lacks joined the workspace."""

    kind: Literal["model_added"] = "model_added"
    model: CatalogModel


class LogImported(Event):
    """What a real run wrote joined the workspace as a job that is over; `log_columns` packs and unpacks its columns.

    Attributes:
        planned_steps: how many steps the run was to take, where its log says so.
        steps_done: how many it took; None in what version 0.1 wrote, and where the log has no steps.
        summary: what its closing row says, see `readers.logs.run_log.RunLog`.
    """

    kind: Literal["log_imported"] = "log_imported"
    job_id: str
    name: str
    rows: Annotated[int, Field(ge=1, le=2_000_000)]
    columns: Annotated[tuple[str, ...], Field(min_length=2, max_length=32)]
    packed: str
    planned_steps: Annotated[int, Field(ge=1, lt=2**53)] | None = None
    steps_done: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    summary: dict[str, Annotated[float, Field(allow_inf_nan=False)]] | None = Field(
        default=None, max_length=16
    )


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


Role = Literal["viewer", "editor"]


class Invited(Event):
    """Whoever brings the token may join a workspace; only its digest is kept."""

    kind: Literal["invited"] = "invited"
    workspace: str
    digest: str
    role: Role
    by: str


class Joined(Event):
    """A person took an invitation."""

    kind: Literal["joined"] = "joined"
    digest: str
    person: str
    name: str


class Left(Event):
    """A person has a role in a workspace no more."""

    kind: Literal["left"] = "left"
    workspace: str
    person: str


Membership = Invited | Joined | Left  # kept in a log of its own, see `workspace.members`
WorkspaceEvent = Action | SpeedSet | TimeSkipped | Adopted | Membership
_READER: TypeAdapter[WorkspaceEvent] = TypeAdapter(Annotated[WorkspaceEvent, Field(discriminator="kind")])


def encode(event: WorkspaceEvent) -> str:
    """One line of JSON.

    Raises:
        JournalError: where a text in it is no Unicode.
    """
    try:
        return event.model_dump_json(exclude_none=True)
    except PydanticSerializationError:
        raise JournalError(
            "this cannot be recorded: a text in it holds half a character (a lone surrogate); type it anew"
        ) from None


def decode(text: str, where: str) -> WorkspaceEvent:
    """The event of a line.

    Raises:
        JournalError: names `where` the line stands and what is wrong with it.
    """
    try:
        return _READER.validate_json(text)
    except (ValidationError, VaporError) as error:
        raise JournalError(f"{where} cannot be read: {_trouble(text, error)}; nothing was changed") from None


def _trouble(text: str, error: ValidationError | VaporError) -> str:
    try:
        fields = json.loads(text)
    except ValueError:
        return "it is not JSON"
    kind = fields.get("kind") if isinstance(fields, Mapping) else None
    known = {event.model_fields["kind"].default for event in WorkspaceEvent.__args__}
    if not isinstance(kind, str) or kind not in known:
        return f"this version of Vapor knows no event {str(kind)[:40]!r}, a newer one may"
    if fields.get("version") != 1:
        return f"version {str(fields.get('version'))[:20]} of {kind} was written by a newer Vapor"
    if isinstance(error, VaporError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{kind}.{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}"
