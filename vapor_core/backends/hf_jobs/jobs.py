"""The seam to work on Hugging Face's machines: what is wanted is written into a run's folder, and followed from there.

Nothing here waits for the network but `check` and a first `start`, which are bounded; a tick reads the run's folder.
Times are of the wall clock, seconds since 1970.
"""

from __future__ import annotations

import time
from math import isfinite, nan
from threading import Lock
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.advice.expectation import expectation
from vapor_core.backends.base import ROWS_AT_ONCE, Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.backends.hf_jobs import access as tokens
from vapor_core.backends.hf_jobs.api import JobsApi, JobsFault, endpoint
from vapor_core.backends.hf_jobs.follower import Follower
from vapor_core.backends.hf_jobs.job_request import label_of, longest_s, refused
from vapor_core.backends.hf_jobs.record import HubRun
from vapor_core.backends.hf_jobs.starting import started
from vapor_core.backends.local.jobs import BACKENDS, named_backends
from vapor_core.backends.local.log_rows import LogRows
from vapor_core.backends.local.run_directory import Exit, runs_folder
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import JobStatus, LifeEvent
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.physics.plan import plan

if TYPE_CHECKING:
    from vapor_core.contracts.expectation import Expectation
    from vapor_core.contracts.training import Calibration
    from vapor_core.journal.journal import Journal

NAME = "hf_jobs"
ETA_STEPS = 10  # steps before an ETA means something
SILENT_S = 180.0  # without an answer, from which on a run is out of sight
ENDED: dict[str, JobStatus] = {
    "completed": "completed",
    "paused": "paused",
    "stopped": "stopped",
    "failed": "failed",
    "killed": "lost",
}
AGAIN = "Give your token again to look at this job"
WORDS = {"start": "Training began.", "checkpoint": "Checkpoint saved after {step:,} steps."}
_FOLLOWERS: dict[str, Follower] = {}  # by folder, for all workspaces and sessions of this process
_LOCK = Lock()


