"""What a launch script cannot do of what was rehearsed for memory's sake: trainers, quantised bases, offload."""

from collections.abc import Iterator

from vapor_core.contracts.presets import PRESETS, TRLS
from vapor_core.contracts.training import PARALLEL, PREFERENCE_METHODS, JobConfig

_IN_BITS = ("none", "nf4")  # what the script quantises to by itself


def notes_on_memory(config: JobConfig) -> Iterator[str]:
    """A sentence for each of them that the configuration has."""
    if config.trainer not in TRLS:
        yield f"rehearsed was {PRESETS[config.trainer].title}; the script trains with TRL, set as near as it can be."
    if config.method in PREFERENCE_METHODS:
        name = config.method.upper()
        yield f"{name} needs TRL's {name}Trainer and its data; the script trains on answers."
    if config.optimizer == "muon":
        yield "muon is run as AdamW: the trainer has no argument for it."
    yield from _on_weights(config)
    yield from _on_loss(config)
    if config.offload:
        yield f"{', '.join(config.offload)} stay on the card: an accelerate or DeepSpeed file offloads them."
    if config.sharding == "hybrid":
        yield "hybrid sharding is run as full sharding over all accelerators."
    for name in (*PARALLEL, "expert_parallel"):
        if getattr(config, name) > 1:
            yield f"{name} = {getattr(config, name)} is left out: the trainer has no argument for it."


def _on_weights(config: JobConfig) -> Iterator[str]:
    """Precisions that the script keeps otherwise."""
    quantised, none = config.base_quantization != "none", config.master_weights == "none"
    if config.base_quantization not in _IN_BITS:
        yield f"the base is quantised to nf4: name an upload in {config.base_quantization} to have that instead."
    if none and config.adapts and not quantised:
        yield "adapters are kept in fp32, as PEFT does."
    if not none and quantised:
        yield "norms and embeddings stay in 16 bits: peft's prepare_model_for_kbit_training would make them fp32."
    if none and config.method == "pretrain" and config.precision != "fp32":
        yield "weights are kept in fp32 and computed with in 16 bits."


def _on_loss(config: JobConfig) -> Iterator[str]:
    """Where Liger's kernels and the loss cannot be chosen apart."""
    if config.cross_entropy == "fused" and not config.fused_kernels:
        yield "the loss is not fused: use_liger_kernel=True would fuse it."
    if config.cross_entropy == "full" and config.fused_kernels:
        yield "use_liger_kernel fuses the loss too, which takes less memory than rehearsed."
