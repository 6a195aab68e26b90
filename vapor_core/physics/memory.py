"""How much memory one accelerator needs at the peak of training.

A GB is 1e9 bytes. `total_gb` is what the allocator hands out at the peak; `reserved_gb` what it takes for that, gaps
included, as nvidia-smi shows it but for the driver's context: a card's nominal size read in 1e9 bytes stands for what
it offers, since its few percent more (cards are sold in GiB) pay for the context. A step has three moments that may be
its peak: the end of the forward pass with the loss, the end of the backward pass with all gradients, and the
optimizer's step with its copies.

`physics.states` counts what stays, `physics.activations` what the data brings. Published GiB are multiplied by 1.0737
before they are compared. `Constants` says which figures are fitted, by benchmarks/fidelity/fit_memory.py.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Literal

from vapor_core.contracts.training import JobConfig
from vapor_core.physics.activations import activations
from vapor_core.physics.plan import Plan, once_a_step, trainable_parameters
from vapor_core.physics.states import shards, stage, states
from vapor_core.physics.transformer import Transformer

GB = 1e9


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants of the law; "fit" is benchmarks/fidelity/fit_memory.py."""

    # Logits in 16 bits and fp32, shifted, log-softmax and their gradient (transformers' loss, whole); fit
    logit_bytes: float = 14.0
    fused_logit_bytes: float = 10.4  # what a fused kernel is handed and gives back (Unsloth's); fit
    in_place_logit_bytes: float = 2.1  # 16-bit logits and their gradients (llm-foundry, Megatron)
    chunked_logit_bytes: float = 2.0  # a chunk of eight, whole, with the head's inputs and gradients; fit
    adapter_copy_bytes: float = 3.0  # an adapter's cast copy of each input number (PEFT); fit
    quantised_activations: float = 1.75  # over a quantised base, where none are recomputed; fit
    backward_layer: float = 1.75  # a layer's recomputed values with the gradients of some, over the values
    gathered_layers: float = 3.5  # whole at once in sharded runs: at work, prefetched, not yet freed; fit
    overhead_share: float = 0.015  # rounding between blocks, of all that is held; fit
    overhead_gb: float = 0.4  # workspaces of the matrix library
    reserved_share: float = 0.06  # gaps of the allocator, of all that is held; fit
    sharded_reserved_share: float = 0.12  # where units come and go
    # What is left of gaps on a full card: they are given back before it fails, and it has more than its nominal size
    least_reserved_share: float = 0.01


DEFAULT = Constants()
# Measured over predicted peak: between these lay the middle 80 % of rows whose source was left out of the fit; by
# benchmarks/fidelity/fit_memory.py. Last, by judgement, what was hardly measured.
Distance = Literal["near", "sharded", "unmeasured"]
RANGES: dict[Distance, tuple[float, float]] = {
    "near": (0.86, 1.15),
    "sharded": (0.83, 1.22),
    "unmeasured": (0.75, 1.40),
}
MEASURED_OPTIMIZERS = ("adamw", "adamw_8bit", "paged_adamw_8bit", "adamw_4bit", "galore_adamw", "sgd")


