"""How long one step of an inference engine takes, from architecture and card: the roofline of serving.

A step moves every running sequence on by one token and may carry a chunk of new prompts along. Reading weights
and keys and values is bound by memory bandwidth, arithmetic by the matrix peak, tensor parallelism by the
interconnect. `queueing` runs steps one after another, `serving` asks what a load makes of them.
"""

from dataclasses import dataclass
from functools import lru_cache

from vapor_core.contracts import Accelerator, CatalogModel, ServingPrecision

# Bytes of one weight; the narrow formats carry scales along.
WEIGHT_BYTES: dict[str, float] = {
    "fp32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5625,
    "fp4": 0.5625,
}
MIXTURE_EXPERTS_PER_TOKEN = 4  # gpt-oss uses 4; where active_parameters is not published


@dataclass(frozen=True, slots=True)
class StepConstants:
    """Constants of the step law; benchmarks/fidelity/fit_serving.py fits them."""

    bandwidth_share: float = 0.80  # of the card's bandwidth that weight and cache reads reach
    compute_share: float = 0.60  # of the matrix peak that linear layers reach
    attention_share: float = 0.25  # of the matrix peak that attention over a prompt reaches
    host_ms: float = 1.0  # a step, whatever it holds
    layer_ms: float = 0.03  # a layer's launches
    sequence_ms: float = 0.02  # sampling and bookkeeping of a running sequence
    allreduce_ms: float = 0.012  # latency of one all-reduce over a switch
    link_share: float = 0.5  # of the interconnect's rate that an all-reduce reaches


CONSTANTS = StepConstants()


@dataclass(frozen=True, slots=True)
class StepLaw:
    """Milliseconds of a step as sums of shares; every coefficient is a time.

    Attributes:
        fixed_ms: a step that does nothing.
        weights_ms: reading the weights once.
        token_ms: arithmetic of one token in the linear layers.
        pair_ms: attention arithmetic of one (token, earlier token) pair of a prompt.
        cached_ms: reading keys and values of one cached token.
        sequence_ms: a running sequence, whatever its length.
        reduced_ms: all-reduce traffic of one token.
    """

    fixed_ms: float
    weights_ms: float
    token_ms: float
    pair_ms: float
    cached_ms: float
    sequence_ms: float
    reduced_ms: float

    def decode_ms(self, sequences: float, cached_tokens: float) -> float:
        """A step without prompts: `sequences` get a token each and read `cached_tokens` in all."""
        return self.step_ms(sequences, cached_tokens, 0.0, 0.0)

    def step_ms(self, sequences: float, cached_tokens: float, prompt_tokens: float, pairs: float) -> float:
        """A step with a chunk of prompts of `prompt_tokens`, attending over `pairs` in all."""
        tokens = sequences + prompt_tokens
        linear = max(self.weights_ms, tokens * self.token_ms)
        return (
            self.fixed_ms
            + linear
            + tokens * self.reduced_ms
            + sequences * self.sequence_ms
            + cached_tokens * self.cached_ms
            + pairs * self.pair_ms
        )


def active_parameters(model: CatalogModel) -> int:
    """Parameters that one token passes through; a mixture's experts are told by a sum far above the dense one."""
    if model.active_parameters is not None:
        return min(model.active_parameters, model.parameters)
    dense = model.layers * (model.attention_matrix_parameters + _one_mlp(model)) + model.embedding_parameters
    if model.parameters < 3 * dense:
        return model.parameters
    return dense + (MIXTURE_EXPERTS_PER_TOKEN - 1) * model.layers * _one_mlp(model)


def _one_mlp(model: CatalogModel) -> int:
    return 3 * model.hidden_size * model.intermediate_size


@lru_cache(maxsize=256)
def step_law(
    model: CatalogModel,
    accelerator: Accelerator,
    tensor_parallel: int,
    precision: ServingPrecision,
    constants: StepConstants = CONSTANTS,
) -> StepLaw:
    """The step law of a model on `tensor_parallel` cards."""
    c, tp = constants, tensor_parallel
    bandwidth = accelerator.bandwidth_gb_s * 1e6 * c.bandwidth_share  # bytes a millisecond
    peak = accelerator.peak_tflops(precision) * 1e9  # FLOP a millisecond
    looked_up = 0 if model.tied_embeddings else model.vocabulary_size * model.hidden_size
    read = (model.parameters - looked_up) * WEIGHT_BYTES[precision]
    active = active_parameters(model) - looked_up
    value_bytes = 4.0 if precision == "fp32" else 2.0
    kv_share = max(1.0 / tp, 1.0 / model.kv_heads)  # a head is not split
    attention_width = model.attention_heads * model.head_dim
    fixed = c.host_ms + c.layer_ms * model.layers
    reduced = 0.0
    if tp > 1:
        fixed += 2 * model.layers * c.allreduce_ms
        sent = 2 * model.layers * model.hidden_size * 2.0 * 2 * (tp - 1) / tp
        reduced = sent / (accelerator.interconnect_gb_s * 1e6 * c.link_share)
    return StepLaw(
        fixed_ms=fixed,
        weights_ms=read / tp / bandwidth,
        token_ms=2.0 * active / tp / (peak * c.compute_share),
        pair_ms=4.0 * model.kv_layers * attention_width / tp / (peak * c.attention_share),
        cached_ms=model.kv_values_per_token * value_bytes * kv_share / bandwidth,
        sequence_ms=c.sequence_ms,
        reduced_ms=reduced,
    )
