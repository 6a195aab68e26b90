"""What a served model does under one load: latency, throughput and the most that it can serve.

The laws are a step's roofline (`step`) and a first-come-first-served queue (`queue`); here they are given the lengths
and arrivals of a load where `placement` puts it, and read off. `load` tells a person, `saturation` sweeps an open loop.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from vapor_core import noise
from vapor_core.contracts.serving import ServingConfig
from vapor_core.physics.serving.engines import GB, Settings
from vapor_core.physics.serving.memory import ServingMemory
from vapor_core.physics.serving.placement import Setup, placed
from vapor_core.physics.serving.queue import Served, run_queue
from vapor_core.physics.serving.step import CONSTANTS, StepConstants

OPEN_LOOP_REQUESTS = 200  # the length of the published open-loop runs
CLOSED_LOOP_ROUNDS = 10  # requests a client sends in a published closed-loop run
SIMULATED_ROUNDS = 3  # of them; the rest are like the last ones
FEWEST_REQUESTS = 12  # simulated of a closed loop
MOST_CLIENTS = 256  # simulated one by one; more are groups that do everything together
# From the socket through the tokeniser to the queue: a request, a token
FRONT_MS, FRONT_TOKEN_MS = 4.0, 0.006


@dataclass(frozen=True, slots=True)
class Point:
    """A set-up under one load. Latencies in ms; TTFT of a closed loop is a mean, all others are medians."""

    memory: ServingMemory
    fits: bool
    max_concurrency: int = 0
    batch: float = 0.0
    ttft: float = 0.0
    ttft_p99: float = 0.0
    tpot: float = 0.0
    tpot_p99: float = 0.0
    latency: tuple[float, float, float] = (0.0, 0.0, 0.0)  # p50, p95, p99
    requests_per_second: float = 0.0
    max_requests_per_second: float = 0.0
    cards: int = 0  # that work on a step
    room: float = 0.0  # sequences that are let in at once


@lru_cache(maxsize=1024)
def serving_point(
    config: ServingConfig,
    *,
    requests: int = OPEN_LOOP_REQUESTS,
    settled_after: int = 0,
    constants: StepConstants = CONSTANTS,
) -> Point:
    """A set-up under its load; one stream where none is given.

    An open loop is `requests` long, of which the first `settled_after` are not counted.

    Raises:
        NotInCatalog: where an id is unknown.
    """
    memory, setups = placed(config, constants)
    if not setups:
        return Point(memory, fits=False)
    if config.request_rate is not None:
        setup = setups[0]
        found = _open_loop(setup, config.request_rate, requests, settled_after)
    else:
        run = _together if config.static_batch else _closed_loop
        setup, found = max(((each, run(each)) for each in setups), key=lambda each: each[1][2])
    served, ttft, rate = found
    return _read(memory, setup, served, (ttft, min(rate, setup.most)))


def _read(memory: ServingMemory, setup: Setup, served: Served, told: tuple[float, float]) -> Point:
    ttft, rate = told
    config = setup.config
    front_ms = 0.0 if config.static_batch else FRONT_MS + FRONT_TOKEN_MS * config.input_tokens
    tpot = served.tpot_ms[~np.isnan(served.tpot_ms)] / setup.emitted
    latency = np.quantile(served.latency_ms, (0.5, 0.95, 0.99)) + front_ms
    return Point(
        memory,
        fits=True,
        max_concurrency=int(memory.kv_capacity_tokens // (config.input_tokens + config.output_tokens)),
        batch=served.mean_batch,
        ttft=ttft + front_ms,
        ttft_p99=float(np.quantile(served.ttft_ms, 0.99)) + front_ms,
        tpot=float(np.median(tpot)) if tpot.size else 0.0,
        tpot_p99=float(np.quantile(tpot, 0.99)) if tpot.size else 0.0,
        latency=(float(latency[0]), float(latency[1]), float(latency[2])),
        requests_per_second=rate,
        max_requests_per_second=setup.most,
        cards=setup.cards,
        room=setup.room,
    )


def _open_loop(
    setup: Setup, request_rate: float, requests: int, settled_after: int
) -> tuple[Served, float, float]:
    """Requests at random; what became of them, the median TTFT, and the rate."""
    prompts, outputs = setup.requests(requests)
    arrivals = _arrivals(request_rate, requests, setup.config.seed)
    served = run_queue(setup.law, setup.limits, prompts, outputs, arrivals_ms=arrivals).after(settled_after)
    return served, float(np.median(served.ttft_ms)), request_rate


def _closed_loop(setup: Setup) -> tuple[Served, float, float]:
    """Clients that start together and send their next request when the last one ends; TTFT is a mean of rounds."""
    asked = max(setup.config.concurrency or 1.0, 1.0)
    clients = round(min(asked, MOST_CLIENTS))
    size = asked / clients
    prompts, outputs = setup.requests(max(SIMULATED_ROUNDS * clients, FEWEST_REQUESTS))
    served = run_queue(
        setup.law.grouped(size),
        setup.limits.grouped(size),
        prompts,
        outputs,
        clients=clients,
    )
    rate = asked / float(served.latency_ms[clients:].mean()) * 1e3
    first, rest = float(served.ttft_ms[:clients].mean()), float(served.ttft_ms[clients:].mean())
    ttft = (first + (CLOSED_LOOP_ROUNDS - 1) * rest) / CLOSED_LOOP_ROUNDS
    return replace(served, mean_batch=served.mean_batch * size), ttft, rate


def _together(setup: Setup) -> tuple[Served, float, float]:
    """One batch: all prompts are worked off, then all sequences decode together."""
    asked = float(setup.config.static_batch or 1)
    clients = round(min(asked, MOST_CLIENTS))
    size = asked / clients
    prompts, outputs = setup.requests(clients)

    def run(sequences: float) -> tuple[Served, float, float]:
        limits = replace(setup.limits, sequences=sequences, mixed=False).grouped(size)
        served = run_queue(setup.law.grouped(size), limits, prompts, outputs, clients=clients)
        rate = asked / float(served.latency_ms.max()) * 1e3
        return replace(served, mean_batch=served.mean_batch * size), float(served.ttft_ms.mean()), rate

    return max((run(sequences) for sequences in _waves(asked, setup)), key=lambda each: each[2])


def _waves(asked: float, setup: Setup) -> set[float]:
    """Sequences of a batch that may run together: all, or as many in each wave where they do not find room at once.

    An engine that evicts begins as many as it can; where too few are left for the last wave, even ones are quicker.
    """
    waves = ceil(asked / max(floor(setup.room), 1))
    even = float(ceil(asked / waves))
    return {setup.limits.sequences, even} if setup.limits.evicts and waves > 1 else {even}


def held_gb(config: ServingConfig, point: Point) -> float:
    """Weights and overhead per accelerator; with the load's own cache where an engine has no pages to reserve."""
    memory = point.memory
    used = memory.weights_gb + memory.overhead_gb
    if Settings.of(config).traits.paged:
        return used
    together = max(point.batch, config.static_batch or 1.0)
    return used + together * memory.kv_bytes_per_token * (config.input_tokens + config.output_tokens) / GB


def _arrivals(rate: float, count: int, seed: int) -> NDArray[np.float64]:
    """Poisson arrivals in ms; the mean gap is held exactly."""
    gaps = noise.exponentials(seed, "serving/arrivals", 0, count)
    times = np.cumsum(gaps)
    return np.asarray((times - times[0]) * (count / times[-1]) * 1e3 / rate)