def distance(config: JobConfig, counts: Transformer) -> Distance:
    """How far a setting is from those whose peaks were measured."""
    split = config.replica_cards > 1 or config.expert_parallel > 1
    rare = config.attention == "eager" or config.dora or config.sharding == "hybrid"
    if split or rare or config.offload or config.optimizer not in MEASURED_OPTIMIZERS:
        return "unmeasured"
    mixture = counts.active_parameters < counts.parameters
    return "sharded" if mixture or (stage(config) == 3 and shards(config) > 1) else "near"


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Peak memory of one accelerator in training, GB, by what holds it."""

    weights_gb: float
    gradients_gb: float
    optimizer_gb: float  # with fp32 master weights where the trainer keeps them
    activations_gb: float  # logits and their gradients included
    overhead_gb: float  # buffers of data parallelism and the optimizer's copies included
    total_gb: float
    reserved_gb: float  # as nvidia-smi shows it
    available_gb: float
    trainable_parameters: int
    buffers_gb: float = 0.0  # part of `overhead_gb` that data parallelism adds
    spread: tuple[float, float] = (1.0, 1.0)  # factors to the ends of the 80 % range

    @property
    def fits(self) -> bool:
        """Whether what is reserved at the peak is within the card."""
        return self.reserved_gb <= self.available_gb

    def scaled(self, factor: float) -> "TrainingMemory":
        """The same with every part times a factor, as a person's own runs had it."""
        parts = ("weights_gb", "gradients_gb", "optimizer_gb", "activations_gb", "overhead_gb")
        whole = ("total_gb", "reserved_gb", "buffers_gb")
        return replace(self, **{part: factor * getattr(self, part) for part in (*parts, *whole)})

    @property
    def low_gb(self) -> float:
        """Lower end of the 80 % range of `total_gb`."""
        return self.total_gb * self.spread[0]

    @property
    def high_gb(self) -> float:
        """Upper end of the 80 % range of `total_gb`."""
        return self.total_gb * self.spread[1]

    @property
    def reserved_low_gb(self) -> float:
        """Lower end of the 80 % range of `reserved_gb`."""
        return self.reserved_gb * self.spread[0]

    @property
    def reserved_high_gb(self) -> float:
        """Upper end of the 80 % range of `reserved_gb`."""
        return self.reserved_gb * self.spread[1]


def training_memory_of(
    config: JobConfig,
    counts: Transformer,
    available_gb: float,
    law: Constants = DEFAULT,
    *,
    longest: float = inf,
    held_gb: float = 0.0,
) -> TrainingMemory:
    """`training_memory` of a configuration without a plan, for whoever tries many changes of one.

    `counts`: of `config.model`; `available_gb`: of one card of `config.accelerator`; `longest`: tokens of the data's
    longest sequence; `held_gb`: what the process holds before it trains, where that counts.
    """
    trainable = trainable_parameters(config, counts)
    kept = states(config, counts, trainable, law.gathered_layers)
    of_data = activations(config, counts, longest, law)
    rest = kept.weights + kept.gathered + kept.optimizer + kept.buffers
    # gradients of a step's only micro-batch come as its activations go
    once = config.gradient_accumulation_steps == 1 and config.pipeline_parallel == 1
    forward = of_data.kept + max(of_data.loss, of_data.more) + (0.0 if once else kept.gradients)
    data = max(forward, of_data.layer + kept.gradients)
    peak = max(rest + data, rest + kept.gradients + kept.step - kept.gathered, kept.load)
    brought = peak - rest - kept.gradients  # by the data, or by what the optimizer or the loading copies
    overhead = law.overhead_gb * GB + law.overhead_share * peak
    from_data = brought if peak == rest + data else 0.0
    overhead += held_gb * GB
    total = (peak + overhead) / GB
    return TrainingMemory(
        weights_gb=(kept.weights + kept.gathered) / GB,
        gradients_gb=kept.gradients / GB,
        optimizer_gb=kept.optimizer / GB,
        activations_gb=from_data / GB,
        overhead_gb=(overhead + kept.buffers + brought - from_data) / GB,
        total_gb=total,
        reserved_gb=_reserved(total, available_gb, law, sharded=kept.gathered > 0.0),
        available_gb=available_gb,
        trainable_parameters=trainable,
        buffers_gb=kept.buffers / GB,
        spread=RANGES[distance(config, counts)],
    )


def _reserved(total: float, available: float, law: Constants, *, sharded: bool) -> float:
    """GB that the allocator takes: all its gaps on a card with room, what it cannot do without on a full one."""
    gaps = law.sharded_reserved_share if sharded else law.reserved_share
    return min(total * (1.0 + gaps), max(available, total * (1.0 + law.least_reserved_share)))


@once_a_step
def training_memory(plan: Plan) -> TrainingMemory:
    """Peak memory of one accelerator: that of the longest batch which the data can make."""
    return training_memory_of(
        plan.config,
        plan.transformer,
        plan.accelerator.memory_gb,
        longest=plan.longest_tokens,
        held_gb=plan.accelerator.held_gb,
    )
