"""The seam to runs that others do: they are read as they go, and nothing is done to them."""

from __future__ import annotations

from math import isfinite, nan
from typing import TYPE_CHECKING

from vapor_core.backends.base import ROWS_AT_ONCE, Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.backends.followed.folders import within
from vapor_core.backends.followed.run import SILENT_S, SILENT_STEPS, FileRun, RunSource, Standing
from vapor_core.backends.followed.tracking import tracked_run
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import JobStatus, LifeEvent
from vapor_core.errors import BackendRefused, InvalidUpload, NotFound

if TYPE_CHECKING:
    from vapor_core.contracts.expectation import Expectation
    from vapor_core.contracts.training import Calibration
    from vapor_core.journal.journal import Journal

ETA_STEPS = 10  # steps before an ETA means something


class FollowedJobs:
    """Shows runs as they go. Starts nothing, stops nothing."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._workspace = workspace
        self._specs: dict[str, JobSpec] = {}
        self._runs: dict[str, RunSource] = {}
        self._gone: dict[str, str] = {}  # job id -> why nothing of it can be read

    def check(self, spec: JobSpec) -> None:
        """Refuse: a run is followed, not submitted."""
        raise BackendRefused(
            "a followed run is another program's; follow its log instead of submitting a job"
        )

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """None: nobody rehearsed it."""
        return None

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a run."""
        self._specs[spec.job_id] = spec

    def start(self, job_id: str) -> None:
        """Nothing: its trainer has."""

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Nothing: it is its trainer's to do."""

    resume = pause
    stop = pause

    def state(self, job_id: str, at_s: float) -> JobState:
        """As its trainer tells it; out of sight where it has told nothing for long."""
        run = self._look(job_id, at_s)
        if run is None:
            failure = Failure(
                code="lost", what="This run cannot be read.", why=f"{_sentence(self._gone[job_id])}."
            )
            return JobState("lost", step=0, total_steps=0, elapsed_s=0.0, failure=failure)
        stands = run.standing()
        status = _status(stands, at_s)
        left = stands.total_steps - stands.step
        knows = status == "running" and stands.step >= ETA_STEPS and stands.total_steps
        return JobState(
            status=status,
            step=stands.step,
            total_steps=stands.total_steps,
            elapsed_s=stands.elapsed_s,
            started_s=stands.began if stands.began is not None else stands.heard,
            ended_s=stands.heard if stands.ended else None,
            eta_s=left * stands.step_time_s if knows and isfinite(stands.step_time_s) else None,
            failure=_failure(status, stands, at_s),
        )

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Rows of steps from `cursor` on; back to the first that has changed."""
        run = self._look(job_id, at_s)
        if run is None:
            return MetricBatch(cursor, {})
        changed = run.changed()
        if changed < cursor:
            return MetricBatch(changed, {})
        stop = min(run.last + 1, cursor + limit) if run.last < cursor + limit else run.last + 1
        return MetricBatch(stop, run.columns(cursor, stop)) if stop > cursor else MetricBatch(cursor, {})

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1 once more."""
        run = self._look(job_id, nan)
        return {} if run is None else run.columns(start, stop)

    def eval_loss(self, job_id: str, step: int) -> float:
        """The last loss on held-out text up to a step."""
        run = self._look(job_id, nan)
        return nan if run is None else run.eval_loss(step)

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """When it began and how it ended, as far as it tells."""
        run = self._look(job_id, to_s)
        if run is None:
            return ()
        stands = run.standing()
        lines: list[tuple[float | None, str, str]] = [(stands.began, "started", "Training began.")]
        if stands.ended:
            words = {"completed": "Completed", "stopped": "Stopped", "failed": "Failed"}[stands.ended]
            lines.append((stands.heard, stands.ended, f"{words} after {stands.step:,} {stands.counts}s."))
        return tuple(
            LifeEvent(at_s=at, kind=kind, sentence=sentence)
            for at, kind, sentence in lines
            if at is not None and from_s < at <= to_s
        )

    def logs(self, job_id: str, at_s: float) -> str:
        """What is read of it."""
        run = self._look(job_id, at_s)
        return self._gone.get(job_id, "") if run is None else run.log()

    def parameters(self, job_id: str) -> dict[str, str]:
        """What a run that tells us of itself has said of its settings."""
        run = self._look(job_id, nan)
        return dict(getattr(run, "params", {}))

    def _look(self, job_id: str, at_s: float) -> RunSource | None:
        """The run, looked at anew; None where nothing of it can be read, and `_gone` says why."""
        run = self._runs.get(job_id) or self._find(job_id)
        if run is not None:
            run.look(at_s)
        return run

    def _find(self, job_id: str) -> RunSource | None:
        spec = self._specs.get(job_id)
        if spec is None or spec.followed is None:
            raise NotFound(f"no followed run {job_id!r}")
        try:
            if spec.followed.source == "tracking":
                found: RunSource = tracked_run(self._workspace, spec.followed.place)
            else:
                found = FileRun(within(spec.followed.place))
        except InvalidUpload as error:
            self._gone[job_id] = str(error)
            return None
        self._runs[job_id] = found
        return found


def _status(stands: Standing, at_s: float) -> JobStatus:
    if stands.ended:
        return stands.ended
    if _silent_s(stands, at_s) > 0:
        return "lost"
    return "running" if stands.began is not None or stands.step else "initializing"


def _silent_s(stands: Standing, at_s: float) -> float:
    """How long nothing was heard, seconds, where that is too long; else 0."""
    if stands.heard is None or not isfinite(at_s):
        return 0.0
    patience_s = max(SILENT_S, SILENT_STEPS * stands.step_time_s if isfinite(stands.step_time_s) else 0.0)
    silent_s = at_s - stands.heard
    return silent_s if silent_s > patience_s else 0.0


def _failure(status: JobStatus, stands: Standing, at_s: float) -> Failure | None:
    if status == "failed":
        return Failure(code="backend", what="The trainer failed.", why=f"{_sentence(stands.why)}.")
    if status == "lost":
        minutes = round(_silent_s(stands, at_s) / 60)
        return Failure(
            code="lost",
            what=f"Nothing was heard of this run for {minutes:,} minutes.",
            why="Its trainer has written nothing since; it may have ended without saying so.",
            cure="It goes on here by itself as soon as there is more.",
        )
    return None


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}".rstrip(".")
