"""Where a fine-tune starts and ends, and how fast it gets there.

First and learnt loss are the data set's (`texts`); the method, how much is trained and how much is seen move the end
by a few per cent (Zhang et al. 2024 for the form: LoRA's rank hardly matters). In between the loss falls as a logistic
in the logarithm of steps times learning rate: adapters start from nothing, so that the first steps change little, and
then the template is learnt within a few more. What is learnt by heart on the way is `memorisation`'s, what preference
losses do `preferences`'. Constants are fitted by benchmarks/fidelity/finetuning/fit.py to published logs where no
other source is named.
"""

from dataclasses import dataclass, replace
from math import exp, log, log2

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.training import PREFERENCE_METHODS, Calibration, JobConfig
from vapor_core.physics.loss import preferences
from vapor_core.physics.loss.memorisation import Memory, memory
from vapor_core.physics.loss.stability import FAR_ABOVE, SGD, caution, probability
from vapor_core.physics.loss.texts import Level, level
from vapor_core.physics.plan import Plan, is_frozen

Floats = NDArray[np.float64]

FEWEST_TOKENS, MOST_TOKENS = 100.0, 2e7  # between which it counts
REPEATS = 3.0  # passes of new text that repeats are worth at most: Deita, whose second pass gains 4 % on held-out text
RANK = 0.02  # relative gain of each doubling of the rank
RANK_AT, RANK_DOUBLINGS = 16, 4.0  # where that factor is 1, and how far it is carried either way
ATTENTION_ALONE = 1.03  # factor where the MLP's matrices are not adapted
QUANTIZED = 0.035  # nats that 4-bit weights cost
LEAST_FALL = 0.97  # of the first loss that is left at the end at most: every fine-tune learns the format
HIGH_RATE_FULL, HIGH_RATE_LORA = 0.03, 0.022  # relative cost per squared log distance above the best rate
# The same for each rate that is not annealed away, above CALM: full fine-tunes of Qwen2.5-3B on Alpaca at constant
# rates of 1e-6 to 1e-5 (DeepSpeed's blog on Muon: 1.188, 1.184, 1.200, 1.240)
NOT_ANNEALED, CALM = 0.0184, 2e-6
# Best rate of full fine-tuning: BEST_RATE (BEST_RATE_SIZE / N)^BEST_RATE_POWER; LoRA's is LORA_RATE times as high
# (Thinking Machines 2025, "LoRA Without Regret").
BEST_RATE, BEST_RATE_SIZE, BEST_RATE_POWER = 2e-5, 7e9, 0.3
LORA_RATE = 10.0
# Times AdamW's, the best rate of other optimizers: Muon on Qwen2.5-3B at 5e-3 where AdamW has 2e-5 (DeepSpeed's blog),
# Lion a fifth (Chen et al. 2023, arXiv 2302.06675: 3 to 10 times less)
RATE_OF_OPTIMIZER = {"sgd": SGD, "muon": 250.0, "lion": 0.2}
# Stable rate over the best one; LoRA's falls with the root of alpha / (2 rank), from where alpha is usually 2 rank.
STABLE, LEAST_STABLE = 30.0, 4.0
LEAST_ALPHA = 1e-3  # keeps that root finite
STEEP = 6.0  # logit of the divergence's probability per unit of log rate; the pretraining grid's is 9.1
# Steps at the best rate after which half of the fall is done, and at others (best / rate)^FALL_RATE times as many,
# which is at least FASTEST and at most SLOWEST; and how sharply it falls
HALF_LORA, HALF_FULL, FALL_RATE, SHARPNESS = 4.2, 10.0, 0.8, 3.0
FASTEST, SLOWEST = 0.2, 1e6


@dataclass(frozen=True, slots=True)
class FineTuning:
    """A fine-tune's constants: losses in nats per token, the fall in steps at the peak learning rate."""

    initial: float
    final: float  # on held-out text, at the end, overfitting left out
    half_steps: float
    slow: float  # exponent of the fall with steps once the template is learnt
    memory: Memory
    level: Level  # of the data set
    optimal_learning_rate: float
    stable_learning_rate: float
    divergence_probability: float


