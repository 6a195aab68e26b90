"""What a served model does under a load: latency, throughput, saturation and price.

The laws are a step's roofline (`step`) and a first-come-first-served queue (`queue`); here they are given a load and
read off. Endpoints over time are `simulation.endpoint`'s.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog, noise
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingConfig, ServingEstimate, ServingPrecision
from vapor_core.physics.serving.memory import ServingMemory, serving_memory
from vapor_core.physics.serving.queue import MAX_SEQUENCES, Limits, Served, reserved_tokens, run_queue
from vapor_core.physics.serving.step import CONSTANTS, StepConstants, StepLaw, step_law

OPEN_LOOP_REQUESTS = 200  # the length of the published open-loop runs
CLOSED_LOOP_ROUNDS = 10  # requests a client sends in a published closed-loop run
SIMULATED_ROUNDS = 3  # of them; the rest are like the last ones
FEWEST_REQUESTS, MOST_REQUESTS = 12, 1536  # simulated of a closed loop
MOST_CLIENTS = 1024  # simulated one by one; more only wait longer
OPEN_SPREAD = 0.5  # standard deviation over mean of open-loop lengths
# From the socket through the tokeniser to the queue: a request, a token
FRONT_MS, FRONT_TOKEN_MS = 5.0, 0.015
# Of closed-loop lengths around their mean: benchmarks draw them, clients fall out of step
LENGTH_SPREAD = 0.1
# Where each scattered sequence begins, so that lengths do not go together
PROMPT_SHIFT, OUTPUT_SHIFT = 0.1, 0.7
SATURATED = 0.98  # of the most that it can serve, from which a load is said to saturate an endpoint
GOLDEN_RATIO = 0.6180339887498949  # its multiples, modulo 1, spread evenly however many they are
TTFT_BAND, TPOT_BAND = (0.6, 1.6), (0.85, 1.2)  # middle 80 % of measured over predicted


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


@lru_cache(maxsize=1024)
def serving_point(
    model: CatalogModel,
    accelerator: Accelerator,
    tensor_parallel: int = 1,
    precision: ServingPrecision = "bf16",
    *,
    input_tokens: float,
    output_tokens: float,
    concurrency: float | None = None,
    request_rate: float | None = None,
    requests: int = OPEN_LOOP_REQUESTS,
    settled_after: int = 0,
    seed: int = 0,
    constants: StepConstants = CONSTANTS,
) -> Point:
    """A set-up under `concurrency` clients or `request_rate` per second; one stream where neither is given.

    An open loop is `requests` long, of which the first `settled_after` are not counted.
    """
    memory = serving_memory(model, accelerator, tensor_parallel, precision)
    held = reserved_tokens(input_tokens, output_tokens)
    if not memory.fits or memory.kv_capacity_tokens < input_tokens + output_tokens:
        return Point(memory, fits=False)
    law = step_law(model, accelerator, tensor_parallel, precision, constants)
    limits = Limits(memory.kv_capacity_tokens)
    most = saturated_rate(law, limits, input_tokens, output_tokens)
    front_ms = FRONT_MS + FRONT_TOKEN_MS * input_tokens
    if request_rate is not None:
        prompts = _varied(input_tokens, requests, PROMPT_SHIFT)
        outputs = _varied(output_tokens, requests, OUTPUT_SHIFT)
        arrivals = _arrivals(request_rate, requests, seed)
        served = run_queue(law, limits, prompts, outputs, arrivals_ms=arrivals).after(settled_after)
        ttft, rate, more_ms = float(np.median(served.ttft_ms)), min(request_rate, most), front_ms
    else:
        asked = max(concurrency or 1.0, 1.0)
        clients = round(min(asked, MOST_CLIENTS))
        served = _closed_loop(law, limits, input_tokens, output_tokens, clients)
        rate = clients / float(served.latency_ms[clients:].mean()) * 1e3
        first, rest = float(served.ttft_ms[:clients].mean()), float(served.ttft_ms[clients:].mean())
        ttft = (first + (CLOSED_LOOP_ROUNDS - 1) * rest) / CLOSED_LOOP_ROUNDS
        # Little's law: the clients beyond those simulated wait while these are served
        more_ms = front_ms + max(asked - clients, 0.0) / rate * 1e3
    tpot = served.tpot_ms[~np.isnan(served.tpot_ms)]
    latency = np.quantile(served.latency_ms, (0.5, 0.95, 0.99)) + more_ms
    return Point(
        memory,
        fits=True,
        max_concurrency=int(min(memory.kv_capacity_tokens // held, MAX_SEQUENCES)),
        batch=served.mean_batch,
        ttft=ttft + more_ms,
        ttft_p99=float(np.quantile(served.ttft_ms, 0.99)) + more_ms,
        tpot=float(np.median(tpot)) if tpot.size else 0.0,
        tpot_p99=float(np.quantile(tpot, 0.99)) if tpot.size else 0.0,
        latency=(float(latency[0]), float(latency[1]), float(latency[2])),
        requests_per_second=rate,
        max_requests_per_second=most,
    )


def _closed_loop(
    law: StepLaw, limits: Limits, input_tokens: float, output_tokens: float, clients: int
) -> Served:
    """Clients that start together and send their next request when the last one ends."""
    count = max(min(SIMULATED_ROUNDS * clients, MOST_REQUESTS), 2 * clients, FEWEST_REQUESTS)
    prompts = _spread(input_tokens, count, PROMPT_SHIFT)
    outputs = _spread(output_tokens, count, OUTPUT_SHIFT)
    return run_queue(law, limits, prompts, outputs, clients=clients)


def saturated_rate(law: StepLaw, limits: Limits, input_tokens: float, output_tokens: float) -> float:
    """Requests per second when the queue never runs empty.

    The batch is what the cache holds, or fewer where prompts come in too slowly: while a sequence makes its
    output, the steps carry at most a chunk of new prompts each.
    """
    steps = max(output_tokens, 1.0)
    held = limits.cache_tokens / reserved_tokens(input_tokens, output_tokens)
    batch = max(min(limits.sequences, held, limits.chunk_tokens * steps / input_tokens), 1.0)
    prompt_tokens = batch * input_tokens / steps  # new tokens a step carries
    context = input_tokens + output_tokens / 2
    step = law.step_ms(batch, batch * context, prompt_tokens, prompt_tokens * input_tokens / 2)
    return 1e3 * batch / (steps * step)


def _scattered(count: int, shift: float) -> NDArray[np.float64]:
    """Evenly spread values in (0, 1) in a scattered order: multiples of the golden ratio."""
    return np.asarray((np.arange(count) * GOLDEN_RATIO + shift) % 1.0)


def _varied(mean: float, count: int, shift: float) -> NDArray[np.int64]:
    """Lengths as people's requests vary: a fixed part and an exponential one."""
    lengths = mean * (1 - OPEN_SPREAD - OPEN_SPREAD * np.log(1 - _scattered(count, shift)))
    return np.asarray(np.maximum(np.rint(lengths), 1), dtype=np.int64)


