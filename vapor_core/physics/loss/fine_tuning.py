"""Where fine-tuning starts and ends, how fast it gets there, and what it memorises on the way.

The end follows the base model's quality by the compute-optimal law, the kind of data, the method and how much is
trained (Zhang et al. 2024 for the form: model size matters most, LoRA rank hardly). FLOOR, QUALITY and VOCABULARY are
fitted to litgpt's Alpaca-2k table by benchmarks/fidelity/fit_finetune.py. Where no other source is named, a constant is
set by hand to the rows of benchmarks/fidelity/finetune.py, which are that table, PEFT's MetaMathQA comparison and a log
of Alpaca over three passes, or (memorisation by LoRA) to published trainer logs of Llama-class models over 10 to 30
passes.
"""

from dataclasses import dataclass
from math import log, log2

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.loss.laws import BESIROGLU, corpus_law, law_loss
from vapor_core.physics.loss.stability import FAR_ABOVE, SGD, caution, probability
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]

# Loss on instructions after half a million tokens: FLOOR + QUALITY x (base model's law above its E).
FLOOR, QUALITY = 0.56, 1.05
VOCABULARY = 0.118  # exponent: a larger vocabulary has fewer, harder tokens
VOCABULARY_SIZE, VOCABULARIES = 32_000, (1000, 131_072)  # tokens at which its factor is 1, and where it ends
KNOWS_INSTRUCTIONS = 0.88  # factor where the base was already tuned to instructions
# Factor of a kind's final loss on that of instructions, and of its first loss on its final one.
KIND = {"instruction": 1.0, "chat": 1.6, "math": 0.66, "code": 0.75, "classification": 0.5, "own": 1.1}
START = {"instruction": 1.45, "chat": 1.3, "math": 2.0, "code": 1.5, "classification": 3.0, "own": 1.4}
LEAST_FALL = 0.97  # of the first loss that is left at the end at most: every fine-tune learns the format
DATA = 0.05  # exponent: more data, lower loss
DATA_TOKENS, FEWEST_TOKENS = 5e5, 100.0  # tokens at which that factor is 1, and below which it grows no more
RANK = 0.02  # relative gain of each doubling of the rank
RANK_AT, RANK_DOUBLINGS = 16, 4.0  # where that factor is 1, and how far it is carried either way
MLP_TARGETS = 0.96  # factor where the MLP's matrices are adapted too
QUANTIZED = 0.035  # nats that 4-bit weights cost
HIGH_RATE_FULL, HIGH_RATE_LORA = 0.05, 0.022  # relative cost per squared log distance above the best rate
# Best rate of full fine-tuning: BEST_RATE (BEST_RATE_SIZE / N)^BEST_RATE_POWER; LoRA's is LORA_RATE times as high
# (Thinking Machines 2025, "LoRA Without Regret").
BEST_RATE, BEST_RATE_SIZE, BEST_RATE_POWER = 2e-5, 7e9, 0.3
LORA_RATE = 10.0
# Stable rate over the best one; LoRA's falls with the root of alpha / (2 rank), from where alpha is usually 2 rank.
STABLE, LEAST_STABLE = 30.0, 4.0
LEAST_ALPHA = 1e-3  # keeps that root finite
STEEP = 6.0  # logit of the divergence's probability per unit of log rate; the pretraining grid's is 9.1
# Steps at the peak rate after which 1/e of the fall is left: (FALL + FALL_BATCH / sequences a step) at the best rate,
# and at others its (best / rate)^FALL_RATE, which is at least FASTEST and at most SLOWEST.
FALL, FALL_BATCH, FALL_RATE = 10.0, 250.0, 0.8
FASTEST, SLOWEST = 0.2, 1e6
# Memorisation: train loss x exp(-m e^MEMORISATION_POWER) after e passes, to no less than exp(-BY_HEART) of it.
# m = MEMORISATION_FULL (rate / best)^(1/2) (trained / tokens / SHARE_FULL)^(1/4), and with LoRA
# MEMORISATION_LORA (rate alpha / rank / REACH)^(1/2) (trained / tokens / SHARE_LORA)^(1/4).
MEMORISATION_POWER = 1.4
MEMORISATION_FULL, MEMORISATION_LORA = 0.34, 0.037
SHARE_FULL, SHARE_LORA = 1000.0, 64.0  # trained parameters per token of data
REACH = 5e-5  # rate x alpha / rank
MOST_MEMORISED, BY_HEART = 3.0, 9.0  # of a pass, and of all
RAMPED_STEPS = 20.0  # a run of fewer steps has no time to memorise at its peak rate
LORA_DELAY = 0.5  # passes: LoRA learns bit by bit, so that half of a pass has not been repeated at its end
# The eval loss rises by MEMORISATION_EVAL (x - MEMORISATION_FREE)^EVAL_POWER once that exponent x, counted from the
# second pass on, exceeds MEMORISATION_FREE.
MEMORISATION_EVAL, MEMORISATION_FREE, EVAL_POWER = 0.12, 0.1, 1.3
# Pretraining of a model that does not say: what was usual in 2024, and at least the compute-optimal 20 a parameter
# (Hoffmann 2022).
UNKNOWN_TOKENS, UNKNOWN_PER_PARAMETER = 1.5e12, 20.0


