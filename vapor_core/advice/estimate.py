"""What a run will take, before it is paid for: JobConfig -> Estimate, with ranges, risks and assumptions.

It adds the laws up; each law's own question is answered in `physics`, and what could go wrong in `risks`.
"""

from functools import lru_cache

from vapor_core.advice.cures import METHOD_NAMES
from vapor_core.advice.risks import risks
from vapor_core.contracts.training import Calibration, Estimate, JobConfig
from vapor_core.physics.faults import expected_faults, fault_rate
from vapor_core.physics.loss.curve import loss_curve
from vapor_core.physics.memory import TrainingMemory, training_memory
from vapor_core.physics.plan import Plan, plan
from vapor_core.physics.throughput import Throughput, training_throughput
from vapor_core.physics.timing import Timing, startup_s, timing


@lru_cache(maxsize=256)
def estimate(config: JobConfig, calibration: Calibration | None = None) -> Estimate:
    """Memory, time, cost and loss of a configuration; under 5 ms, so that a form can follow each keystroke.

    Ranges (`*_low`, `*_high`) bound the middle 80 % of published runs against each law; the Fidelity page has
    the measured errors. `calibration` puts constants of a person's own runs in place of the laws' own.

    Raises:
        NotInCatalog: where the model, data set or accelerator is unknown; names the nearest.
    """
    asked = plan(config)
    scale_memory = (calibration and calibration.memory_scale) or 1.0
    scale_rate = (calibration and calibration.throughput_scale) or 1.0
    memory, throughput, curve = (
        training_memory(asked),
        training_throughput(asked),
        loss_curve(asked, calibration),
    )
    step_s = throughput.step_time_s / scale_rate
    low_rate, high_rate = _rate_factors(throughput, calibration)
    clock = timing(asked, step_s, throughput.jitter, memory.trainable_parameters).without_chance()
    faults = expected_faults(asked, step_s) if config.hardware_faults else 0.0
    started = startup_s(asked)
    duration = started + clock.duration_s + faults * _fault_s(clock, started)
    duration_low = started + (duration - started) / high_rate
    duration_high = started + (duration - started) / low_rate
    price = asked.accelerator.price_per_hour * config.accelerator_count / 3600
    needed = memory.total_gb * scale_memory
    return Estimate(
        fits=needed <= memory.available_gb,
        memory_gb=needed,
        memory_gb_low=memory.low_gb * scale_memory,
        memory_gb_high=memory.high_gb * scale_memory,
        weights_gb=memory.weights_gb * scale_memory,
        gradients_gb=memory.gradients_gb * scale_memory,
        optimizer_gb=memory.optimizer_gb * scale_memory,
        activations_gb=memory.activations_gb * scale_memory,
        overhead_gb=memory.overhead_gb * scale_memory,
        memory_available_gb=memory.available_gb,
        total_steps=asked.total_steps,
        steps_per_epoch=asked.steps_per_epoch,
        tokens_per_step=asked.tokens_per_step,
        total_tokens=asked.total_tokens,
        step_time_s=step_s,
        tokens_per_second=throughput.tokens_per_second * scale_rate,
        tokens_per_second_low=throughput.tokens_per_second * scale_rate * low_rate,
        tokens_per_second_high=throughput.tokens_per_second * scale_rate * high_rate,
        mfu=throughput.mfu * scale_rate,
        startup_s=started,
        duration_s=duration,
        duration_s_low=duration_low,
        duration_s_high=duration_high,
        cost_usd=price * duration,
        cost_usd_low=price * duration_low,
        cost_usd_high=price * duration_high,
        initial_loss=curve.initial,
        final_loss=curve.final,
        final_loss_low=curve.final_low,
        final_loss_high=curve.final_high,
        final_eval_loss=curve.final_eval,
        final_eval_loss_low=curve.final_eval_low,
        final_eval_loss_high=curve.final_eval_high,
        best_eval_step=curve.best_eval_step,
        diverges=curve.diverges,
        divergence_probability=curve.divergence_probability,
        trainable_parameters=memory.trainable_parameters,
        risks=risks(asked, memory, throughput, curve, faults),
        assumptions=_assumptions(asked, memory, calibration),
    )


def _rate_factors(throughput: Throughput, calibration: Calibration | None) -> tuple[float, float]:
    """Low and high end of the rate, as factors; a calibrated rate is as sure as its own fit."""
    if calibration and calibration.throughput_scale and calibration.throughput_error is not None:
        width = max(2 * calibration.throughput_error, 0.02)
        return 1 / (1 + width), 1 + width
    rate = throughput.tokens_per_second
    return throughput.tokens_per_second_low / rate, throughput.tokens_per_second_high / rate


def _fault_s(clock: Timing, started: float) -> float:
    """What one interruption costs on average: a restart and half the way to the next checkpoint."""
    return started + clock.step_time_s * min(clock.checkpoint_every, clock.total_steps) / 2


def _assumptions(asked: Plan, memory: TrainingMemory, calibration: Calibration | None) -> tuple[str, ...]:
    config, data, card = asked.config, asked.dataset, asked.accelerator
    price = f"{card.price_per_hour:.2f} US dollars an hour for one {card.display_name}"
    dated = ", ".join(part for part in (card.price_source, card.price_date) if part)
    said = [
        f"{METHOD_NAMES[config.method][:1].upper()}{METHOD_NAMES[config.method][1:]} trains "
        f"{memory.trainable_parameters / 1e6:,.1f} of {asked.model.parameters / 1e6:,.0f} million parameters.",
        f"{data.display_name}: {data.examples:,} examples of {data.mean_tokens:,.0f} tokens on average; "
        + ("packed to the sequence length." if config.packing else "one example a sequence, padded."),
        f"{price}{f' ({dated})' if dated else ''}; start-up, evaluations and checkpoints are paid too.",
        "Memory is the peak of the longest batch; a GB is 1e9 bytes.",
        "Losses are nats per token; ranges hold the middle 80 % of published runs.",
    ]
    if config.hardware_faults and config.accelerator_count >= 64:
        said.append(f"Interruptions: {fault_rate(card).source}.")
    if asked.model.pretraining_tokens is None and config.method != "pretrain":
        said.append(f"{asked.model.display_name} does not say how much text it was pretrained on.")
    if calibration and calibration.runs:
        said.append(f"Calibrated on {calibration.runs} own run{'s' if calibration.runs > 1 else ''}.")
    return tuple(said)
