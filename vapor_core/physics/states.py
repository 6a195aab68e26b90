"""What a run keeps whatever its data: weights, gradients and the optimizer's states, in bytes a card.

Sources: states of mixed precision, Rajbhandari 2020 (ZeRO); nf4, Dettmers 2023 (QLoRA) and bitsandbytes; GPTQ and AWQ
as AutoGPTQ packs them; 8- and 4-bit moments, Dettmers 2022 and torchao; Adafactor, Shazeer 2018; GaLore, Zhao 2024;
splits by tensor, pipeline and expert parallelism, Shoeybi 2019, Narayanan 2021 and Lepikhin 2020.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from vapor_core import catalog
from vapor_core.contracts.presets import PRESETS, TRLS
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.transformer import Transformer

# Bytes of a quantised weight with its scales.
QUANTISED_BYTES = {
    "nf4": 0.5 + 4.0 / 64 / 2,  # an fp32 scale for 64 weights, or a twice quantised one: about the middle
    "int8": 1.0 + 0.03,  # a scale a row, and the rows' outliers in 16 bits
    "gptq": 0.5 + 2.5 / 128,  # a 16-bit scale and a 4-bit zero for 128 weights
    "awq": 0.5 + 2.5 / 128,
}
# Bytes of a moment: one or half, and an fp32 scale for each block of 256 (bitsandbytes) or 128 (torchao).
SMALL_MOMENTS = {"adamw_8bit": 1.016, "paged_adamw_8bit": 1.016, "adamw_4bit": 0.5 + 4.0 / 128}
GALORE_RANK = 128  # GaLore's own for models of 1B; moments live in so many of a matrix's rows
# Trainers whose AdamW is PyTorch's own over lists of tensors, which makes one more copy of them for a moment.
BY_LISTS = (*TRLS, "axolotl", "llama_factory")
# Trainers whose sharded weights are the masters themselves, each unit cast to 16 bits as it is gathered (FSDP).
SHARDS_MASTERS = ("llm_foundry",)
LOADS_WHOLE = ("litgpt",)  # trainers that put the whole model on each card before they shard it
BUCKET = 1e9  # bytes: DeepSpeed's reduce_bucket_size of 5e8 elements in 16 bits


@dataclass(frozen=True, slots=True)
class States:
    """Bytes on one card.

    Attributes:
        weights: in which it computes, frozen and trained.
        gathered: what sharded weights take while they are whole: layers at work, embedding and head.
        gradients: of what is trained.
        optimizer: moments, and fp32 masters where they are kept.
        buffers: that data parallelism adds to send gradients.
        step: copies that the optimizer makes while it steps.
        load: while weights are sharded, before the first step.
    """

    weights: float
    gathered: float
    gradients: float
    optimizer: float
    buffers: float
    step: float
    load: float


def compute_width(config: JobConfig) -> float:
    """Bytes of a weight or an activation that is not quantised."""
    return 4.0 if config.precision == "fp32" else 2.0


def trained_width(config: JobConfig) -> float:
    """Bytes in which what is trained is updated: those of masters, where there are some."""
    if config.precision == "fp32" or config.master_weights == "fp32":
        return 4.0
    quantised = config.base_quantization != "none"
    return 4.0 if quantised and PRESETS[config.trainer].adapter_weights == "fp32" else 2.0


def moment_bytes(config: JobConfig, counts: Transformer) -> float:
    """Bytes of all moments for one trained parameter, on the mean over a model's matrices."""
    if config.optimizer in SMALL_MOMENTS:
        return 2.0 * SMALL_MOMENTS[config.optimizer]
    tables = counts.embedding_parameters / counts.parameters
    low_rank = min(GALORE_RANK / counts.hidden, 1.0)
    moments = {
        "sgd": 0.0,
        "lion": 1.0,
        "muon": 1.0 + tables,  # one of matrices; embedding and head by AdamW
        "adafactor": 2.0 / sqrt(counts.parameters / counts.layers),  # a row and a column of a matrix
        "galore_adamw": 2.0 * (tables + (1.0 - tables) * low_rank),  # embedding and head are left whole
    }
    return trained_width(config) * moments.get(config.optimizer, 2.0)


@lru_cache(maxsize=1024)
def _node(accelerator: object) -> int:
    return catalog.accelerator(accelerator).cards_per_node  # type: ignore[arg-type]


