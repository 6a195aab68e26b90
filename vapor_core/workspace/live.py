"""A world in step with its journal and its backends, and how far of it has been seen.

Acting and moving are two things here: `act` appends to the journal at an instant of the caller's clock, `advance`
alone moves what is seen. What lies between is settled, but not yet seen.
"""

from collections.abc import Callable
from math import inf, isfinite, nextafter

from vapor_core.backends.absent import AbsentBackend
from vapor_core.backends.base import Backend, JobState
from vapor_core.backends.imported import ImportedBackend
from vapor_core.backends.simulated.endpoints import Endpoint, Health
from vapor_core.backends.simulated.jobs import SimulatedBackend
from vapor_core.contracts.lifecycle import DEPLOYMENT_ENDS, JOB_ENDS, LifeEvent
from vapor_core.contracts.workspace import Deployment, Job
from vapor_core.errors import InvalidConfig, JournalError
from vapor_core.journal.events import WorkspaceEvent
from vapor_core.journal.journal import Entry, Journal, JournalConflict
from vapor_core.workspace.views import deployment_lines, deployment_view, endpoint, job_view
from vapor_core.workspace.world import DeploymentRecord, JobRecord, World

ATTEMPTS = 20  # to append while other processes act on the same workspace
DEAF = inf  # what happened before a job was met is no news


