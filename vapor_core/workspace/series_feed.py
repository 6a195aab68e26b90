"""The metric series of a workspace's jobs and deployments, fed with what has become visible since they were read."""

from collections.abc import Mapping
from math import ceil, isnan

from numpy.typing import ArrayLike

from vapor_core.backends.base import Columns
from vapor_core.contracts.workspace import Job
from vapor_core.metrics.series import MetricSeries, MetricsStore
from vapor_core.physics.plan import plan
from vapor_core.simulation.endpoint import COLUMNS as ENDPOINT_COLUMNS
from vapor_core.simulation.endpoint import TICK_S
from vapor_core.simulation.training import TRAINING_COLUMNS
from vapor_core.workspace.live import LiveWorkspace

AT_ONCE = 65_536  # rows
MOST_TICKS = 2_000_000  # of an endpoint's telemetry: from 58 to 116 simulated days back


def first_tick(done: int) -> int:
    """Where an endpoint's series begins: at its creation until it is long, then at a moving multiple.

    It depends on how far the endpoint is and not on who looked when, so what a night at high speed left behind is
    caught up with in bounded time, to the same points.
    """
    half = MOST_TICKS // 2
    return 0 if done <= MOST_TICKS else (done - half) // half * half


class SeriesFeed:
    """Series by job or deployment id, a bounded number; one that was dropped is computed again."""

    def __init__(self, live: LiveWorkspace) -> None:
        self._live = live
        self._series = MetricsStore()
        self._begun: dict[str, int] = {}  # deployment id -> first tick of its series
        self._measured: dict[
            str, tuple[int, float | None]
        ] = {}  # job id -> (step of its last eval, its loss)

    def of_job(self, job_id: str) -> MetricSeries:
        """A job's points as far as they are visible."""
        record = self._live.world.job(job_id)
        backend = self._live.backend(record)

        def again(start: int, stop: int) -> Mapping[str, ArrayLike]:
            return backend.replay(job_id, start, stop)

        self._forget_stale(job_id)
        series = self._series.series(job_id, lambda: MetricSeries(TRAINING_COLUMNS, replay=again))
        done = self._live.job(job_id).step
        next_step = int(series.latest().get(series.axis, -1)) + 1
        if next_step > done:
            series.rewind(done - 1)
        while next_step < done:
            news = backend.events(job_id, next_step, self._live.seen_s, AT_ONCE)
            if news.cursor <= next_step:
                break
            series.append(news.columns)
            next_step = news.cursor
        return series

    def of_deployment(self, deployment_id: str) -> MetricSeries:
        """A deployment's points, one a tick, as far as they are visible."""
        live, endpoint = self._live, self._live.endpoint(deployment_id)
        done = endpoint.ticks(live.seen_s)
        done = 0 if live.deployment(deployment_id).status == "failed" else done
        begin = first_tick(done)
        if self._begun.get(deployment_id, begin) != begin:
            self._series.drop(deployment_id)
        self._begun[deployment_id] = begin

        def again(start: int, stop: int) -> Columns:
            ticks = (max(ceil(at / TICK_S) - 1, begin) for at in (start, stop))
            return live.endpoint(deployment_id).columns(*ticks)

        self._forget_stale(deployment_id)
        series = self._series.series(
            deployment_id, lambda: MetricSeries(ENDPOINT_COLUMNS, axis="elapsed_s", replay=again)
        )
        tick = round(series.latest().get(series.axis, begin * TICK_S) / TICK_S)
        if tick > done:
            series.rewind(done * TICK_S)
        while tick < done:
            upto = min(tick + AT_ONCE, done)
            series.append(endpoint.columns(tick, upto))
            tick = upto
        return series

    def eval_loss(self, job: Job) -> float | None:
        """The last eval loss that a job has measured."""
        every = plan(job.config).eval_every
        last = job.step if job.step == job.total_steps else job.step // every * every
        known = self._measured.get(job.id)
        if known is None or known[0] != last:
            known = (last, self._eval_loss_at(job.id, last))
            self._measured[job.id] = known
        return known[1]

    def _eval_loss_at(self, job_id: str, step: int) -> float | None:
        if not step:
            return None
        loss = self._live.backend(self._live.world.job(job_id)).eval_loss(job_id, step)
        return None if isnan(loss) else loss

    def _forget_stale(self, key: str) -> None:
        if key in self._live.stale:
            self._live.stale.discard(key)
            self._series.drop(key)
