"""Which constants a person's own runs have: (config, measured frame) pairs -> Calibration.

Pretraining runs give their own multi-power law where they have points enough; fine-tunes are `tuning`'s; both the
step's noise and the throughput against the laws'. Pass the result to estimate, forecast or simulate.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np
import pandas as pd

from vapor_core.calibration.points import Floats, MeasuredRun, least_squares
from vapor_core.calibration.tuning import fit_tuning
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.errors import InvalidConfig
from vapor_core.physics.loss import laws, pretraining
from vapor_core.physics.loss.curve import loss_curve
from vapor_core.physics.loss.pretraining import MultiPowerLaw, shape
from vapor_core.physics.loss.schedule import Grid, grid
from vapor_core.physics.loss.stability import stability
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import Plan, plan
from vapor_core.physics.throughput import training_throughput

ENOUGH_POINTS = 12  # after warm-up, over all runs: fewer move the level alone
LOSS_COLUMNS = ("loss", "train_loss", "eval_loss", "val_loss")
SETTLED = 0.02  # share of a run after which the law holds, warm-up apart
MAX_POINTS = 400  # a run; longer logs are averaged in blocks
# What is known before: mean and standard deviation of ln a, ln alpha, ln b over published model sizes.
PRIOR = np.array([log(0.55), log(0.48), log(420.0)])
PRIOR_SPREAD = np.array([0.5, 0.2, 0.3])
FIT_ERROR = 0.001  # relative error of the law itself on a curve that it was fitted to
BEGINS_BELOW = 0.3  # nats that the fit's first level lies below the lowest last loss
# The level is read from the last of so many parts; its least relative error
LEVEL_PARTS, LEVEL_ERROR = 5, 0.01
FEWEST_FOR_NOISE = 30  # points; and the first of LEVEL_PARTS, in which the loss falls fast, is left out
# Standard deviation of a normal value from the median absolute second difference of neighbours.
SECOND_DIFFERENCE = 0.6745 * 6**0.5
RUN_WEIGHT = 40.0  # independent points that a run is worth: neighbours err together


def calibrate(runs: Sequence[tuple[JobConfig, pd.DataFrame]]) -> Calibration:
    """Fit the loss's level, shape and noise, the throughput and the memory to measured runs.

    Frames need `step` and `loss` (or `train_loss`); `tokens_per_second` or `step_time_s`, and `memory_gb` (allocated,
    per accelerator), are used where present.
    Rows with missing or impossible values are left out. Configurations say what was run.

    Raises:
        InvalidConfig: where a frame has nothing to fit, with one sentence that says what it lacks.
    """
    if not runs:
        raise InvalidConfig({"runs": "calibrate needs at least one run: a pair of JobConfig and DataFrame"})
    read = [_read(number, *run) for number, run in enumerate(runs, start=1)]
    pretrain = [run for run in read if run.plan.config.method == "pretrain"]
    if pretrain and len(pretrain) < len(read):
        raise InvalidConfig(
            {"runs": "calibrate takes runs of one kind: pretraining or fine-tuning, not both"}
        )
    scales = [run.rate / training_throughput(run.plan).tokens_per_second for run in read if run.rate]
    memories = [run.memory_gb / training_memory(run.plan).total_gb for run in read if run.memory_gb]
    noises = [run.noise / _told_noise(run) for run in read if run.noise]
    fitted = _fit_pretraining(read) if pretrain else fit_tuning(read)
    scale = float(np.median(scales)) if scales else None
    return fitted.changed(
        runs=len(read),
        throughput_scale=scale,
        memory_scale=float(np.median(memories)) if memories else None,
        throughput_error=float(np.median(np.abs(np.array(scales) / scale - 1))) if scale else None,
        noise_scale=float(np.median(noises)) if noises else None,
    )


def _read(number: int, config: JobConfig, frame: pd.DataFrame) -> MeasuredRun:
    column = next((name for name in LOSS_COLUMNS if name in frame.columns), None)
    if "step" not in frame.columns or column is None:
        raise InvalidConfig({"runs": f"run {number} needs the columns step and loss; it has {_names(frame)}"})
    if frame.columns.duplicated().any():
        raise InvalidConfig({"runs": f"run {number} has columns of the same name: {_names(frame)}"})
    asked = plan(config)
    steps, loss = _numbers(frame, "step"), _numbers(frame, column)
    usable = np.isfinite(steps) & np.isfinite(loss) & (loss > 0) & (steps >= 0) & (steps <= asked.total_steps)
    if not usable.any():
        raise InvalidConfig(
            {"runs": f"run {number} has no row with a step of 0 to {asked.total_steps:,} and a loss above 0"}
        )
    order = np.argsort(steps[usable], kind="stable")
    steps, loss = steps[usable][order], loss[usable][order]
    return MeasuredRun(
        asked, *_blocks(steps, loss), _noise(steps, loss), _rate(asked, frame), _peak_gb(frame)
    )


def _names(frame: pd.DataFrame) -> str:
    return ", ".join(str(name)[:40] for name in list(frame.columns)[:8]) or "none"


def _numbers(frame: pd.DataFrame, column: str) -> Floats:
    return np.asarray(pd.to_numeric(frame[column], errors="coerce"), dtype=np.float64)


def _blocks(steps: Floats, loss: Floats) -> tuple[Floats, Floats]:
    """At most MAX_POINTS points: means of neighbouring ones."""
    if len(steps) <= MAX_POINTS:
        return steps, loss
    edges = np.linspace(0, len(steps), MAX_POINTS + 1).astype(np.int64)
    counts = np.diff(edges)
    return np.add.reduceat(steps, edges[:-1]) / counts, np.add.reduceat(loss, edges[:-1]) / counts


def _noise(steps: Floats, loss: Floats) -> float | None:
    """Std of a step about its neighbours, from second differences; robust to the course and to spikes.

    None where not every step is logged: such points are usually means over the steps between.
    """
    if len(loss) < FEWEST_FOR_NOISE or float(np.median(np.diff(steps))) > 1:
        return None
    bends = np.abs(loss[2:] - 2 * loss[1:-1] + loss[:-2])[len(loss) // LEVEL_PARTS :]
    return float(np.median(bends) / SECOND_DIFFERENCE) or None


def _told_noise(run: MeasuredRun) -> float:
    """Noise of a step by the law, nats, where the run's loss no longer falls fast."""
    settled = run.steps[len(run.steps) // LEVEL_PARTS :].astype(np.int64)
    return float(np.median(loss_curve(run.plan).noise(settled)))


def _rate(asked: Plan, frame: pd.DataFrame) -> float | None:
    if "tokens_per_second" in frame.columns:
        rates = _numbers(frame, "tokens_per_second")
    elif "step_time_s" in frame.columns:
        rates = asked.tokens_per_step / np.maximum(_numbers(frame, "step_time_s"), 1e-9)
    else:
        return None
    rates = rates[np.isfinite(rates) & (rates > 0)]
    return float(np.median(rates)) if len(rates) else None


def _peak_gb(frame: pd.DataFrame) -> float | None:
    if "memory_gb" not in frame.columns:
        return None
    held = _numbers(frame, "memory_gb")
    held = held[np.isfinite(held) & (held > 0)]
    return float(held.max()) if len(held) else None


def _settled(run: MeasuredRun) -> MeasuredRun:
    """The run without its first steps, where the law does not hold yet."""
    first = max(run.plan.warmup_steps, SETTLED * run.plan.total_steps)
    keep = run.steps >= first
    return replace(run, steps=run.steps[keep], loss=run.loss[keep])


def _fit_pretraining(runs: Sequence[MeasuredRun]) -> Calibration:
    settled = [run for run in map(_settled, runs) if len(run.steps)]
    points = sum(len(run.steps) for run in settled)
    first = runs[0].plan
    if points < ENOUGH_POINTS:
        return _level(runs)
    grids = [grid(run.plan) for run in settled]
    shifts = [_against(first, run.plan) for run in settled]

    def residuals(theta: Floats) -> Floats:
        parts = [
            np.log(np.maximum(_predicted(theta, run, at, first) + shift, 1e-3) / run.loss)
            * (min(RUN_WEIGHT, len(run.steps)) / len(run.steps)) ** 0.5
            for run, at, shift in zip(settled, grids, shifts, strict=True)
        ]
        return np.concatenate(parts)

    spread = np.array([1.0, *PRIOR_SPREAD])
    start = np.array([min(float(run.loss[-1]) for run in settled) - BEGINS_BELOW, *PRIOR])
    theta = least_squares(lambda at: np.append(residuals(at) / FIT_ERROR, (at - start) / spread), start)
    error = max(float(np.median(np.abs(residuals(theta)))), FIT_ERROR)
    if error > 2 * FIT_ERROR:  # noisy points say less against what is known before
        theta = least_squares(lambda at: np.append(residuals(at) / error, (at - start) / spread), theta)
        error = float(np.median(np.abs(residuals(theta))))
    return Calibration(
        curve=(float(theta[0]), *(float(value) for value in np.exp(theta[1:]))),
        parameters=pretraining.counted_parameters(first),
        tokens_per_step=first.tokens_per_step,
        penalty=_penalty(first),
        loss_error=error,
        notes=(f"Own multi-power law from {points} points; a single point lies {100 * error:.2f} % off it.",),
    )


def _penalty(asked: Plan) -> float:
    return stability(asked, asked.transformer.body_parameters).penalty


def _against(first: Plan, other: Plan) -> float:
    """Nats that another run of the set should lie above the first by the laws: model size, rate, batch."""
    law = laws.corpus_law(first.dataset)
    here, there = (pretraining.counted_parameters(asked) for asked in (first, other))
    return float(_penalty(other) - _penalty(first) + law.a * (there**-law.alpha - here**-law.alpha))


def _predicted(theta: Floats, run: MeasuredRun, at: Grid, first: Plan) -> Floats:
    power = MultiPowerLaw(float(theta[0]), *(float(value) for value in np.exp(np.clip(theta[1:], -20, 20))))
    course = power.level + shape(power, at, run.plan.tokens_per_step / first.tokens_per_step)
    return np.interp(run.steps, at.steps, course)


def _level(runs: Sequence[MeasuredRun]) -> Calibration:
    """Too few points for a shape: the level alone, from the last fifth of each run."""
    levels, errors = [], []
    for run in runs:
        tail = slice(-max(len(run.steps) // LEVEL_PARTS, 1), None)
        course = loss_curve(run.plan).train(run.steps[tail].astype(np.int64))
        levels.append(float(np.mean(run.loss[tail] - course)))
        errors.append(float(np.median(np.abs(run.loss[tail] - course - levels[-1]) / run.loss[tail])))
    return Calibration(
        loss_level=float(np.mean(levels)),
        loss_error=max(float(np.mean(errors)), LEVEL_ERROR),
        notes=("Few points: only the level of the loss was fitted, the shape is the law's.",),
    )