def _spread(mean: float, count: int, shift: float) -> NDArray[np.int64]:
    """Lengths within LENGTH_SPREAD of the mean, as benchmarks draw them."""
    lengths = mean * (1 + LENGTH_SPREAD * (2 * _scattered(count, shift) - 1))
    return np.asarray(np.maximum(np.rint(lengths), 1), dtype=np.int64)


def _arrivals(rate: float, count: int, seed: int) -> NDArray[np.float64]:
    """Poisson arrivals in ms; the mean gap is held exactly."""
    gaps = noise.exponentials(seed, "serving/arrivals", 0, count)
    times = np.cumsum(gaps)
    return np.asarray((times - times[0]) * (count / times[-1]) * 1e3 / rate)


@lru_cache(maxsize=512)
def estimate_serving(config: ServingConfig) -> ServingEstimate:
    """Latency, throughput and price of a set-up under its load; one stream where no load is given.

    An open loop (`request_rate`) is 200 requests of exponential lengths and Poisson arrivals; latencies are
    medians over them. A closed loop (`concurrency`) is ten requests a client from a common start, as benchmarks
    run it; its TTFT is the mean, which they report. Where the weights do not fit, `fits` is False and every rate
    and latency is 0.

    Raises:
        NotInCatalog: where an id is unknown.
    """
    model, accelerator = catalog.model(config.model), catalog.accelerator(config.accelerator)
    point = serving_point(
        model,
        accelerator,
        config.tensor_parallel,
        config.precision,
        input_tokens=config.input_tokens,
        output_tokens=config.output_tokens,
        concurrency=config.concurrency,
        request_rate=config.request_rate,
        seed=config.seed,
    )
    memory, most = point.memory, point.max_requests_per_second
    price = accelerator.price_per_hour * config.tensor_parallel
    offered = config.request_rate if config.request_rate is not None else point.requests_per_second
    rate = point.requests_per_second * config.output_tokens
    return ServingEstimate(
        fits=point.fits,
        memory_gb=memory.weights_gb + memory.overhead_gb,
        memory_available_gb=memory.available_gb,
        weights_gb=memory.weights_gb,
        kv_gb_per_sequence=memory.kv_bytes_per_token * (config.input_tokens + config.output_tokens) / 1e9,
        max_concurrency=point.max_concurrency,
        batch=point.batch,
        ttft_ms=point.ttft,
        ttft_p99_ms=point.ttft_p99,
        tpot_ms=point.tpot,
        tpot_p99_ms=point.tpot_p99,
        latency_ms=point.latency[0],
        latency_p95_ms=point.latency[1],
        latency_p99_ms=point.latency[2],
        output_tokens_per_second=rate,
        requests_per_second=point.requests_per_second,
        max_requests_per_second=most,
        utilization=min(offered / most, 1.0) if most else 0.0,
        saturated=bool(most) and offered >= SATURATED * most,
        price_per_hour=price,
        price_per_million_tokens=price / (rate * 3600) * 1e6 if rate else 0.0,
        ttft_ms_low=point.ttft * TTFT_BAND[0],
        ttft_ms_high=point.ttft * TTFT_BAND[1],
        tpot_ms_low=point.tpot * TPOT_BAND[0],
        tpot_ms_high=point.tpot * TPOT_BAND[1],
        assumptions=_assumptions(config),
    )