@dataclass(frozen=True, slots=True)
class FineTuning:
    """A fine-tune's constants: losses in nats per token, the fall in steps at the peak learning rate."""

    initial: float
    final: float  # on held-out text, at the end, overfitting left out
    fall_steps: float
    memorisation: float  # of a pass
    sharp: bool  # learnt at once when a pass ends (full) or bit by bit (LoRA)
    optimal_learning_rate: float
    stable_learning_rate: float
    divergence_probability: float


def base_quality(model: CatalogModel) -> float:
    """The base model's compute-optimal loss above the law's E, nats."""
    return law_loss(BESIROGLU, float(model.parameters), seen_tokens(model)) - BESIROGLU.e


def seen_tokens(model: CatalogModel) -> float:
    """Tokens of pretraining: as given, or those of the catalog's model of the same architecture, or a usual count."""
    twin = None if model.pretraining_tokens else catalog.twin(model)
    known = model.pretraining_tokens or (twin and twin.pretraining_tokens)
    return float(known or max(UNKNOWN_TOKENS, UNKNOWN_PER_PARAMETER * model.parameters))


def fine_tuning(plan: Plan) -> FineTuning:
    """The constants of a plan that does not pretrain."""
    config = plan.config
    best, stable = _rates(plan)
    above = max(log(config.learning_rate / best), 0.0)
    initial, final = _continued(plan) if plan.dataset.kind == "pretraining" else _instructed(plan)
    costly = HIGH_RATE_FULL if not config.adapts else HIGH_RATE_LORA
    final = min(final, LEAST_FALL * initial) * (1 + costly * min(above, FAR_ABOVE) ** 2)
    quantized = QUANTIZED if config.base_quantization != "none" else 0.0
    slower = min(max(best / config.learning_rate, FASTEST), SLOWEST) ** FALL_RATE
    return FineTuning(
        initial=initial + quantized,
        final=final + quantized,
        fall_steps=(FALL + FALL_BATCH / plan.global_batch) * slower,
        memorisation=_memorisation(plan, best),
        sharp=not config.adapts,
        optimal_learning_rate=best,
        stable_learning_rate=stable,
        divergence_probability=probability(STEEP * log(config.learning_rate / stable)),
    )


def _continued(plan: Plan) -> tuple[float, float]:
    """First and last loss on running text: the base model's own loss on that corpus."""
    known = law_loss(corpus_law(plan.dataset), float(plan.model.parameters), seen_tokens(plan.model))
    return known, known


