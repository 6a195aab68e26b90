"""One endpoint: what is served under which load, and what that takes."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from vapor_core.contracts.base import Contract, plain_precision
from vapor_core.contracts.entries import Accelerator, CatalogModel

ServingPrecision = Literal["bf16", "fp16", "fp32", "fp8", "int8", "int4", "fp4"]
Traffic = Literal["steady", "daily", "spike", "ramp"]


class ServingConfig(Contract):
    """A serving set-up and its load: `concurrency` (closed loop) or `request_rate` (a second, open)."""

    model: str | CatalogModel
    accelerator: str | Accelerator = "nvidia-l4"
    tensor_parallel: Annotated[int, Field(ge=1, le=1024)] = 1
    precision: ServingPrecision = "bf16"
    input_tokens: Annotated[float, Field(gt=0, le=10**7)] = 512.0
    output_tokens: Annotated[float, Field(gt=0, le=10**7)] = 128.0
    concurrency: Annotated[float | None, Field(gt=0, le=10**6)] = None
    request_rate: Annotated[float | None, Field(gt=0, le=10**6)] = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @field_validator("precision", mode="before")
    @classmethod
    def _plain_words(cls, value: object) -> object:
        return plain_precision(value)

    @model_validator(mode="after")
    def _one_load(self) -> Self:
        if self.concurrency is not None and self.request_rate is not None:
            raise ValueError("give concurrency or request_rate, not both")
        return self


class ServingEstimate(Contract):
    """Latency and throughput of a ServingConfig. Latencies in ms, medians but for the TTFT of a closed loop.

    That is a mean over ten requests a client from a common start, as benchmarks report it.
    """

    fits: bool
    memory_gb: float  # weights and overhead, per accelerator
    memory_available_gb: float
    weights_gb: float
    kv_gb_per_sequence: float
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
    ttft_ms_low: float = 0.0
    ttft_ms_high: float = 0.0
    tpot_ms_low: float = 0.0
    tpot_ms_high: float = 0.0
    assumptions: tuple[str, ...] = ()
