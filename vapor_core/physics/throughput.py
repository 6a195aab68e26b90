"""How long a training step takes on given accelerators, and why: arithmetic, memory traffic, communication.

A micro-step of one card is matrix products, attention and element-wise traffic, with the host's launches beside them;
cards of one replica exchange activations in it, and a pipeline fills and drains around its micro-steps. A step adds the
optimizer's update and what replicas wait for each other. `rates` says where each constant comes from, `waiting` how
cards wait. How much memory a run needs is `memory`'s question.
"""

from dataclasses import dataclass, replace
from math import log2

from vapor_core.contracts.training import LORA_TARGETS
from vapor_core.physics.plan import Plan, is_frozen, once_a_step
from vapor_core.physics.rates import (
    BANDWIDTH_SHARE,
    DEFAULT,
    HUGGING_FACE,
    Constants,
    attention_rate,
    matrix_rate,
)
from vapor_core.physics.speed_range import bounds
from vapor_core.physics.waiting import between_replicas, empty_share, inside_replica, offloading, update_bytes

LEAST_BAND = 0.02  # relative half-width that a calibrated rate keeps, since no two runs are alike
# Relative standard deviation of one card's step time, and how it grows with each doubling of the cards, since the
# slowest is waited for. Set by hand; no published table has it.
JITTER, JITTER_DOUBLING = 0.01, 0.1
# Mean of the longest of n sequences over the mean of all: 1 + LONGER x spread x log2 n, close for log-normal lengths,
# whose spread (standard deviation of their logarithm) is that of the kind of text; by hand
LONGER = 0.55
LENGTH_SPREAD = {"math": 0.4, "classification": 0.4}
USUAL_SPREAD = 0.65
FROZEN_WORK = 2.0 / 3.0  # of a step's FLOPs, where frozen matrices need no gradients of their own
REFERENCE = frozenset({"dpo", "kto", "grpo"})  # methods that ask a reference model too: one more forward pass
SCORE_BYTES = (
    40.0  # traffic of one attention score that is kept: written, softmax in fp32, read again, both ways
)
# More time for the products of experts, which are small and of uneven size (fms-acceleration's Mixtral runs)
MIXTURE_WORK = 1.15
DORA_BYTES = (
    27.0  # traffic for the norm of each adapted weight in a forward pass (unsloth's and PEFT's reports)
)
CHUNKED_LOGITS = (
    0.8  # of the traffic of a logit, where the loss is taken in chunks or in one kernel: fewer copies
)


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

    def scaled(self, rate: float, error: float | None) -> "Throughput":
        """The same at so many times the rate, as a person's own runs had it.

        `error` is the relative error of that rate; the band is twice as wide, and as before where it is None.
        """
        low, high = self.tokens_per_second_low * rate, self.tokens_per_second_high * rate
        if error is not None:
            width = 1.0 + max(2.0 * error, LEAST_BAND)
            low, high = self.tokens_per_second * rate / width, self.tokens_per_second * rate * width
        return replace(
            self,
            step_time_s=self.step_time_s / rate,
            tokens_per_second=self.tokens_per_second * rate,
            tokens_per_second_low=low,
            tokens_per_second_high=high,
            mfu=self.mfu * rate,
            compute_s=self.compute_s / rate,
            memory_s=self.memory_s / rate,
            communication_s=self.communication_s / rate,
            overhead_s=self.overhead_s / rate,
        )


@dataclass(frozen=True, slots=True)
class Work:
    """What one micro-step of one card has to do, in counts."""

    length: float  # tokens of a sequence, padding included
    tokens: float
    adapters: float  # parameters
    passes: float  # FLOPs a parameter and token: a frozen matrix passes gradients on but has none of its own
    again: float  # 1 where the forward pass is computed a second time
    reference: float  # FLOPs a parameter and token of a model that is only asked
    split: float  # cards that share each layer's work, times pipeline stages


def work(plan: Plan) -> Work:
    """The counts of a plan's micro-step."""
    config, frozen = plan.config, is_frozen(plan.config)
    length = padded_length(plan)
    return Work(
        length=length,
        tokens=config.micro_batch_size * length / config.context_parallel,
        adapters=float(plan.trainable_parameters if frozen else 0),
        passes=4.0 if frozen else 6.0,
        again=1.0 if config.gradient_checkpointing else 0.0,
        reference=2.0 if config.method in REFERENCE else 0.0,
        split=float(config.tensor_parallel * config.pipeline_parallel),
    )


