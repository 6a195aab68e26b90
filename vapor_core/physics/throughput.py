"""How long a training step takes on given accelerators, and why: arithmetic, memory traffic, communication.

A step of one card is the sum of six times: matrix products, attention, element-wise traffic, launches,
the optimizer, and what communication sticks out behind them. `Constants` says where each constant comes from;
benchmarks/fidelity/fit_throughput.py fits those that are fitted, on A100 and H100 runs of llm-foundry, and other
cards follow from their peak, bandwidth, power and links. How much memory a run needs is `memory`'s question.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import hypot, log2, sqrt

from vapor_core.contracts.entries import Accelerator
from vapor_core.physics.plan import Plan, is_frozen


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants of the law; "fit" is benchmarks/fidelity/fit_throughput.py."""

    matrix_share: float = 0.735  # of the peak that large products reach at one watt per TFLOP/s; fit
    power_exponent: float = 0.254  # how that share grows with watts per TFLOP/s, up to `most_share`; fit
    most_share: float = 0.97  # boost clocks bring consumer cards to their nominal peak
    attention_tflops: float = 98.7  # flash attention on a card of 312 TFLOP/s; grows as sqrt of the peak; fit
    element_bytes: float = 158.0  # element-wise traffic per token, layer and hidden unit, both ways; fit
    logit_bytes: float = 31.3  # traffic per logit: softmax and its gradient in fp32; fit
    bandwidth_share: float = 0.77  # of the peak bandwidth that kernels reach (Vidur's kernels: .75-.80)
    launch_s: float = 3.2e-3  # launching one layer's kernels, forward and backward; fit
    dequantise_bytes: float = 9.0  # time to unpack one nf4 weight once, in bytes of peak bandwidth (litgpt)
    update_bytes: float = 28.0  # optimizer traffic per parameter: w, g, m, v read and w, m, v written in fp32
    exposed: float = 0.116  # share of communication that cannot hide; fit
    hop_s: float = 1.3e-6  # latency of one hop of a ring; fit
    adapter_launch: float = 0.2  # more launches for each adapted matrix: two products, dropout, scale, add
    adapter_bytes: float = 12.0  # traffic per token for each input and output of an adapted matrix
    outlasting_share: float = 0.9  # of the communication that outlasts a micro-step's work; set by hand
    knee_tokens: float = 100.0  # tokens of a micro-step at which products reach half speed (Vidur's kernels)


DEFAULT = Constants()
BAND = 1.3  # the middle 80 % of runs of other trainers and cards lie within the law times or divided by this
LEAST_BAND = 0.02  # relative half-width that a calibrated rate keeps, since no two runs are alike
NODE_GB_S = 50.0  # between machines, per card: 400 Gbit/s
MOST_HOPS = 1024  # beyond this, rings are split (hybrid sharding)
FITTED_PEAK_TFLOPS = 312.0  # of the A100, on which `attention_tflops` was fitted
# Relative standard deviation of one card's step time, and how it grows with each doubling of the cards, since the
# slowest is waited for. Set by hand; no published table has it.
JITTER, JITTER_DOUBLING = 0.01, 0.1
# Mean of the longest of n sequences over the mean of all: 1 + LONGER log2 n, which is close for log-normal lengths
# with a sigma of 0.7 (instruction data).
LONGER = 0.4
GRADIENT_BYTES = 4.0  # an all-reduce sends each 16-bit gradient twice: scattered, then gathered
GATHERED_BYTES, SCATTERED_BYTES = 4.0, 2.0  # ZeRO-3: 16-bit weights gathered twice, gradients scattered once
# Of the FLOPs of a training step, where frozen matrices need no gradients of their own
FROZEN_WORK = 2.0 / 3.0


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


def matrix_rate(card: Accelerator, precision: str, tokens: float, law: Constants = DEFAULT) -> float:
    """FLOP/s of large matrix products: the peak, less what power and small batches take."""
    wide = card.peak_tflops("bf16")
    power = (card.power_w or wide) / wide
    share = min(law.matrix_share * float(power**law.power_exponent), law.most_share)
    return card.peak_tflops(precision) * 1e12 * share * tokens / (tokens + law.knee_tokens)


@dataclass(frozen=True, slots=True)
class Work:
    """What one micro-step of one card has to do, in counts."""

    length: float  # tokens of a sequence, padding included
    tokens: float
    adapters: float  # parameters
    passes: (
        float  # FLOPs per parameter and token: a frozen matrix passes gradients on but has none of its own
    )
    again: float  # 1 where the forward pass is computed a second time


def work(plan: Plan) -> Work:
    """The counts of a plan's micro-step."""
    config, frozen = plan.config, is_frozen(plan.config)
    length = padded_length(plan)
    return Work(
        length=length,
        tokens=config.micro_batch_size * length,
        adapters=float(plan.trainable_parameters if frozen else 0),
        passes=4.0 if frozen else 6.0,
        again=1.0 if config.gradient_checkpointing else 0.0,
    )


