"""A world in step with its journal and its backends, and how far of it has been seen.

Acting and moving are two things here: `act` appends to the journal at an instant of the caller's clock, `advance`
alone moves what is seen. What lies between is settled, but not yet seen.

What a person does is recorded first and carried out then. Whoever opens a workspace, or learns of what another process
recorded, hands it to the backends again, which carry out each thing once: so a process that is killed between the two
leaves nothing undone, and a conflict in the journal starts nothing twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf, nextafter

from vapor_core.backends import registry
from vapor_core.backends.base import DeploymentBackend, DeploymentSpec, Health, JobBackend, JobState
from vapor_core.contracts.lifecycle import DEPLOYMENT_ENDS, JOB_ENDS, LifeEvent, in_order
from vapor_core.contracts.workspace import Deployment, Job
from vapor_core.errors import BackendRefused, InvalidConfig, JournalError, NotPassedOn
from vapor_core.journal.codec import encode, reread
from vapor_core.journal.events import REPAIR, Refused, SetAside, WorkspaceEvent
from vapor_core.journal.journal import Entry, Journal, JournalConflict
from vapor_core.journal.records import without_collecting
from vapor_core.workspace.carrying_out import carry_out_deployment, carry_out_job
from vapor_core.workspace.clocks import two_clocks
from vapor_core.workspace.clocks.callers_clock import CallersClock
from vapor_core.workspace.staging import UNFIT, see_that_it_follows, staged
from vapor_core.workspace.views import (
    deployment_lines,
    deployment_spec,
    deployment_view,
    has_config,
    job_view,
    refusal,
    refused_line,
)
from vapor_core.workspace.world import World

ATTEMPTS = 20  # to append while other processes act on the same workspace
MOST_NOTICES = 5  # of events that were set aside
FROM_NOW_ON = inf  # told up to: what happened before a thing was first looked at is not told as news


class LiveWorkspace:
    """One workspace as this process knows it."""

    def __init__(self, journal: Journal, workspace: str) -> None:
        self.journal, self.workspace = journal, workspace
        self.world = World()
        self.now = 0.0  # the caller's clock when it was last told
        self.seen_s = 0.0  # simulated seconds that the visible world has reached
        self.stale: set[str] = set()  # ids that another process acted on: their series may differ
        self._job_backends: dict[str, JobBackend] = {}
        self._deployment_backends: dict[str, DeploymentBackend] = {}
        self._seen_wall: float | None = None
        self._number = 0  # of the last entry known
        self.entries: list[Entry] = []  # held, so that others who look at it need not read them again
        self._clock = CallersClock()
        self.set_aside: list[str] = []  # what a person should be told about entries, one sentence each
        self._live: dict[str, float] = {}  # id -> simulated second up to which its history was told
        self._jobs: dict[str, Job] = {}
        self._deployments: dict[str, Deployment] = {}
        with without_collecting():
            self._take_in()
        if self.world.timeline.last is not None:
            self._see(self.world.timeline.last)
        self._carry_out([*self.world.jobs, *self.world.deployments])

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should be told about what was read: events that were set aside, and a clock that was wrong."""
        told = self.set_aside[:MOST_NOTICES]
        more = len(self.set_aside) - len(told)
        if more:
            told.append(f"{more:,} more events were set aside; {REPAIR}")
        return (*told, self._clock.notice) if self._clock.notice else tuple(told)

    def refresh(self) -> None:
        """Take in what other processes have done.

        Raises:
            JournalError: where it cannot be read.
        """
        self._carry_out(self._take_in())

    def advance(self, now: float) -> tuple[LifeEvent, ...]:
        """Move the visible world to an instant of the caller's clock; what came to pass, in order."""
        self.refresh()
        meant = self._meant(now)
        self.now = max(meant, self.now) if self._number else meant
        if not self._number:
            return ()
        self._see(self.now if self._seen_wall is None else max(self.now, self._seen_wall))
        return tuple(sorted(self._news(), key=lambda line: line.at_s))

    def act(self, now: float, decide: Callable[[float], WorkspaceEvent]) -> WorkspaceEvent:
        """Do something at an instant.

        Args:
            now: the caller's clock; earlier than the last event counts as that.
            decide: (simulated instant) -> the event, or an error. It has no effects, and is asked again when another
                process was faster.

        Raises:
            JournalError: where it cannot be recorded; it has not happened then.
            InvalidConfig: where it would not follow from what was done before.
            BackendRefused: where a backend could not start it after all; that is recorded too.
        """
        for _ in range(ATTEMPTS):
            self.refresh()
            at = self._wall(self._meant(now))
            try:
                self._correct_clock(at)
                event = decide(self.world.timeline.at(at))
                see_that_it_follows(self.world, reread(event), at)
                entry = self.journal.append(self.workspace, self._number, at, event)
            except JournalConflict:
                continue
            keys = self._done(entry)
            refusals = self._carry_out(keys)
            if refusals:
                raise BackendRefused(refusals[0])
            return event
        raise JournalError("other processes keep acting on this workspace; try again in a moment")

    def abilities(self, job_id: str) -> registry.Abilities:
        """What can be done about a job where it runs; what needs a configuration only where that is known."""
        config = self.world.job(job_id).config
        able = registry.job_abilities(config.backend, self.workspace, job_id)
        known = has_config(config)
        return able if known == able.has_config else replace(able, has_config=known, can_clone=known)

    def job_backend(self, name: str) -> JobBackend:
        """The backend of that name for this workspace's jobs."""
        if name not in self._job_backends:
            self._job_backends[name] = registry.job_backend(name, self.workspace, self.journal)
        return self._job_backends[name]

    def backend_of(self, job_id: str) -> JobBackend:
        """Where a job runs."""
        return self.job_backend(self.world.job(job_id).config.backend)

    def deployment_backend(self, name: str) -> DeploymentBackend:
        """The backend of that name for this workspace's deployments.

        Raises:
            InvalidConfig: where there is none that serves.
        """
        if name not in self._deployment_backends:
            found = registry.deployment_backend(name, self.workspace, self.journal)
            if found is None:
                known = ", ".join(key for key, each in registry.REGISTRY.items() if each.deployments)
                raise InvalidConfig({"backend": f"no backend {name[:60]!r} serves; these do: {known}"})
            self._deployment_backends[name] = found
        return self._deployment_backends[name]

    def server_of(self, deployment_id: str) -> DeploymentBackend:
        """Where a deployment runs."""
        return self.deployment_backend(self.world.deployment(deployment_id).backend)

    def deployment_spec(self, deployment_id: str) -> DeploymentSpec:
        """A deployment as it should be."""
        return deployment_spec(self.world.deployment(deployment_id), self.world.jobs)

    def state(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands at an instant, seen or not."""
        record = self.world.job(job_id)
        if record.refused is not None:
            began = record.spec.submitted_s
            return JobState("failed", 0, 0, 0.0, ended_s=began, failure=refusal(record.refused))
        if not self._is_real(job_id):
            return self.backend_of(job_id).state(job_id, at_s)
        state = self.backend_of(job_id).state(job_id, self.own_time(job_id))
        return two_clocks.in_simulated_time(state, self.world.timeline)

    def own_time(self, key: str) -> float:
        """How far a job or deployment is seen, by its own clock: simulated seconds, or the caller's for real work."""
        return self._wall(self.now) if self._is_real(key) else self.seen_s

    def health(self, deployment_id: str, at_s: float) -> Health:
        """How a deployment is at an instant, seen or not."""
        record = self.world.deployment(deployment_id)
        if record.refused is not None:
            return Health("failed", 0, 0.0, 0.0, refusal(record.refused), record.created_s)
        return self.server_of(deployment_id).health(deployment_id, at_s)

    def job(self, job_id: str) -> Job:
        """A job as it is seen."""
        if job_id not in self._jobs:
            record = self.world.job(job_id)
            seen = self.state(job_id, self.seen_s)
            ahead = record.touched_s > self.seen_s
            touched = self.state(job_id, record.touched_s) if ahead else seen
            self._jobs[job_id] = job_view(record, seen, touched)
            if not ahead and seen.status in JOB_ENDS:
                self._settle(job_id)
        return self._jobs[job_id]

    def deployment(self, deployment_id: str) -> Deployment:
        """A deployment as it is seen."""
        if deployment_id not in self._deployments:
            record = self.world.deployment(deployment_id)
            seen = self.health(deployment_id, self.seen_s)
            ahead = record.touched_s > self.seen_s
            touched = self.health(deployment_id, record.touched_s) if ahead else seen
            self._deployments[deployment_id] = deployment_view(record, self.world.jobs, seen, touched)
            if not ahead and seen.status in DEPLOYMENT_ENDS:
                self._settle(deployment_id)
        return self._deployments[deployment_id]

    def history(self, key: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Lines about a job or a deployment after `from_s` and up to `to_s`, by its own clock; see `own_time`."""
        if key in self.world.jobs:
            record = self.world.jobs[key]
            if record.refused is not None:
                return refused_line(record.refused, record.spec.submitted_s, *self._bounds(key, from_s, to_s))
            told = self.backend_of(key).history(key, from_s, to_s)
            return two_clocks.dated(told, self.world.timeline) if self._is_real(key) else told
        deployment = self.world.deployment(key)
        if deployment.refused is not None:
            return refused_line(deployment.refused, deployment.created_s, *self._bounds(key, from_s, to_s))
        lines = [line for line in deployment_lines(deployment) if from_s < line.at_s <= to_s]
        health = self.health(key, to_s)
        if health.failure and health.failed_s is not None and health.failed_s > from_s:
            lines.append(LifeEvent(at_s=health.failed_s, kind="failed", sentence=health.failure.sentence))
        lines += self.server_of(key).history(key, from_s, to_s)
        return in_order(lines)

    def _bounds(self, key: str, from_s: float, to_s: float) -> tuple[float, float]:
        real = self._is_real(key)
        return two_clocks.simulated_range(from_s, to_s, self.world.timeline) if real else (from_s, to_s)

    def _see(self, wall: float) -> None:
        self._seen_wall = wall
        before_s, self.seen_s = self.seen_s, self.world.timeline.at(wall)
        for key in self._live:
            if self.seen_s != before_s or not self._is_simulated(key):
                self._jobs.pop(key, None)
                self._deployments.pop(key, None)

    def _is_simulated(self, key: str) -> bool:
        """Whether simulated time moves a job or deployment; a real one moves by itself."""
        return self._abilities(key).is_simulated

    def _is_real(self, key: str) -> bool:
        return self._abilities(key).is_real

    def _abilities(self, key: str) -> registry.Abilities:
        jobs, deployments = self.world.jobs, self.world.deployments
        return registry.abilities(jobs[key].config.backend if key in jobs else deployments[key].backend)

    def _settle(self, key: str) -> None:
        """Visit a thing no more once it has ended and that was told."""
        if self._live.get(key, inf) >= self.own_time(key):
            self._live.pop(key, None)

    def _news(self) -> list[LifeEvent]:
        """What came to pass with what is live, each line told once."""
        news: list[LifeEvent] = []
        for key, told in list(self._live.items()):
            seen = self.own_time(key)
            if told < seen:
                news += self.history(key, told, seen)
            if told < seen or told == FROM_NOW_ON:
                self._live[key] = seen
            self._look_whether_over(key)
        return news

    def _look_whether_over(self, key: str) -> None:
        _ = self.job(key) if key in self.world.jobs else self.deployment(key)

    def _wall(self, now: float) -> float:
        """An action's instant: never before what has happened or been seen."""
        before = [at for at in (self.world.timeline.last, self._seen_wall) if at is not None]
        return max([now, *before])

    def _meant(self, now: float) -> float:
        return self._clock.meant(now, self.world.timeline, self._seen_wall)

    def _correct_clock(self, at: float) -> None:
        """Record that clocks are behind the last event, before something is dated by one of them."""
        correction = self._clock.correction
        if correction is not None:
            self._done(self.journal.append(self.workspace, self._number, at, correction))

    def _take_in(self) -> list[str]:
        """Read what others have recorded; the ids of the jobs and deployments that it changed."""
        changed: dict[str, None] = {}
        for entry in self.journal.read(self.workspace, self._number):
            if entry.notice:
                self.set_aside.append(entry.notice)
            for key in self._take(entry):
                changed[key] = None
                self.stale.add(key)
                self._live[key] = FROM_NOW_ON
        self._recall(changed)
        return list(changed)

    def _done(self, entry: Entry) -> tuple[str, ...]:
        """Take in what was just recorded here: it is news from just before its instant on."""
        if self._seen_wall is None:
            self._seen_wall = self.now = entry.at
        keys = self._take(entry)
        self._recall(keys)
        for key in keys:
            at = entry.at if self._is_real(key) else self.world.timeline.at(entry.at)
            just_before = nextafter(at, -inf)
            self._live[key] = min(self._live.get(key, just_before), just_before)
        return keys

    def _take(self, entry: Entry) -> tuple[str, ...]:
        """Take an entry in, or set it aside where it does not follow from those before it."""
        try:
            change = staged(self.world, entry.event, entry.at)
        except UNFIT as error:
            problem = f"it does not follow from those before it ({str(error)[:200]}); {REPAIR}"
            aside = SetAside(body=encode(entry.event), problem=problem)
            entry = replace(entry, event=aside, notice=f"event {entry.number} {aside.notice}")
            self.set_aside.append(entry.notice)
            change = self.world.staged(aside, entry.at)
        self.entries.append(entry)
        keys = self.world.take(change)
        self._number = entry.number
        for key in keys:
            self._jobs.pop(key, None)
            self._deployments.pop(key, None)
        return keys

    def _recall(self, keys: Iterable[str]) -> None:
        """Make the backends know what has changed, once however often it did."""
        for key in keys:
            if key in self.world.jobs:
                record = self.world.jobs[key]
                self.job_backend(record.config.backend).recall(record.spec, record.interventions)
            else:
                self.server_of(key).recall(self.deployment_spec(key))

    def _carry_out(self, keys: Iterable[str]) -> list[str]:
        """Hand what is recorded of real work to its backends; the sentences of those that could not be started.

        A workspace that may only be read starts nothing. What was carried out before is carried out no second time.
        """
        if self.journal.read_only:
            return []
        refusals: list[str] = []
        for key in keys:
            if self._is_simulated(key):
                continue
            try:
                if key in self.world.jobs:
                    carry_out_job(self.world.jobs[key], self.backend_of(key))
                else:
                    carry_out_deployment(self.world.deployments[key], self.server_of(key))
            except BackendRefused as refused:
                self._record_refusal(key, str(refused))
                refusals.append(str(refused))
            except (
                NotPassedOn
            ) as delayed:  # a person can want it again, and opening the workspace tells it anew
                refusals.append(str(delayed))
        return refusals

    def _record_refusal(self, key: str, reason: str) -> None:
        """Write down that a backend could not start what was recorded; other processes may act meanwhile."""
        for _ in range(ATTEMPTS):
            at = self._wall(self.now)
            try:
                entry = self.journal.append(
                    self.workspace, self._number, at, Refused(id=key, reason=reason[:1000])
                )
            except JournalConflict:
                self._take_in()
                continue
            self._done(entry)
            return
        raise JournalError("other processes keep acting on this workspace; try again in a moment")