class LiveWorkspace:
    """One workspace as this process knows it."""

    def __init__(self, journal: Journal, workspace: str) -> None:
        self.journal, self.workspace = journal, workspace
        self.world = World()
        self.backends: dict[str, Backend] = {
            "simulated": SimulatedBackend(),
            "imported": ImportedBackend(),
            "local": AbsentBackend("local"),
            "ray": AbsentBackend("ray"),
        }
        self.now = 0.0  # the caller's clock when it was last told
        self.seen_s = 0.0  # simulated seconds that the visible world has reached
        self.stale: set[str] = set()  # ids that another process acted on: their series may differ
        self._seen_wall: float | None = None
        self._number = 0  # of the last entry known
        self._live: dict[str, float] = {}  # id -> simulated second up to which its history was told
        self._jobs: dict[str, Job] = {}
        self._deployments: dict[str, Deployment] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self.refresh()
        if self.world.timeline.last is not None:
            self._see(self.world.timeline.last)

    def refresh(self) -> None:
        """Take in what other processes have done.

        Raises:
            JournalError: where it cannot be read.
        """
        for entry in self.journal.read(self.workspace, self._number):
            for key in self._take(entry):
                self.stale.add(key)
                self._live[key] = DEAF

    def advance(self, now: float) -> tuple[LifeEvent, ...]:
        """Move the visible world to an instant of the caller's clock; what came to pass, in order."""
        self.refresh()
        self.now = max(_clean(now), self.now) if self._number else _clean(now)
        if not self._number:
            return ()
        self._see(self.now if self._seen_wall is None else max(self.now, self._seen_wall))
        return tuple(sorted(self._told(), key=lambda line: line.at_s))

    def act(self, now: float, decide: Callable[[float], WorkspaceEvent]) -> WorkspaceEvent:
        """Do something at an instant.

        Args:
            now: the caller's clock; earlier than the last event counts as that.
            decide: (simulated instant) -> the event, or an error; it may be asked again when another process was
                faster.

        Raises:
            JournalError: where it cannot be recorded; it has not happened then.
        """
        for _ in range(ATTEMPTS):
            self.refresh()
            at = self._wall(_clean(now))
            event = decide(self.world.timeline.at(at))
            try:
                entry = self.journal.append(self.workspace, self._number, at, event)
            except JournalError as error:
                self._undo(event)
                if isinstance(error, JournalConflict):
                    continue
                raise
            if self._seen_wall is None:
                self._seen_wall = self.now = at
            keys = self._take(entry)
            just_before = nextafter(self.world.timeline.at(at), -inf)
            for key in keys:
                self._live[key] = min(self._live.get(key, just_before), just_before)
            return event
        raise JournalError("other processes keep acting on this workspace; try again in a moment")

    def backend(self, record: JobRecord) -> Backend:
        """Where a job runs."""
        return self.backends[record.config.backend]

    def job_state(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands at an instant, seen or not."""
        record = self.world.job(job_id)
        return self.backend(record).status(job_id, at_s)

    def endpoint(self, deployment_id: str) -> Endpoint:
        """A deployment's telemetry."""
        if deployment_id not in self._endpoints:
            record = self.world.deployment(deployment_id)
            self._endpoints[deployment_id] = endpoint(record, self.world.jobs)
        return self._endpoints[deployment_id]

    def job(self, job_id: str) -> Job:
        """A job as it is seen."""
        if job_id not in self._jobs:
            record = self.world.job(job_id)
            seen = self.job_state(job_id, self.seen_s)
            ahead = record.touched_s > self.seen_s
            touched = self.job_state(job_id, record.touched_s) if ahead else seen
            self._jobs[job_id] = job_view(record, seen, touched)
            if not ahead and seen.status in JOB_ENDS:
                self._settle(job_id)
        return self._jobs[job_id]

    def deployment(self, deployment_id: str) -> Deployment:
        """A deployment as it is seen."""
        if deployment_id not in self._deployments:
            record = self.world.deployment(deployment_id)
            run, touched_s = self.endpoint(deployment_id), _touched_s(record)
            seen = run.health(self.seen_s)
            ahead = touched_s > self.seen_s
            touched = run.health(touched_s) if ahead else seen
            self._deployments[deployment_id] = deployment_view(record, self.world.jobs, seen, touched)
            if not ahead and seen.status in DEPLOYMENT_ENDS:
                self._settle(deployment_id)
        return self._deployments[deployment_id]

    def health(self, deployment_id: str, at_s: float) -> Health:
        """How a deployment is at an instant, seen or not."""
        self.world.deployment(deployment_id)
        return self.endpoint(deployment_id).health(at_s)

    def history(self, key: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Lines about a job or a deployment after `from_s` and up to `to_s`."""
        if key in self.world.jobs:
            return self.backend(self.world.jobs[key]).history(key, from_s, to_s)
        record = self.world.deployment(key)
        lines = [line for line in deployment_lines(record) if from_s < line.at_s <= to_s]
        health = self.health(key, to_s)
        if health.failure and health.failed_s is not None and health.failed_s > from_s:
            lines.append(LifeEvent(at_s=health.failed_s, kind="failed", sentence=health.failure.sentence))
        lines += self.endpoint(key).history(from_s, to_s)
        return tuple(sorted(lines, key=lambda line: line.at_s))

    def _see(self, wall: float) -> None:
        self._seen_wall = wall
        seen_s = self.world.timeline.at(wall)
        if seen_s != self.seen_s:
            self.seen_s = seen_s
            for key in self._live:
                self._jobs.pop(key, None)
                self._deployments.pop(key, None)

    def _settle(self, key: str) -> None:
        """Visit a thing no more once it has ended and that was told."""
        if self._live.get(key, inf) >= self.seen_s:
            self._live.pop(key, None)

    def _told(self) -> list[LifeEvent]:
        """News of what is live, each line told once."""
        news: list[LifeEvent] = []
        for key, told_s in list(self._live.items()):
            if told_s < self.seen_s:
                news += self.history(key, told_s, self.seen_s)
            if told_s < self.seen_s or told_s == DEAF:
                self._live[key] = self.seen_s
            _ = self.job(key) if key in self.world.jobs else self.deployment(key)
        return news

    def _wall(self, now: float) -> float:
        """An action's instant: never before what has happened or been seen."""
        before = [at for at in (self.world.timeline.last, self._seen_wall) if at is not None]
        return max([now, *before])

    def _take(self, entry: Entry) -> tuple[str, ...]:
        try:
            keys = self.world.apply(entry.event, entry.at)
        except LookupError as error:
            raise JournalError(
                f"event {entry.number} of workspace {self.workspace!r} does not follow from those before it ({error})"
            ) from None
        self._number = entry.number
        for key in keys:
            self._jobs.pop(key, None)
            self._deployments.pop(key, None)
            self._endpoints.pop(key, None)
            if key in self.world.jobs:
                record = self.world.jobs[key]
                self.backend(record).recall(record.spec, record.interventions)
        return keys

    def _undo(self, event: WorkspaceEvent) -> None:
        """Bring the backend back to what the journal says."""
        key = getattr(event, "job_id", None)
        if key in self.world.jobs:
            record = self.world.jobs[key]
            self.backend(record).recall(record.spec, record.interventions)
        elif event.kind == "job_submitted":
            self.backends[event.config.backend].forget(event.job_id)


def _touched_s(record: DeploymentRecord) -> float:
    """When something was last done to a deployment."""
    last = max(record.ranges[-1][0], record.revisions[-1].since_s)
    return last if record.ended_s is None else max(last, record.ended_s)


def _clean(now: float) -> float:
    if not isinstance(now, int | float) or not isfinite(now):
        raise InvalidConfig({"now": f"now should be seconds as a finite number, not {now!r}"})
    return float(now)