class HubJobs:
    """Runs jobs at the Hub."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._workspace, self._read_only = workspace, journal.read_only
        self._specs: dict[str, JobSpec] = {}
        self._runs: dict[str, HubRun] = {}
        self._rows: dict[str, LogRows] = {}

    def check(self, spec: JobSpec) -> None:
        """See whether this server allows it, whether it can be done there, and whether the token is one."""
        if NAME not in named_backends():
            raise BackendRefused(
                f"jobs of the Hub are off on this server; they are on where that is started with {BACKENDS}={NAME}"
            )
        reason = refused(spec)
        if reason is not None:
            raise BackendRefused(reason)
        access = tokens.offered(label_of(self._workspace, spec, 0))
        if access is None:
            raise BackendRefused(
                "a job of the Hub is paid by your account there; give your token under Hardware"
            )
        JobsApi(access).name()

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """What it was rehearsed to be on that machine."""
        return expectation(spec.config, calibration)

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a job."""
        self._specs[spec.job_id] = spec

    def start(self, job_id: str) -> None:
        """Start it where a token was lent for it, once; else it waits until one is."""
        run, lent = self._run(job_id), tokens.lent_for(label_of(self._workspace, self._spec(job_id), 0))
        fresh = run.latest() is None and run.ended() is None and self._follower(job_id) is None
        if fresh and lent is not None:
            tokens.bind(self._workspace, job_id, lent)
            try:
                run.path.mkdir(parents=True, exist_ok=True)
                started(run, self._workspace, self._spec(job_id), lent)
            except JobsFault as fault:
                if not fault.passes:
                    raise  # it never will be
            except OSError as error:
                raise BackendRefused(
                    f"its folder cannot be written: {error.strerror}; free some space"
                ) from None
        self._follow(job_id)

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Never asked for: what runs there cannot be held."""

    def resume(self, job_id: str, intervention: Intervention) -> None:
        """Start another job, which goes on from what was kept."""
        self._want(job_id, intervention)

    def stop(self, job_id: str, intervention: Intervention) -> None:
        """Cancel it; what was kept stays."""
        self._want(job_id, intervention)

    def state(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands, by what was heard last."""
        run, rows = self._run(job_id), self._look(job_id)
        self._follow(job_id)
        latest, ended = run.latest(), run.ended()
        status, failure = self._standing(job_id, run, rows, ended)
        total = rows.total_steps or plan(self._spec(job_id).config).total_steps
        step_s = rows.step_time_s if status == "running" and rows.steps_done >= ETA_STEPS else nan
        return JobState(
            status=status,
            step=rows.steps_done,
            total_steps=total,
            elapsed_s=rows.elapsed_s,
            started_s=rows.began,
            ended_s=ended.at if ended is not None and status != "lost" else None,
            eta_s=(total - rows.steps_done) * step_s if isfinite(step_s) else None,
            failure=failure,
            attempt=latest.number if latest else 1,
        )

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Metrics of steps from `cursor` on."""
        run, rows = self._run(job_id), self._look(job_id)
        known = rows.steps_done if run.ended() is not None else rows.steps_settled
        stop = min(known, cursor + limit)
        return MetricBatch(stop, rows.columns(cursor, stop)) if stop > cursor else MetricBatch(cursor, {})

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Metrics of steps start..stop-1 once more."""
        return self._look(job_id).columns(start, stop)

    def eval_loss(self, job_id: str, step: int) -> float:
        """The last loss on held-out text by the time that `step` steps were done."""
        return self._look(job_id).eval_loss(step)

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """What was started, told and ended after `from_s` and up to `to_s`, by the wall clock."""
        run, rows, exit = self._run(job_id), self._look(job_id), self._run(job_id).exit()
        lines = [
            LifeEvent(at_s=each.began, kind="submitted", sentence=self._told_start(run, each.job, job_id))
            for each in run.attempts()
            if from_s < each.began <= to_s
        ]
        lines += [
            LifeEvent(
                at_s=told.at,
                kind="started" if told.kind == "start" else told.kind,
                sentence=_sentence(told.kind, told.step),
                step=told.step,
            )
            for told in rows.told
            if told.kind in WORDS and from_s < told.at <= to_s
        ]
        heard = run.heard()
        if heard.not_kept and from_s < heard.at <= to_s:
            words = f"What was saved could not be kept: {heard.not_kept}"
            lines.append(LifeEvent(at_s=heard.at, kind="not_kept", sentence=words))
        if exit is not None and from_s < exit.at <= to_s:
            lines.append(_ended_line(exit, rows.steps_done, run.repository()))
        return tuple(sorted(lines, key=lambda line: line.at_s))

    def logs(self, job_id: str, at_s: float) -> str:
        """The last that the job printed, its events left out."""
        return self._run(job_id).end_of_log(20_000)

    def _told_start(self, run: HubRun, hub_job: str, job_id: str) -> str:
        repository = run.repository()
        kept = (
            f"checkpoints and the result go into the private repository {repository}"
            if repository
            else "nothing is kept but its metrics: its disk is gone when it ends"
        )
        hours = longest_s(self._spec(job_id)) / 3600
        return (
            f"Started as a job of the Hub, {endpoint()}/jobs/{run.account()}/{hub_job}; {kept}. "
            f"The Hub ends it after {hours:.1f} hours at most."
        )

    def _want(self, job_id: str, intervention: Intervention) -> None:
        run = self._run(job_id)
        run.path.mkdir(parents=True, exist_ok=True)
        run.want(intervention.number, "run" if intervention.kind == "resume" else "stop")
        if intervention.kind == "stop" and not run.account() and self._follower(job_id) is None:
            run.end(Exit(intervention.number, "stopped", time.time()))  # nothing of it can be at the Hub
            return
        self._follow(job_id, wake=True)

    def _follower(self, job_id: str) -> Follower | None:
        with _LOCK:
            return _FOLLOWERS.get(str(self._run(job_id).path))

    def _follow(self, job_id: str, *, wake: bool = False) -> None:
        """Have a thread follow it where there is a token and something to follow."""
        run, access = self._run(job_id), tokens.bound(self._workspace, job_id)
        if access is None or self._read_only or run.ended() is not None:
            return
        with _LOCK:
            follower = _FOLLOWERS.get(str(run.path))
            fresh = follower is None or follower.access is not access
            if follower is None or fresh:
                if follower is not None:
                    follower.close(0.0)
                follower = Follower(run, self._workspace, self._spec(job_id), access)
                _FOLLOWERS[str(run.path)] = follower
        refused_token = follower.trouble is not None and not follower.trouble.passes and not follower.follows
        if fresh or wake or not (follower.follows or refused_token):
            follower.wake()

    def _standing(
        self, job_id: str, run: HubRun, rows: LogRows, ended: Exit | None
    ) -> tuple[JobStatus, Failure | None]:
        if ended is not None:
            return ENDED[ended.reason], _failure(run, ended)
        follower, heard, latest = self._follower(job_id), run.heard(), run.latest()
        known = _known(heard.stage, rows.steps_done)
        if run.wanted().what == "stop" and run.account():
            known += ", and it goes on there until it can be cancelled from here"
        if follower is None and not run.owner_lives():
            return "lost", _unseen(f"{AGAIN}; {known}.")
        trouble = follower.trouble if follower is not None else None  # else another process follows it
        silent_s = time.monotonic() - follower.answered if follower is not None else 0.0
        if trouble is not None and (not trouble.passes or silent_s > SILENT_S):
            words = str(trouble)
            return "lost", _unseen(f"{words[:1].upper()}{words[1:]}; {known}.")
        if latest is None or heard.attempt < latest.number or heard.stage in ("", "SCHEDULING"):
            return "queued", None
        if latest.wish < run.wanted().number and run.wanted().what == "run":
            return "queued", None
        return ("running" if rows.attempt >= latest.number else "initializing"), None

    def _look(self, job_id: str) -> LogRows:
        rows = self._rows.get(job_id)
        if rows is None:
            config = self._spec(job_id).config
            hourly = catalog.accelerator(config.accelerator).price_per_hour * config.accelerator_count
            rows = self._rows[job_id] = LogRows(self._run(job_id).metrics, hourly / 3600)
        rows.look()
        return rows

    def _run(self, job_id: str) -> HubRun:
        if job_id not in self._runs:
            self._spec(job_id)
            self._runs[job_id] = HubRun(runs_folder() / self._workspace / job_id)
        return self._runs[job_id]

    def _spec(self, job_id: str) -> JobSpec:
        if job_id not in self._specs:
            raise NotFound(f"no job {job_id!r} was started at the Hub from here")
        return self._specs[job_id]


