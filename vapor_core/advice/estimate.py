"""What a run will take, before it is paid for: JobConfig -> Estimate, with ranges, risks and assumptions.

It adds the laws up; each law's own question is answered in `physics`, and what could go wrong in `risks`.
"""

from functools import lru_cache

from vapor_core.advice.cures import METHOD_NAMES
from vapor_core.advice.memory_terms import told_of_memory
from vapor_core.advice.risks import risks
from vapor_core.contracts.estimates import Estimate
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.physics.faults import expected_faults, fault_rate
from vapor_core.physics.plan import Plan
from vapor_core.physics.speed_range import HOURS, unlike
from vapor_core.rehearsal import Rehearsal, rehearse

COVERAGE = 0.85  # of published peaks, each source left out of what its range was made from; `make fidelity`
MANY_CARDS = 64  # from which the source of the faults is told


@lru_cache(maxsize=256)
def estimate(config: JobConfig, calibration: Calibration | None = None) -> Estimate:
    """Memory, time, cost and loss of a configuration; under 5 ms, so that a form can follow each keystroke.

    Ranges (`*_low`, `*_high`) bound the middle 80 % of published runs against each law; the Fidelity page has
    the measured errors. `calibration` puts constants of a person's own runs in place of the laws' own.

    Raises:
        NotInCatalog: where the model, data set or accelerator is unknown; names the nearest.
    """
    found = rehearse(config, calibration)
    asked, memory, throughput, curve = found.plan, found.memory, found.throughput, found.curve
    faults = expected_faults(asked, throughput.step_time_s) if config.hardware_faults else 0.0
    started, price = found.startup_s, found.price_per_second
    running = found.timing.duration_s + faults * _fault_s(found)
    rate, low, high = (
        throughput.tokens_per_second,
        throughput.tokens_per_second_low,
        throughput.tokens_per_second_high,
    )
    duration, duration_low, duration_high = (
        started + running,
        (started + running * rate / high) * HOURS[0],
        (started + running * rate / low) * HOURS[1],
    )
    return Estimate(
        fits=memory.fits,
        memory_gb=memory.total_gb,
        memory_gb_low=memory.low_gb,
        memory_gb_high=memory.high_gb,
        memory_reserved_gb=memory.reserved_gb,
        memory_reserved_gb_low=memory.reserved_low_gb,
        memory_reserved_gb_high=memory.reserved_high_gb,
        weights_gb=memory.weights_gb,
        gradients_gb=memory.gradients_gb,
        optimizer_gb=memory.optimizer_gb,
        activations_gb=memory.activations_gb,
        overhead_gb=memory.overhead_gb,
        memory_available_gb=memory.available_gb,
        total_steps=asked.total_steps,
        steps_per_epoch=asked.steps_per_epoch,
        tokens_per_step=asked.tokens_per_step,
        total_tokens=asked.total_tokens,
        step_time_s=throughput.step_time_s,
        step_time_s_low=throughput.step_time_s * rate / high,
        step_time_s_high=throughput.step_time_s * rate / low,
        tokens_per_second=rate,
        tokens_per_second_low=low,
        tokens_per_second_high=high,
        mfu=throughput.mfu,
        mfu_low=throughput.mfu * low / rate,
        mfu_high=throughput.mfu * high / rate,
        startup_s=started,
        duration_s=duration,
        duration_s_low=duration_low,
        duration_s_high=duration_high,
        cost_usd=price * duration,
        cost_usd_low=price * duration_low,
        cost_usd_high=price * duration_high,
        initial_loss=curve.initial,
        initial_loss_low=curve.initial_low,
        initial_loss_high=curve.initial_high,
        final_loss=curve.final,
        final_loss_low=curve.final_low,
        final_loss_high=curve.final_high,
        final_eval_loss=curve.final_eval,
        final_eval_loss_low=curve.final_eval_low,
        final_eval_loss_high=curve.final_eval_high,
        best_eval_step=curve.best_eval_step,
        diverges=curve.diverges,
        divergence_probability=curve.divergence_probability,
        trainable_parameters=asked.trainable_parameters,
        coverage=COVERAGE,
        risks=risks(found, faults),
        assumptions=_assumptions(asked, calibration),
    )


def _fault_s(found: Rehearsal) -> float:
    """What one interruption costs on average: a restart and half the way to the next checkpoint."""
    clock = found.timing
    return found.startup_s + clock.step_time_s * min(clock.checkpoint_every, clock.total_steps) / 2


def _assumptions(asked: Plan, calibration: Calibration | None) -> tuple[str, ...]:
    config, data, card = asked.config, asked.dataset, asked.accelerator
    method = METHOD_NAMES[config.method]
    price = f"{card.price_per_hour:.2f} US dollars an hour for one {card.display_name}"
    if not card.price_per_hour:
        price = f"No price is known for a {card.display_name}, so its hours count as free"
    dated = ", ".join(part for part in (card.price_source, card.price_date) if part)
    said = [
        f"{method[:1].upper()}{method[1:]} trains "
        f"{asked.trainable_parameters / 1e6:,.1f} of {asked.model.parameters / 1e6:,.0f} million parameters.",
        f"{data.display_name}: {data.examples:,} examples of {data.mean_tokens:,.0f} tokens on average; "
        + ("packed to the sequence length." if config.packing else "one example a sequence, padded."),
        f"{price}{f' ({dated})' if dated else ''}; start-up, evaluations and checkpoints are paid too.",
        "Memory is the peak of the longest batch, allocated, and reserved with the gaps between; a GB is 1e9 bytes.",
        *told_of_memory(asked),
        "Losses are nats per token; ranges hold the middle 80 % of published runs.",
    ]
    if config.hardware_faults and config.accelerator_count >= MANY_CARDS:
        said.append(f"Interruptions: {fault_rate(card).source}.")
    if far := unlike(asked):
        said.append(
            f"No published speed at hand is of {' or '.join(far)}: the range of time and cost is wider."
        )
    if asked.model.pretraining_tokens is None and config.method != "pretrain":
        said.append(f"{asked.model.display_name} does not say how much text it was pretrained on.")
    if calibration and calibration.runs:
        said.append(f"Calibrated on {calibration.runs} own run{'s' if calibration.runs > 1 else ''}.")
    return tuple(said)
