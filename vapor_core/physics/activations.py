"""What a run keeps of its data: each layer's values for its backward pass, attention scores, the loss, in bytes.

Sources: Korthikanti 2022, counted again here for grouped heads, gated MLPs and frozen weights; what transformers 4 and
5, PEFT and bitsandbytes keep, by their modules. `Constants` of `physics.memory` says which figures are fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vapor_core.contracts.entries import GATED, PLAIN
from vapor_core.contracts.presets import PRESETS
from vapor_core.contracts.training import LORA_TARGETS, JobConfig
from vapor_core.physics.states import UPCAST, compute_width, shards, stage, trained_width

if TYPE_CHECKING:
    from vapor_core.physics.memory import Constants
    from vapor_core.physics.transformer import Transformer

PAIRED = ("dpo", "orpo")  # a chosen and a rejected answer go through together
IN_PLACE = (
    "llm_foundry",
    "megatron",
    "nemo",
    "unsloth",
)  # whose fused loss writes gradients over the 16-bit logits
# Of the bytes of a logit, where neither autocast nor the model's own code makes it fp32: four 16-bit copies instead of
# 14 bytes. Of transformers' models those after GPT-2 (plain MLPs) do not, those after Llama do.
NOT_UPCAST = 8.0 / 14.0
OWN_BACKWARD = ("unsloth",)  # trainers with a backward pass of their own, which writes over what it has read
OWN_BACKWARD_LAYER = 0.5  # of a layer's values, that is at most held; Unsloth's runs of 100,000 tokens
SCORE_BYTES = 6.0  # of eager attention's softmax: in fp32, and as it is multiplied with the values
SCORE_WORK_BYTES = 10.0  # while one layer's are computed: scores, mask and softmax


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes on one card.

    Attributes:
        kept: at the end of the forward pass, without the loss.
        loss: logits with what their loss and its gradient need.
        more: of one layer in its backward pass, beyond what is kept of it.
        layer: of one layer in its backward pass, all of it.
    """

    kept: float
    loss: float
    more: float
    layer: float


def layer_values(counts: Transformer, targets: tuple[str, ...] | None, *, fused: bool = False) -> float:
    """Numbers that one token keeps in one layer for its backward pass, by flash attention.

    `targets`: the adapted matrices, or None where all are trained. Two norms keep fp32 copies of their inputs
    (4 hidden; 2 where `fused` kernels keep them in 16 bit), attention keeps q, k, v and its output, an
    activation function its input, and a gated MLP's product both factors (one of them computed again where
    fused). A matrix keeps its input only where it is trained or adapted.
    """
    hidden, ffn = counts.hidden, counts.intermediate
    gated = counts.mlp_matrices == GATED
    trained = LORA_TARGETS if targets is None else targets
    scaled = 2.0 * hidden if targets is None and not fused else 0.0  # norms' results, for their own weights
    kept = scaled + (2.0 if fused else 4.0) * hidden + 2.0 * (counts.query_width + counts.key_width)
    kept += ((2.0 if fused else 3.0) if gated else 1.0) * ffn
    kept += hidden * ("q_proj" in trained or "k_proj" in trained or "v_proj" in trained)
    kept += hidden * ("up_proj" in trained or (gated and "gate_proj" in trained))
    return kept + ffn * ("down_proj" in trained)


def adapter_values(counts: Transformer, targets: tuple[str, ...]) -> float:
    """Numbers of all adapted matrices' inputs in one layer, each of which its adapter keeps a copy of."""
    each = [matrix.inputs * matrix.count for matrix in counts.matrices if matrix.name in targets]
    return sum(each) / counts.layers


def tokens_at_once(config: JobConfig, longest: float) -> float:
    """Tokens of a card's micro-batch, padding included; `longest`: of a sequence of the data."""
    paired = 2.0 if config.method in PAIRED else 1.0
    return paired * config.micro_batch_size * min(config.sequence_length, longest) / config.context_parallel


def activations(config: JobConfig, counts: Transformer, longest: float, law: Constants) -> Activations:
    """Bytes of a micro-batch on one card; with tensor parallelism the sequence is shared between its layers too."""
    tokens = tokens_at_once(config, longest) / config.tensor_parallel
    wide = compute_width(config)
    residual = wide * (2.0 if _upcast(config) and wide < 4.0 else 1.0)
    fused = config.fused_kernels or config.compile
    values = layer_values(counts, config.lora_targets if config.adapts else None, fused=fused)
    layer = tokens * values * wide
    if config.base_quantization != "none" and not config.gradient_checkpointing:
        layer *= law.quantised_activations
    if config.adapts:
        casts = PRESETS[config.trainer].adapter_weights == "fp32" and config.trainer not in OWN_BACKWARD
        copies = law.adapter_copy_bytes if casts else 0.0
        layer += tokens * DORA_COPIES[config.dora] * copies * adapter_values(counts, config.lora_targets)
    share = OWN_BACKWARD_LAYER if config.trainer in OWN_BACKWARD else law.backward_layer
    scores = _scores(config, counts, longest)
    flying = min(config.pipeline_parallel, config.gradient_accumulation_steps) / config.pipeline_parallel
    if config.gradient_checkpointing:
        whole = counts.layers * flying
        if _offloads(config):
            whole = min(whole, OFFLOADED_LAYERS)
        kept = tokens * whole * counts.hidden * residual
        more = share * layer + scores * SCORE_WORK_BYTES
    else:
        kept = counts.layers * flying * (layer + scores * SCORE_BYTES)
        if _offloads(config):
            kept *= OFFLOADED_LAYERS / max(counts.layers, OFFLOADED_LAYERS)
        more = max(share - 1.0, 0.0) * layer + scores * (SCORE_WORK_BYTES - SCORE_BYTES)
    logit = _logit_bytes(config, law)
    if not config.adapts and trained_width(config) == 2.0 and counts.mlp_matrices == PLAIN:
        logit *= NOT_UPCAST
    return Activations(
        kept, tokens * logit * counts.vocabulary, more, share * layer + scores * SCORE_WORK_BYTES
    )


DORA_COPIES = (1.0, 2.0)  # LoRA's, and DoRA's, which keeps each matrix's result for its magnitude too
OFFLOADED_LAYERS = 2.0  # whose activations are on the card while others travel


def _offloads(config: JobConfig) -> bool:
    return "activations" in config.offload


def _upcast(config: JobConfig) -> bool:
    """Whether the residual stream is fp32, since embedding and norms were made so for a quantised base."""
    upcast = config.base_quantization in UPCAST and config.master_weights == "fp32"
    return upcast and not (stage(config) == 3 and shards(config) > 1)  # FSDP keeps a unit in one precision


def _scores(config: JobConfig, counts: Transformer, longest: float) -> float:
    """Scores of one layer: a number for each head and pair of tokens; none outside eager attention."""
    if config.attention != "eager" or not counts.attention_layers:
        return 0.0
    length = min(config.sequence_length, longest) / config.context_parallel
    heads = counts.heads / config.tensor_parallel
    return tokens_at_once(config, longest) * length * heads * counts.attention_layers / counts.layers


def _logit_bytes(config: JobConfig, law: Constants) -> float:
    """Bytes for one logit at the peak of the loss."""
    wide = compute_width(config) / 2.0
    if config.cross_entropy == "fused":
        return law.in_place_logit_bytes * wide if config.trainer in IN_PLACE else law.fused_logit_bytes
    if config.cross_entropy == "chunked":
        return law.chunked_logit_bytes
    return law.logit_bytes
