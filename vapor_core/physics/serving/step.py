"""How long one step of an inference engine takes, from architecture and card: the roofline of serving.

A step moves every running sequence on by one token and may carry a chunk of new prompts along. Reading
weights, keys and values is bound by memory bandwidth, arithmetic by the matrix peak, tensor parallelism by the
interconnect. `queue` runs steps one after another, `load` asks what requests make of them.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingPrecision
from vapor_core.physics.serving.engines import DEFAULT, GB, Settings
from vapor_core.physics.serving.memory import SERVING_BYTES, serving_memory
from vapor_core.physics.transformer import Transformer, transformer

GRAPH_TOKENS = 512  # the largest batch for which vLLM captures a CUDA graph
PEER_GB_S = 64.0  # slower links are PCIe 4 and older, over which cards stage their traffic in host memory
# Of a mixture's parameters that one token uses in its experts, where the counts leave fewer
LEAST_USED = 0.02
MIXTURE_HIDDEN = 2880  # of gpt-oss; larger experts fill the card better
REACHED_SHARE = 0.8  # of its peak, where nobody published a card's largest matrix product
# Largest dense 16-bit and 8-bit products, TFLOP/s (stas00/ml-engineering; xzwgit/gpu-flops-bench for GeForce), of cards
# whose entry does not say them
MEASURED_TFLOPS: dict[str, tuple[float, float | None]] = {
    "nvidia-a100-80gb": (271.2, None), "nvidia-a100-40gb": (271.2, None), "nvidia-h100-80gb": (794.5, 1402.6),
    "nvidia-h200": (794.5, 1453.4), "nvidia-b200": (1745.0, 3432.5), "amd-mi300x": (668.4, None),
    "nvidia-rtx-4090": (179.0, 354.0), "nvidia-rtx-3090": (76.3, None), "nvidia-rtx-5090": (254.0, None),
}  # fmt: skip
WIDEST_HEAD = 256  # values; a single wider one is a compressed cache of all heads
DRAFT_SHARE = 0.05  # of a step that drafting one token takes (EAGLE's head is one layer of many)


@dataclass(frozen=True, slots=True)
class StepConstants:
    """Constants of the step law; benchmarks/fidelity/fit_serving.py fits them."""

    bandwidth_share: float = 0.881  # of the card's bandwidth that weight reads reach
    cache_share: float = 0.809  # of the bandwidth that reads of keys and values reach
    compute_share: float = 0.75  # of the card's largest 16-bit product that linear layers reach
    narrow_share: float = 0.678  # of the largest 8- or 4-bit product
    attention_share: float = 0.937  # of the largest 16-bit product that attention over a prompt reaches
    unhidden_share: float = 0.278  # of the shorter of reading and arithmetic that the longer does not hide
    host_ms: float = 0.837  # a step, whatever it holds
    layer_ms: float = 0.0503  # a layer's launches
    eager_layer_ms: float = 0.148  # a layer of a step too large for a captured graph, launched piece by piece
    sequence_ms: float = 0.00611  # sampling and bookkeeping of a running sequence
    allreduce_ms: float = 0.000919  # latency of one all-reduce, however fast the link
    handshake_mb: float = 1.8  # and what a slow link adds, as if it moved so much
    link_share: float = 0.59  # of the interconnect's rate that an all-reduce reaches
    staged_share: float = 0.36  # of that where cards reach each other only through the host
    mixture_share: float = (
        0.3  # of a dense model's rate that the matrices of a mixture MIXTURE_HIDDEN wide reach
    )
    foreign_share: float = 0.65  # of bandwidth and peak that is left where a card lacks the weights' format
    amd_bandwidth_share: float = 0.723  # of what an NVIDIA card of the same bandwidth reads
    nccl_ms: float = 0.00694  # latency that a general collective library adds to an all-reduce
    nccl_share: float = 0.462  # of link_share that its small messages reach
    compiled_pace: float = 0.898  # of a step's time that an engine of compiled kernels (TensorRT-LLM) takes
    latent_share: float = 0.199  # of a mixture's arithmetic rate that one with latent attention reaches
    latent_layer_ms: float = 0.587  # a layer of latent attention, on top of layer_ms


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
        small_reduced_ms: what small messages take longer, a token, up to graph_tokens.
        floor_ms: launches from Python, behind which the card's work hides; 0 with captured graphs.
        graph_tokens: of a step, from which it is no longer a captured graph.
        verified: tokens of a sequence that a step works on: drafts and the one after them.
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
    small_reduced_ms: float = 0.0
    floor_ms: float = 0.0
    graph_tokens: float = GRAPH_TOKENS
    verified: float = 1.0

    def grouped(self, size: float) -> "StepLaw":
        """The law of groups of `size` requests that do everything together, told in groups."""
        return replace(
            self,
            token_ms=self.token_ms * size,
            pair_ms=self.pair_ms * size,
            cached_ms=self.cached_ms * size,
            sequence_ms=self.sequence_ms * size,
            reduced_ms=self.reduced_ms * size,
            small_reduced_ms=self.small_reduced_ms * size,
            expert_chance=1 - (1 - self.expert_chance) ** size,
            graph_tokens=self.graph_tokens / size,
        )

    def decode_ms(self, sequences: float, cached_tokens: float) -> float:
        """A step without prompts: `sequences` get a token each and read `cached_tokens` in all."""
        return self.step_ms(sequences, cached_tokens, 0.0, 0.0)

    def step_ms(self, sequences: float, cached_tokens: float, prompt_tokens: float, pairs: float) -> float:
        """A step with a chunk of prompts of `prompt_tokens`, attending over `pairs` in all."""
        tokens = sequences * self.verified + prompt_tokens
        reading = self.weights_ms
        if self.experts_ms:
            reading += self.experts_ms * (1 - (1 - self.expert_chance) ** tokens)
        arithmetic = tokens * self.token_ms
        longer, shorter = (reading, arithmetic) if reading > arithmetic else (arithmetic, reading)
        # A little over a graph is a little slower, so that one sequence more never costs tokens a second
        graph = self.graph_tokens
        eager = 0.0 if tokens <= graph else min(tokens / graph - 1.0, 1.0) * self.eager_ms
        whole = (
            self.fixed_ms
            + eager
            + longer
            + self.unhidden_share * shorter
            + tokens * self.reduced_ms
            + (tokens if tokens < graph else graph) * self.small_reduced_ms
            + sequences * self.sequence_ms
            + cached_tokens * self.cached_ms
            + pairs * self.pair_ms
        )
        return whole if whole > self.floor_ms else self.floor_ms


@lru_cache(maxsize=256)
def step_law(
    model: CatalogModel,
    accelerator: Accelerator,
    tensor_parallel: int,
    precision: ServingPrecision,
    *,
    settings: Settings = DEFAULT,
    context_tokens: float | None = None,
    constants: StepConstants = CONSTANTS,
) -> StepLaw:
    """The step law of a model on `tensor_parallel` cards; sequences are about `context_tokens` long."""
    c, tp = constants, tensor_parallel
    memory = serving_memory(
        model, accelerator, tp, precision, settings=settings, context_tokens=context_tokens
    )
    pace = c.compiled_pace if settings.traits.compiled else 1.0
    rates = _rates(model, accelerator, precision, c, pace)
    counts = transformer(model)
    # Of an untied embedding: one row a token
    looked_up = max(counts.embedding_parameters - counts.head_parameters, 0)
    active = counts.active_parameters
    sparsity = _sparsity(counts)
    weight_bytes = max(memory.weights_gb * GB - looked_up * _wide_bytes(precision) / tp, 0.0)
    routed = (model.parameters - active) * (1 + 1 / sparsity) * SERVING_BYTES[precision] / tp
    routed = min(routed, weight_bytes) if model.parameters > active else 0.0
    fixed, reduced = _host_ms(model, c), 0.0
    general = not settings.traits.own_collectives or _is_amd(accelerator)
    if tp > 1:
        latency_ms = c.allreduce_ms + (c.nccl_ms if general else 0.0)
        fixed += 2 * model.layers * (latency_ms + c.handshake_mb / accelerator.interconnect_gb_s)
        reduced = _reduced_ms(model, accelerator, tp, c)
    drafts = settings.speculative_tokens * DRAFT_SHARE
    head = min(counts.head_parameters * _wide_bytes(precision) / tp, weight_bytes - routed)
    weights_ms = head / rates.reads + (weight_bytes - routed - head) / rates.packed_reads
    return StepLaw(
        fixed_ms=fixed * pace * (1 + drafts),
        eager_ms=c.eager_layer_ms * model.layers,
        weights_ms=weights_ms * (1 + drafts),
        experts_ms=routed / rates.packed_reads,
        token_ms=2.0 * max(active - looked_up, 1) / tp / rates.linear,
        pair_ms=4.0 * counts.attention_width / tp / rates.attention,
        cached_ms=memory.kv_bytes_per_token / rates.cache,
        sequence_ms=c.sequence_ms,
        reduced_ms=reduced,
        small_reduced_ms=reduced * (1 / c.nccl_share - 1) if general else 0.0,
        expert_chance=_expert_chance(model, sparsity),
        unhidden_share=c.unhidden_share,
        floor_ms=settings.traits.launch_layer_ms * model.layers,
        verified=1.0 + settings.speculative_tokens,
    )


@dataclass(frozen=True, slots=True)
class _Rates:
    """What a card reaches, in bytes or operations a millisecond."""

    reads: float  # of 16-bit weights
    packed_reads: float  # of weights at the model's precision
    cache: float
    linear: float
    attention: float


def _rates(
    model: CatalogModel,
    accelerator: Accelerator,
    precision: ServingPrecision,
    c: StepConstants,
    pace: float,
) -> _Rates:
    lacks_fp4 = precision == "fp4" and not accelerator.fp4_tflops
    unpacked = lacks_fp4 or (precision == "fp8" and not accelerator.fp8_tflops)
    bandwidth = accelerator.bandwidth_gb_s * 1e6
    plain = "fp32" if precision == "fp32" else "bf16"
    narrow = accelerator.peak_tflops(precision) > accelerator.peak_tflops(plain)
    share = c.narrow_share if narrow else c.compute_share
    share *= c.foreign_share if unpacked else 1.0
    if transformer(model).active_parameters < model.parameters:
        share *= min(c.mixture_share * model.hidden_size / MIXTURE_HIDDEN, 1.0)
    share *= c.latent_share if latent(model) else 1.0
    amd = _is_amd(accelerator)
    read_share = c.bandwidth_share * (c.amd_bandwidth_share if amd else 1.0)
    bandwidth /= pace
    share, attention = share / pace, c.attention_share / pace
    return _Rates(
        reads=bandwidth * read_share,
        packed_reads=bandwidth * read_share * (c.foreign_share if lacks_fp4 else 1.0),
        cache=bandwidth * c.cache_share * (c.amd_bandwidth_share if amd else 1.0),
        linear=_reached_tflops(accelerator, precision) * 1e9 * share,
        attention=_reached_tflops(accelerator, plain) * 1e9 * attention,
    )


def _reached_tflops(accelerator: Accelerator, precision: str) -> float:
    """The largest matrix product measured at a precision, or what cards commonly reach of their peak."""
    peak, plain = accelerator.peak_tflops(precision), accelerator.peak_tflops("bf16")
    wide, narrow = MEASURED_TFLOPS.get(accelerator.id, (REACHED_SHARE * plain, None))
    wide = accelerator.measured_tflops or wide
    narrow = accelerator.measured_fp8_tflops or narrow
    if peak > plain:
        return narrow or wide / plain * peak
    return min(wide / plain, 1.1) * peak


def _host_ms(model: CatalogModel, c: StepConstants) -> float:
    """Of a step, whatever it holds: launches and bookkeeping."""
    layer_ms = c.layer_ms + (c.latent_layer_ms if latent(model) else 0.0)
    return c.host_ms + layer_ms * model.layers


def _reduced_ms(model: CatalogModel, accelerator: Accelerator, tp: int, c: StepConstants) -> float:
    """All-reduce traffic of one token."""
    sent = 2 * model.layers * model.hidden_size * 2.0 * 2 * (tp - 1) / tp
    staged = c.staged_share if accelerator.interconnect_gb_s < PEER_GB_S else 1.0
    return sent / (accelerator.interconnect_gb_s * 1e6 * c.link_share * staged)


def latent(model: CatalogModel) -> bool:
    """Whether keys and values of all heads are kept together, compressed (multi-head latent attention)."""
    return model.latent_attention or (model.kv_heads == 1 and model.head_dim > WIDEST_HEAD)


def _is_amd(accelerator: Accelerator) -> bool:
    named = f"{accelerator.vendor} {accelerator.id} {accelerator.interconnect}".lower()
    return "amd" in named or "infinity fabric" in named


def _expert_chance(model: CatalogModel, sparsity: float) -> float:
    """Share of a mixture's experts that one token uses: as published, or by what it leaves out."""
    if model.experts and model.experts_per_token:
        return min(model.experts_per_token / model.experts, 1.0)
    return 1 / (1 + sparsity)


def _sparsity(counts: Transformer) -> float:
    """Experts that a token leaves out, for each that it uses; 0 where there is no mixture."""
    idle = counts.parameters - counts.active_parameters
    used = max(counts.active_parameters - counts.shared_parameters, LEAST_USED * counts.parameters)
    return idle / used if idle > 0 else 1e-9


def _wide_bytes(precision: ServingPrecision) -> float:
    return 4.0 if precision == "fp32" else 2.0
