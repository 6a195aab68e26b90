"""The journal folded: which jobs and endpoints there are, what was done to them, and how time has run.

Nothing here is computed from laws; that is the backends' work. The same entries always fold into the same world.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from vapor_core.backends.base import Intervention, InterventionKind, JobSpec
from vapor_core.backends.unknown import imported_config
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.serving import ServingPrecision, Traffic
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Revision
from vapor_core.errors import NotFound
from vapor_core.journal.events import (
    Action,
    Adopted,
    DatasetAdded,
    Deployed,
    DeploymentStopped,
    JobDeleted,
    JobPaused,
    JobRestored,
    JobResumed,
    JobStopped,
    JobSubmitted,
    LogImported,
    Membership,
    ModelAdded,
    Redeployed,
    Refused,
    Renamed,
    Scaled,
    SpeedSet,
    TimeSkipped,
    WorkspaceEvent,
)
from vapor_core.workspace.timeline import Timeline

T = TypeVar("T")
# An intervention after the end has no effect, so deleting ends a job only where it still runs.
INTERVENTIONS: dict[type[WorkspaceEvent], InterventionKind] = {
    JobPaused: "pause",
    JobResumed: "resume",
    JobStopped: "stop",
    JobDeleted: "stop",
}


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the journal knows it."""

    name: str
    spec: JobSpec
    interventions: tuple[Intervention, ...] = ()
    deleted: bool = False
    refused: str | None = None  # why its backend could not start it

    @property
    def config(self) -> JobConfig:
        """As submitted."""
        return self.spec.config

    @property
    def touched_s(self) -> float:
        """When something was last done to it."""
        return self.interventions[-1].at_s if self.interventions else self.spec.submitted_s


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """An endpoint as the journal knows it."""

    id: str
    name: str
    accelerator: str | Accelerator
    traffic: Traffic
    precision: ServingPrecision
    created_s: float
    ranges: tuple[tuple[float, int, int], ...]  # (since, replicas_min, replicas_max)
    revisions: tuple[Revision, ...]  # as they were served, a rollback serving an old number again
    standby: tuple[Revision, ...] = ()  # what a rollback would go back to, the last one first
    ended_s: float | None = None
    backend: str = "simulated"
    refused: str | None = None  # why its backend could not start it

    @property
    def touched_s(self) -> float:
        """When something was last done to it."""
        last = max(self.ranges[-1][0], self.revisions[-1].since_s)
        return last if self.ended_s is None else max(last, self.ended_s)


