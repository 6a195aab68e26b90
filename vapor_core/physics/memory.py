"""How much memory one accelerator needs at the peak: training state by state, serving by weights and cache.

A GB is 1e9 bytes. What is counted is what a trainer's allocator holds at the peak of a step; a card's nominal
size read in 1e9 bytes stands for what it offers, since its few percent more (cards are sold in GiB) pay for
the driver's context. Published GiB are multiplied by 1.0737 before they are compared.

Sources: state sizes, Rajbhandari 2020 (ZeRO); activations, Korthikanti 2022, counted again here for grouped
heads, gated MLPs, flash attention and frozen weights; 4-bit sizes, Dettmers 2023 (QLoRA). `Constants` says
which figures are fitted, by benchmarks/fidelity/fit_memory.py.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from vapor_core.contracts.entries import GATED
from vapor_core.contracts.training import LORA_TARGETS, JobConfig
from vapor_core.physics.plan import Plan, is_frozen, trainable_parameters
from vapor_core.physics.transformer import Transformer

GB = 1e9
ADAPTER_BYTES = 4.0  # a weight of a LoRA adapter, which trainers keep in fp32
BAND = 1.25  # the middle 80 % of published peaks lie within the law times or divided by this


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants of the law; "fit" is benchmarks/fidelity/fit_memory.py."""

    nf4_bytes: float = 0.53  # a weight in nf4 with its scales: 4.127 bit double-quantised, 4.5 without
    logit_bytes: float = 16.0  # bf16, fp32, log-softmax and their gradients in an eager trainer; fit
    # 16-bit logits and their gradients, by a fused cross-entropy (llm-foundry)
    fused_logit_bytes: float = 4.0
    loss_chunks: float = 8.0  # fine-tuning that checkpoints takes its loss in pieces (torchtune: 8)
    quantised_activations: float = 1.7  # kept over nf4 weights against LoRA's, where none are recomputed; fit
    # Most of what nf4 saves that wider activations take; by hand to litgpt's QLoRA rows
    eaten_share: float = 0.9
    moment_8bit_bytes: float = 1.016  # an 8-bit moment: one byte, and an fp32 scale for each block of 256
    overhead_share: float = 0.02  # fragments between blocks, of all that is held; fit
    overhead_gb: float = 0.4  # workspaces of the matrix library


DEFAULT = Constants()


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Peak memory of one accelerator in training, GB, by what holds it."""

    weights_gb: float
    gradients_gb: float
    optimizer_gb: float  # with fp32 master weights where the trainer keeps them
    activations_gb: float  # logits and their gradients included
    overhead_gb: float
    total_gb: float
    available_gb: float
    trainable_parameters: int

    @property
    def fits(self) -> bool:
        """Whether the peak is within the card."""
        return self.total_gb <= self.available_gb

    @property
    def reserved_gb(self) -> float:
        """What nvidia-smi would show."""
        return self.total_gb

    @property
    def reserved_low_gb(self) -> float:
        """Lower end of its 80 % band."""
        return self.low_gb

    @property
    def reserved_high_gb(self) -> float:
        """Upper end of its 80 % band."""
        return self.high_gb

    def scaled(self, factor: float) -> "TrainingMemory":
        """The same with every part times a factor, as a person's own runs had it."""
        parts = ("weights_gb", "gradients_gb", "optimizer_gb", "activations_gb", "overhead_gb", "total_gb")
        return replace(self, **{part: factor * getattr(self, part) for part in parts})

    @property
    def low_gb(self) -> float:
        """Lower end of the 80 % band."""
        return self.total_gb / BAND

    @property
    def high_gb(self) -> float:
        """Upper end of the 80 % band."""
        return self.total_gb * BAND


def _weight_bytes(counts: Transformer, config: JobConfig, law: Constants) -> float:
    wide = _width(config)
    if config.base_quantization == "none":
        return counts.parameters * wide
    return counts.non_embedding_parameters * law.nf4_bytes + counts.embedding_parameters * wide


def _width(config: JobConfig) -> float:
    """Bytes of a weight or an activation that is not quantised."""
    return 4.0 if config.precision == "fp32" else 2.0


def _state_bytes(config: JobConfig, law: Constants) -> tuple[float, float]:
    """Bytes of gradient and of optimizer (with master weights) for one trainable parameter.

    Pretraining in 16 bit keeps fp32 masters and moments (16 bytes in all), and so does fp16, whose range needs
    them. Fine-tuning all weights in bf16 keeps everything in bf16 (8 bytes), as torchtune and litgpt do.
    Adapters are fp32.
    """
    if config.precision == "fp32" or is_frozen(config):
        gradient, master, moment = 4.0, 0.0, 4.0
    elif config.method == "pretrain" or config.precision == "fp16":
        gradient, master, moment = 2.0, 4.0, 4.0
    else:
        gradient, master, moment = 2.0, 0.0, 2.0
    if config.optimizer == "adamw_8bit":
        moment = law.moment_8bit_bytes
    return gradient, master + (0.0 if config.optimizer == "sgd" else 2.0 * moment)


