"""How long one step of an inference engine takes, from architecture and card: the roofline of serving.

A step moves every running sequence on by one token and may carry a chunk of new prompts along. Reading
weights, keys and values is bound by memory bandwidth, arithmetic by the matrix peak, tensor parallelism by the
interconnect. `queue` runs steps one after another, `load` asks what requests make of them.
"""

from dataclasses import dataclass
from functools import lru_cache

from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingPrecision
from vapor_core.physics.serving.memory import SERVING_BYTES, serving_memory
from vapor_core.physics.transformer import Transformer, transformer

GRAPH_TOKENS = 512  # the largest batch for which vLLM captures a CUDA graph
PEER_GB_S = 64.0  # slower links are PCIe 4 and older, over which cards stage their traffic in host memory
# Of a mixture's parameters that one token uses in its experts, where the counts leave fewer
LEAST_USED = 0.02


@dataclass(frozen=True, slots=True)
class StepConstants:
    """Constants of the step law; benchmarks/fidelity/fit_serving.py fits them."""

    bandwidth_share: float = 0.899  # of the card's bandwidth that weight reads reach
    cache_share: float = 0.767  # of the bandwidth that reads of keys and values reach
    compute_share: float = 0.688  # of the 16-bit matrix peak that linear layers reach
    narrow_share: float = 0.508  # of the 8- or 4-bit matrix peak
    attention_share: float = 0.71  # of the 16-bit matrix peak that attention over a prompt reaches
    unhidden_share: float = 0.188  # of the shorter of reading and arithmetic that the longer does not hide
    host_ms: float = 0.84  # a step, whatever it holds
    layer_ms: float = 0.0411  # a layer's launches
    eager_layer_ms: float = 0.14  # a layer of a step too large for a captured graph, launched piece by piece
    sequence_ms: float = 0.00684  # sampling and bookkeeping of a running sequence
    allreduce_ms: float = 0.00133  # latency of one all-reduce, however fast the link
    handshake_mb: float = 3.0  # and what a slow link adds, as if it moved so much
    link_share: float = 0.777  # of the interconnect's rate that an all-reduce reaches
    staged_share: float = 0.36  # of that where cards reach each other only through the host
    mixture_share: float = 0.43  # of a dense model's arithmetic rate that a mixture's small matrices reach
    foreign_share: float = 0.648  # of bandwidth and peak that is left where a card lacks the weights' format


CONSTANTS = StepConstants()


@dataclass(frozen=True, slots=True)
class StepLaw:
    """Milliseconds of a step as sums of shares; every coefficient but the last two is a time.

    Attributes:
        fixed_ms: a step that does nothing.
        eager_ms: a step of more than GRAPH_TOKENS tokens, on top.
        weights_ms: reading the weights that every token uses.
        experts_ms: reading all experts of a mixture.
        token_ms: arithmetic of one token in the linear layers.
        pair_ms: attention arithmetic of one (token, earlier token) pair of a prompt.
        cached_ms: reading keys and values of one cached token.
        sequence_ms: a running sequence, whatever its length.
        reduced_ms: all-reduce traffic of one token.
        expert_chance: share of a mixture's experts that one token uses.
        unhidden_share: of the shorter of reading and arithmetic that the longer does not hide.
    """

    fixed_ms: float
    eager_ms: float
    weights_ms: float
    experts_ms: float
    token_ms: float
    pair_ms: float
    cached_ms: float
    sequence_ms: float
    reduced_ms: float
    expert_chance: float
    unhidden_share: float

    def decode_ms(self, sequences: float, cached_tokens: float) -> float:
        """A step without prompts: `sequences` get a token each and read `cached_tokens` in all."""
        return self.step_ms(sequences, cached_tokens, 0.0, 0.0)

    def step_ms(self, sequences: float, cached_tokens: float, prompt_tokens: float, pairs: float) -> float:
        """A step with a chunk of prompts of `prompt_tokens`, attending over `pairs` in all."""
        tokens = sequences + prompt_tokens
        reading = self.weights_ms
        if self.experts_ms:
            reading += self.experts_ms * (1 - (1 - self.expert_chance) ** tokens)
        arithmetic = tokens * self.token_ms
        longer, shorter = (reading, arithmetic) if reading > arithmetic else (arithmetic, reading)
        return (
            self.fixed_ms
            + (self.eager_ms if tokens > GRAPH_TOKENS else 0.0)
            + longer
            + self.unhidden_share * shorter
            + tokens * self.reduced_ms
            + sequences * self.sequence_ms
            + cached_tokens * self.cached_ms
            + pairs * self.pair_ms
        )


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
    memory = serving_memory(model, accelerator, tp, precision)
    foreign = c.foreign_share if precision == "fp4" and not accelerator.fp4_tflops else 1.0
    bandwidth = accelerator.bandwidth_gb_s * 1e6  # bytes a millisecond
    reads = bandwidth * c.bandwidth_share * foreign
    peak = accelerator.peak_tflops(precision)
    plain = accelerator.peak_tflops("fp32" if precision == "fp32" else "bf16")
    share = c.narrow_share if peak > plain else c.compute_share
    counts = transformer(model)
    # Of an untied embedding: one row a token
    looked_up = max(counts.embedding_parameters - counts.head_parameters, 0)
    active = counts.active_parameters
    sparsity = _sparsity(counts)
    rate = peak * 1e9 * share * foreign * (c.mixture_share if active < model.parameters else 1.0)
    weight_bytes = max(memory.weights_gb * 1e9 - looked_up * _wide_bytes(precision) / tp, 0.0)
    routed = (model.parameters - active) * (1 + 1 / sparsity) * SERVING_BYTES[precision] / tp
    routed = min(routed, weight_bytes) if model.parameters > active else 0.0
    fixed = c.host_ms + c.layer_ms * model.layers
    reduced = 0.0
    if tp > 1:
        fixed += 2 * model.layers * (c.allreduce_ms + c.handshake_mb / accelerator.interconnect_gb_s)
        sent = 2 * model.layers * model.hidden_size * 2.0 * 2 * (tp - 1) / tp
        staged = c.staged_share if accelerator.interconnect_gb_s < PEER_GB_S else 1.0
        reduced = sent / (accelerator.interconnect_gb_s * 1e6 * c.link_share * staged)
    return StepLaw(
        fixed_ms=fixed,
        eager_ms=c.eager_layer_ms * model.layers,
        weights_ms=(weight_bytes - routed) / reads,
        experts_ms=routed / reads,
        token_ms=2.0 * max(active - looked_up, 1) / tp / rate,
        pair_ms=4.0 * counts.attention_width / tp / (plain * 1e9 * c.attention_share),
        cached_ms=memory.kv_bytes_per_token / (bandwidth * c.cache_share),
        sequence_ms=c.sequence_ms,
        reduced_ms=reduced,
        expert_chance=1 / (1 + sparsity),
        unhidden_share=c.unhidden_share,
    )


def _sparsity(counts: Transformer) -> float:
    """Experts that a token leaves out, for each that it uses; 0 where there is no mixture."""
    idle = counts.parameters - counts.active_parameters
    used = max(counts.active_parameters - counts.shared_parameters, LEAST_USED * counts.parameters)
    return idle / used if idle > 0 else 1e-9


def _wide_bytes(precision: ServingPrecision) -> float:
    return 4.0 if precision == "fp32" else 2.0
