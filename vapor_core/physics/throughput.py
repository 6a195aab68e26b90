"""How long a training step takes on given accelerators, and why: arithmetic, memory traffic, communication.

A roofline with few constants; benchmarks/fidelity/fit_throughput.py fits them openly.
"""

from dataclasses import dataclass
from functools import lru_cache

from vapor_core.contracts import CatalogModel
from vapor_core.physics.memory import lora_parameters
from vapor_core.physics.plan import Plan

LINEAR_EFFICIENCY = 0.75
ATTENTION_EFFICIENCY = 0.4
BANDWIDTH_EFFICIENCY = 0.77
ELEMENT_BYTES = 300.0  # per token, layer and hidden unit: forward and backward traffic besides matrices
LAYER_OVERHEAD_S = 0.6e-3  # per layer and micro-step: launches
EXPOSED = 0.15  # share of communication that compute does not hide
BAND = 1.3
NODE_GB_S = 50.0  # between machines, per card


@dataclass(frozen=True, slots=True)
class Throughput:
    """Time of one optimizer step and what follows from it. Tokens are real ones, padding left out."""

    step_time_s: float
    tokens_per_second: float  # all accelerators
    tokens_per_second_low: float
    tokens_per_second_high: float
    mfu: float
    compute_s: float
    memory_s: float
    communication_s: float
    overhead_s: float
    jitter: float  # relative standard deviation of one step's time
    utilization: float  # share of a step that the card computes


def matrix_parameters(model: CatalogModel) -> float:
    """Parameters that multiply every token: all but a lookup-only embedding table."""
    active = model.active_parameters or model.parameters
    lookup = 0 if model.tied_embeddings else model.vocabulary_size * model.hidden_size
    return float(active - lookup)


def flops_per_token(model: CatalogModel, sequence_length: int, checkpointing: bool = False) -> float:
    """FLOPs to train on one token: 6 a parameter and 12 x layers x width x length for attention.

    The published convention (PaLM, llm-foundry): all parameters count and attention is not halved for being
    causal. Checkpointing computes the forward pass twice.
    """
    active = model.active_parameters or model.parameters
    attention = 12.0 * model.kv_layers * model.attention_heads * model.head_dim * sequence_length
    return (6.0 * active + attention) * (4.0 / 3.0 if checkpointing else 1.0)


@lru_cache(maxsize=1024)
def training_throughput(plan: Plan) -> Throughput:
    """Step time and tokens per second of a plan."""
    model, config, card = plan.model, plan.config, plan.accelerator
    cards, micro = config.accelerator_count, config.gradient_accumulation_steps
    padded = config.sequence_length if config.packing else plan.tokens_per_sequence
    tokens = config.micro_batch_size * padded
    frozen = config.method in ("lora", "qlora")
    passes = (4.0 if frozen else 6.0) + (2.0 if config.gradient_checkpointing else 0.0)
    linear = passes * matrix_parameters(model) * tokens
    attention = 2.0 * passes * model.kv_layers * model.attention_heads * model.head_dim * padded * tokens / 2
    peak = card.peak_tflops(config.precision) * 1e12
    compute = linear / (peak * LINEAR_EFFICIENCY) + attention / (peak * ATTENTION_EFFICIENCY)
    bandwidth = card.bandwidth_gb_s * 1e9 * BANDWIDTH_EFFICIENCY
    memory = tokens * model.layers * model.hidden_size * ELEMENT_BYTES / bandwidth
    trainable = lora_parameters(model, config.lora_rank, config.lora_targets) if frozen else model.parameters
    update = 24.0 * trainable / bandwidth
    traffic = 0.0
    if cards > 1:
        link = (card.interconnect_gb_s if cards <= card.cards_per_node else NODE_GB_S) * 1e9
        volume = 4.0 * trainable / micro
        if config.sharding == "zero3":
            volume = 2.0 * trainable + 4.0 * model.parameters
        traffic = EXPOSED * volume / link
    overhead = model.layers * LAYER_OVERHEAD_S
    parts = (micro * compute, micro * memory + update, micro * traffic, micro * overhead)
    step = sum(parts)
    rate = plan.tokens_per_step / step
    useful = plan.tokens_per_step * flops_per_token(model, int(padded))
    return Throughput(
        step_time_s=step,
        tokens_per_second=rate,
        tokens_per_second_low=rate / BAND,
        tokens_per_second_high=rate * BAND,
        mfu=useful / (step * cards * card.peak_tflops("bf16") * 1e12),
        compute_s=parts[0],
        memory_s=parts[1],
        communication_s=parts[2],
        overhead_s=parts[3],
        jitter=0.01,
        utilization=(parts[0] + parts[1]) / step,
    )
