"""The journal folded: which jobs and endpoints there are, what was done to them, and how time has run.

Nothing here is computed from laws; that is the backends' work. The same entries always fold into the same world.
An event is taken in whole or not at all: one that does not follow from those before it leaves the world as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

from vapor_core.backends.base import Intervention, InterventionKind, JobSpec
from vapor_core.backends.unknown import followed_config, imported_config
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.expectation import Expectation
from vapor_core.contracts.serving import ENGINE_DEFAULTS, Demand, EngineSettings, ServingPrecision, Traffic
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.contracts.workspace import Revision
from vapor_core.errors import NotFound
from vapor_core.journal.events import (
    Action,
    Adopted,
    CalibrationKept,
    CalibrationUsed,
    DatasetAdded,
    DemandChanged,
    Deployed,
    DeploymentStopped,
    Following,
    JobDeleted,
    JobPaused,
    JobRestored,
    JobResumed,
    JobStopped,
    JobSubmitted,
    Learnt,
    LogImported,
    ModelAdded,
    Redeployed,
    Refused,
    Renamed,
    RunDescribed,
    RunFollowed,
    Scaled,
    SetAside,
    WorkspaceEvent,
)
from vapor_core.journal.other_events import (
    ClockCorrected,
    IdsReserved,
    RuleFired,
    RuleForgotten,
    RuleKept,
    SpeedSet,
    TimeSkipped,
    Watching,
)
from vapor_core.workspace.clocks.timeline import Timeline

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
    expected: Expectation | None = None  # of real work: what it was rehearsed to be

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
    demands: tuple[tuple[float, Demand], ...] = ()  # (since, what people ask of it)
    settings: EngineSettings = ENGINE_DEFAULTS

    @property
    def touched_s(self) -> float:
        """When something was last done to it."""
        asked = self.demands[-1][0] if self.demands else 0.0
        last = max(self.ranges[-1][0], self.revisions[-1].since_s, asked)
        return last if self.ended_s is None else max(last, self.ended_s)


@dataclass
class World:
    """Everything that was done, folded."""

    timeline: Timeline = field(default_factory=Timeline)
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    deployments: dict[str, DeploymentRecord] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    models: dict[str, CatalogModel] = field(default_factory=dict)
    calibrations: dict[str, CalibrationKept] = field(default_factory=dict)
    calibration_used: str = ""  # its name; "" where estimates take the laws alone
    rules: dict[str, RuleKept] = field(default_factory=dict)  # that watch jobs, by name
    rules_since: dict[str, float] = field(default_factory=dict)  # rule -> simulated seconds
    fired: list[RuleFired] = field(default_factory=list)  # what rules have told, oldest first
    seen: dict[str, int] = field(default_factory=dict)  # job id -> how many of its lines were seen
    # ids in what was set aside, which may have been given out
    reserved: set[str] = field(default_factory=set)

    @property
    def calibration(self) -> Calibration | None:
        """What estimates take; None for the laws alone."""
        used = self.calibrations.get(self.calibration_used)
        return None if used is None else used.calibration

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

    def next_jobs(self) -> Iterator[str]:
        """Ids that no job has or may have had."""
        return _free("job", self.jobs, self.reserved)

    def next_deployments(self) -> Iterator[str]:
        """Ids that no deployment has or may have had."""
        return _free("deployment", self.deployments, self.reserved)

    def staged(self, event: WorkspaceEvent, at: float) -> Change:
        """What an event would change, the world staying as it is.

        Raises:
            LookupError: where it does not follow from what was done before.
        """
        change = Change(event, self.timeline.not_before(at))
        at_s = self.timeline.at(change.at)
        if isinstance(event, Adopted):
            for before_s, action in event.past:
                self._stage(action, at_s + before_s, change)
        elif isinstance(event, Action | Following):
            self._stage(event, at_s, change)
        elif isinstance(event, CalibrationUsed) and event.name:
            _found(self.calibrations, event.name, "calibration")
        return change

    def take(self, change: Change) -> tuple[str, ...]:
        """Make what was staged true; the ids of the jobs and deployments that it changed."""
        timeline, event, at = self.timeline, change.event, change.at
        timeline.note(at)
        if isinstance(event, SpeedSet):
            timeline.bend(at, event.speed)
        elif isinstance(event, TimeSkipped):
            timeline.bend(at, timeline.speed, event.seconds)
        elif isinstance(event, ClockCorrected):
            timeline.correct(at, event.ahead_s)
        elif isinstance(event, SetAside | IdsReserved):
            self.reserved.update(event.ids)
        elif isinstance(event, Learnt):
            self._learn(event)
        elif isinstance(event, Watching):
            self._watch(event, timeline.at(at))
        self.jobs.update(change.jobs)
        self.deployments.update(change.deployments)
        self.datasets.update(change.datasets)
        self.models.update(change.models)
        return tuple(change.keys)

    def _learn(self, event: Learnt) -> None:
        if isinstance(event, CalibrationKept):
            self.calibrations[event.name] = event
        elif isinstance(event, CalibrationUsed):
            self.calibration_used = event.name
        elif self.calibrations.pop(event.name, None) is not None and self.calibration_used == event.name:
            self.calibration_used = ""

    def _watch(self, event: Watching, at_s: float) -> None:
        """A rule that is kept anew has told nothing yet."""
        if isinstance(event, RuleKept | RuleForgotten):
            self.rules.pop(event.name, None)
            self.fired = [each for each in self.fired if each.name != event.name]
            if isinstance(event, RuleKept):
                self.rules[event.name], self.rules_since[event.name] = event, at_s
        elif isinstance(event, RuleFired):
            self.fired.append(event)
        else:
            self.seen[event.job_id] = sum(each.job_id == event.job_id for each in self.fired)

    def apply(self, event: WorkspaceEvent, at: float) -> tuple[str, ...]:
        """Take an event in; the ids of the jobs and deployments that it changed.

        Raises:
            LookupError: where it does not follow from what was done before; the world is as it was.
        """
        return self.take(self.staged(event, at))

    def _stage(self, event: Action | Following, at_s: float, change: Change) -> None:
        if isinstance(event, DatasetAdded):
            change.datasets[event.dataset.id] = event.dataset
        elif isinstance(event, ModelAdded):
            change.models[event.model.id] = event.model
        elif isinstance(event, Renamed | Refused):
            self._stage_either(event, at_s, change)
        elif isinstance(event, Deployed | Scaled | DemandChanged | Redeployed | DeploymentStopped):
            change.deployments[event.deployment_id] = self._deployment_after(event, at_s, change)
            change.keys[event.deployment_id] = None
        else:
            change.jobs[event.job_id] = self._job_after(event, at_s, change)
            change.keys[event.job_id] = None

    def _stage_either(self, event: Renamed | Refused, at_s: float, change: Change) -> None:
        """A job or a deployment is renamed; or it was refused and goes out of sight, and its record says why."""
        if event.id in self.jobs or event.id in change.jobs:
            job = self._job_in(event.id, change)
            if isinstance(event, Renamed):
                change.jobs[event.id] = replace(job, name=event.name)
            else:
                change.jobs[event.id] = replace(job, refused=event.reason, deleted=True)
        else:
            served = self._deployment_in(event.id, change)
            if isinstance(event, Renamed):
                change.deployments[event.id] = replace(served, name=event.name)
            else:
                change.deployments[event.id] = replace(served, refused=event.reason, ended_s=at_s)
        change.keys[event.id] = None

    def _job_in(self, key: str, change: Change) -> JobRecord:
        return change.jobs[key] if key in change.jobs else self.jobs[key]

    def _deployment_in(self, key: str, change: Change) -> DeploymentRecord:
        return change.deployments[key] if key in change.deployments else self.deployments[key]

    def _job_after(
        self,
        event: JobSubmitted
        | LogImported
        | RunFollowed
        | RunDescribed
        | JobPaused
        | JobResumed
        | JobStopped
        | JobDeleted
        | JobRestored,
        at_s: float,
        change: Change,
    ) -> JobRecord:
        if isinstance(event, JobSubmitted | LogImported | RunFollowed):
            _new(event.job_id, self.jobs, change.jobs)
            if isinstance(event, RunFollowed):
                return JobRecord(event.name, JobSpec(event.job_id, followed_config(), at_s, followed=event))
            if isinstance(event, LogImported):
                return JobRecord(event.name, JobSpec(event.job_id, imported_config(), at_s, log=event))
            parent = self._job_in(event.parent_id, change).spec if event.parent_id else None
            spec = JobSpec(event.job_id, event.config, at_s, parent, event.fork_step or 0)
            return JobRecord(event.name, spec, expected=event.expected)
        record = self._job_in(event.job_id, change)
        if isinstance(event, RunDescribed):
            if record.spec.followed is None or event.config.backend != followed_config().backend:
                raise KeyError(event.job_id)
            return replace(record, spec=replace(record.spec, config=event.config))
        interventions = record.interventions
        if type(event) in INTERVENTIONS:
            number = len(interventions) + 1
            interventions = (*interventions, Intervention(INTERVENTIONS[type(event)], at_s, number))
        deleted = isinstance(event, JobDeleted) or (record.deleted and not isinstance(event, JobRestored))
        return replace(record, interventions=interventions, deleted=deleted)

    def _deployment_after(
        self,
        event: Deployed | Scaled | DemandChanged | Redeployed | DeploymentStopped,
        at_s: float,
        change: Change,
    ) -> DeploymentRecord:
        key = event.deployment_id
        if isinstance(event, Deployed):
            _new(key, self.deployments, change.deployments)
            self._job_in(event.job_id, change)
            return DeploymentRecord(
                id=key,
                name=event.name,
                accelerator=event.accelerator,
                traffic=event.traffic,
                precision=event.precision,
                backend=event.backend,
                created_s=at_s,
                ranges=((at_s, event.replicas_min, event.replicas_max),),
                revisions=(Revision(number=1, job_id=event.job_id, since_s=at_s),),
                demands=((at_s, event.demand),) if event.demand else (),
                settings=event.settings or EngineSettings(),
            )
        record = self._deployment_in(key, change)
        if isinstance(event, Scaled):
            bounds = (at_s, event.replicas_min, event.replicas_max)
            return replace(record, ranges=(*record.ranges, bounds))
        if isinstance(event, DemandChanged):
            return replace(record, demands=(*record.demands, (at_s, event.demand)))
        if isinstance(event, Redeployed):
            self._job_in(event.job_id, change)
            return _next_revision(record, event, at_s)
        return replace(record, ended_s=at_s)


@dataclass(slots=True)
class Change:
    """What one event changes, as long as it is not taken in. `keys` has the ids in order."""

    event: WorkspaceEvent
    at: float
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    deployments: dict[str, DeploymentRecord] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    models: dict[str, CatalogModel] = field(default_factory=dict)
    keys: dict[str, None] = field(default_factory=dict)


def _new(key: str, *known: Mapping[str, object]) -> None:
    """See that an id was not given out before."""
    for each in known:
        if key in each:
            raise KeyError(key)


def _free(kind: str, known: Mapping[str, object], reserved: set[str]) -> Iterator[str]:
    keys = (f"{kind}-{number}" for number in count(len(known) + 1))
    return (key for key in keys if key not in known and key not in reserved)


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
