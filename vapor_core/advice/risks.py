"""What a person should know before paying: each risk with its number and the change that cures it.

Cures are looked for only where there is a risk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from vapor_core.advice.cures import larger_micro_batches, memory_cure, memory_of
from vapor_core.contracts.findings import Changes, Risk
from vapor_core.physics.plan import Plan, once_a_step, replan
from vapor_core.physics.throughput import training_throughput

if TYPE_CHECKING:
    from vapor_core.physics.loss.curve import LossCurve
    from vapor_core.rehearsal import Rehearsal

# From which a thing is worth telling; judgements, by what a person would want to know before paying.
FEW_STEPS = 20
LONG_DAYS = 30.0
LOW_MFU = 0.2
PROBABLE = 0.1  # probability that the run diverges
RATE_TOO_LOW, RATE_TOO_HIGH = 5.0, 4.0  # times below and above the suitable rate
RATE_MARGIN = 2.0  # that a suitable rate keeps below the stable one
LARGE_BATCH = 4.0  # times the critical batch
SPARSE = 0.25  # share of its sequence that a mean example fills
WORTH_SAVING = 0.15  # of the cost
WORTH_STOPPING = 0.005  # nats that the eval loss ends above its best
FRACTIONS_BELOW = 1.5  # epochs below which fractions of an epoch are proposed
SOME_FAULTS = 0.5  # interruptions expected
_ORDER = {"blocking": 0, "warning": 1, "note": 2}


def risks(found: Rehearsal, faults: float) -> tuple[Risk, ...]:
    """Every risk of a run, the gravest first. `faults` is the expected number of interruptions."""
    asked, curve = found.plan, found.curve
    told = [
        *_memory(found),
        *_stability(asked, curve),
        *_overfitting(asked, curve),
        *_rate(asked, curve),
        *_precision(asked),
        *_lengths(asked),
        *_money(found),
        *_faults(asked, faults),
    ]
    return tuple(sorted(told, key=lambda risk: _ORDER[risk.severity]))


def suitable_rate(curve: LossCurve) -> float:
    """A learning rate for a run, two digits: the best one, kept well below where it blows up."""
    return float(f"{min(curve.optimal_learning_rate, curve.stable_learning_rate / RATE_MARGIN):.2g}")


def _memory_scale(found: Rehearsal) -> float:
    """Memory against the law's, in a person's own runs; 1 where nothing is known of it."""
    return (found.calibration and found.calibration.memory_scale) or 1.0


def _memory(found: Rehearsal) -> Iterator[Risk]:
    memory = found.memory
    if memory.reserved_high_gb <= memory.available_gb:
        return
    card = found.plan.accelerator.display_name
    cure = memory_cure(found.plan, _memory_scale(found))
    told = (
        f"{cure.words} needs {cure.needs_gb:.1f} GB" if cure else "no single change in the catalog cures it"
    )
    if not memory.fits:
        yield Risk(
            code="does_not_fit",
            severity="blocking",
            sentence=f"It needs {memory.reserved_gb:.1f} GB, the {card} has {memory.available_gb:g} GB; {told}.",
            cure=f"Use {cure.words}" if cure else "",
            changes=cure.changes if cure else {},
        )
    else:
        yield Risk(
            code="tight_memory",
            severity="warning",
            sentence=(
                f"It needs {memory.reserved_gb:.1f} GB of the {card}'s {memory.available_gb:g} GB, and up to "
                f"{memory.reserved_high_gb:.1f} GB if the estimate is low; {told}."
            ),
            cure=f"Use {cure.words}" if cure else "",
            changes=cure.changes if cure else {},
        )


def _stability(asked: Plan, curve: LossCurve) -> Iterator[Risk]:
    if curve.divergence_probability < PROBABLE:
        return
    rate, safe = asked.config.learning_rate, suitable_rate(curve)
    if safe >= rate:
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
    epochs = float(f"{best:.2g}") if best < FRACTIONS_BELOW else float(round(best))
    lost = curve.final_eval - float(curve.eval(np.array([curve.best_eval_step]))[0])
    limit = asked.config.epochs if asked.config.max_steps is None else asked.epochs
    if epochs >= limit or lost < WORTH_STOPPING:
        return
    changes: Changes = {"epochs": epochs}
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
    if curve.divergence_probability >= PROBABLE:
        return
    rate, best = asked.config.learning_rate, suitable_rate(curve)
    if rate < best / RATE_TOO_LOW:
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
    elif rate > best * RATE_TOO_HIGH:
        yield Risk(
            code="learning_rate_high",
            severity="note",
            sentence=f"A learning rate of {rate:.2g} is {rate / best:.0f} times what suits this run ({best:.2g}).",
            cure=f"Lower the learning rate to {best:.2g}",
            changes={"learning_rate": best},
        )
    if (
        asked.config.method == "pretrain"
        and asked.tokens_per_step > LARGE_BATCH * curve.critical_batch_tokens
    ):
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
    known = {
        "bf16": card.bf16_tflops,
        "fp16": card.fp16_tflops,
        "fp32": card.fp32_tflops,
        "fp8": card.fp8_tflops,
    }
    if known[precision]:
        return
    better = next(name for name, peak in known.items() if peak)
    yield Risk(
        code="precision_unsupported",
        severity="warning",
        sentence=f"The {card.display_name} has no {precision} arithmetic; it would be emulated or refused.",
        cure=f"Use {better}",
        changes={"precision": better},
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
    if not config.packing and config.sequence_length > asked.longest_tokens:
        longest = int(asked.longest_tokens)
        yield Risk(
            code="length_not_reached",
            severity="note",
            sentence=(
                f"No example is longer than {longest:,} tokens, so that {config.sequence_length:,} are never reached; "
                f"memory and time are those of {longest:,}."
            ),
            cure=f"Use {longest:,} tokens",
            changes={"sequence_length": longest},
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


def _money(found: Rehearsal) -> Iterator[Risk]:
    asked, config, throughput = found.plan, found.plan.config, found.throughput
    if not found.memory.fits or found.curve.diverges:
        return
    days = throughput.step_time_s * asked.total_steps / 86400
    if days > LONG_DAYS:
        yield Risk(
            code="slow_hardware",
            severity="warning",
            sentence=f"At {throughput.tokens_per_second:,.0f} tokens a second it takes {days:,.0f} days.",
        )
    surely_fits = found.memory.reserved_high_gb <= found.memory.available_gb
    sparse = not config.packing and asked.dataset.mean_tokens < config.sequence_length * SPARSE
    if sparse and surely_fits:
        yield from _faster(found, "padding_waste", "pack short examples together", {"packing": True})
    if throughput.mfu < LOW_MFU and config.gradient_accumulation_steps > 1 and surely_fits:
        larger = _larger_micro_batch(asked, _memory_scale(found))
        if larger:
            words = f"use a micro-batch of {larger['micro_batch_size']}"
            yield from _faster(found, "wastes_money", words, larger)


@once_a_step
def _larger_micro_batch(asked: Plan, scale: float) -> Changes:
    """The largest micro-batch of the same global batch that surely fits; {} where none does."""
    best: Changes = {}
    for changes in larger_micro_batches(asked.config):
        config = asked.config.model_copy(update=changes)
        memory = memory_of(asked, config, asked.accelerator)
        if memory.reserved_high_gb * scale > memory.available_gb:
            break
        best = changes
    return best


def _faster(
    found: Rehearsal, code: Literal["padding_waste", "wastes_money"], words: str, changes: Changes
) -> Iterator[Risk]:
    """Told where a change that fits, and lies within the fields' bounds, makes the same tokens cheaper."""
    saved = _saved(found.plan, *changes.items())
    if saved > WORTH_SAVING:
        yield Risk(
            code=code,
            severity="note",
            sentence=(
                f"The card works at {found.throughput.mfu:.0%} of its peak; if you {words}, the same tokens cost "
                f"{saved:.0%} less."
            ),
            cure=f"{words[0].upper()}{words[1:]}",
            changes=dict(changes),
        )


@once_a_step
def _saved(asked: Plan, *changes: tuple[str, object]) -> float:
    """Share of a token's cost that changes save, by the law alone: a calibration moves both rates alike."""
    other = training_throughput(replan(asked, asked.config.model_copy(update=dict(changes))))
    return 1 - training_throughput(asked).tokens_per_second / other.tokens_per_second


def _faults(asked: Plan, faults: float) -> Iterator[Risk]:
    if faults < SOME_FAULTS:
        return
    yield Risk(
        code="interruptions",
        severity="note",
        sentence=(
            f"About {faults:.1f} hardware interruptions are expected on {asked.config.accelerator_count:,} "
            f"accelerators; a checkpoint every {asked.checkpoint_every:,} steps bounds what each costs."
        ),
    )