def _instructed(plan: Plan) -> tuple[float, float]:
    """First and last loss on examples of a kind."""
    model, kind, offset = plan.model, plan.dataset.kind, plan.dataset.loss_offset or 0.0
    level = (FLOOR + QUALITY * base_quality(model)) * _vocabulary(model) * KIND[kind]
    if _knows_instructions(model):
        level *= KNOWS_INSTRUCTIONS
    seen = max(plan.total_tokens, FEWEST_TOKENS)
    return (
        level * START[kind] + offset,
        level * _adaptation(plan.config) * (seen / DATA_TOKENS) ** -DATA + offset,
    )


def _vocabulary(model: CatalogModel) -> float:
    fewest, most = VOCABULARIES
    return float((min(max(model.vocabulary_size, fewest), most) / VOCABULARY_SIZE) ** VOCABULARY)


def _knows_instructions(model: CatalogModel) -> bool:
    name = model.id.rsplit("/", 1)[-1].lower()
    return "instruct" in name or "chat" in name or name.endswith("-it")


def _adaptation(config: JobConfig) -> float:
    """LoRA's factor on the final loss; 1 at rank 16 on attention alone, and for full fine-tuning."""
    if not config.adapts:
        return 1.0
    doublings = min(max(log2(config.lora_rank / RANK_AT), -RANK_DOUBLINGS), RANK_DOUBLINGS)
    mlp = not {"gate_proj", "up_proj", "down_proj"}.isdisjoint(config.lora_targets)
    return (1 - RANK * doublings) * (MLP_TARGETS if mlp else 1.0)


def _rates(plan: Plan) -> tuple[float, float]:
    """Best and just-stable learning rate."""
    config = plan.config
    best: float = BEST_RATE * (BEST_RATE_SIZE / plan.model.parameters) ** BEST_RATE_POWER
    margin = STABLE
    if config.adapts:
        best *= LORA_RATE
        margin *= float((2 * config.lora_rank / max(config.lora_alpha, LEAST_ALPHA)) ** 0.5)
    if config.optimizer == "sgd":
        best *= SGD
    return best, best * max(margin, LEAST_STABLE) * caution(plan)


def _memorisation(plan: Plan, best: float) -> float:
    """Memorisation of a pass, grown by the rate and by trained parameters per token of data."""
    config = plan.config
    share = plan.trainable_parameters / max(plan.data_tokens, 1.0)
    rate = config.learning_rate * min(plan.total_steps / RAMPED_STEPS, 1.0)
    if not config.adapts:
        found = MEMORISATION_FULL * (rate / best) ** 0.5 * (share / SHARE_FULL) ** 0.25
    else:
        reach = rate * config.lora_alpha / config.lora_rank / REACH
        found = MEMORISATION_LORA * reach**0.5 * (share / SHARE_LORA) ** 0.25
    return float(min(found, MOST_MEMORISED))


def memorised(tuning: FineTuning, passes: Floats) -> Floats:
    """Factor on the training loss after so many passes over the data."""
    done = np.floor(passes + 1e-9) if tuning.sharp else np.maximum(passes - LORA_DELAY, 0.0)
    return np.exp(-np.minimum(tuning.memorisation * done**MEMORISATION_POWER, BY_HEART))


def overfitted(tuning: FineTuning, passes: Floats) -> Floats:
    """Relative rise of the loss on held-out text after so many passes."""
    learnt = tuning.memorisation * np.maximum(passes - 1, 0.0) ** MEMORISATION_POWER
    return np.asarray(MEMORISATION_EVAL * np.maximum(learnt - MEMORISATION_FREE, 0.0) ** EVAL_POWER)


def fall(tuning: FineTuning, area: Floats, steps: Floats, total_steps: int) -> Floats:
    """Loss on fresh text at steps whose rates (over the peak) sum to `area`: a quick fall, then a slow power."""
    slow = np.minimum(tuning.final * ((steps + 1) / total_steps) ** -DATA, tuning.initial)
    return np.asarray(slow + (tuning.initial - slow) * np.exp(-area / tuning.fall_steps))
