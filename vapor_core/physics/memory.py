"""How much memory one accelerator needs at the peak: training state by state, and serving by weights and cache.

A GB is 1e9 bytes. What is counted is what a trainer's allocator holds at the peak of a step; a card's nominal
size read in 1e9 bytes stands for what it offers, since its few percent more (cards are sold in GiB) pay for the
driver's context. Published GiB are multiplied by 1.0737 before they are compared.

Sources: state sizes, Rajbhandari 2020 (ZeRO); activations, Korthikanti 2022, counted again here for grouped
heads, gated MLPs, flash attention and frozen weights; 4-bit sizes, Dettmers 2023 (QLoRA). The few fitted
constants come from benchmarks/fidelity/fit_memory.py.
"""

from dataclasses import dataclass
from functools import lru_cache

from vapor_core.contracts import Accelerator, CatalogModel, JobConfig, ServingPrecision
from vapor_core.physics.plan import Plan

GB = 1e9
NF4_BYTES = 0.53  # a weight in nf4 with its scales: 4.127 bit with double quantisation, 4.5 without
LOGIT_BYTES = 12.0  # a logit: bf16, its fp32 copy, the gradient in fp32 and bf16
OVERHEAD_SHARE = 0.03  # of what else is held: fragments between blocks
OVERHEAD_GB = 0.4  # workspaces of the matrix library
BAND = 1.25  # the middle 80 % of published peaks lie within the law times or divided by this


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


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """Memory of one accelerator that serves, and the room left for keys and values."""

    weights_gb: float  # per accelerator
    overhead_gb: float
    available_gb: float
    kv_bytes_per_token: float  # per accelerator
    kv_capacity_tokens: int  # of the tensor-parallel group

    @property
    def fits(self) -> bool:
        """Whether weights fit and leave room for at least one sequence of some length."""
        return self.kv_capacity_tokens > 0


def matrix_sizes(model: CatalogModel) -> dict[str, tuple[int, int]]:
    """(input width, output width) of each matrix of one layer, by LoRA target name."""
    hidden, ffn = model.hidden_size, model.intermediate_size
    query, key = model.attention_heads * model.head_dim, model.kv_heads * model.head_dim
    sizes = {
        "q_proj": (hidden, query),
        "k_proj": (hidden, key),
        "v_proj": (hidden, key),
        "o_proj": (query, hidden),
        "gate_proj": (hidden, ffn),
        "up_proj": (hidden, ffn),
        "down_proj": (ffn, hidden),
    }
    if model.mlp_matrices == 2:
        del sizes["gate_proj"]
    return sizes


def lora_parameters(model: CatalogModel, rank: int, targets: tuple[str, ...]) -> int:
    """Parameters of the adapters: rank x (inputs + outputs) of every target matrix, all layers."""
    total = 0
    for name, (inputs, outputs) in matrix_sizes(model).items():
        if name in targets:
            layers = model.kv_layers if name in ("q_proj", "k_proj", "v_proj", "o_proj") else model.layers
            total += layers * rank * (inputs + outputs)
    return total


def _frozen(config: JobConfig) -> bool:
    return config.method in ("lora", "qlora")


def _weight_bytes(model: CatalogModel, config: JobConfig) -> float:
    wide = 4.0 if config.precision == "fp32" else 2.0
    if config.method != "qlora":
        return model.parameters * wide
    return model.non_embedding_parameters * NF4_BYTES + model.embedding_parameters * wide


def _state_bytes(config: JobConfig) -> tuple[float, float]:
    """Bytes of gradient and of optimizer (with master weights) for one trainable parameter."""
    moments = {"adamw": 2.0, "adamw_8bit": 0.0, "sgd": 0.0}[config.optimizer]
    eight_bit = 2.03 if config.optimizer == "adamw_8bit" else 0.0
    if config.precision == "fp32" or _frozen(config):
        return 4.0, 4.0 * moments + eight_bit
    if config.method == "pretrain" or config.precision != "bf16":
        return 2.0, 4.0 + 4.0 * moments + eight_bit
    return 2.0, 2.0 * moments + eight_bit


def _layer_values(model: CatalogModel, config: JobConfig) -> float:
    """Numbers that one token keeps in one layer until its backward pass."""
    hidden, ffn = model.hidden_size, model.intermediate_size
    query, key = model.attention_heads * model.head_dim, model.kv_heads * model.head_dim
    return 4.0 * hidden + 2.0 * query + 2.0 * key + model.mlp_matrices * ffn


def _activation_bytes(model: CatalogModel, config: JobConfig) -> float:
    tokens = config.micro_batch_size * config.sequence_length
    width = 4.0 if config.precision == "fp32" else 2.0
    layer = _layer_values(model, config) * width
    logits = LOGIT_BYTES * model.vocabulary_size
    if config.gradient_checkpointing:
        return tokens * (model.layers * model.hidden_size * width + max(layer, logits))
    return tokens * (model.layers * layer + logits)


@lru_cache(maxsize=1024)
def training_memory(plan: Plan) -> TrainingMemory:
    """Peak memory of one accelerator; without packing, the longest batch sets it, so sequence_length counts."""
    model, config = plan.model, plan.config
    cards = config.accelerator_count
    adapters = lora_parameters(model, config.lora_rank, config.lora_targets) if _frozen(config) else 0
    trainable = adapters if _frozen(config) else model.parameters
    gradient, optimizer = _state_bytes(config)
    stage = {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3}[config.sharding]
    weights = _weight_bytes(model, config) + 4.0 * adapters
    if stage == 3:
        block = weights / model.layers
        weights = min(weights, weights / cards + 2.0 * block)
    held = (
        weights,
        trainable * gradient / (cards if stage >= 2 else 1),
        trainable * optimizer / (cards if stage >= 1 else 1),
        _activation_bytes(model, config),
    )
    return TrainingMemory(
        weights_gb=held[0] / GB,
        gradients_gb=held[1] / GB,
        optimizer_gb=held[2] / GB,
        activations_gb=held[3] / GB,
        overhead_gb=OVERHEAD_GB + OVERHEAD_SHARE * sum(held) / GB,
        available_gb=plan.accelerator.memory_gb,
        trainable_parameters=trainable,
    )


SERVING_BYTES: dict[ServingPrecision, float] = {
    "fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5625, "fp4": 0.5625,
}  # fmt: skip
SERVING_SHARE = 0.9  # of a card that a serving engine takes (vLLM's gpu_memory_utilization)
SERVING_OVERHEAD_GB = 1.0  # activations of a chunk of prefill, CUDA graphs


def serving_memory(
    model: CatalogModel, accelerator: Accelerator, tensor_parallel: int, precision: ServingPrecision
) -> ServingMemory:
    """Weights per accelerator and the tokens whose keys and values fit beside them.

    Embeddings and head stay 16-bit below 16 bit. The cache is 16-bit (32-bit for fp32) and split over the group
    as far as there are kv heads.
    """
    narrow = SERVING_BYTES[precision]
    wide = max(narrow, 2.0)
    total = model.non_embedding_parameters * narrow + model.embedding_parameters * wide
    weights = total / tensor_parallel / GB
    per_token = model.kv_values_per_token * wide / min(tensor_parallel, model.kv_heads)
    room = accelerator.memory_gb * SERVING_SHARE - weights - SERVING_OVERHEAD_GB
    return ServingMemory(
        weights_gb=weights,
        overhead_gb=SERVING_OVERHEAD_GB,
        available_gb=accelerator.memory_gb,
        kv_bytes_per_token=per_token,
        kv_capacity_tokens=int(max(room, 0.0) * GB / per_token) if per_token else 10**12,
    )