def arithmetic(plan: Plan, todo: Work, law: Constants = DEFAULT) -> float:
    """Seconds of a micro-step's matrix products and attention."""
    counts, config, card = plan.transformer, plan.config, plan.accelerator
    again = 2.0 * todo.again + todo.reference
    layers = (todo.passes + again) * counts.layer_parameters
    if is_mixture(plan):
        layers *= MIXTURE_WORK
    rest = (todo.passes + todo.reference) * counts.head_parameters + (6.0 + again) * todo.adapters
    fast = matrix_rate(card, config.precision, todo.tokens, law)
    # the head and adapters stay in 16 bits where layers are fp8
    wide = matrix_rate(card, "bf16" if config.precision == "fp8" else config.precision, todo.tokens, law)
    seconds = layers / fast + rest / wide + attending(plan, todo, wide, law)
    return todo.tokens * seconds / todo.split


def attending(plan: Plan, todo: Work, dense_rate: float, law: Constants = DEFAULT) -> float:
    """Seconds of attention a token.

    It is causal, so half of the square counts; flash backward computes 5 products for the forward's 2. Eager attention
    multiplies the whole square, forward 2 products and backward 4.
    """
    counts, config = plan.transformer, plan.config
    again = 2.0 * todo.again + todo.reference
    keys = attended_width(plan, todo.length)
    if config.attention == "eager":
        return (12.0 + 2.0 * again) * todo.length * counts.attention_width / dense_rate
    loss = 1.0 + law.context_loss * log2(config.context_parallel)
    return loss * (7.0 + again) * keys / attention_rate(plan.accelerator, config, law)


def attended_width(plan: Plan, length: float) -> float:
    """Twice the multiply-adds of a token with the keys it sees: windows end the square of their layers."""
    counts, window = plan.transformer, plan.model.sliding_window
    sliding = plan.model.sliding_layers if window else 0
    if not window or window >= length or not counts.attention_layers:
        return length * counts.attention_width
    windowed = (counts.attention_layers if sliding is None else sliding) / counts.attention_layers
    seen = 2.0 * window - window * window / length
    return counts.attention_width * ((1.0 - windowed) * length + windowed * seen)


def traffic(plan: Plan, todo: Work, law: Constants = DEFAULT) -> tuple[float, float]:
    """Seconds of memory traffic besides matrix products: of a micro-step, and of the optimizer's step."""
    counts, config = plan.transformer, plan.config
    bandwidth = plan.accelerator.bandwidth_gb_s * 1e9 * BANDWIDTH_SHARE
    wide = 2.0 if config.precision == "fp32" else 1.0
    kernels = law.fused_share if config.fused_kernels else law.compiled_share if config.compile else 1.0
    # a frozen matrix's inputs are not read again for its gradient
    often = todo.passes / 6.0 + (2.0 * todo.again + todo.reference) / 6.0
    often *= 1.0 - kept_in_cache(plan, todo.tokens * wide, law)
    bytes_ = wide * kernels * law.element_bytes * often * counts.layers * counts.hidden
    if todo.adapters:
        bytes_ += todo.adapters / max(config.lora_rank, 1) * law.adapter_bytes
    copies = 1.0 if config.cross_entropy == "full" else CHUNKED_LOGITS
    bytes_ += copies * law.logit_bytes * counts.vocabulary
    if config.attention == "eager":
        heads = counts.attention_width / plan.model.head_dim
        bytes_ += SCORE_BYTES * (todo.passes + 2.0 * todo.again) / 6.0 * todo.length * heads
    moved = (todo.tokens * bytes_ / bandwidth + unpacking(plan, todo, law)) / todo.split
    shards = config.accelerator_count if config.sharding != "none" else config.replica_cards
    updated = 0.0 if "optimizer" in config.offload else plan.trainable_parameters / shards
    return moved, update_bytes(config) * updated / bandwidth


def kept_in_cache(plan: Plan, tokens: float, law: Constants = DEFAULT) -> float:
    """Share of element-wise traffic that the last-level cache saves: less, the more a layer's 16-bit values are."""
    cache = law.cached_share * plan.accelerator.cache_mb * 1e6
    return cache / (cache + 2.0 * tokens * plan.transformer.hidden)


def unpacking(plan: Plan, todo: Work, law: Constants = DEFAULT) -> float:
    """Seconds in which a micro-step turns quantised weights into 16-bit ones, and weighs DoRA's."""
    counts, config = plan.transformer, plan.config
    peak = plan.accelerator.bandwidth_gb_s * 1e9
    seconds = 0.0
    if config.base_quantization != "none":  # every weight for each pass
        weights = counts.layer_parameters
        if is_mixture(plan):
            weights = float(counts.parameters - counts.embedding_parameters)
        each = law.gptq_bytes if config.base_quantization in ("gptq", "awq") else law.unpack_bytes
        seconds += (2.0 + todo.again) * weights * each / peak
    if config.dora:
        share = todo.adapters / max(counts.lora_parameters(config.lora_rank, LORA_TARGETS), 1)
        seconds += (1.0 + todo.again) * share * counts.layer_parameters * DORA_BYTES / peak
    return seconds