def arithmetic(plan: Plan, todo: Work, law: Constants = DEFAULT) -> float:
    """Seconds of a micro-step's matrix products and attention.

    Attention is causal, so half of the square counts; flash backward computes 5 products for the forward's 2.
    """
    counts, config, card = plan.transformer, plan.config, plan.accelerator
    again = 2.0 * todo.again
    each = (todo.passes + again) * counts.layer_parameters + todo.passes * counts.head_parameters
    each += (6.0 + again) * todo.adapters
    attention = (7.0 + again) * todo.length * counts.attention_width
    peak = card.peak_tflops("bf16" if config.precision == "fp8" else config.precision)
    rate = min(law.attention_tflops * sqrt(peak / FITTED_PEAK_TFLOPS), peak) * 1e12
    return todo.tokens * (each / matrix_rate(card, config.precision, todo.tokens, law) + attention / rate)


def traffic(plan: Plan, todo: Work, law: Constants = DEFAULT) -> tuple[float, float]:
    """Seconds of memory traffic besides matrix products: of a micro-step, and of the optimizer's step."""
    counts, config = plan.transformer, plan.config
    peak = plan.accelerator.bandwidth_gb_s * 1e9
    bandwidth = peak * law.bandwidth_share
    wide = 2.0 if config.precision == "fp32" else 1.0
    # a frozen matrix's inputs are not read again for its gradient
    element = (
        wide * law.element_bytes * (todo.passes / 6.0 + todo.again / 3.0) * counts.layers * counts.hidden
    )
    adapted = todo.adapters / max(config.lora_rank, 1) * law.adapter_bytes
    moved = todo.tokens * (element + adapted + law.logit_bytes * counts.vocabulary) / bandwidth
    if config.base_quantization != "none":  # every weight is unpacked for each pass
        moved += (2.0 + todo.again) * counts.layer_parameters * law.dequantise_bytes / peak
    shards = config.accelerator_count if config.sharding != "none" else 1
    return moved, law.update_bytes * plan.trainable_parameters / shards / bandwidth


def parts(plan: Plan, law: Constants = DEFAULT) -> tuple[float, float, float, float]:
    """Seconds of one optimizer step: arithmetic, memory traffic, exposed communication, overhead."""
    config, todo = plan.config, work(plan)
    micro = config.gradient_accumulation_steps
    compute = arithmetic(plan, todo, law)
    moved, update = traffic(plan, todo, law)
    targets = plan.transformer.adapted_per_layer(config.lora_targets) if todo.adapters else 0.0
    launch = (
        law.launch_s * plan.model.layers * (1.0 + todo.again / 3.0) * (1.0 + law.adapter_launch * targets)
    )
    if config.sharding == "none":  # launches run ahead of the card; gathers and scatters make them wait
        launch = hypot(compute + moved, launch) - compute - moved
    waiting = exposed_communication(plan, compute + moved + launch, law)
    return micro * compute, micro * moved + update, waiting, micro * launch


def padded_length(plan: Plan) -> float:
    """Tokens that a sequence takes with its padding: without packing a batch is as long as its longest."""
    config = plan.config
    if config.packing:
        return float(config.sequence_length)
    longest = plan.tokens_per_sequence * (1.0 + LONGER * log2(config.micro_batch_size))
    return min(longest, float(config.sequence_length))


def exposed_communication(plan: Plan, busy: float, law: Constants = DEFAULT) -> float:
    """Seconds of one step in which cards wait for each other. `busy`: a micro-step's other time."""
    config, card, cards = plan.config, plan.accelerator, plan.config.accelerator_count
    if cards == 1:
        return 0.0
    inside = cards <= card.cards_per_node
    link = (card.interconnect_gb_s if inside else min(card.interconnect_gb_s, NODE_GB_S)) * 1e9
    sent, repeats, calls = GRADIENT_BYTES * plan.trainable_parameters, 1, 2.0
    if config.sharding in ("zero3", "hybrid"):  # in every micro-step
        sent = GATHERED_BYTES * plan.model.parameters + SCATTERED_BYTES * plan.trainable_parameters
        repeats, calls = config.gradient_accumulation_steps, 3.0
    time = (cards - 1) / cards * sent / link
    ring = law.hop_s * min(cards, MOST_HOPS) * plan.model.layers
    return repeats * (law.exposed * time + max(law.outlasting_share * (time - busy), 0.0) + calls * ring)


# The published convention counts attention twice what a causal mask needs, so that long sequences may pass 1. A model
# whose matrices hold less than the parameters it claims would pass any number.
MOST_MFU = 1.1


@lru_cache(maxsize=1024)
def training_throughput(plan: Plan) -> Throughput:
    """Step time and tokens per second of a plan."""
    config, card = plan.config, plan.accelerator
    compute, memory, communication, overhead = parts(plan)
    step = compute + memory + communication + overhead
    rate = plan.tokens_per_step / step
    needed = FROZEN_WORK if is_frozen(config) else 1.0
    useful = needed * plan.tokens_per_step * plan.transformer.flops_per_token(int(plan.tokens_per_sequence))
    return Throughput(
        step_time_s=step,
        tokens_per_second=rate,
        tokens_per_second_low=rate / BAND,
        tokens_per_second_high=rate * BAND,
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
