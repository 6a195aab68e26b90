"""What a person should know before paying: each risk with its number and the change that cures it."""

from collections.abc import Iterator

import numpy as np

from vapor_core.advice.cures import memory_cure
from vapor_core.contracts.findings import Risk
from vapor_core.errors import InvalidConfig
from vapor_core.physics.loss.curve import LossCurve
from vapor_core.physics.memory import TrainingMemory, training_memory
from vapor_core.physics.plan import Plan, plan
from vapor_core.physics.throughput import Throughput, training_throughput

FEW_STEPS = 20
LONG_DAYS = 30.0
LOW_MFU = 0.2


def risks(
    asked: Plan, memory: TrainingMemory, throughput: Throughput, curve: LossCurve, faults: float
) -> tuple[Risk, ...]:
    """Every risk of a run, the gravest first. `faults` is the expected number of interruptions."""
    found = [
        *_memory(asked, memory),
        *_stability(asked, curve),
        *_overfitting(asked, curve),
        *_rate(asked, curve),
        *_precision(asked),
        *_lengths(asked),
        *_money(asked, memory, throughput, curve),
        *_faults(asked, faults),
    ]
    order = {"blocking": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda risk: order[risk.severity]))


def suitable_rate(curve: LossCurve) -> float:
    """A learning rate for a run, two digits: the best one, kept well below where it blows up."""
    return float(f"{min(curve.optimal_learning_rate, curve.stable_learning_rate / 2):.2g}")


def _memory(asked: Plan, memory: TrainingMemory) -> Iterator[Risk]:
    card = asked.accelerator.display_name
    if memory.high_gb <= memory.available_gb:
        return
    cure = memory_cure(asked)
    told = (
        f"{cure.words} needs {cure.needs_gb:.1f} GB" if cure else "no single change in the catalog cures it"
    )
    if not memory.fits:
        yield Risk(
            code="does_not_fit",
            severity="blocking",
            sentence=f"It needs {memory.total_gb:.1f} GB, the {card} has {memory.available_gb:g} GB; {told}.",
            cure=f"Use {cure.words}" if cure else "",
            changes=cure.changes if cure else {},
        )
    else:
        yield Risk(
            code="tight_memory",
            severity="warning",
            sentence=(
                f"It needs {memory.total_gb:.1f} GB of the {card}'s {memory.available_gb:g} GB, and up to "
                f"{memory.high_gb:.1f} GB if the estimate is low; {told}."
            ),
            cure=f"Use {cure.words}" if cure else "",
            changes=cure.changes if cure else {},
        )


def _stability(asked: Plan, curve: LossCurve) -> Iterator[Risk]:
    rate = asked.config.learning_rate
    safe = suitable_rate(curve)
    if safe >= rate or curve.divergence_probability < 0.1:
        return
    sure = curve.diverges
    yield Risk(
        code="will_diverge" if sure else "may_diverge",
        severity="blocking" if sure else "warning",
        sentence=(
            f"At a learning rate of {rate:.2g} the loss {'will' if sure else 'may'} blow up "
            f"({curve.divergence_probability:.0%} likely); it is stable up to about "
            f"{curve.stable_learning_rate:.2g} here."
        ),
        cure=f"Lower the learning rate to {safe:.2g}",
        changes={"learning_rate": safe},
    )


def _overfitting(asked: Plan, curve: LossCurve) -> Iterator[Risk]:
    if not curve.overfits or curve.diverges:
        return
    best = max((curve.best_eval_step + 1) / asked.steps_per_epoch, 0.1)
    epochs = float(f"{best:.2g}") if best < 1.5 else float(round(best))
    lost = curve.final_eval - float(curve.eval(np.array([curve.best_eval_step]))[0])
    limit = asked.config.epochs if asked.config.max_steps is None else asked.epochs
    if epochs >= limit or lost < 0.005:
        return
    changes: dict[str, str | int | float | bool] = {"epochs": epochs}
    if asked.config.max_steps is not None:
        changes = {"max_steps": curve.best_eval_step + 1}
    yield Risk(
        code="will_overfit",
        severity="warning",
        sentence=(
            f"After about {epochs:g} epoch{'s' if epochs != 1 else ''} it learns the examples by heart: the eval "
            f"loss ends {lost:.2f} above its best, and what follows is paid for nothing."
        ),
        cure=f"Stop after {epochs:g} epoch{'s' if epochs != 1 else ''}",
        changes=changes,
    )


def _rate(asked: Plan, curve: LossCurve) -> Iterator[Risk]:
    rate, best = asked.config.learning_rate, suitable_rate(curve)
    if curve.divergence_probability >= 0.1:
        return
    if rate < best / 5:
        yield Risk(
            code="learning_rate_low",
            severity="warning",
            sentence=(
                f"A learning rate of {rate:.2g} is {best / rate:.0f} times below what suits this run ({best:.2g}); "
                f"much of what it could learn is left."
            ),
            cure=f"Raise the learning rate to {best:.2g}",
            changes={"learning_rate": best},
        )
    elif rate > best * 4:
        yield Risk(
            code="learning_rate_high",
            severity="note",
            sentence=f"A learning rate of {rate:.2g} is {rate / best:.0f} times what suits this run ({best:.2g}).",
            cure=f"Lower the learning rate to {best:.2g}",
            changes={"learning_rate": best},
        )
    if asked.config.method == "pretrain" and asked.tokens_per_step > 4 * curve.critical_batch_tokens:
        yield Risk(
            code="batch_too_large",
            severity="note",
            sentence=(
                f"A step of {asked.tokens_per_step:,.0f} tokens is beyond the critical batch of about "
                f"{curve.critical_batch_tokens:,.0f}; more per step buys little."
            ),
        )


def _precision(asked: Plan) -> Iterator[Risk]:
    card, precision = asked.accelerator, asked.config.precision
    if precision == "bf16" and not card.bf16_tflops:
        better, changes = "fp16", {"precision": "fp16"}
    elif precision == "fp8" and not card.fp8_tflops:
        better, changes = "bf16", {"precision": "bf16" if card.bf16_tflops else "fp16"}
    elif precision == "fp16" and not card.fp16_tflops:
        better, changes = "bf16", {"precision": "bf16"}
    else:
        return
    yield Risk(
        code="precision_unsupported",
        severity="warning",
        sentence=f"The {card.display_name} has no {precision} arithmetic; it would be emulated or refused.",
        cure=f"Use {changes.get('precision', better)}",
        changes={**changes},
    )


def _lengths(asked: Plan) -> Iterator[Risk]:
    config, model = asked.config, asked.model
    if config.sequence_length > model.context_length and config.method != "pretrain":
        yield Risk(
            code="context_too_long",
            severity="warning",
            sentence=(
                f"Sequences of {config.sequence_length:,} tokens are longer than the {model.context_length:,} that "
                f"{model.display_name} was trained for."
            ),
            cure=f"Use {model.context_length:,} tokens",
            changes={"sequence_length": model.context_length},
        )
    if asked.total_steps < FEW_STEPS:
        yield Risk(
            code="data_too_small",
            severity="note",
            sentence=(
                f"The run is only {asked.total_steps} step{'s' if asked.total_steps != 1 else ''} long; there is "
                f"little to see or to learn in so few."
            ),
        )


def _money(asked: Plan, memory: TrainingMemory, throughput: Throughput, curve: LossCurve) -> Iterator[Risk]:
    config = asked.config
    if not memory.fits or curve.diverges:
        return
    days = throughput.step_time_s * asked.total_steps / 86400
    if days > LONG_DAYS:
        yield Risk(
            code="slow_hardware",
            severity="warning",
            sentence=f"At {throughput.tokens_per_second:,.0f} tokens a second it takes {days:,.0f} days.",
        )
    trials: list[tuple[str, str, dict[str, str | int | float | bool]]] = []
    if not config.packing and asked.dataset.mean_tokens < config.sequence_length / 4:
        trials.append(("padding_waste", "pack short examples together", {"packing": True}))
    if throughput.mfu < LOW_MFU and config.gradient_accumulation_steps > 1:
        larger = _larger_micro_batch(asked)
        trials.append(("wastes_money", f"use a micro-batch of {larger.get('micro_batch_size')}", larger))
    for code, words, changes in trials:
        yield from _faster(asked, throughput, code, words, changes)


def _larger_micro_batch(asked: Plan) -> dict[str, str | int | float | bool]:
    """The largest micro-batch of the same global batch that fits."""
    config = asked.config
    size, accumulation = config.micro_batch_size, config.gradient_accumulation_steps
    best: dict[str, str | int | float | bool] = {}
    while accumulation % 2 == 0:
        size, accumulation = size * 2, accumulation // 2
        changes: dict[str, str | int | float | bool] = {
            "micro_batch_size": size,
            "gradient_accumulation_steps": accumulation,
        }
        memory = training_memory(plan(config.changed(**changes)))
        if memory.high_gb > memory.available_gb:
            break
        best = changes
    return best


def _faster(
    asked: Plan, throughput: Throughput, code: str, words: str, changes: dict[str, str | int | float | bool]
) -> Iterator[Risk]:
    if not changes:
        return
    try:
        other = plan(asked.config.changed(**changes))
    except InvalidConfig:
        return
    memory, faster = training_memory(other), training_throughput(other)
    saved = 1 - throughput.tokens_per_second / faster.tokens_per_second
    if memory.high_gb <= memory.available_gb and saved > 0.15:
        yield Risk(
            code="padding_waste" if code == "padding_waste" else "wastes_money",
            severity="note",
            sentence=(
                f"The card works at {throughput.mfu:.0%} of its peak; if you {words}, the same tokens cost "
                f"{saved:.0%} less."
            ),
            cure=f"{words[0].upper()}{words[1:]}",
            changes=changes,
        )


def _faults(asked: Plan, faults: float) -> Iterator[Risk]:
    if faults < 0.5:
        return
    yield Risk(
        code="interruptions",
        severity="note",
        sentence=(
            f"About {faults:.1f} hardware interruptions are expected on {asked.config.accelerator_count:,} "
            f"accelerators; a checkpoint every {asked.checkpoint_every:,} steps bounds what each costs."
        ),
    )
