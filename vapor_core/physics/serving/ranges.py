"""How far measured figures lay from the law's: ranges that held them in `COVERAGE` of the rows of sources left out.

For each kind the 10th and 90th percentile of measured over predicted, with the constants fitted anew without the row's
source (benchmarks/fidelity/fit_serving.py prints them). Settings that nobody measured get wider ones, and say so.
"""

from dataclasses import dataclass

from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import Engine, ServingConfig
from vapor_core.physics.serving.step import latent

COVERAGE = 0.8
FAR_POWER = 1.5  # on a range's factors, for each thing that was not measured

Factors = tuple[float, float]
MEMORY: Factors = (0.96, 1.07)  # 8 rows
CACHE: Factors = (0.85, 1.2)  # 6 rows
TPOT: Factors = (0.87, 1.22)  # 236 rows, 4 sources
TPOT_GROUP: Factors = (0.9, 1.43)  # 635 rows, 5 sources
# Skewed: tuned deployments cap what runs together, and first tokens wait that the law lets in
TTFT_CLOSED: Factors = (0.8, 3.5)  # 754 rows, 2 sources
TTFT_ALONE: Factors = (0.75, 1.65)  # one client or one batch: 36 rows, 5 sources
TTFT_OPEN: Factors = (0.75, 1.38)  # 65 rows
P99: Factors = (0.43, 1.38)  # 65 rows
LATENCY: Factors = (0.9, 1.28)  # 11 rows
RATE: Factors = (0.72, 1.18)  # of a load: 73 rows, 8 sources
MOST: Factors = (0.78, 1.6)  # at saturation: 163 rows, 2 sources

MEASURED_ENGINES: tuple[Engine, ...] = ("vllm", "sglang", "tensorrt_llm", "lmdeploy", "transformers")
MEASURED_CLIENTS, MEASURED_TOKENS = 3200.0, 32_000.0  # the largest load and request
MEASURED_PARAMETERS = (1.5e9, 7e11)
MEASURED_BANDWIDTH_GB_S = (900.0, 8000.0)  # cards from an RTX 3090 to a B200


@dataclass(frozen=True, slots=True)
class Ranges:
    """The factors of each kind for one configuration, and why they are wider than usual."""

    memory: Factors
    cache: Factors
    ttft: Factors
    tpot: Factors
    p99: Factors
    latency: Factors
    rate: Factors
    most: Factors
    far: tuple[str, ...]


def ranges(config: ServingConfig, model: CatalogModel, card: Accelerator) -> Ranges:
    """Of a configuration whose model and card are looked up."""
    far = _far(config, model, card)
    power = FAR_POWER ** len(far)
    tpot = TPOT if config.tensor_parallel == 1 else TPOT_GROUP
    cache = 1.0 if config.engine in MEASURED_ENGINES else FAR_POWER
    ttft = _ttft(config)
    return Ranges(
        memory=MEMORY,
        cache=_wider(CACHE, cache),
        ttft=_wider(ttft, power),
        tpot=_wider(tpot, power),
        p99=_wider(P99 if config.request_rate is not None else ttft, power),
        latency=_wider(LATENCY, power),
        rate=_wider(RATE, power),
        most=_wider(MOST, power),
        far=far,
    )


def _ttft(config: ServingConfig) -> Factors:
    if config.request_rate is not None:
        return TTFT_OPEN
    alone = config.static_batch is not None or (config.concurrency or 1.0) <= 1.0
    return TTFT_ALONE if alone or config.engine == "lmdeploy" else TTFT_CLOSED


def _far(config: ServingConfig, model: CatalogModel, card: Accelerator) -> tuple[str, ...]:
    """What of a configuration lies outside of what was measured."""
    found = []
    if config.engine not in MEASURED_ENGINES:
        found.append(f"engine {config.engine}")
    parameters = model.parameters
    if not MEASURED_PARAMETERS[0] / 1.3 <= parameters <= MEASURED_PARAMETERS[1]:
        found.append(f"{parameters / 1e9:.3g} billion parameters")
    if not MEASURED_BANDWIDTH_GB_S[0] <= card.bandwidth_gb_s <= MEASURED_BANDWIDTH_GB_S[1]:
        found.append(f"memory of {card.bandwidth_gb_s:g} GB/s")
    if max(config.concurrency or 0.0, config.static_batch or 0.0) > MEASURED_CLIENTS:
        found.append("so many requests at once")
    if config.input_tokens + config.output_tokens > MEASURED_TOKENS:
        found.append("requests of so many tokens")
    if config.speculative_tokens or config.prefix_hit_rate:
        found.append("speculative decoding or a shared prefix")
    if latent(model):
        found.append("latent attention on engines after early 2025")
    return tuple(found)


def _wider(factors: Factors, power: float) -> Factors:
    return factors[0] ** power, factors[1] ** power