def shards(config: JobConfig) -> int:
    """Cards among which ZeRO or FSDP divide what they divide."""
    cards = max(config.accelerator_count // (config.tensor_parallel * config.pipeline_parallel), 1)
    if config.sharding == "none":
        return 1
    return (
        min(cards, max(_node(config.accelerator) // config.tensor_parallel, 1)) if _hybrid(config) else cards
    )


def _hybrid(config: JobConfig) -> bool:
    return config.sharding == "hybrid"


def stage(config: JobConfig) -> int:
    """ZeRO's stage: what is sharded besides the optimizer's states."""
    return {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3, "hybrid": 3}[config.sharding]


def held_parameters(config: JobConfig, counts: Transformer) -> tuple[float, float]:
    """Parameters of the layers and of the tables on a card, after tensor, pipeline and expert parallelism.

    The first or last stage of a pipeline counts, which holds one of the two tables with its share of the layers.
    """
    tensor, stages, experts = config.tensor_parallel, config.pipeline_parallel, config.expert_parallel
    tables = float(counts.embedding_parameters)
    shared = max(counts.shared_parameters - tables, 0.0)
    layers = float(counts.parameters - tables)
    if experts > 1 and counts.active_parameters < counts.parameters:
        layers = min(shared, layers) + max(layers - shared, 0.0) / experts
    table = min(tables, float(counts.head_parameters)) if stages > 1 else tables
    return layers / (tensor * stages), table / tensor


def weight_bytes(config: JobConfig, layers: float, tables: float) -> tuple[float, float]:
    """Bytes of the layers' weights and of the tables', as they are computed with."""
    wide = compute_width(config)
    if config.base_quantization == "none":
        return layers * wide, tables * wide
    upcast = 4.0 if config.master_weights == "fp32" and config.base_quantization in UPCAST else wide
    return layers * QUANTISED_BYTES[config.base_quantization], tables * upcast


REFERENCED = ("dpo", "kto")  # trained against a frozen copy of the model, where all weights are trained
UPCAST = ("nf4", "int8")  # whose remaining weights peft's prepare_model_for_kbit_training makes fp32


def states(config: JobConfig, counts: Transformer, trainable: float, gathered_layers: float) -> States:
    """All states of one card; `trainable`: parameters that are trained in the whole model."""
    layers, tables = held_parameters(config, counts)
    kept, table_bytes = weight_bytes(config, layers, tables)
    split = config.tensor_parallel * config.pipeline_parallel
    mine = trainable / split if config.adapts else layers + tables
    wide, parts, level = trained_width(config), shards(config), stage(config)
    adapters = wide * mine if config.adapts else 0.0
    if config.method in REFERENCED and not config.adapts:
        kept, table_bytes = 2.0 * kept, 2.0 * table_bytes
    held = kept + table_bytes + adapters
    gathered = 0.0
    load = held * (1.0 + 1.0 / parts) if level == 3 and config.trainer in LOADS_WHOLE else 0.0
    if (level == 3 and parts > 1) or "parameters" in config.offload:
        whole = gathered_layers * config.pipeline_parallel * kept / counts.layers + table_bytes
        gathered = min(whole, (1.0 - 1.0 / parts) * held if "parameters" not in config.offload else held)
        held /= parts
    masters = 4.0 if wide == 4.0 and not config.adapts and config.precision != "fp32" else 0.0
    if masters and gathered and config.trainer in SHARDS_MASTERS:
        held = 0.0
    gradients = wide * mine / (parts if level >= 2 else 1)
    moments = (masters + moment_bytes(config, counts)) * mine / (parts if level >= 1 else 1)
    buffers = 0.0
    if config.replicas * config.context_parallel > 1:
        buffers = wide * mine if level == 0 else min(BUCKET, wide * mine)
        buffers = buffers if level < 3 else 0.0
    lists = config.optimizer == "adamw" and config.trainer in BY_LISTS and not config.adapts
    step = (wide - (2.0 if masters else 0.0)) * mine / (parts if level >= 1 else 1) if lists else 0.0
    if config.offload and ("optimizer" in config.offload or "parameters" in config.offload):
        moments, step = 0.0, 0.0
        gradients = min(gradients, BUCKET) if level >= 2 else gradients
    return States(
        weights=0.0 if "parameters" in config.offload else held,
        gathered=gathered,
        gradients=gradients,
        optimizer=moments,
        buffers=buffers,
        step=step,
        load=load,
    )
