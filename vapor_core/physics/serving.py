"""What a served model does under a load: latency, throughput, saturation and price.

The laws are a step's roofline (`serving_step`) and a first-come-first-served queue (`queueing`); here they are
given a load and read off. Endpoints over time are `inference`'s.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog
from vapor_core.contracts import Accelerator, CatalogModel, ServingConfig, ServingEstimate, ServingPrecision
from vapor_core.physics.queueing import MAX_SEQUENCES, Limits, Served, run_queue
from vapor_core.physics.serving_step import WEIGHT_BYTES, StepLaw, step_law

OPEN_LOOP_REQUESTS = 200  # the length of the published open-loop runs that the law is held against
CLOSED_LOOP_ROUNDS = 3  # requests a client sends; at least MIN_CLOSED in all
MIN_CLOSED_REQUESTS = 16
MAX_CLOSED_REQUESTS = 768
MEMORY_SHARE = 0.92  # of a card that an engine takes
OVERHEAD_GB = 1.5  # context, kernels, activations of a chunk


@dataclass(frozen=True, slots=True)
class Point:
    """A set-up under one load."""

    fits: bool
    weights_gb: float  # per card
    overhead_gb: float
    kv_bytes_per_token: float
    cache_tokens: float
    max_concurrency: int
    served: Served | None
    batch: float
    output_tokens_per_second: float
    requests_per_second: float
    max_requests_per_second: float


def serving_memory_gb(
    model: CatalogModel, precision: ServingPrecision, tensor_parallel: int = 1
) -> tuple[float, float]:
    """Gigabytes of weights, and of weights, overhead and engine reserve together, per card."""
    weights = model.parameters * WEIGHT_BYTES[precision] / tensor_parallel / 1e9
    return weights, (weights + OVERHEAD_GB) / MEMORY_SHARE


def _saturated_rate(law: StepLaw, limits: Limits, input_tokens: float, output_tokens: float) -> float:
    """Requests per second when the queue never runs empty."""
    held = input_tokens + output_tokens
    batch = max(min(limits.sequences, limits.cache_tokens / held), 1.0)
    context = input_tokens + output_tokens / 2
    decode = law.decode_ms(batch, batch * context) * output_tokens / batch
    prefill = input_tokens * (law.token_ms + law.reduced_ms) + input_tokens**2 / 2 * law.pair_ms
    return 1e3 / (decode + prefill)


def _lengths(mean: float, count: int, varied: bool, shift: float) -> NDArray[np.int64]:
    """Fixed lengths, or exponential ones of the same mean in a fixed scattered order."""
    if not varied:
        return np.full(count, max(round(mean), 1), dtype=np.int64)
    at = (np.arange(count) * 0.6180339887498949 + shift) % 1.0
    return np.asarray(np.maximum(np.rint(-np.log(1 - at) * mean), 1), dtype=np.int64)


def _arrivals(rate: float, count: int, seed: int) -> NDArray[np.float64]:
    """Poisson arrivals in ms, the gaps' mean held exactly."""
    bits = np.random.Philox(key=seed).random_raw(count)
    gaps = -np.log((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54)
    times = np.cumsum(gaps)
    return np.asarray((times - times[0]) * (count / times[-1]) * 1e3 / rate)


@lru_cache(maxsize=512)
def serving_point(
    model: CatalogModel,
    accelerator: Accelerator,
    tensor_parallel: int,
    precision: ServingPrecision,
    input_tokens: float,
    output_tokens: float,
    concurrency: float | None = None,
    request_rate: float | None = None,
    seed: int = 0,
) -> Point:
    """A set-up under a closed-loop `concurrency` or an open-loop `request_rate`; one stream where neither is given."""
    weights_gb = model.parameters * WEIGHT_BYTES[precision] / tensor_parallel / 1e9
    kv_bytes = model.kv_values_per_token * 2.0 * max(1.0 / tensor_parallel, 1.0 / model.kv_heads)
    free = accelerator.memory_gb * MEMORY_SHARE - OVERHEAD_GB - weights_gb
    cache = max(free, 0.0) * 1e9 / kv_bytes
    held = input_tokens + output_tokens
    if free <= 0 or cache < held:
        return Point(False, weights_gb, OVERHEAD_GB, kv_bytes, cache, 0, None, 0.0, 0.0, 0.0, 0.0)
    law = step_law(model, accelerator, tensor_parallel, precision)
    limits = Limits(cache)
    if request_rate is None:
        clients = max(round(concurrency or 1.0), 1)
        count = min(max(clients * CLOSED_LOOP_ROUNDS, MIN_CLOSED_REQUESTS), max(MAX_CLOSED_REQUESTS, clients))
        served = run_queue(
            law,
            limits,
            _lengths(input_tokens, count, False, 0),
            _lengths(output_tokens, count, False, 0),
            None,
            clients,
        )
    else:
        count = OPEN_LOOP_REQUESTS
        served = run_queue(
            law,
            limits,
            _lengths(input_tokens, count, True, 0.1),
            _lengths(output_tokens, count, True, 0.7),
            _arrivals(request_rate, count, seed),
        )
    span_s = float(served.finished_ms.max()) / 1e3
    most = _saturated_rate(law, limits, input_tokens, output_tokens)
    requests = min(request_rate, most) if request_rate is not None else count / span_s
    return Point(
        True,
        weights_gb,
        OVERHEAD_GB,
        kv_bytes,
        cache,
        int(min(cache // held, MAX_SEQUENCES)),
        served,
        served.mean_batch,
        requests * output_tokens,
        requests,
        most,
    )


@lru_cache(maxsize=512)
def estimate_serving(config: ServingConfig) -> ServingEstimate:
    """Latency, throughput and price of a set-up under its load; one stream where no load is given.

    Where the weights do not fit, `fits` is False and every rate and latency is 0.

    Raises:
        NotInCatalog: where an id is unknown.
    """
    model = catalog.model(config.model)
    accelerator = catalog.accelerator(config.accelerator)
    point = serving_point(
        model,
        accelerator,
        config.tensor_parallel,
        config.precision,
        config.input_tokens,
        config.output_tokens,
        config.concurrency,
        config.request_rate,
        config.seed,
    )
    price = accelerator.price_per_hour * config.tensor_parallel
    served = point.served
    ttft = served.ttft_ms if served else np.zeros(1)
    tpot = served.tpot_ms if served else np.zeros(1)
    tpot = tpot[~np.isnan(tpot)] if not np.isnan(tpot).all() else np.zeros(1)
    latency = served.latency_ms if served else np.zeros(1)
    offered = config.request_rate if config.request_rate is not None else point.requests_per_second
    utilization = offered / point.max_requests_per_second if point.max_requests_per_second else 0.0
    rate = point.output_tokens_per_second
    return ServingEstimate(
        fits=point.fits,
        memory_gb=point.weights_gb + point.overhead_gb,
        memory_available_gb=accelerator.memory_gb,
        weights_gb=point.weights_gb,
        kv_gb_per_sequence=point.kv_bytes_per_token * (config.input_tokens + config.output_tokens) / 1e9,
        max_concurrency=point.max_concurrency,
        batch=point.batch,
        ttft_ms=float(np.median(ttft)),
        ttft_p99_ms=float(np.quantile(ttft, 0.99)),
        tpot_ms=float(np.median(tpot)),
        tpot_p99_ms=float(np.quantile(tpot, 0.99)),
        latency_ms=float(np.median(latency)),
        latency_p95_ms=float(np.quantile(latency, 0.95)),
        latency_p99_ms=float(np.quantile(latency, 0.99)),
        output_tokens_per_second=rate,
        requests_per_second=point.requests_per_second,
        max_requests_per_second=point.max_requests_per_second,
        utilization=min(utilization, 1.0),
        saturated=utilization >= 1.0,
        price_per_hour=price,
        price_per_million_tokens=price / (rate * 3600) * 1e6 if rate else 0.0,
        ttft_ms_low=float(np.median(ttft)) * 0.6,
        ttft_ms_high=float(np.median(ttft)) * 1.6,
        tpot_ms_low=float(np.median(tpot)) * 0.85,
        tpot_ms_high=float(np.median(tpot)) * 1.2,
    )


@dataclass(frozen=True, slots=True)
class SaturationCurve:
    """Latency by load of one replica. `load` is the offered rate over the saturated rate, ascending from 0."""

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


LOADS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@lru_cache(maxsize=64)
def saturation_curve(
    model: CatalogModel,
    accelerator: Accelerator,
    precision: ServingPrecision = "bf16",
    input_tokens: float = 210.0,
    output_tokens: float = 210.0,
    tensor_parallel: int = 1,
) -> SaturationCurve:
    """Load against latency of one replica, medians and tails, each curve made monotone."""
    idle = serving_point(model, accelerator, tensor_parallel, precision, input_tokens, output_tokens)
    most = idle.max_requests_per_second
    if not idle.fits:
        flat = np.zeros(1)
        return SaturationCurve(
            False, 0.0, input_tokens, output_tokens, 0.0, flat, flat, flat, flat, flat, flat
        )
    rows = []
    for load in LOADS:
        point = serving_point(
            model, accelerator, tensor_parallel, precision, input_tokens, output_tokens, None, load * most
        )
        assert point.served is not None  # noqa: S101 - it fits
        served = point.served
        rows.append(
            (
                np.median(served.ttft_ms),
                np.nanmedian(served.tpot_ms),
                *np.quantile(served.latency_ms, (0.5, 0.95, 0.99)),
            )
        )
    ttft, tpot, p50, p95, p99 = np.maximum.accumulate(np.asarray(rows), axis=0).T
    return SaturationCurve(
        True,
        most,
        input_tokens,
        output_tokens,
        idle.cache_tokens,
        np.asarray(LOADS),
        ttft,
        tpot,
        p50,
        p95,
        p99,
    )
