"""What a served model does under a load, as it is told to a person: figures, ranges, price and assumptions."""

from functools import lru_cache

from vapor_core import catalog
from vapor_core.contracts.serving import ServingConfig, ServingEstimate
from vapor_core.physics.serving.point import Point, held_gb, serving_point
from vapor_core.physics.serving.ranges import COVERAGE, Factors, Ranges, ranges

SATURATED = 0.98  # of the most that it can serve, from which a load is said to saturate an endpoint


@lru_cache(maxsize=512)
def estimate_serving(config: ServingConfig) -> ServingEstimate:
    """Latency, throughput and price of a set-up under its load; one stream where no load is given.

    An open loop (`request_rate`) is 200 requests of exponential lengths and Poisson arrivals; latencies are
    medians over them. A closed loop (`concurrency`) is ten requests a client from a common start, as benchmarks
    run it; its TTFT is the mean, which they report, as is that of a `static_batch`. Where the weights do not fit,
    `fits` is False and every rate and latency is 0.

    Raises:
        NotInCatalog: where an id is unknown.
    """
    model, card = catalog.model(config.model), catalog.accelerator(config.accelerator)
    point = serving_point(config)
    memory, most = point.memory, point.max_requests_per_second
    price = card.price_per_hour * config.tensor_parallel
    offered = config.request_rate if config.request_rate is not None else point.requests_per_second
    rate = point.requests_per_second * config.output_tokens
    wide = ranges(config, model, card)
    return ServingEstimate(
        fits=point.fits,
        memory_gb=held_gb(config, point),
        memory_available_gb=memory.available_gb,
        weights_gb=memory.weights_gb,
        kv_gb_per_sequence=memory.kv_bytes_per_token * (config.input_tokens + config.output_tokens) / 1e9,
        kv_capacity_tokens=memory.kv_capacity_tokens,
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
        saturated=bool(most) and (offered >= SATURATED * most or (config.concurrency or 0.0) > point.room),
        price_per_hour=price,
        price_per_million_tokens=_price(price, rate),
        coverage=COVERAGE,
        assumptions=_assumptions(config, wide, point.cards),
        **_bounds(config, point, wide),
        **_price_bounds(price, rate, wide),
    )


def _price(price_per_hour: float, tokens_per_second: float) -> float:
    """Of a million output tokens."""
    return price_per_hour / (tokens_per_second * 3600) * 1e6 if tokens_per_second else 0.0


def _bounds(config: ServingConfig, point: Point, wide: Ranges) -> dict[str, float]:
    """`*_low` and `*_high` of every figure but the price; an open loop's rate is what was asked, up to the most."""
    most, rate = point.max_requests_per_second, point.requests_per_second
    latency = point.latency
    told: dict[str, tuple[float, Factors]] = {
        "memory_gb": (held_gb(config, point), wide.memory),
        "ttft_ms": (point.ttft, wide.ttft),
        "ttft_p99_ms": (point.ttft_p99, wide.p99),
        "tpot_ms": (point.tpot, wide.tpot),
        "tpot_p99_ms": (point.tpot_p99, wide.p99),
        "latency_ms": (latency[0], wide.latency),
        "latency_p95_ms": (latency[1], wide.p99),
        "latency_p99_ms": (latency[2], wide.p99),
        "output_tokens_per_second": (rate * config.output_tokens, wide.rate),
        "requests_per_second": (rate, wide.rate),
        "max_requests_per_second": (most, wide.most),
    }
    whole = {
        "kv_capacity_tokens": (point.memory.kv_capacity_tokens, wide.cache),
        "max_concurrency": (point.max_concurrency, wide.cache),
    }
    ends = ("low", "high")
    found = {
        f"{name}_{end}": value * by[k] for name, (value, by) in told.items() for k, end in enumerate(ends)
    }
    found |= {
        f"{name}_{end}": int(count * by[k])
        for name, (count, by) in whole.items()
        for k, end in enumerate(ends)
    }
    return found


def _price_bounds(price_per_hour: float, rate: float, wide: Ranges) -> dict[str, float]:
    """The more tokens a second, the cheaper each."""
    low, high = (_price(price_per_hour, rate * factor) for factor in reversed(wide.rate))
    return {"price_per_million_tokens_low": low, "price_per_million_tokens_high": high}


def _assumptions(config: ServingConfig, wide: Ranges, cards: int) -> tuple[str, ...]:
    lengths = "of equal lengths" if config.fixed_lengths else "with lengths that vary as people's do"
    if config.request_rate is not None:
        load = f"{config.request_rate:g} requests/s arrive at random (Poisson), {lengths}"
    elif config.static_batch is not None:
        load = (
            f"{config.static_batch} requests at once, {lengths}: all prompts first, then all decode together"
        )
    else:
        clients = config.concurrency or 1.0
        load = (
            f"{clients:g} clients each send a request when their last one ends, {lengths}; "
            "TTFT is the mean of ten rounds"
        )
    given = sorted(
        config.model_fields_set & {"memory_utilization", "max_sequences", "kv_precision", "chunked_prefill"}
    )
    said = f"{config.engine} with its own defaults" + (f" but for {', '.join(given)}" if given else "")
    found = [load, said]
    if 0 < cards < config.tensor_parallel:
        found.append(
            f"over this link {cards} of the {config.tensor_parallel} cards are quicker than all of them; "
            "only the cache is spread over all"
        )
    if wide.far:
        found.append(f"ranges are wider than usual: {', '.join(wide.far)} was not among what was measured")
    return tuple(found)
