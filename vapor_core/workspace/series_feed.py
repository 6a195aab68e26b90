"""The metric series of a workspace's jobs and deployments, fed with what has become visible since they were read."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from vapor_core.contracts.columns import SERVING_COLUMNS, TRAINING_COLUMNS, eval_sets
from vapor_core.metrics.series import MetricSeries, MetricsStore
from vapor_core.physics.plan import plan

if TYPE_CHECKING:
    from vapor_core.backends.base import Columns
    from vapor_core.contracts.workspace import Job
    from vapor_core.workspace.live import LiveWorkspace


class SeriesFeed:
    """Series by job or deployment id, a bounded number; one that was dropped is read again."""

    def __init__(self, live: LiveWorkspace) -> None:
        self._live = live
        self._series = MetricsStore()
        self._begun: dict[str, int] = {}  # deployment id -> first row of its series
        self._cursors: dict[str, int] = {}  # deployment id -> row that its series goes on with
        self._evaluated: dict[
            str, tuple[int, float | None]
        ] = {}  # job id -> its last evaluated step and loss
        self._attempts: dict[str, int] = {}  # job id -> the attempt that its series shows

    def of_job(self, job_id: str) -> MetricSeries:
        """A job's points as far as they are visible; a log's further evaluation sets come after TRAINING_COLUMNS."""
        backend = self._live.backend_of(job_id)

        def again(start: int, stop: int) -> Columns:
            return backend.replay(job_id, start, stop)

        self._forget_stale(job_id)
        self._forget_earlier_attempt(job_id)
        spec = self._live.world.job(job_id).spec
        columns = TRAINING_COLUMNS if spec.log is None else (*TRAINING_COLUMNS, *eval_sets(spec.log.columns))
        series = self._series.series(job_id, lambda: MetricSeries(columns, replay=again))
        # A log's steps may count from 0 or from 1, and what it says of a step may come after later steps.
        done = 2**53 if spec.is_log else self._live.job(job_id).step
        next_step = int(series.latest().get(series.axis, -1)) + 1
        if not spec.is_log and next_step > done:
            series.rewind(done - 1)
        while next_step < done:
            batch = backend.rows(job_id, next_step, self._live.own_time(job_id))
            if batch.cursor == next_step:
                break
            if batch.cursor < next_step:
                series.rewind(batch.cursor - 1)
                next_step = batch.cursor
                continue
            series.append(batch.columns)
            next_step = batch.cursor
        return series

    def of_deployment(self, deployment_id: str) -> MetricSeries:
        """A deployment's points, one a row of its telemetry, as far as they are visible."""
        backend, seen_s = self._live.server_of(deployment_id), self._live.seen_s
        self._forget_stale(deployment_id)
        begin = backend.first_row(deployment_id, seen_s)
        if self._begun.get(deployment_id, begin) != begin:
            self._drop(deployment_id)
        self._begun[deployment_id] = begin
        series = self._deployment_series(deployment_id)
        cursor = self._cursors.get(deployment_id, begin) if series.latest() else begin
        batch = backend.rows(deployment_id, cursor, seen_s)
        if batch.cursor < cursor:  # less is visible than was: another process acted earlier
            self._drop(deployment_id)
            series, cursor = self._deployment_series(deployment_id), begin
            batch = backend.rows(deployment_id, cursor, seen_s)
        while batch.cursor > cursor:
            series.append(batch.columns)
            cursor = batch.cursor
            batch = backend.rows(deployment_id, cursor, seen_s)
        self._cursors[deployment_id] = cursor
        return series

    def eval_loss(self, job: Job) -> float | None:
        """The last eval loss that a job has measured."""
        every = plan(job.config).eval_every
        logged = self._live.world.job(job.id).spec.is_log  # whose evaluations came when they came
        last = job.step if logged or job.step == job.total_steps else job.step // every * every
        known = self._evaluated.get(job.id)
        if known is None or known[0] != last:
            known = (last, self._eval_loss_at(job.id, last))
            self._evaluated[job.id] = known
        return known[1]

    def _eval_loss_at(self, job_id: str, step: int) -> float | None:
        if not step:
            return None
        loss = self._live.backend_of(job_id).eval_loss(job_id, step)
        return None if isnan(loss) else loss

    def _deployment_series(self, deployment_id: str) -> MetricSeries:
        live = self._live

        def again(from_s: int, to_s: int) -> Columns:
            return live.server_of(deployment_id).replay(deployment_id, from_s, to_s)

        return self._series.series(
            deployment_id, lambda: MetricSeries(SERVING_COLUMNS, axis="elapsed_s", replay=again)
        )

    def _forget_earlier_attempt(self, job_id: str) -> None:
        """A job that was begun again may have done some steps a second time."""
        attempt = self._live.job(job_id).attempt
        if self._attempts.get(job_id, attempt) != attempt:
            self._drop(job_id)
        self._attempts[job_id] = attempt

    def _forget_stale(self, key: str) -> None:
        if key in self._live.stale:
            self._live.stale.discard(key)
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._series.drop(key)
        self._cursors.pop(key, None)
