"""A workspace: do an action, advance it, read it.

Reading is free of effects and hands out frozen views. Every action is an event in the journal, takes effect at its
`now`, and moves nothing: only `advance` does. What each action demands is `desk`'s.
"""

from math import inf
from pathlib import Path
from typing import Self

from vapor_core.backends.registry import Abilities
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.serving import Demand, EngineSettings, ServingPrecision, Traffic
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Clock, Deployment, Job, RegisteredModel, Summary
from vapor_core.journal.events import (
    Adopted,
    Deployed,
    JobSubmitted,
    LogImported,
    RunFollowed,
    WorkspaceEvent,
)
from vapor_core.journal.journal import Entry, Journal
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.records import without_collecting
from vapor_core.metrics.series import MetricSeries
from vapor_core.readers.logs.run_log import RunLog
from vapor_core.workspace import actions, adoption
from vapor_core.workspace.adoption import Past
from vapor_core.workspace.kept import Kept
from vapor_core.workspace.live import LiveWorkspace
from vapor_core.workspace.series_feed import SeriesFeed
from vapor_core.workspace.views import registered, summary, tokens_of
from vapor_core.workspace.world import World


class Store(Kept):
    """One workspace.

    Args:
        journal: where its events are kept; in memory where None.
        workspace: its id within the journal.
    """

    def __init__(self, journal: Journal | None = None, workspace: str = "default") -> None:
        self.journal: Journal = MemoryJournal() if journal is None else journal
        self.workspace = workspace
        self.choices: dict[str, object] = {}  # of a person's screen; not recorded
        super().__init__(LiveWorkspace(self.journal, workspace))
        self._feed = SeriesFeed(self._live)
        self._figures: dict[str, tuple[Job, float, float | None]] = {}  # id -> what the summary adds up
        self._histories: dict[str, tuple[float, tuple[LifeEvent, ...]]] = {}  # of jobs that have ended

    @classmethod
    def open(cls, url_or_path: str | Path, workspace: str = "default") -> Self:
        """A durable workspace: a file's path, or a database URL.

        Raises:
            JournalError: where it cannot be opened; `notices` tells what was mended.
        """
        if str(url_or_path) == ":memory:":
            return cls(None, workspace)
        from vapor_core.journal.sql import open_journal  # noqa: PLC0415 - SQLAlchemy, for whoever keeps one

        return cls(open_journal(url_or_path), workspace)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should be told about how the journal was opened and read."""
        return (*self.journal.notices, *self._live.notices)

    def close(self) -> None:
        """Let go of the journal's files."""
        self.journal.close()

    @property
    def world(self) -> World:
        """Everything that was done, folded; to be read alone."""
        return self._live.world

    def entries(self) -> tuple[Entry, ...]:
        """What was done, by anybody, up to now; what does not follow from what was before it stands set aside.

        Raises:
            JournalError: where it cannot be read.
        """
        self._live.refresh()
        return tuple(self._live.entries)

    # time

    @property
    def clock(self) -> Clock:
        """How far the visible world has moved."""
        return Clock(
            now=self._live.now,
            simulated_s=self._live.seen_s,
            speed=self._live.world.timeline.speed,
        )

    @property
    def now(self) -> float:
        """The caller's clock when it was last told, seconds."""
        return self._live.now

    def advance(self, *, now: float) -> tuple[LifeEvent, ...]:
        """Move the visible world to `now`; what came to pass since, in order. Going backwards is no movement."""
        return self._live.advance(now)

    def set_speed(self, speed: float, *, now: float) -> Clock:
        """Let simulated time run at so many seconds a second; 0 pauses the world."""
        self._live.act(now, lambda _: actions.speed_set(speed))
        return self.clock

    def skip(self, seconds: float, *, now: float) -> Clock:
        """Let the world leap forward; seen with the next `advance`."""
        self._live.act(now, lambda _: actions.time_skipped(seconds))
        return self.clock

    # jobs

    def submit(self, config: JobConfig, *, now: float, name: str | None = None) -> Job:
        """Start a job.

        Raises:
            InvalidConfig: where a name or id is wrong.
            BackendRefused: says why; the workspace is as it was.
        """
        event = self._live.act(now, lambda at_s: actions.submitted(self._live, config, name, at_s))
        return self._job_of(event)

    def fork(self, job_id: str, *, step: int, changes: dict[str, object], now: float) -> Job:
        """A new job that goes on from a step of another one with some fields changed; the other stays as it is.

        Raises:
            InvalidConfig: where the step was not reached, or a change is wrong.
            BackendRefused: says why; the workspace is as it was.
        """
        event = self._live.act(now, lambda at_s: actions.forked(self._live, job_id, step, changes, at_s))
        return self._job_of(event)

    def pause(self, job_id: str, *, now: float) -> Job:
        """Hold a job; it keeps its accelerators and costs nothing."""
        self._live.act(now, lambda at_s: actions.paused(self._live, job_id, at_s))
        return self.job(job_id)

    def resume(self, job_id: str, *, now: float) -> Job:
        """Let a paused job go on."""
        self._live.act(now, lambda at_s: actions.resumed(self._live, job_id, at_s))
        return self.job(job_id)

    def stop(self, id: str, *, now: float) -> Job | Deployment:
        """End a job or a deployment."""
        self._live.act(now, lambda at_s: actions.stopped(self._live, id, at_s))
        return self.deployment(id) if id in self._live.world.deployments else self.job(id)

    def delete(self, job_id: str, *, now: float) -> Job:
        """Put a job out of sight, ending it where it still runs; `restore` brings it back as it ended."""
        self._live.act(now, lambda _: actions.deleted(self._live, job_id))
        return self.job(job_id)

    def restore(self, job_id: str, *, now: float) -> Job:
        """Bring a deleted job back."""
        self._live.act(now, lambda _: actions.restored(self._live, job_id))
        return self.job(job_id)

    def rename(self, id: str, name: str, *, now: float) -> None:
        """Call a job or a deployment something else."""
        self._live.act(now, lambda _: actions.renamed(self._live, id, name))

    def job(self, job_id: str) -> Job:
        """A job as it is now.

        Raises:
            NotFound: names the latest jobs.
        """
        return self._live.job(job_id)

    def jobs(self, include_deleted: bool = False) -> tuple[Job, ...]:
        """All jobs, in order of submission."""
        records = self._live.world.jobs
        return tuple(self.job(key) for key in records if include_deleted or not records[key].deleted)

    def abilities(self, job_id: str) -> Abilities:
        """What can be done about a job where it runs.

        Raises:
            NotFound: names the latest jobs.
        """
        return self._live.abilities(job_id)

    # deployments

    def can_deploy(self, job_id: str) -> bool:
        """Whether a job has left a result that `deploy` and `redeploy` take."""
        job = self.job(job_id)
        return not job.deleted and actions.has_result(job.status, job.step, job.config)

    def deploy(
        self,
        job_id: str,
        *,
        accelerator: str | Accelerator | None = None,
        replicas: tuple[int, int] = (1, 4),
        traffic: Traffic = "steady",
        precision: ServingPrecision = "bf16",
        name: str = "",
        backend: str = "simulated",
        demand: Demand | None = None,
        settings: EngineSettings | None = None,
        now: float,
    ) -> Deployment:
        """Serve the result of a job that is completed, or stopped with a checkpoint.

        Args:
            job_id: whose result.
            accelerator: of each replica; the job's own where None.
            replicas: the fewest and the most.
            traffic: the scenario of requests, where `demand` does not say it.
            precision: of the weights.
            name: the job's where empty.
            backend: where it runs.
            demand: what people ask of it, whatever model it serves; where None, what the result bears on such replicas.
            settings: of the inference engine; where None, its own defaults.
            now: the caller's clock.

        Raises:
            ForbiddenTransition: where the job has no result yet.
            InvalidConfig: one sentence a field.
            BackendRefused: says why.
        """
        order = actions.Order(
            job_id, accelerator, replicas, traffic, precision, name, backend, demand, settings
        )
        event = self._live.act(now, lambda at_s: actions.deployed(self._live, order, at_s))
        return self._deployment_of(event)

    def scale(self, deployment_id: str, replicas: tuple[int, int], *, now: float) -> Deployment:
        """Set the fewest and the most replicas."""
        self._live.act(now, lambda at_s: actions.scaled(self._live, deployment_id, replicas, at_s))
        return self.deployment(deployment_id)

    def ask(self, deployment_id: str, demand: Demand, *, now: float) -> Deployment:
        """Set what people ask of an endpoint from now on."""
        self._live.act(now, lambda at_s: actions.demand_changed(self._live, deployment_id, demand, at_s))
        return self.deployment(deployment_id)

    def redeploy(self, deployment_id: str, job_id: str, *, now: float) -> Deployment:
        """Serve another job's result: a new revision."""
        self._live.act(now, lambda at_s: actions.redeployed(self._live, deployment_id, job_id, at_s))
        return self.deployment(deployment_id)

    def rollback(self, deployment_id: str, *, now: float) -> Deployment:
        """Serve the revision before the present one again.

        Raises:
            ForbiddenTransition: where there is none.
        """
        self._live.act(now, lambda at_s: actions.rolled_back(self._live, deployment_id, at_s))
        return self.deployment(deployment_id)

    def deployment(self, deployment_id: str) -> Deployment:
        """A deployment as it is now.

        Raises:
            NotFound: names the latest deployments.
        """
        return self._live.deployment(deployment_id)

    def deployments(self) -> tuple[Deployment, ...]:
        """All deployments, in order of creation; none that could not be started."""
        records = self._live.world.deployments
        return tuple(self.deployment(key) for key in records if records[key].refused is None)

    # what others have done

    def import_log(self, log: RunLog, *, now: float, name: str = "") -> Job:
        """Keep what a real run wrote as a job that is over.

        Raises:
            InvalidUpload: where it is larger than a workspace keeps.
        """
        event = self._live.act(now, lambda _: adoption.log_imported(self._live, log, name))
        return self._job_of(event)

    def follow(self, place: str, *, now: float, name: str = "") -> Job:
        """Show a run that another program does as it goes, from the log that it writes.

        Args:
            place: a file or folder within the server's root for such runs (`VAPOR_FOLLOW`).
            name: the place's own where empty.
            now: the caller's clock.

        Raises:
            InvalidUpload: it is not there, or no log.
        """
        event = self._live.act(now, lambda _: adoption.followed(self._live, place, name))
        return self._job_of(event)

    def track(self, run_id: str, name: str, *, now: float) -> Job:
        """Show a run that tells us of itself, by its id; the job that does where there is one already."""
        event = self._live.act(now, lambda _: adoption.tracked(self._live, run_id, name))
        return self._job_of(event)

    def describe(self, job_id: str, config: JobConfig, *, now: float) -> Job:
        """Say what a followed run trains, as far as its parameters tell it."""
        self._live.act(now, lambda _: adoption.described(self._live, job_id, config))
        return self.job(job_id)

    def adopt(self, past: Past, *, now: float) -> tuple[str, ...]:
        """Take in jobs and endpoints of another workspace with their past; their ids here (`sharing.past`)."""
        event = self._live.act(now, lambda _: adoption.adopted(self._live, past))
        assert isinstance(event, Adopted)  # noqa: S101 - what `adoption` answers
        keys = (
            getattr(action, "deployment_id", None) or getattr(action, "job_id", "")
            for _, action in event.past
        )
        return tuple(dict.fromkeys(key for key in keys if key))

    # what follows from all that

    def metrics(self, id: str) -> MetricSeries:
        """The points of a job or a deployment, as far as they are visible.

        Raises:
            NotFound: where there is neither.
        """
        if id in self._live.world.deployments:
            return self._feed.of_deployment(id)
        return self._feed.of_job(id)

    def events(self, id: str | None = None) -> tuple[LifeEvent, ...]:
        """The history of a job, a deployment or everything, oldest first."""
        keys = [id] if id is not None else [*self._live.world.jobs, *self._live.world.deployments]
        with without_collecting():
            lines = [line for key in keys for line in self._history(key)]
        return tuple(sorted(lines, key=lambda line: line.at_s))

    def _history(self, key: str) -> tuple[LifeEvent, ...]:
        """Lines about a job or a deployment; those of a job that has ended are kept."""
        deployed = key in self._live.world.deployments
        ended_s = None if deployed else self.job(key).ended_s
        seen_s = self._live.own_time(key)
        known = self._histories.get(key)
        if known is not None and known[0] == ended_s:
            return known[1]
        lines = self._live.history(key, -inf, seen_s)
        if ended_s is not None and ended_s <= seen_s and self.abilities(key).is_simulated:
            self._histories[key] = (ended_s, lines)
        return lines

    def logs(self, job_id: str) -> str:
        """What a job has printed."""
        return self._live.backend_of(job_id).logs(job_id, self._live.seen_s)

    def health(self, deployment_id: str) -> tuple[str, ...]:
        """Why a deployment is not healthy, in words; () where it is."""
        return self._live.health(deployment_id, self._live.seen_s).reasons

    def summary(self) -> Summary:
        """Aggregates of jobs that are not deleted and of all deployments."""
        jobs, deployments = self.jobs(), self.deployments()
        figures = [self._figures_of(job) for job in jobs]
        measured = [
            (loss, job.id)
            for job, (_, _, loss) in zip(jobs, figures, strict=True)
            if job.status != "failed" and loss is not None
        ]
        tokens = sum(each for _, each, _ in figures)
        live = [each.id for each in deployments if each.live]
        rate = sum(self._live.health(key, self._live.seen_s).request_rate for key in live)
        return summary(jobs, deployments, rate, min(measured, default=None), tokens)

    def _figures_of(self, job: Job) -> tuple[Job, float, float | None]:
        """A job's tokens and eval loss beside it; those of one that has not moved are kept."""
        known = self._figures.get(job.id)
        if known is None or known[0] is not job:
            known = self._figures[job.id] = (job, tokens_of(job), self._feed.eval_loss(job))
        return known

    def registry(self) -> tuple[RegisteredModel, ...]:
        """The models that this workspace has trained and could serve, in order of submission."""
        live = [each.id for each in self.deployments() if each.live]
        return tuple(
            registered(job, self._feed.eval_loss(job), self._live.world, live)
            for job in self.jobs()
            if actions.has_result(job.status, job.step, job.config)
        )

    def _job_of(self, event: WorkspaceEvent) -> Job:
        assert isinstance(event, JobSubmitted | LogImported | RunFollowed)  # noqa: S101 - what `desk` answers
        return self.job(event.job_id)

    def _deployment_of(self, event: WorkspaceEvent) -> Deployment:
        assert isinstance(event, Deployed)  # noqa: S101 - what `desk` answers
        return self.deployment(event.deployment_id)
