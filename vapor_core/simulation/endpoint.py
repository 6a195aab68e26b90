"""What an endpoint does, tick by tick: requests, latency, errors, replicas and cost.

Traffic, autoscaling, queue and latency are laws of `physics`; here they meet with keyed noise. Every value is a
function of the spec and the tick, so any range of ticks can be produced on its own.

What people ask for repeats after a week, its noise too (the requests themselves never do), and so do the replicas that
follow from it. So what an endpoint has cost after years is known from some weeks, exactly.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog, noise
from vapor_core.contracts.columns import TICK_S
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.serving import (
    CHAT_INPUT,
    CHAT_OUTPUT,
    ENGINE_DEFAULTS,
    Demand,
    EngineSettings,
    ServingConfig,
    ServingPrecision,
    Traffic,
)
from vapor_core.physics.serving import autoscaling, traffic
from vapor_core.physics.serving.engines import Settings
from vapor_core.physics.serving.memory import SERVING_BYTES, needed_gb, serving_memory
from vapor_core.physics.serving.saturation import (
    Capacity,
    SaturationCurve,
    capacity,
    reaching,
    saturation_curve,
)

Floats = NDArray[np.float64]

MINUTE_TICKS = 12
LOAD_TICKS = 6  # the load that sets the latency is a mean over 30 s, as is the one that the autoscaler sees
CLIENT_ERROR_RATE = 0.003  # malformed, too long, unauthorised: the callers' own
TIMEOUT_S = 60.0  # a caller waits this long
QUEUE_S = 30.0  # a gateway queues what the replicas do in this time, and refuses the rest
BACKLOG_TICKS = 512  # the queue forgets within its room over its rate, far sooner
RATE_NOISE = 0.04  # relative, of the rate over a minute
LATENCY_NOISE = 0.03  # relative, of a tick's percentile
DEMAND_LOW, DEMAND_HIGH = 0.5, 1.02  # of the target load of the fewest and the most replicas
DEGRADED_ERRORS = 0.02  # share of requests failing on the server within a minute
DEGRADED_WAIT_S = 5.0  # for a place, by the queue's length and the replicas' rate
NARROW: tuple[ServingPrecision, ...] = ("int8", "int4")
P99_Z = 2.326  # standard deviations from the median of a normal distribution to its 99th percentile
LEAST_SPREAD = 0.05  # of the logarithm of a request's time; keeps the tail defined where p50 equals p99
LOGISTIC_SLOPE = 1.702  # the logistic curve with it is within 0.01 of the normal one (Haley, 1952)
NO_TIMEOUT_Z = 3.0  # beyond it a normal tail holds 0.1 %, which the logistic curve would overstate
WEEK_TICKS = 120_960  # after which the rate and its noise repeat; whole days, and whole times between spikes
SETTLED_TICKS = 17_280  # a day: every scenario's own beginning (a ramp, the first spike) is over
_SUM_TICKS = 8192  # ticks between two stored sums of replicas


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """Everything that an endpoint's telemetry depends on.

    Attributes:
        segments: (from_tick, replicas_min, replicas_max), ascending, the first from tick 0.
        demands: (from_tick, demand), ascending. Before the first of them, and where there is none, people ask for
            what `sized_to` (the model itself where None) bears on the first segment's replicas. Neither another model
            nor another range changes what people ask for.
        lengths: tokens in and out of a request, on average.
        settings: of the inference engine.
    """

    model: str | CatalogModel
    accelerator: str | Accelerator = "nvidia-l4"
    precision: ServingPrecision = "bf16"
    traffic: Traffic = "steady"
    seed: int = 0
    segments: tuple[tuple[int, int, int], ...] = ((0, 1, 4),)
    demands: tuple[tuple[int, Demand], ...] = ()
    sized_to: str | CatalogModel | None = None
    lengths: tuple[float, float] = (CHAT_INPUT, CHAT_OUTPUT)
    settings: EngineSettings = ENGINE_DEFAULTS

    def replica(self, model: str | CatalogModel, lengths: tuple[float, float]) -> ServingConfig:
        """One replica that serves a model, without a load."""
        given = {name: getattr(self.settings, name) for name in self.settings.model_fields_set}
        return ServingConfig(
            model=model, accelerator=self.accelerator, precision=self.precision,
            input_tokens=lengths[0], output_tokens=lengths[1], **given,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """Health at a tick, with its reasons in words."""

    status: Literal["starting", "healthy", "degraded", "failed"]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scaling:
    """What people asked for and who stood by, one value a tick."""

    rate: Floats  # requests per second
    wanted: Floats  # replicas paid for
    ready: Floats  # replicas that answer


class InferenceSimulator:
    """An endpoint as a function of its ticks of TICK_S seconds, counted from its creation."""

    def __init__(self, spec: EndpointSpec) -> None:
        self.spec = spec
        self.model = catalog.model(spec.model)
        self.accelerator = catalog.accelerator(spec.accelerator)
        self._settings = Settings.of(spec.settings)
        self._replica = spec.replica(self.model, spec.lengths)
        self.capacity: Capacity = capacity(self._replica)
        self._curves: dict[float, SaturationCurve] = {}  # by the load up to which they go
        self.cold_start_s = self._cold_start_s(self.model)
        self.cold_ticks = ceil(self.cold_start_s / TICK_S)
        first = self.model if spec.sized_to is None else catalog.model(spec.sized_to)
        self._opens = ceil(self._cold_start_s(first) / TICK_S)  # the tick from which people ask
        self._low, self._high = self._sized()
        self._price_per_tick = self.accelerator.price_per_hour * TICK_S / 3600
        self._segments = np.asarray(spec.segments)  # an endpoint may have thousands
        said = {tick for tick, _, _ in spec.segments} | {tick for tick, _ in spec.demands}
        self._changes = sorted({0, self._opens, *said})  # ticks from which other rates or bounds hold
        # Replica-ticks paid for before a tick. Simulators are shared between workspaces, and so between threads; each
        # entry is the same whoever writes it, so that the order of writing does not matter.
        self._sums: dict[int, float] = {0: 0.0}  # by tick
        self._last_sum: tuple[int, float] = (0, 0.0)  # (tick, sum) that was asked for last

    def curve(self, load: float) -> SaturationCurve:
        """Latency by load, as far as this load: computed where it is asked for, since most revisions are only paid."""
        most = reaching(load)
        if most not in self._curves:
            self._curves[most] = saturation_curve(self._replica, most)
        return self._curves[most]

    def _cold_start_s(self, model: CatalogModel) -> float:
        memory = serving_memory(model, self.accelerator, 1, self.spec.precision, settings=self._settings)
        return autoscaling.cold_start_s(memory.weights_gb)

    def _sized(self) -> tuple[float, float]:
        """Requests a second between which people ask where nobody said how many: what the first replicas bear."""
        bears = self.capacity
        if self.spec.sized_to is not None:
            bears = capacity(self.spec.replica(self.spec.sized_to, (CHAT_INPUT, CHAT_OUTPUT)))
        _, fewest, most = self.spec.segments[0]
        target = autoscaling.TARGET_LOAD * bears.max_requests_per_second
        return DEMAND_LOW * target * max(fewest, 1), DEMAND_HIGH * target * max(most, 1)

    @cached_property
    def failure(self) -> Failure | None:
        """Why the endpoint can never start; None where it can."""
        if self.capacity.fits:
            return None
        changes, cure = self._cure()
        has, precision = self.accelerator.memory_gb, self.spec.precision
        return Failure(
            code="out_of_memory",
            what=f"{self.model.display_name} does not fit on one {self.accelerator.display_name}.",
            why=f"Serving it in {precision} needs {self._needed_gb(precision):.1f} GB; the card has {has:g} GB.",
            cure=cure,
            changes=changes,
        )

    def _needed_gb(self, precision: ServingPrecision) -> float:
        """Card memory with which weights, overhead and one request's cache fit into an engine's share."""
        length = self.capacity.input_tokens + self.capacity.output_tokens
        return needed_gb(self.model, self.accelerator, precision, self._settings, length)

    def _cure(self) -> tuple[dict[str, str | int | float | bool], str]:
        """The change of precision, or else of card, with which it fits, and its sentence."""
        weight = SERVING_BYTES[self.spec.precision]
        for precision in NARROW:
            need = self._needed_gb(precision)
            if SERVING_BYTES[precision] < weight and need <= self.accelerator.memory_gb:
                return {"precision": precision}, f"In {precision} it needs {need:.1f} GB."
        need = self._needed_gb(self.spec.precision)
        cards = [card for card in catalog.rented_cards() if card.memory_gb >= need]
        if not cards:
            return {}, "No card of the catalog holds it; a smaller model would fit."
        card = min(cards, key=lambda card: card.price_per_hour)
        return {"accelerator": card.id}, f"The {card.display_name} has {card.memory_gb:g} GB."

    def columns(self, start_tick: int, stop_tick: int) -> dict[str, Floats]:
        """Telemetry of ticks start_tick..stop_tick-1, one array a column of SERVING_COLUMNS.

        `succeeded`, `client_errors` and `server_errors` count the requests that ended within the tick;
        `request_rate` is what arrived, per second; latencies are of the requests answered in the tick, NaN while
        none are; `replicas` are those ready; `cost_usd` is the sum since creation, cold starts included.
        """
        start, stop = max(start_tick, 0), max(stop_tick, start_tick, 0)
        scaling = self._scaling(start - BACKLOG_TICKS, stop)
        came = self._arrivals(scaling.rate, start - BACKLOG_TICKS, stop)
        capacity = scaling.ready * self.capacity.max_requests_per_second * TICK_S
        room = capacity * QUEUE_S / TICK_S
        waiting = np.rint(autoscaling.backlog(came, capacity, room, BACKLOG_TICKS))
        load = self._offered_load(came, scaling.ready)[BACKLOG_TICKS:]
        before = np.concatenate(([0.0], waiting[:-1]))[BACKLOG_TICKS:]
        waiting, capacity = waiting[BACKLOG_TICKS:], capacity[BACKLOG_TICKS:]
        came, ready = came[BACKLOG_TICKS:], scaling.ready[BACKLOG_TICKS:]
        turn_ms = TICK_S * 1e3 / np.maximum(capacity, 1e-12)  # of one request, all replicas together
        wait_ms = np.where(ready > 0, (before + waiting) / 2 * turn_ms, 0.0)
        latency = self._latencies(load, wait_ms, ready > 0, start, stop)
        handled = np.maximum(before + came - waiting, 0.0)
        answered = np.minimum(handled, np.ceil(capacity))
        client, failed = self._errors(answered, latency, start, stop)
        busy = np.where(before > 0, 1.0, came / np.maximum(capacity, 1e-12))
        paid = self._replica_ticks(start) + np.cumsum(scaling.wanted[BACKLOG_TICKS:])
        if stop > start:
            self._last_sum = (stop, float(paid[-1]))
        return {
            "elapsed_s": (np.arange(start, stop, dtype=np.float64) + 1) * TICK_S,
            "request_rate": came / TICK_S,
            "succeeded": answered - client - failed,
            "client_errors": client,
            "server_errors": failed + handled - answered,
            **latency,
            "tokens_per_second": (answered - client - failed) * self.capacity.output_tokens / TICK_S,
            "queue_depth": waiting,
            "replicas": ready,
            "utilization": np.where(ready > 0, np.clip(busy, 0.0, 1.0), 0.0),
            "cost_usd": paid * self._price_per_tick,
        }

    def replicas(self, start_tick: int, stop_tick: int) -> Floats:
        """The column `replicas` by itself, for a fraction of the time of all."""
        start = max(start_tick, 0)
        return self._scaling(start, max(stop_tick, start)).ready

    def cost_usd(self, tick: int) -> float:
        """What it has cost before a tick, as the column `cost_usd` has it at the end of the tick before."""
        return self._replica_ticks(tick) * self._price_per_tick

    def _replica_ticks(self, tick: int) -> float:
        """Replica-ticks paid for before a tick: a whole number, so that every order of adding gives it exactly."""
        at, paid = self._last_sum
        if not 0 <= tick - at <= _SUM_TICKS:
            at = max(known for known in tuple(self._sums) if known <= tick)
            paid = self._sums[at]
        while at < tick:
            weeks = self._same_weeks(at, tick)
            upto = at + WEEK_TICKS if weeks else min(at - at % _SUM_TICKS + _SUM_TICKS, tick)
            paid += max(weeks, 1) * float(self._scaling(at, upto).wanted.sum())
            at = at + weeks * WEEK_TICKS if weeks else upto
            if weeks or at % _SUM_TICKS == 0:
                self._sums[at] = paid
        self._last_sum = (at, paid)
        return paid

    def _same_weeks(self, at: int, tick: int) -> int:
        """Whole weeks from `at` to before `tick` that have the same replicas, tick for tick; 0 before all settled."""
        place = bisect_right(self._changes, at)
        seen = autoscaling.lookback_ticks(self.cold_ticks) + MINUTE_TICKS
        if at < self._changes[place - 1] + SETTLED_TICKS + seen:
            return 0
        return (min([tick, *self._changes[place : place + 1]]) - at) // WEEK_TICKS

    def status(self, minute: Mapping[str, Floats]) -> EndpointStatus:
        """Health at the end of a tick, judged by the columns of the minute up to it."""
        if self.failure is not None:
            return EndpointStatus("failed", (self.failure.sentence,))
        replicas, waiting = float(minute["replicas"][-1]), float(minute["queue_depth"][-1])
        if replicas < 1:
            reason = f"loading weights; a cold start takes {self.cold_start_s:.0f} s"
            return EndpointStatus("starting", (reason,))
        reasons = []
        ended = sum(float(minute[name].sum()) for name in ("succeeded", "client_errors", "server_errors"))
        share = float(minute["server_errors"].sum()) / ended if ended else 0.0
        if share > DEGRADED_ERRORS:
            reasons.append(f"{share:.0%} of requests fail on the server")
        wait_s = waiting / (self.capacity.max_requests_per_second * replicas)
        if wait_s > DEGRADED_WAIT_S:
            reasons.append(f"{waiting:.0f} requests wait, about {wait_s:.0f} s")
        return EndpointStatus("degraded" if reasons else "healthy", tuple(reasons))

    def _demand(self, first: int, stop: int) -> Floats:
        """Requests per second that people send in each tick; none before the first replica is ready."""
        ticks = np.arange(first, stop, dtype=np.float64)
        rate = traffic.request_rate(self.spec.traffic, _seconds(ticks - self._opens), self._low, self._high)
        for from_tick, demand in self.spec.demands:
            seconds = _seconds(ticks - max(from_tick, self._opens))
            rate = np.where(ticks >= from_tick, traffic.demanded(demand, seconds), rate)
        slow = autoscaling.trailing_sum(self._rate_normals(first - MINUTE_TICKS, stop), MINUTE_TICKS)
        return np.asarray(rate * np.exp(RATE_NOISE * slow[MINUTE_TICKS:] / np.sqrt(MINUTE_TICKS)))

    def _scaling(self, first: int, stop: int) -> _Scaling:
        """Demand and replicas of ticks first..stop-1; before tick 0 nobody asks and none stands by."""
        back = autoscaling.lookback_ticks(self.cold_ticks)
        ticks = np.arange(first - back, stop)
        rate = self._demand(first - back, stop)
        segments = self._segments
        at = np.searchsorted(segments[:, 0], ticks, side="right") - 1
        exists = (ticks >= 0) & self.capacity.fits
        low = np.where(exists, segments[np.maximum(at, 0), 1], 0).astype(np.float64)
        high = np.where(exists, segments[np.maximum(at, 0), 2], 0).astype(np.float64)
        capacity = self.capacity.max_requests_per_second or 1.0
        wanted, ready = autoscaling.replicas(rate, capacity, low, high, self.cold_ticks)
        return _Scaling(rate[back:], wanted[back:], ready[back:])

    def _arrivals(self, rate: Floats, first: int, stop: int) -> Floats:
        """Requests that come in each tick."""
        normal, uniform = self._normals("arrivals", first, stop), self._uniforms("arrivals-few", first, stop)
        return traffic.poisson(rate * TICK_S, normal, uniform)

    def _offered_load(self, came: Floats, ready: Floats) -> Floats:
        """Load of a ready replica over the last half minute."""
        offered = autoscaling.trailing_sum(came, LOAD_TICKS) / (LOAD_TICKS * TICK_S)
        rate = np.maximum(ready, 1e-9) * max(self.capacity.max_requests_per_second, 1e-9)
        return np.asarray(offered / rate)

    def _errors(
        self, answered: Floats, latency: dict[str, Floats], start: int, stop: int
    ) -> tuple[Floats, Floats]:
        """Of the answered requests those at fault themselves, and those that time out or outgrow the cache."""
        client = np.minimum(
            self._dithered(answered * CLIENT_ERROR_RATE, "client-errors", start, stop), answered
        )
        share = self._failing_share(latency["p50_ms"], latency["p99_ms"])
        failed = self._dithered((answered - client) * share, "server-errors", start, stop)
        return client, np.minimum(failed, answered - client)

    def _latencies(
        self,
        load: Floats,
        wait_ms: Floats,
        answering: NDArray[np.bool_],
        start: int,
        stop: int,
    ) -> dict[str, Floats]:
        """Percentiles, TTFT and TPOT, ms: the saturation curve at the load, with the wait in the queue on top."""
        curve = self.curve(float(load[answering].max(initial=0.0)))
        names = ("p50_ms", "p95_ms", "p99_ms", "ttft_ms", "tpot_ms")
        rows = (curve.p50_ms, curve.p95_ms, curve.p99_ms, curve.ttft_ms, curve.tpot_ms)
        wobble = np.exp(LATENCY_NOISE * self._normals("latency", start, stop))
        out: dict[str, Floats] = {}
        for name, row in zip(names, rows, strict=True):
            value = np.interp(load, curve.load, row) * wobble
            value = value if name == "tpot_ms" else value + wait_ms
            out[name] = np.where(answering, value, np.nan)
        return out

    def _failing_share(self, p50: Floats, p99: Floats) -> Floats:
        """Share of answered requests that time out or outgrow the cache: a log-normal tail through p50 and p99."""
        limit = TIMEOUT_S * 1e3
        spread = np.log(np.maximum(p99, 1e-9) / np.maximum(p50, 1e-9)) / P99_Z
        z = np.log(limit / np.maximum(p50, 1e-9)) / np.maximum(spread, LEAST_SPREAD)
        timeouts = 1 / (1 + np.exp(np.clip(LOGISTIC_SLOPE * z, -50, 50)))
        timeouts = np.where(z > NO_TIMEOUT_Z, 0.0, timeouts)
        mean = self.capacity.input_tokens + self.capacity.output_tokens
        outgrown = np.exp(-self.capacity.cache_tokens / mean) if mean else 0.0
        return np.asarray(np.nan_to_num(np.clip(timeouts + outgrown, 0.0, 1.0)))

    def _dithered(self, mean: Floats, stream: str, start: int, stop: int) -> Floats:
        """Whole counts of the given means, rounded up or down by a keyed coin."""
        return np.asarray(np.floor(mean + self._uniforms(stream, start, stop)))

    def _normals(self, stream: str, first: int, stop: int) -> Floats:
        return self._padded(
            noise.normals(self.spec.seed, f"endpoint/{stream}", max(first, 0), max(stop, 0)), first, stop
        )

    def _rate_normals(self, first: int, stop: int) -> Floats:
        """The same for the rate; each week has the draws of the first."""
        weeks = range(max(first, 0) // WEEK_TICKS, -(-max(stop, 0) // WEEK_TICKS))
        pieces = [np.zeros(max(min(stop, 0) - first, 0))]
        for begin in (week * WEEK_TICKS for week in weeks):
            pieces.append(self._normals("rate", max(first - begin, 0), min(stop - begin, WEEK_TICKS)))
        return np.concatenate(pieces)

    def _uniforms(self, stream: str, first: int, stop: int) -> Floats:
        return self._padded(
            noise.uniforms(self.spec.seed, f"endpoint/{stream}", max(first, 0), max(stop, 0)), first, stop
        )

    @staticmethod
    def _padded(values: Floats, first: int, stop: int) -> Floats:
        """Zeros for positions before 0."""
        return np.concatenate((np.zeros(max(min(stop, 0) - first, 0)), values))


def _seconds(since: Floats) -> Floats:
    """Seconds after so many ticks, those of the first week that is settled in place of those of any later one."""
    again = SETTLED_TICKS + (since - SETTLED_TICKS) % WEEK_TICKS
    return np.where(since < SETTLED_TICKS + WEEK_TICKS, since, again) * TICK_S