def fine_tuning(plan: Plan, end_rate: float) -> FineTuning:
    """The constants of a plan that tunes a model; `end_rate` is the last learning rate over its peak."""
    config = plan.config
    best, stable = _rates(plan)
    known = level(plan.model, plan.dataset)
    quantized = QUANTIZED if config.base_quantization != "none" else 0.0
    initial, final = known.first, _final(plan, known, best, end_rate)
    half = half_steps(plan, best)
    if config.method in PREFERENCE_METHODS:
        initial, final, faster = preferences.preferred(config.method, plan.dataset, initial, final)
        half, quantized = half * faster, 0.0
    return FineTuning(
        initial=initial + quantized,
        final=final + quantized,
        half_steps=half,
        slow=known.slow,
        memory=memory(plan, best),
        level=known,
        optimal_learning_rate=best,
        stable_learning_rate=stable,
        divergence_probability=probability(STEEP * log(config.learning_rate / stable)),
    )


def measured(tuning: FineTuning, own: Calibration) -> FineTuning:
    """The constants moved to what a person's own runs have measured."""
    pace = tuning.memory.pace * (own.loss_memory or 1.0)
    return replace(
        tuning,
        initial=tuning.initial * (own.loss_first or 1.0),
        final=tuning.final * (own.loss_learnt or 1.0),
        half_steps=tuning.half_steps * (own.loss_pace or 1.0),
        memory=replace(tuning.memory, pace=pace),
    )


def half_steps(plan: Plan, best: float) -> float:
    """Steps at the peak learning rate after which half of what the template costs is gone."""
    half = HALF_LORA if is_frozen(plan.config) else HALF_FULL
    return float(half * min(max(best / plan.config.learning_rate, FASTEST), SLOWEST) ** FALL_RATE)


def _final(plan: Plan, known: Level, best: float, end_rate: float) -> float:
    config = plan.config
    above = min(max(log(config.learning_rate / best), 0.0), FAR_ABOVE)
    costly = HIGH_RATE_LORA if is_frozen(config) else HIGH_RATE_FULL
    cost = 1 + costly * above**2
    if not is_frozen(config):
        held = min(max(log(max(config.learning_rate * end_rate, CALM) / CALM), 0.0), FAR_ABOVE)
        cost += NOT_ANNEALED * held**2
    seen = min(max(_seen(plan), FEWEST_TOKENS), MOST_TOKENS)
    final = known.learnt * _adaptation(config) * (seen / known.learnt_tokens) ** -known.slow
    return float(min(final, LEAST_FALL * known.first) * cost)


def _seen(plan: Plan) -> float:
    """Tokens of new text that a run's passes are worth."""
    repeats = max(plan.epochs - 1, 0.0)
    return min(plan.total_tokens, plan.data_tokens) * (1 + REPEATS * (1 - exp(-repeats / REPEATS)))


def _adaptation(config: JobConfig) -> float:
    """LoRA's factor on the final loss; 1 at rank 16 on all matrices, and for full fine-tuning."""
    if not is_frozen(config):
        return 1.0
    doublings = min(max(log2(config.lora_rank / RANK_AT), -RANK_DOUBLINGS), RANK_DOUBLINGS)
    alone = {"gate_proj", "up_proj", "down_proj"}.isdisjoint(config.lora_targets)
    return (1 - RANK * doublings) * (ATTENTION_ALONE if alone else 1.0)


def _rates(plan: Plan) -> tuple[float, float]:
    """Best and just-stable learning rate."""
    config = plan.config
    best: float = BEST_RATE * (BEST_RATE_SIZE / plan.model.parameters) ** BEST_RATE_POWER
    margin = STABLE
    if is_frozen(config):
        best *= LORA_RATE
        margin *= float((2 * config.lora_rank / max(config.lora_alpha, LEAST_ALPHA)) ** 0.5)
    best *= RATE_OF_OPTIMIZER.get(config.optimizer, 1.0)
    return best, best * max(margin, LEAST_STABLE) * caution(plan)


def fall(tuning: FineTuning, area: Floats, steps: Floats, total_steps: int) -> Floats:
    """Loss on fresh text at steps before which rates (over the peak) sum to `area`: the template, then a slow power."""
    slow = np.minimum(
        tuning.final * ((steps + 1) / total_steps) ** -tuning.slow, max(tuning.initial, tuning.final)
    )
    left = 1 / (1 + (area / tuning.half_steps) ** SHARPNESS)
    return np.asarray(slow + (tuning.initial - slow) * left)
