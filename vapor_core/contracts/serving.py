"""One endpoint: what is served under which load, and what that takes."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from vapor_core.contracts.base import Contract, plain_precision
from vapor_core.contracts.entries import Accelerator, CatalogModel

ServingPrecision = Literal["bf16", "fp16", "fp32", "fp8", "int8", "int4", "fp4"]
Engine = Literal["vllm", "sglang", "tensorrt_llm", "lmdeploy", "llama_cpp", "transformers"]
Traffic = Literal["steady", "daily", "spike", "ramp"]
Share = Annotated[float, Field(ge=0, le=1)]
Tokens = Annotated[float, Field(gt=0, le=10**7)]
CHAT_INPUT, CHAT_OUTPUT = 206.0, 212.0  # mean tokens of ShareGPT requests in the published open-loop runs
LOADS = ("concurrency", "request_rate", "static_batch")


class EngineSettings(Contract):
    """An inference engine and what a person sets of it; None leaves a setting to the engine's own default.

    `physics.serving.engines` has those defaults with their sources.
    """

    engine: Engine = "vllm"
    max_model_len: Annotated[int | None, Field(gt=0, le=10**9)] = None  # tokens of a request, in and out
    memory_utilization: Annotated[float | None, Field(gt=0, le=1)] = None  # share that the engine may take
    max_sequences: Annotated[int | None, Field(gt=0, le=10**6)] = None  # that run together
    kv_precision: ServingPrecision | None = None  # of keys and values
    chunked_prefill: bool | None = None  # prompts in pieces beside running sequences
    prefix_hit_rate: Share = 0.0  # of a prompt's tokens, found in the cache
    speculative_tokens: Annotated[int, Field(ge=0, le=64)] = 0  # drafted a step

    @field_validator("kv_precision", mode="before")
    @classmethod
    def _plain_cache(cls, value: object) -> object:
        return plain_precision(value)


ENGINE_DEFAULTS = EngineSettings()


class Demand(Contract):
    """What people ask of an endpoint, whatever model serves it.

    "steady" keeps to `requests_per_second`, "daily" peaks at it, "spike" leaps to it, "ramp" grows to it.
    """

    requests_per_second: Annotated[float, Field(gt=0, le=10**6)]
    input_tokens: Tokens = CHAT_INPUT  # of a request, on average
    output_tokens: Tokens = CHAT_OUTPUT
    pattern: Traffic = "steady"


class ServingConfig(EngineSettings):
    """A serving set-up and its load; one stream where none of the three loads is given.

    Loads: `concurrency` clients that each send a request when their last one ends (closed loop), `request_rate`
    a second at random (open loop), or a `static_batch` of requests that are prefilled together and decode together.
    """

    model: str | CatalogModel
    accelerator: str | Accelerator = "nvidia-l4"
    tensor_parallel: Annotated[int, Field(ge=1, le=1024)] = 1
    precision: ServingPrecision = "bf16"
    input_tokens: Tokens = 512.0
    output_tokens: Tokens = 128.0
    concurrency: Annotated[float | None, Field(gt=0, le=10**6)] = None
    request_rate: Annotated[float | None, Field(gt=0, le=10**6)] = None
    static_batch: Annotated[int | None, Field(gt=0, le=10**6)] = None
    fixed_lengths: bool = False  # every request is exactly as long as said, as benchmarks send them
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @field_validator("precision", mode="before")
    @classmethod
    def _plain_words(cls, value: object) -> object:
        return plain_precision(value)

    @model_validator(mode="after")
    def _one_load(self) -> Self:
        given = [name for name in LOADS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give {' or '.join(given)}, not both")
        return self


class ServingEstimate(Contract):
    """Latency and throughput of a ServingConfig. Latencies in ms, medians but for the TTFT of a closed loop.

    That is a mean over ten requests a client from a common start, as benchmarks report it. `*_low` and `*_high`
    hold the measured value in `coverage` of the published rows of sources that the constants never saw.
    """

    fits: bool
    memory_gb: (
        float  # weights and overhead, per accelerator; with the load's cache where an engine has no pages
    )
    memory_available_gb: float
    weights_gb: float
    kv_gb_per_sequence: float
    kv_capacity_tokens: int = 0  # whose keys and values fit, of the tensor-parallel group
    max_concurrency: int  # sequences whose key-value cache fits
    batch: float  # sequences decoded together at this load
    ttft_ms: float
    ttft_p99_ms: float
    tpot_ms: float
    tpot_p99_ms: float
    latency_ms: float  # whole request, median
    latency_p95_ms: float
    latency_p99_ms: float
    output_tokens_per_second: float  # the whole tensor-parallel group
    requests_per_second: float
    max_requests_per_second: float  # at saturation
    utilization: float  # of the saturated rate
    saturated: bool
    price_per_hour: float
    price_per_million_tokens: float  # output tokens
    memory_gb_low: float = 0.0
    memory_gb_high: float = 0.0
    kv_capacity_tokens_low: int = 0
    kv_capacity_tokens_high: int = 0
    max_concurrency_low: int = 0
    max_concurrency_high: int = 0
    ttft_ms_low: float = 0.0
    ttft_ms_high: float = 0.0
    ttft_p99_ms_low: float = 0.0
    ttft_p99_ms_high: float = 0.0
    tpot_ms_low: float = 0.0
    tpot_ms_high: float = 0.0
    tpot_p99_ms_low: float = 0.0
    tpot_p99_ms_high: float = 0.0
    latency_ms_low: float = 0.0
    latency_ms_high: float = 0.0
    latency_p95_ms_low: float = 0.0
    latency_p95_ms_high: float = 0.0
    latency_p99_ms_low: float = 0.0
    latency_p99_ms_high: float = 0.0
    output_tokens_per_second_low: float = 0.0
    output_tokens_per_second_high: float = 0.0
    requests_per_second_low: float = 0.0
    requests_per_second_high: float = 0.0
    max_requests_per_second_low: float = 0.0
    max_requests_per_second_high: float = 0.0
    price_per_million_tokens_low: float = 0.0
    price_per_million_tokens_high: float = 0.0
    coverage: float = 0.0
    assumptions: tuple[str, ...] = ()