def _assumptions(config: ServingConfig) -> tuple[str, ...]:
    if config.request_rate is not None:
        load = f"{config.request_rate:g} requests/s arrive at random (Poisson), with exponential lengths"
    else:
        clients = config.concurrency or 1.0
        load = f"{clients:g} clients each send a request when their last one ends; TTFT is the mean of ten rounds"
    return (
        load,
        "continuous batching, first come first served, prompts in chunks beside running sequences",
        "no engine is named: published engines differ from each other by about 15 %",
    )


@dataclass(frozen=True, slots=True)
class SaturationCurve:
    """Latency by load of one replica. `load` is the offered over the saturated rate, ascending."""

    fits: bool
    max_requests_per_second: float
    input_tokens: float
    output_tokens: float
    cache_tokens: float
    load: NDArray[np.float64]
    ttft_ms: NDArray[np.float64]
    tpot_ms: NDArray[np.float64]
    p50_ms: NDArray[np.float64]
    p95_ms: NDArray[np.float64]
    p99_ms: NDArray[np.float64]


LOADS = (0.02, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0)
MOST_SETTLED = 900  # requests simulated at each load, the first third to fill the batch
CHAT_INPUT, CHAT_OUTPUT = 206.0, 212.0  # mean tokens of ShareGPT requests in the published open-loop runs


@lru_cache(maxsize=64)
def saturation_curve(
    model: CatalogModel,
    accelerator: Accelerator,
    tensor_parallel: int = 1,
    precision: ServingPrecision = "bf16",
    *,
    input_tokens: float = CHAT_INPUT,
    output_tokens: float = CHAT_OUTPUT,
) -> SaturationCurve:
    """Load against latency of one replica: medians and tails, each curve made monotone."""
    idle = serving_point(
        model, accelerator, tensor_parallel, precision, input_tokens=input_tokens, output_tokens=output_tokens
    )
    most = idle.max_requests_per_second
    points = [idle]
    count = min(max(OPEN_LOOP_REQUESTS, 4 * idle.max_concurrency), MOST_SETTLED)
    if idle.fits:
        points = [
            serving_point(
                model,
                accelerator,
                tensor_parallel,
                precision,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                request_rate=load * most,
                requests=max(round(count * load), OPEN_LOOP_REQUESTS),
                settled_after=round(count * load / 3),
            )
            for load in LOADS
        ]
    table = np.asarray([(point.ttft, point.tpot, *point.latency) for point in points])
    ttft, tpot, p50, p95, p99 = np.maximum.accumulate(table, axis=0).T
    return SaturationCurve(
        fits=idle.fits,
        max_requests_per_second=most,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_tokens=float(idle.memory.kv_capacity_tokens),
        load=np.asarray(LOADS[: len(points)]),
        ttft_ms=ttft,
        tpot_ms=tpot,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )
