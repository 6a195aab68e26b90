"""Where fine-tuning starts and ends, how fast it gets there, and what it memorises on the way.

The end follows the base model's quality by the compute-optimal law, the kind of data, the method and how much is
trained (Zhang et al. 2024 for the form: model size matters most, LoRA rank hardly). Constants are fitted to
litgpt's Alpaca-2k table, PEFT's MetaMathQA comparison and published trainer logs by
benchmarks/fidelity/fit_finetune.py.
"""

from dataclasses import dataclass
from math import exp, log, log2

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import LORA_HEAD
from vapor_core.physics.loss.laws import BESIROGLU, corpus_law, law_loss
from vapor_core.physics.loss.stability import caution
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]

# Loss on instructions after half a million tokens: FLOOR + QUALITY x (base model's law above its E).
FLOOR, QUALITY = 0.56, 1.05
VOCABULARY = 0.118  # exponent: a larger vocabulary has fewer, harder tokens
KNOWS_INSTRUCTIONS = 0.88  # factor where the base was already tuned to instructions
# Factor of a kind's final loss on that of instructions, and of its first loss on its final one.
KIND = {"instruction": 1.0, "chat": 1.6, "math": 0.66, "code": 0.75, "classification": 0.5, "own": 1.1}
START = {"instruction": 1.45, "chat": 1.3, "math": 2.0, "code": 1.5, "classification": 3.0, "own": 1.4}
DATA = 0.05  # exponent: more data, lower loss
DATA_TOKENS = 5e5
RANK = 0.02  # relative gain of each doubling of the rank
MLP_TARGETS = 0.96  # factor where the MLP's matrices are adapted too
QUANTIZED = 0.035  # nats that 4-bit weights cost
HIGH_RATE_FULL, HIGH_RATE_LORA = 0.05, 0.022  # relative cost per squared log distance above the best rate
# Memorisation: train loss x exp(-m e^MEMORISATION_POWER) after e passes.
MEMORISATION_POWER = 1.4
MEMORISATION_FULL, MEMORISATION_LORA = 0.34, 0.037
# The eval loss rises once that exponent, after the first pass, exceeds MEMORISATION_FREE.
MEMORISATION_EVAL, MEMORISATION_FREE = 0.12, 0.1
UNKNOWN_TOKENS = 1.5e12  # pretraining of a model that does not say


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
    return float(known or max(UNKNOWN_TOKENS, 20.0 * model.parameters))


def adapter_parameters(plan: Plan) -> float:
    """Trained parameters: all, or those of the LoRA matrices."""
    model, config = plan.model, plan.config
    if config.method == "full":
        return float(model.parameters)
    hidden, ffn = model.hidden_size, model.intermediate_size
    query, key = model.attention_heads * model.head_dim, model.kv_heads * model.head_dim
    width = {
        "q_proj": hidden + query,
        "k_proj": hidden + key,
        "v_proj": hidden + key,
        "o_proj": query + hidden,
    }
    return float(
        config.lora_rank
        * model.layers
        * sum(width.get(target, hidden + ffn) for target in config.lora_targets if target != LORA_HEAD)
    )


def fine_tuning(plan: Plan) -> FineTuning:
    """The constants of a plan whose method is full, lora or qlora."""
    config, data, kind = plan.config, plan.dataset, plan.dataset.kind
    best, stable = _rates(plan)
    above = max(log(config.learning_rate / best), 0.0)
    if kind == "pretraining":
        final = initial = _continued(plan)
    else:
        scale = _vocabulary(plan.model) * KIND[kind]
        level = (FLOOR + QUALITY * base_quality(plan.model)) * scale
        level *= KNOWS_INSTRUCTIONS if _instructed(plan.model) else 1.0
        initial = level * START[kind] + (data.loss_offset or 0.0)
        seen = max(plan.total_tokens, 100.0)
        final = level * _adaptation(plan) * (seen / DATA_TOKENS) ** -DATA + (data.loss_offset or 0.0)
    costly = HIGH_RATE_FULL if config.method == "full" else HIGH_RATE_LORA
    final = min(final, 0.97 * initial) * (1 + costly * min(above, 4.0) ** 2)
    odds = 6.0 * log(config.learning_rate / stable)
    quantized = QUANTIZED if config.method == "qlora" else 0.0
    return FineTuning(
        initial=initial + quantized,
        final=final + quantized,
        fall_steps=(10 + 250 / plan.global_batch) * min(max(best / config.learning_rate, 0.2), 1e6) ** 0.8,
        memorisation=_memorisation(plan, best),
        sharp=config.method == "full",
        optimal_learning_rate=best,
        stable_learning_rate=stable,
        divergence_probability=1 / (1 + exp(-max(min(odds, 50.0), -50.0))),
    )


