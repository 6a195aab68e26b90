"""Latency by load of one replica: an open loop swept from idle to saturation."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.serving import ServingConfig
from vapor_core.physics.serving.point import OPEN_LOOP_REQUESTS, serving_point

LOADS = (0.02, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0)
MOST_SETTLED = 900  # requests simulated at each load, the first third to fill the batch


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica holds and bears, whatever is asked of it."""

    fits: bool
    max_requests_per_second: float
    input_tokens: float
    output_tokens: float
    cache_tokens: float
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class SaturationCurve:
    """Latency by load of one replica. `load` is the offered over the saturated rate, ascending."""

    load: NDArray[np.float64]
    ttft_ms: NDArray[np.float64]
    tpot_ms: NDArray[np.float64]
    p50_ms: NDArray[np.float64]
    p95_ms: NDArray[np.float64]
    p99_ms: NDArray[np.float64]


@lru_cache(maxsize=256)
def capacity(replica: ServingConfig) -> Capacity:
    """The most that a replica bears, whose own load is left aside: a tenth of the time of its saturation curve."""
    idle = serving_point(_idle(replica))
    return Capacity(
        fits=idle.fits,
        max_requests_per_second=idle.max_requests_per_second,
        input_tokens=replica.input_tokens,
        output_tokens=replica.output_tokens,
        cache_tokens=float(idle.memory.kv_capacity_tokens),
        max_concurrency=idle.max_concurrency,
    )


def reaching(load: float) -> float:
    """The smallest of LOADS up to which a curve tells everything about a load; beyond the last one it is flat."""
    return next((each for each in LOADS if each >= load), LOADS[-1])


@lru_cache(maxsize=64)
def saturation_curve(replica: ServingConfig, most_load: float = LOADS[-1]) -> SaturationCurve:
    """Load against latency of one replica, whose own load is left aside: medians and tails, each made monotone.

    It ends with `most_load`, one of LOADS: the nearer to saturation, the longer a load takes to compute.
    """
    replica = _idle(replica)
    points = [serving_point(replica)]
    bears = capacity(replica)
    count = min(max(OPEN_LOOP_REQUESTS, 4 * bears.max_concurrency), MOST_SETTLED)
    if bears.fits:
        points = [
            serving_point(
                replica.changed(request_rate=load * bears.max_requests_per_second),
                requests=max(round(count * load), OPEN_LOOP_REQUESTS),
                settled_after=round(count * load / 3),
            )
            for load in LOADS
            if load <= most_load
        ]
    table = np.asarray([(point.ttft, point.tpot, *point.latency) for point in points])
    ttft, tpot, p50, p95, p99 = np.maximum.accumulate(table, axis=0).T
    return SaturationCurve(
        load=np.asarray(LOADS[: len(points)]),
        ttft_ms=ttft,
        tpot_ms=tpot,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )


def _idle(replica: ServingConfig) -> ServingConfig:
    return replica.changed(concurrency=None, request_rate=None, static_batch=None)
