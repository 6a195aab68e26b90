"""The fields of whose trainer is meant, and of what it does that changes memory: few controls, behind an expander."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from vapor_core.contracts.presets import PRESETS, Attention, CrossEntropy, MasterWeights, Trainer
from vapor_core.contracts.training import Offloaded, Quantization
from vapor_ui.form.fields import Choice, Several, Switch, WholeNumber

if TYPE_CHECKING:
    from vapor_core.contracts.presets import Preset
    from vapor_core.contracts.training import JobConfig

MASTERS = {"fp32": "in fp32", "none": "none, as computed"}
LOSSES = {"full": "all tokens at once", "chunked": "in chunks", "fused": "fused kernel"}
ATTENTIONS = {"eager": "eager", "sdpa": "SDPA", "flash": "FlashAttention"}
BASES = {"none": "16 bit", "nf4": "nf4", "int8": "int8", "gptq": "GPTQ", "awq": "AWQ"}


def _adapts(config: JobConfig) -> bool:
    return config.adapts


def _spreads(config: JobConfig) -> bool:
    return config.accelerator_count > 1


def _bases(config: JobConfig) -> list[object]:
    """Of a method's frozen weights: QLoRA's are quantised in some way."""
    names: list[object] = list(get_args(Quantization))
    return names[1:] if config.method == "qlora" else names


def _means(preset: Preset) -> str:
    """What a preset sets, in a line."""
    kernels = "fused kernels" if preset.fused_kernels else "no fused kernels"
    weights = "fp32 masters" if preset.master_weights == "fp32" else "pure 16 bit"
    return (
        f"- **{preset.title}**: full fine-tunes in {weights}, loss {LOSSES[preset.cross_entropy]}, "
        f"{ATTENTIONS[preset.attention]}, {kernels}"
    )


TRAINER = Choice(
    name="trainer",
    label="Trainer",
    help="Whose defaults hold; each can be changed under *Memory and kernels*.\n\n"
    + "\n".join(_means(preset) for preset in PRESETS.values()),
    options=lambda _: get_args(Trainer),
    words=lambda name: PRESETS[name].title,
)
MASTER_WEIGHTS = Choice(
    name="master_weights",
    label="Master weights",
    help="What is trained, kept in fp32 beside its 16-bit copy. Over a quantised base also norms and embeddings",
    options=lambda _: get_args(MasterWeights),
    words=MASTERS.__getitem__,
)
CROSS_ENTROPY = Choice(
    name="cross_entropy",
    label="Loss computed",
    help="At once it keeps about 14 bytes for each token and word of the vocabulary; in chunks about 2",
    options=lambda _: get_args(CrossEntropy),
    words=LOSSES.__getitem__,
)
ATTENTION = Choice(
    name="attention",
    label="Attention",
    help="Eager keeps a score for every pair of tokens; the others keep none",
    options=lambda _: get_args(Attention),
    words=ATTENTIONS.__getitem__,
)
BASE = Choice(
    name="base_quantization",
    label="Frozen weights",
    help="In how many bits, and how they were packed",
    options=_bases,
    words=BASES.__getitem__,
    where=_adapts,
)
OFFLOAD = Several(
    name="offload",
    label="Offload to the machine's memory",
    help="Less memory on each card, more time",
    options=lambda _: get_args(Offloaded),
)
FUSED = Switch(name="fused_kernels", label="Fused kernels", help="Liger's or the trainer's own")
COMPILE = Switch(name="compile", label="Compile", help="torch.compile")
DORA = Switch(name="dora", label="DoRA", help="Adapters with a magnitude for each output", where=_adapts)
EMBEDDINGS = Switch(
    name="train_embeddings",
    label="Train embeddings",
    help="Embedding and head are trained whole beside the adapters",
    where=_adapts,
)
TENSOR, PIPELINE, CONTEXT, EXPERT = (
    WholeNumber(name=f"{name}_parallel", label=f"{name.capitalize()} parallel", help=means, where=_spreads)
    for name, means in (
        ("tensor", "Accelerators that share every matrix"),
        ("pipeline", "Accelerators that hold the layers one after another"),
        ("context", "Accelerators that share one sequence"),
        ("expert", "Accelerators that share a mixture's experts"),
    )
)
CHOICES = (MASTER_WEIGHTS, CROSS_ENTROPY, ATTENTION, BASE, TENSOR, PIPELINE, CONTEXT, EXPERT)
SWITCHES = (FUSED, COMPILE, DORA, EMBEDDINGS)