def _continued(plan: Plan) -> float:
    """Fine-tuning on running text: the base model's own loss on that corpus."""
    return law_loss(corpus_law(plan.dataset), float(plan.model.parameters), seen_tokens(plan.model))


def _vocabulary(model: CatalogModel) -> float:
    return float((min(max(model.vocabulary_size, 1000), 131_072) / 32_000) ** VOCABULARY)


def _instructed(model: CatalogModel) -> bool:
    name = model.id.rsplit("/", 1)[-1].lower()
    return any(word in name for word in ("instruct", "chat")) or name.endswith("-it")


def _adaptation(plan: Plan) -> float:
    """LoRA's factor on the final loss; 1 at rank 16 on attention alone, and for full fine-tuning."""
    config = plan.config
    if config.method == "full":
        return 1.0
    factor = 1 - RANK * min(max(log2(config.lora_rank / 16), -4.0), 4.0)
    mlp = any(target in config.lora_targets for target in ("gate_proj", "up_proj", "down_proj"))
    return factor * (MLP_TARGETS if mlp else 1.0)


def _rates(plan: Plan) -> tuple[float, float]:
    """Best and just-stable learning rate: falling with size, tenfold for LoRA (Thinking Machines 2025)."""
    config = plan.config
    best = 2e-5 * (7e9 / plan.model.parameters) ** 0.3
    stable = 30 * best
    if config.method != "full":
        best, stable = 10 * best, 300 * best * (2 * config.lora_rank / max(config.lora_alpha, 1e-3)) ** 0.5
    if config.optimizer == "sgd":
        best, stable = 300 * best, 300 * stable
    return best, max(stable, 4 * best) * caution(plan)


def _memorisation(plan: Plan, best: float) -> float:
    """Memorisation of a pass, grown by the rate and by trained parameters per token of data."""
    config = plan.config
    unique = max(plan.sequences_per_epoch * plan.tokens_per_sequence, 1.0)
    share = adapter_parameters(plan) / unique
    rate = config.learning_rate * min(plan.total_steps / 20, 1.0)
    if config.method == "full":
        return float(min(MEMORISATION_FULL * (rate / best) ** 0.5 * (share / 1000) ** 0.25, 3.0))
    reach = rate * config.lora_alpha / config.lora_rank / 5e-5
    return float(min(MEMORISATION_LORA * reach**0.5 * (share / 64) ** 0.25, 3.0))


def memorised(tuning: FineTuning, passes: Floats) -> Floats:
    """Factor on the training loss after so many passes over the data."""
    done = np.floor(passes + 1e-9) if tuning.sharp else np.maximum(passes - 0.5, 0.0)
    return np.exp(-np.minimum(tuning.memorisation * done**MEMORISATION_POWER, 9.0))


def overfitted(tuning: FineTuning, passes: Floats) -> Floats:
    """Relative rise of the loss on held-out text after so many passes."""
    learnt = tuning.memorisation * np.maximum(passes - 1, 0.0) ** MEMORISATION_POWER
    return MEMORISATION_EVAL * np.maximum(learnt - MEMORISATION_FREE, 0.0) ** 1.3


def fall(tuning: FineTuning, area: Floats, steps: Floats, total_steps: int) -> Floats:
    """Loss on fresh text at steps whose rates (over the peak) sum to `area`: a quick fall, then a slow power."""
    slow = tuning.final * ((steps + 1) / total_steps) ** -DATA
    slow = np.minimum(slow, tuning.initial)
    return np.asarray(slow + np.maximum(tuning.initial - slow, 0.0) * np.exp(-area / tuning.fall_steps))