@dataclass
class World:
    """Everything that was done, folded."""

    timeline: Timeline = field(default_factory=Timeline)
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    deployments: dict[str, DeploymentRecord] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    models: dict[str, CatalogModel] = field(default_factory=dict)

    def job(self, job_id: str) -> JobRecord:
        """The job of an id.

        Raises:
            NotFound: names the jobs that there are.
        """
        return _found(self.jobs, job_id, "job")

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """The deployment of an id.

        Raises:
            NotFound: names the deployments that there are.
        """
        return _found(self.deployments, deployment_id, "deployment")

    def apply(self, event: WorkspaceEvent, at: float) -> tuple[str, ...]:
        """Take an event in; the ids of the jobs and deployments that it changed."""
        self.timeline.note(at)
        at_s = self.timeline.at(at)
        if isinstance(event, SpeedSet):
            self.timeline.bend(at, event.speed)
        elif isinstance(event, TimeSkipped):
            self.timeline.bend(at, self.timeline.speed, event.seconds)
        elif isinstance(event, Adopted):
            changed = [self._apply(action, at_s + before_s) for before_s, action in event.past]
            return tuple(dict.fromkeys(key for key in changed if key is not None))
        elif not isinstance(event, Membership):
            key = self._apply(event, at_s)
            return () if key is None else (key,)
        return ()

    def _apply(self, event: Action, at_s: float) -> str | None:
        if isinstance(event, DatasetAdded):
            self.datasets[event.dataset.id] = event.dataset
        elif isinstance(event, ModelAdded):
            self.models[event.model.id] = event.model
        elif isinstance(event, Renamed):
            return self._rename(event)
        elif isinstance(event, Refused):
            return self._refuse(event, at_s)
        elif isinstance(event, LogImported):
            spec = JobSpec(event.job_id, imported_config(), at_s, log=event)
            self.jobs[event.job_id] = JobRecord(event.name, spec)
            return event.job_id
        elif isinstance(event, Deployed | Scaled | Redeployed | DeploymentStopped):
            return self._apply_to_deployment(event, at_s)
        else:
            return self._apply_to_job(event, at_s)
        return None

    def _rename(self, event: Renamed) -> str:
        if event.id in self.jobs:
            self.jobs[event.id] = replace(self.jobs[event.id], name=event.name)
        else:
            self.deployments[event.id] = replace(self.deployments[event.id], name=event.name)
        return event.id

    def _refuse(self, event: Refused, at_s: float) -> str:
        """What was refused goes out of sight, as if it had not been asked for; its record says why."""
        if event.id in self.jobs:
            self.jobs[event.id] = replace(self.jobs[event.id], refused=event.reason, deleted=True)
        else:
            record = self.deployments[event.id]
            self.deployments[event.id] = replace(record, refused=event.reason, ended_s=at_s)
        return event.id

    def _apply_to_job(
        self,
        event: JobSubmitted | JobPaused | JobResumed | JobStopped | JobDeleted | JobRestored,
        at_s: float,
    ) -> str:
        if isinstance(event, JobSubmitted):
            parent = self.jobs[event.parent_id].spec if event.parent_id else None
            spec = JobSpec(event.job_id, event.restored_config, at_s, parent, event.fork_step or 0)
            self.jobs[event.job_id] = JobRecord(event.name, spec)
            return event.job_id
        record = self.jobs[event.job_id]
        interventions = record.interventions
        if type(event) in INTERVENTIONS:
            number = len(interventions) + 1
            interventions = (*interventions, Intervention(INTERVENTIONS[type(event)], at_s, number))
        deleted = isinstance(event, JobDeleted) or (record.deleted and not isinstance(event, JobRestored))
        self.jobs[event.job_id] = replace(record, interventions=interventions, deleted=deleted)
        return event.job_id

    def _apply_to_deployment(
        self, event: Deployed | Scaled | Redeployed | DeploymentStopped, at_s: float
    ) -> str:
        key = event.deployment_id
        if isinstance(event, Deployed):
            self.deployments[key] = DeploymentRecord(
                id=key,
                name=event.name,
                accelerator=event.accelerator,
                traffic=event.traffic,
                precision=event.precision,
                backend=event.backend,
                created_s=at_s,
                ranges=((at_s, event.replicas_min, event.replicas_max),),
                revisions=(Revision(number=1, job_id=event.job_id, since_s=at_s),),
            )
            return key
        record = self.deployments[key]
        if isinstance(event, Scaled):
            bounds = (at_s, event.replicas_min, event.replicas_max)
            record = replace(record, ranges=(*record.ranges, bounds))
        elif isinstance(event, Redeployed):
            record = _next_revision(record, event, at_s)
        else:
            record = replace(record, ended_s=at_s)
        self.deployments[key] = record
        return key


def _next_revision(record: DeploymentRecord, event: Redeployed, at_s: float) -> DeploymentRecord:
    if event.rolled_back:
        back = record.standby[0].changed(since_s=at_s)
        return replace(record, revisions=(*record.revisions, back), standby=record.standby[1:])
    number = max(revision.number for revision in record.revisions) + 1
    new = Revision(number=number, job_id=event.job_id, since_s=at_s)
    standby = (record.revisions[-1], *record.standby)
    return replace(record, revisions=(*record.revisions, new), standby=standby)


def _found(records: dict[str, T], key: str, kind: str) -> T:
    if key in records:
        return records[key]
    known = ", ".join(list(records)[-5:]) or "none yet"
    shown = key if len(key) <= 60 else key[:57] + "..."
    raise NotFound(f"no {kind} {shown!r} in this workspace; the latest are: {known}")
