"""How much memory one accelerator needs at the peak: training state by state, serving by weights and cache.

A GB is 1e9 bytes. What is counted is what a trainer's allocator holds at the peak of a step; a card's nominal
size read in 1e9 bytes stands for what it offers, since its few percent more (cards are sold in GiB) pay for
the driver's context. Published GiB are multiplied by 1.0737 before they are compared.

Sources: state sizes, Rajbhandari 2020 (ZeRO); activations, Korthikanti 2022, counted again here for grouped
heads, gated MLPs, flash attention and frozen weights; 4-bit sizes, Dettmers 2023 (QLoRA). `Constants` says
which figures are fitted, by benchmarks/fidelity/fit_memory.py.
"""

from dataclasses import dataclass
from functools import lru_cache

from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import LORA_TARGETS, JobConfig
from vapor_core.physics.plan import Plan
from vapor_core.physics.transformer import lora_parameters

GB = 1e9
BAND = 1.25  # the middle 80 % of published peaks lie within the law times or divided by this


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants of the law; "fit" is benchmarks/fidelity/fit_memory.py."""

    nf4_bytes: float = 0.53  # a weight in nf4 with its scales: 4.127 bit double-quantised, 4.5 without
    logit_bytes: float = 16.0  # bf16, fp32, log-softmax and their gradients in an eager trainer; fit
    fused_logit_bytes: float = (
        4.0  # 16-bit logits and their gradients, by a fused cross-entropy (llm-foundry)
    )
    loss_chunks: float = 8.0  # fine-tuning that checkpoints takes its loss in pieces (torchtune: 8)
    quantised_activations: float = 1.7  # kept over nf4 weights against LoRA's, where none are recomputed; fit
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
    available_gb: float
    trainable_parameters: int

    @property
    def total_gb(self) -> float:
        """Sum of the parts."""
        return (
            self.weights_gb + self.gradients_gb + self.optimizer_gb + self.activations_gb + self.overhead_gb
        )

    @property
    def fits(self) -> bool:
        """Whether the peak is within the card."""
        return self.total_gb <= self.available_gb

    @property
    def low_gb(self) -> float:
        """Lower end of the 80 % band."""
        return self.total_gb / BAND

    @property
    def high_gb(self) -> float:
        """Upper end of the 80 % band."""
        return self.total_gb * BAND


def _frozen(config: JobConfig) -> bool:
    return config.method in ("lora", "qlora")


def _weight_bytes(model: CatalogModel, config: JobConfig, law: Constants) -> float:
    wide = 4.0 if config.precision == "fp32" else 2.0
    if config.method != "qlora":
        return model.parameters * wide
    return model.non_embedding_parameters * law.nf4_bytes + model.embedding_parameters * wide


def _state_bytes(config: JobConfig) -> tuple[float, float]:
    """Bytes of gradient and of optimizer (with master weights) for one trainable parameter.

    Pretraining in 16 bit keeps fp32 masters and moments (16 bytes in all), and so does fp16, whose range needs
    them. Fine-tuning all weights in bf16 keeps everything in bf16 (8 bytes), as torchtune and litgpt do.
    Adapters are fp32.
    """
    if config.precision == "fp32" or _frozen(config):
        gradient, master, moment = 4.0, 0.0, 4.0
    elif config.method == "pretrain" or config.precision == "fp16":
        gradient, master, moment = 2.0, 4.0, 4.0
    else:
        gradient, master, moment = 2.0, 0.0, 2.0
    if config.optimizer == "adamw_8bit":
        moment = 1.016  # one byte and a scale for each block of 256
    return gradient, master + (0.0 if config.optimizer == "sgd" else 2.0 * moment)


def layer_values(model: CatalogModel, targets: tuple[str, ...] | None, *, fused: bool = False) -> float:
    """Numbers that one token keeps in one layer for its backward pass, by flash attention.

    `targets`: the adapted matrices, or None where all are trained. Two norms keep fp32 copies of their inputs
    (4 hidden; 2 where `fused` kernels keep them in 16 bit), attention keeps q, k, v and its output, an
    activation function its input. A matrix keeps its input only where it is trained or adapted.
    """
    hidden, ffn = model.hidden_size, model.intermediate_size
    query, key = model.attention_heads * model.head_dim, model.kv_heads * model.head_dim
    gated = model.mlp_matrices == 3
    trained = LORA_TARGETS if targets is None else targets
    kept = (2.0 if fused else 4.0) * hidden + 2.0 * query + 2.0 * key + (3.0 if gated else 1.0) * ffn
    kept += hidden * any(name in trained for name in ("q_proj", "k_proj", "v_proj"))
    kept += hidden * any(name in trained for name in ("gate_proj", "up_proj"))
    return kept + ffn * ("down_proj" in trained)


def _activation_bytes(
    model: CatalogModel, config: JobConfig, targets: tuple[str, ...] | None, wider: float, law: Constants
) -> tuple[float, float]:
    """Bytes at the end of the forward pass, and those of one layer alone.

    Pretraining runs fused kernels: by that count all but one of llm-foundry's 120 runs fit their cards, as they
    did, and by an eager trainer's a third. Fine-tuning is eager, and takes its loss in pieces where it checkpoints.
    """
    tokens = config.micro_batch_size * config.sequence_length
    width = 4.0 if config.precision == "fp32" else 2.0
    fused = config.method == "pretrain"
    layer = tokens * layer_values(model, targets, fused=fused) * width * wider
    logits = (
        tokens * (law.fused_logit_bytes * width / 2 if fused else law.logit_bytes) * model.vocabulary_size
    )
    if config.gradient_checkpointing:
        logits /= 1.0 if fused else law.loss_chunks
        inputs = tokens * model.layers * model.hidden_size * width
        return inputs + max(layer, logits), layer
    return model.layers * layer + logits, layer


def _quantised_activations(
    model: CatalogModel, config: JobConfig, saved: float, law: Constants
) -> tuple[float, float]:
    """As `_activation_bytes` over nf4 weights: wider, but never by more than the weights save.

    A run that checkpoints keeps no more than LoRA does, since a layer's wide copies go with it. Published QLoRA
    runs reach LoRA's peak where activations dominate (phi-2 at 4 x 512 tokens on an A10G: 14.3 against 14.0 GB)
    and do not pass it by more.
    """
    plain, layer = _activation_bytes(model, config, config.lora_targets, 1.0, law)
    if config.gradient_checkpointing:
        return plain, layer
    wide, wide_layer = _activation_bytes(model, config, config.lora_targets, law.quantised_activations, law)
    return min(wide, plain + 0.9 * saved), min(wide_layer, layer + 0.9 * saved)


def training_memory_by(plan: Plan, law: Constants) -> TrainingMemory:
    """`training_memory` under other constants."""
    model, config, cards = plan.model, plan.config, plan.config.accelerator_count
    frozen = _frozen(config)
    adapters = lora_parameters(model, config.lora_rank, config.lora_targets) if frozen else 0
    trainable = adapters if frozen else model.parameters
    gradient, optimizer = _state_bytes(config)
    stage = ("none", "zero1", "zero2", "zero3").index(config.sharding)
    wide = 4.0 if config.precision == "fp32" else 2.0
    weights = _weight_bytes(model, config, law)
    if config.method == "qlora":
        forward, last = _quantised_activations(model, config, wide * model.parameters - weights, law)
    else:
        forward, last = _activation_bytes(model, config, config.lora_targets if frozen else None, 1.0, law)
    weights += 4.0 * adapters
    # this layer and the next in full, and the head
    gathered = 2.0 * weights / model.layers + wide * model.vocabulary_size * model.hidden_size
    held = min(weights, weights / cards + gathered) if stage == 3 else weights
    gradients = trainable * gradient / (cards if stage >= 2 else 1)
    if config.gradient_accumulation_steps == 1 and (cards == 1 or stage >= 2):
        forward = max(forward - gradients, last)  # gradients come as activations go
    states = trainable * optimizer / (cards if stage >= 1 else 1)
    parts = (held, gradients, states, forward)
    return TrainingMemory(
        weights_gb=held / GB,
        gradients_gb=gradients / GB,
        optimizer_gb=states / GB,
        activations_gb=forward / GB,
        overhead_gb=law.overhead_gb + law.overhead_share * sum(parts) / GB,
        available_gb=plan.accelerator.memory_gb,
        trainable_parameters=trainable,
    )


@lru_cache(maxsize=1024)
def training_memory(plan: Plan) -> TrainingMemory:
    """Peak memory of one accelerator.

    Without packing the longest batch sets the peak, so it is `sequence_length` that counts. Where a step has
    one micro-batch, gradients fill as activations are freed: the larger of the two counts, and what
    activations hold beyond the gradients is theirs.
    """
    return training_memory_by(plan, DEFAULT)