def forget_all() -> None:
    """Follow nothing and know no token any more, as after a restart."""
    with _LOCK:
        followers = list(_FOLLOWERS.values())
        _FOLLOWERS.clear()
    tokens.forget()
    for follower in followers:
        follower.close()


def _known(stage: str, steps: int) -> str:
    return f"when it was last seen it was {stage.lower() or 'not started'}, {steps:,} steps done"


def _unseen(why: str) -> Failure:
    return Failure(code="lost", what="This job cannot be seen from here.", why=why)


def _failure(run: HubRun, ended: Exit) -> Failure | None:
    if ended.reason not in ("failed", "killed"):
        return None
    log = run.end_of_log(600).strip()
    ends = f" Its log ends: {log}" if log else ""
    return Failure(
        code="lost" if ended.reason == "killed" else "backend",
        what="The job is gone." if ended.reason == "killed" else "The job failed.",
        why=f"{ended.message[:1].upper()}{ended.message[1:]}.{ends}",
        cure="Resume goes on from its last checkpoint." if run.repository() and run.attempts() else "",
    )


def _sentence(told: str, step: int) -> str:
    if told == "start" and step:
        return f"Training goes on after step {step:,}."
    return WORDS[told].format(step=step)


def _ended_line(exit: Exit, steps: int, repository: str | None) -> LifeEvent:
    kept = f" The result is in {repository}." if repository else " Its result was not kept."
    words = {
        "completed": f"Completed all {steps:,} steps.{kept}",
        "stopped": f"Stopped after {steps:,} steps.",
        "paused": f"Paused after {steps:,} steps.",
        "failed": f"The job failed: {exit.message}.",
        "killed": f"The job is gone: {exit.message}.",
    }
    return LifeEvent(at_s=exit.at, kind=ENDED[exit.reason], sentence=words[exit.reason], step=steps)