def layer_values(counts: Transformer, targets: tuple[str, ...] | None, *, fused: bool = False) -> float:
    """Numbers that one token keeps in one layer for its backward pass, by flash attention.

    `targets`: the adapted matrices, or None where all are trained. Two norms keep fp32 copies of their inputs
    (4 hidden; 2 where `fused` kernels keep them in 16 bit), attention keeps q, k, v and its output, an
    activation function its input. A matrix keeps its input only where it is trained or adapted.
    """
    hidden, ffn = counts.hidden, counts.intermediate
    gated = counts.mlp_matrices == GATED
    trained = LORA_TARGETS if targets is None else targets
    kept = (2.0 if fused else 4.0) * hidden + 2.0 * (counts.query_width + counts.key_width)
    kept += (3.0 if gated else 1.0) * ffn
    kept += hidden * ("q_proj" in trained or "k_proj" in trained or "v_proj" in trained)
    kept += hidden * ("up_proj" in trained or (gated and "gate_proj" in trained))
    return kept + ffn * ("down_proj" in trained)


def _activation_bytes(
    counts: Transformer, config: JobConfig, targets: tuple[str, ...] | None, wider: float, law: Constants
) -> tuple[float, float]:
    """Bytes at the end of the forward pass, and those of one layer alone.

    Pretraining runs fused kernels: by that count all but one of llm-foundry's 120 runs fit their cards, as they
    did, and by an eager trainer's a third. Fine-tuning is eager, and takes its loss in pieces where it checkpoints.
    """
    tokens = config.micro_batch_size * config.sequence_length
    width = _width(config)
    fused = config.method == "pretrain"
    layer = tokens * layer_values(counts, targets, fused=fused) * width * wider
    logits = tokens * (law.fused_logit_bytes * width / 2 if fused else law.logit_bytes) * counts.vocabulary
    if config.gradient_checkpointing:
        logits /= 1.0 if fused else law.loss_chunks
        inputs = tokens * counts.layers * counts.hidden * width
        return inputs + max(layer, logits), layer
    return counts.layers * layer + logits, layer


def _quantised_activations(
    counts: Transformer, config: JobConfig, saved: float, law: Constants
) -> tuple[float, float]:
    """As `_activation_bytes` over nf4 weights: wider, but never by more than the weights save.

    A run that checkpoints keeps no more than LoRA does, since a layer's wide copies go with it. Published QLoRA
    runs reach LoRA's peak where activations dominate (phi-2 at 4 x 512 tokens on an A10G: 14.3 against 14.0 GB)
    and do not pass it by more.
    """
    plain, layer = _activation_bytes(counts, config, config.lora_targets, 1.0, law)
    if config.gradient_checkpointing:
        return plain, layer
    wide, wide_layer = _activation_bytes(counts, config, config.lora_targets, law.quantised_activations, law)
    most = law.eaten_share * saved
    return min(wide, plain + most), min(wide_layer, layer + most)


def training_memory_of(
    config: JobConfig, counts: Transformer, available_gb: float, law: Constants = DEFAULT
) -> TrainingMemory:
    """`training_memory` of a configuration without a plan, for whoever tries many changes of one.

    `counts`: of `config.model`; `available_gb`: of one card of `config.accelerator`.
    """
    frozen, cards = is_frozen(config), config.accelerator_count
    trainable = trainable_parameters(config, counts)
    gradient, optimizer = _state_bytes(config, law)
    stage = ("none", "zero1", "zero2", "zero3", "hybrid").index(config.sharding)
    stage = min(stage, 3)
    weights = _weight_bytes(counts, config, law)
    if config.base_quantization != "none":
        saved = _width(config) * counts.parameters - weights
        forward, last = _quantised_activations(counts, config, saved, law)
    else:
        forward, last = _activation_bytes(counts, config, config.lora_targets if frozen else None, 1.0, law)
    weights += ADAPTER_BYTES * trainable if frozen else 0.0
    # this layer and the next in full, and the head
    gathered = 2.0 * weights / counts.layers + _width(config) * counts.head_parameters
    held = min(weights, weights / cards + gathered) if stage == 3 else weights
    gradients = trainable * gradient / (cards if stage >= 2 else 1)
    if config.gradient_accumulation_steps == 1 and (cards == 1 or stage >= 2):
        forward = max(forward - gradients, last)  # gradients come as activations go
    states = trainable * optimizer / (cards if stage >= 1 else 1)
    counted = (held + gradients + states + forward) / GB
    overhead = law.overhead_gb + law.overhead_share * counted
    return TrainingMemory(
        weights_gb=held / GB,
        gradients_gb=gradients / GB,
        optimizer_gb=states / GB,
        activations_gb=forward / GB,
        overhead_gb=overhead,
        total_gb=counted + overhead,
        available_gb=available_gb,
        trainable_parameters=trainable,
    )


@lru_cache(maxsize=1024)
def training_memory(plan: Plan) -> TrainingMemory:
    """Peak memory of one accelerator.

    Without packing the longest batch sets the peak, so it is `sequence_length` that counts. Where a step has
    one micro-batch, gradients fill as activations are freed: the larger of the two counts, and what
    activations hold beyond the gradients is theirs.
    """
    return training_memory_of(plan.config, plan.transformer, plan.accelerator.memory_gb)
