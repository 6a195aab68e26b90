"""What the training program does otherwise than was rehearsed, in sentences for whoever runs it elsewhere."""

from collections.abc import Iterator

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.presets import PRESETS, TRLS
from vapor_core.contracts.training import LORA_HEAD, PARALLEL, PREFERENCE_METHODS, JobConfig
from vapor_core.exports.launch_spec import BY_BITS, shards
from vapor_core.program.limits import METHODS, OPTIMIZERS, QUANTISED
from vapor_core.program.names import STANDARD_LIBRARY

SEEDS = 2**32  # numpy takes no larger one
# Data sets that come as a script, which datasets 5 does not run.
SCRIPTED = {
    "karpathy/tiny_shakespeare",
    "togethercomputer/RedPajama-Data-1T",
    "togethercomputer/RedPajama-Data-1T-Sample",
}


def notes(config: JobConfig) -> Iterator[str]:
    """What a person who runs the script should know, a sentence each."""
    yield "2 % of the rows are held out for evaluation; the rehearsal counts the training rows alone."
    yield "an epoch ends with a smaller step where the batch does not divide the rows; the rehearsal's are all full."
    if config.method in METHODS and config.method not in ("pretrain", *PREFERENCE_METHODS):
        yield "the loss is of the answers alone, except of chats and plain texts, which are trained on whole."
    if config.hardware_faults:
        yield "hardware faults come by themselves; after one, start the script again: it goes on from a checkpoint."
    yield from _on_names(catalog.model(config.model), catalog.dataset(config.dataset), config)
    yield from _on_arithmetic(config)
    yield from _on_the_trainer(config)
    yield from _on_weights(config)
    yield from _on_loss(config)
    yield from _on_several(config)
    if config.seed >= SEEDS:
        yield f"the seed is {config.seed % SEEDS}, the rehearsal's modulo 2**32: numpy takes no larger one."


def _on_names(model: CatalogModel, data: Dataset, config: JobConfig) -> Iterator[str]:
    if config.method == "pretrain":
        yield "the model begins from random weights, a Llama of MODEL's shape; its tokenizer is made from the data."
    elif model.id not in {entry.id for entry in catalog.models()}:
        yield "MODEL is not in the catalog: it must be an id on the Hub, or a folder with weights and tokenizer."
    if data.id not in {entry.id for entry in catalog.datasets()}:
        yield (
            'DATASET is your own: name its id on the Hub in SPEC, or its file, with "file" for its source.'
        )
    elif data.note.startswith("Not public"):
        yield "DATASET is not public: name another one."
    elif data.id in SCRIPTED:
        yield "DATASET comes as a script, which datasets 5 does not run: download its text and name the file."
    elif data.id == STANDARD_LIBRARY:
        yield "the data are the sources of the Python that runs the script: another version has other ones."


def _on_arithmetic(config: JobConfig) -> Iterator[str]:
    if config.precision == "fp8":
        yield "fp8 is run as bf16: the program does not compute in it. It is slower than the rehearsal."
    if config.precision == "fp16":
        yield "fp16 arithmetic needs a GPU."


def _on_the_trainer(config: JobConfig) -> Iterator[str]:
    if config.trainer not in TRLS:
        yield f"rehearsed was {PRESETS[config.trainer].title}; the script trains with TRL, set as near as it can be."
    if config.method not in METHODS:
        name = config.method.upper()
        yield f"{name} needs TRL's {name}Trainer and its data; the script trains on answers."
    elif config.method in PREFERENCE_METHODS:
        yield f"{config.method.upper()} needs preference data; the script says which columns are missing."
    if config.optimizer not in OPTIMIZERS:
        yield f"{config.optimizer} is run as AdamW: the program does not have it."
    if config.attention == "flash":
        yield "FlashAttention is used where the package flash-attn is installed, else PyTorch's own attention."
    if config.fused_kernels:
        yield "fused kernels are used on a GPU alone, with the package liger-kernel."
    if config.compile:
        yield "torch.compile is used on a GPU alone."


def _on_weights(config: JobConfig) -> Iterator[str]:
    """Precisions that the script keeps otherwise, and what it does not adapt or offload."""
    quantised, none = config.base_quantization != "none", config.master_weights == "none"
    if config.base_quantization not in ("none", *QUANTISED):
        yield f"the base is quantised to nf4: name an upload in {config.base_quantization} to have that instead."
    if none and config.adapts and not quantised:
        yield "adapters are kept in fp32, as PEFT does."
    if not none and quantised:
        yield "norms and embeddings stay in 16 bits: peft's prepare_model_for_kbit_training would make them fp32."
    if LORA_HEAD in config.lora_targets and config.adapts:
        yield "lm_head is not adapted: TRL's trainer takes no adapter there."
    if config.offload:
        yield f"{', '.join(config.offload)} stay on the card: an accelerate or DeepSpeed file offloads them."


def _on_loss(config: JobConfig) -> Iterator[str]:
    """Where Liger's kernels and the loss cannot be chosen apart, and where TRL's own way is another."""
    if config.cross_entropy == "fused" and not config.fused_kernels:
        yield "the loss is not fused: use_liger_kernel=True would fuse it."
    if config.cross_entropy == "full" and config.fused_kernels:
        yield "use_liger_kernel fuses the loss too, which takes less memory than rehearsed."
    elif config.cross_entropy == "full" and config.method not in ("dpo", "kto"):
        yield "TRL computes the loss in chunks, which takes less memory than rehearsed."


def _on_several(config: JobConfig) -> Iterator[str]:
    """What several accelerators do otherwise."""
    if config.accelerator_count > 1:
        yield (
            f"it wants {config.accelerator_count} processes, as torchrun starts them, and refuses another number: "
            "change accelerator_count in SPEC with it."
        )
    if config.sharding == "zero1" and shards(config):
        yield "ZeRO-1 is run as ZeRO-2 (FSDP shards the gradients too): the same loss, less memory."
    if config.sharding == "hybrid":
        yield "hybrid sharding is run as full sharding over all accelerators."
    if config.sharding != "none" and not shards(config):
        yield f"{config.sharding} shards nothing on one accelerator."
    if shards(config):
        yield "a sharded run that is started again begins anew: its checkpoints are in parts."
        if config.optimizer in BY_BITS or config.base_quantization != "none":
            yield "bitsandbytes together with FSDP has not been tried with this script."
    for name in (*PARALLEL, "expert_parallel"):
        if getattr(config, name) > 1:
            yield f"{name} = {getattr(config, name)} is left out: the program spreads the batch alone."