def launching(plan: Plan, todo: Work, law: Constants = DEFAULT) -> float:
    """Seconds in which the host launches a micro-step's kernels."""
    config = plan.config
    each = law.launch_s * plan.model.layers / config.pipeline_parallel * (1.0 + todo.again / 3.0)
    if todo.adapters:
        targets = plan.transformer.adapted_per_layer(config.lora_targets)
        return each * (1.0 + law.adapter_launch * targets)
    hooked = (
        config.sharding != "none" or config.master_weights == "fp32"
    )  # DeepSpeed, FSDP or mixed precision
    return each * (law.hook_launch if hooked and config.trainer in HUGGING_FACE else 1.0)


def parts(plan: Plan, law: Constants = DEFAULT) -> tuple[float, float, float, float]:
    """Seconds of one optimizer step: arithmetic, memory traffic, exposed communication, overhead."""
    config, todo = plan.config, work(plan)
    micro = config.gradient_accumulation_steps
    compute = arithmetic(plan, todo, law)
    moved, update = traffic(plan, todo, law)
    launched, slow = launching(plan, todo, law), slowdown(plan)
    compute, moved, update, launched = slow * compute, slow * moved, slow * update, slow * launched
    card = compute + moved
    both = beside(card, launched, law.overlap)
    exchanged = inside_replica(plan, todo.tokens, todo.again, law)
    empty = empty_share(config, plan.model.layers) * (both + exchanged)
    brought = offloading(plan, todo.tokens, todo.again, both)
    busy = micro * (both + exchanged + empty) + update + brought
    waiting = between_replicas(plan, busy, law)
    return (
        micro * compute,
        micro * moved + update,
        micro * exchanged + waiting + brought,
        micro * (both - card + empty),
    )


def slowdown(plan: Plan) -> float:
    """Times the law's time that the card's own work takes, where somebody measured that machine."""
    card = plan.accelerator
    return (card.adapter_slowdown or card.slowdown) if is_frozen(plan.config) else card.slowdown


def beside(card: float, host: float, power: float) -> float:
    """Seconds of work that runs side by side: between the longer of both and their sum."""
    longer, shorter = max(card, host), min(card, host)
    return float(longer * (1.0 + (shorter / longer) ** power) ** (1.0 / power))


def is_mixture(plan: Plan) -> bool:
    """Whether a token meets a part of the model's weights only."""
    return plan.transformer.active_parameters < plan.transformer.parameters


def padded_length(plan: Plan) -> float:
    """Tokens that a sequence takes with its padding: without packing a batch is as long as its longest."""
    config = plan.config
    if config.packing:
        return float(config.sequence_length)
    spread = LENGTH_SPREAD.get(plan.dataset.kind, USUAL_SPREAD)
    longest = plan.tokens_per_sequence * (1.0 + LONGER * spread * log2(config.micro_batch_size))
    return min(longest, float(config.sequence_length))


# The published convention counts attention twice what a causal mask needs, and windows not at all, so that long
# sequences may pass 1; so would a model whose matrices hold less than the parameters it claims.
MOST_MFU = 1.0


@once_a_step
def training_throughput(plan: Plan) -> Throughput:
    """Step time and tokens per second of a plan."""
    config, card = plan.config, plan.accelerator
    compute, memory, communication, overhead = parts(plan)
    step = compute + memory + communication + overhead
    rate = plan.tokens_per_step / step
    low, high = bounds(plan)
    needed = FROZEN_WORK if is_frozen(config) else 1.0
    useful = needed * plan.tokens_per_step * plan.transformer.flops_per_token(int(plan.tokens_per_sequence))
    return Throughput(
        step_time_s=step,
        tokens_per_second=rate,
        tokens_per_second_low=rate * low,
        tokens_per_second_high=rate * high,
        mfu=min(
            useful / (step * config.accelerator_count * card.peak_tflops(config.precision) * 1e12), MOST_MFU
        ),
        compute_s=compute,
        memory_s=memory,
        communication_s=communication,
        overhead_s=overhead,
        jitter=JITTER * (1 + JITTER_DOUBLING * log2(config.accelerator_count)),
        utilization=(compute + memory) / step,
    )
