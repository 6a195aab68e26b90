"""What the loss of a run does, step by step: the other modules' laws assembled into one curve.

The curve holds no noise; `noise_std` and `spike_rate` say how large the simulator draws it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.training import Calibration
from vapor_core.physics import transformer
from vapor_core.physics.loss import fine_tuning, laws, pretraining, repeats
from vapor_core.physics.loss.divergence import blow_up
from vapor_core.physics.loss.gradient import grad_norm
from vapor_core.physics.loss.laws import uniform_loss
from vapor_core.physics.loss.pretraining import (
    GENERAL,
    GENERAL_TOKENS,
    MultiPowerLaw,
    from_initial,
    schedule_cost,
    shape,
)
from vapor_core.physics.loss.schedule import Grid, grid
from vapor_core.physics.loss.stability import onset, stability
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

CURVE_CONSTANTS = ("level", "a", "alpha", "b")  # of Calibration.curve, in order; see MultiPowerLaw
NOISE, NOISE_POWER = 0.70, 0.446  # std of a step's loss: 0.70 n^-0.446 nats, n sequences of 1,024 tokens
SPIKES = 7e-4  # excursions beyond 6 sigma a step: 13 of llm.c's 19,560
CRITICAL_BATCH, CRITICAL_POWER = 2e8, 1 / 0.21  # Kaplan 2020: tokens at a loss of 1 nat
# Half-widths of the 80 % bands: the 80th percentiles of the errors on the published tables (benchmarks/fidelity).
SPREAD_CORPUS, SPREAD_UNKNOWN, SPREAD_REPEATED = 0.02, 0.12, 0.065
SPREAD_TUNING, SPREAD_CALIBRATED = 0.2, 0.005


@dataclass(frozen=True, eq=False, slots=True)
class LossCurve:
    """Loss and gradient norm over a run, noise-free, in nats per token; built once, read at any steps.

    `knots` are steps in ascending order; the other arrays hold values there and are joined by straight lines.
    """

    knots: Floats
    train_knots: Floats
    eval_knots: Floats
    grad_knots: Floats
    spread: float  # relative half-width of the 80 % band at the end of the run
    noise_std: float  # nats, of one step's minibatch
    initial: float
    final: float
    final_eval: float
    final_low: float
    final_high: float
    final_eval_low: float
    final_eval_high: float
    best_eval_step: int
    overfits: bool
    diverges: bool
    divergence_probability: float
    diverges_at: int | None
    spike_rate: float
    stable_learning_rate: float
    optimal_learning_rate: float
    optimal_batch_tokens: float
    critical_batch_tokens: float

    def train(self, steps: Steps) -> Floats:
        """Training loss at integer steps, shape of `steps`."""
        return np.interp(steps, self.knots, self.train_knots)

    def eval(self, steps: Steps) -> Floats:
        """Loss on held-out text at integer steps, shape of `steps`."""
        return np.interp(steps, self.knots, self.eval_knots)

    def grad_norm(self, steps: Steps) -> Floats:
        """Norm of the gradient before clipping, shape of `steps`."""
        return np.interp(steps, self.knots, self.grad_knots)

    def low(self, steps: Steps) -> Floats:
        """Lower end of the 80 % band of the training loss."""
        return self.train(steps) * (1 - self._width(steps))

    def high(self, steps: Steps) -> Floats:
        """Upper end of the 80 % band of the training loss."""
        return self.train(steps) * (1 + self._width(steps))

    def _width(self, steps: Steps) -> Floats:
        """Relative half-width: the start is known, the end is a law's guess."""
        done = np.asarray(steps, dtype=np.float64) / max(float(self.knots[-1]), 1.0)
        return self.spread * np.clip(done * 20, 0.0, 1.0) ** 0.5


@dataclass(frozen=True, eq=False, slots=True)
class _Course:
    """A run that does not diverge, at the knots, and its settings against what it wants."""

    at: Grid
    train: Floats
    held_out: Floats
    initial: float
    spread: float
    probability: float
    stable_rate: float
    best_rate: float
    best_batch: float


@lru_cache(maxsize=256)
def loss_curve(plan: Plan, calibration: Calibration | None = None) -> LossCurve:
    """The curve of a plan; cached, since the form asks at each keystroke."""
    tune = plan.config.method != "pretrain"
    course = _tuned(plan, calibration) if tune else _pretrained(plan, calibration)
    diverges = course.probability > 0.5
    at = onset(plan, course.stable_rate) if diverges else None
    best_eval = int(course.at.steps[int(np.argmin(course.held_out))])
    knots, train, held_out = course.at.steps, course.train, course.held_out
    grad = grad_norm(course.at, plan)
    if at is not None:
        blown = blow_up(plan, at, course.initial, (knots, train, held_out, grad))
        knots, train, held_out, grad = blown
        best_eval = min(best_eval, at)
    end, end_eval = float(train[-1]), float(held_out[-1])
    sequences = max(plan.tokens_per_step / 1024, 1e-3)
    noise_scale = (calibration and calibration.noise_scale) or 1.0
    return LossCurve(
        knots=knots,
        train_knots=train,
        eval_knots=held_out,
        grad_knots=grad,
        spread=course.spread,
        noise_std=NOISE * sequences**-NOISE_POWER * noise_scale,
        initial=course.initial,
        final=end,
        final_eval=end_eval,
        final_low=end * (1 - course.spread),
        final_high=end * (1 + course.spread),
        final_eval_low=end_eval * (1 - course.spread),
        final_eval_high=end_eval * (1 + course.spread),
        best_eval_step=best_eval,
        overfits=not diverges and end_eval > 1.01 * float(held_out.min()),
        diverges=diverges,
        divergence_probability=course.probability,
        diverges_at=at,
        spike_rate=SPIKES,
        stable_learning_rate=course.stable_rate,
        optimal_learning_rate=course.best_rate,
        optimal_batch_tokens=course.best_batch,
        critical_batch_tokens=critical_batch(float(course.train[-1])),
    )


def critical_batch(loss: float) -> float:
    """Tokens beyond which a larger batch saves no time: 2e8 L^(-1/0.21) (Kaplan 2020)."""
    return float(CRITICAL_BATCH * max(loss, 0.5) ** -CRITICAL_POWER)


def _pretrained(plan: Plan, calibration: Calibration | None) -> _Course:
    at, initial = grid(plan), uniform_loss(plan.model.vocabulary_size)
    settings = stability(plan, transformer.body_parameters(plan.model))
    law = laws.corpus_law(plan.dataset)
    known = plan.dataset.loss_law is not None or plan.dataset.loss_offset is not None
    spread = SPREAD_CORPUS if known else SPREAD_UNKNOWN
    if calibration is not None and calibration.curve is not None:
        power = calibrated_law(calibration)
        scale = plan.tokens_per_step / (calibration.tokens_per_step or plan.tokens_per_step)
        path = power.level + shape(power, at, scale) + _moved(plan, calibration, settings.penalty)
        spread = SPREAD_CALIBRATED + (calibration.loss_error or 0.0)
    else:
        batch = plan.tokens_per_step / GENERAL_TOKENS
        course = shape(GENERAL, at, batch)
        end = pretraining.fresh_loss(plan, law, settings.wasted) + settings.penalty
        end += schedule_cost(GENERAL, at, plan.total_steps, batch)
        path = np.maximum(end + course - course[-1], 0.5 * end)
        if calibration is not None:
            path = path + (calibration.loss_level or 0.0)
    train = from_initial(initial, path)
    held_out, train = _repeated(plan, at, train)
    if plan.epochs > 1.5:
        spread = max(spread, SPREAD_REPEATED)
    return _Course(
        at,
        train,
        held_out,
        initial,
        spread,
        settings.divergence_probability,
        settings.stable_learning_rate,
        settings.optimal_learning_rate,
        settings.optimal_batch_tokens,
    )


def calibrated_law(calibration: Calibration) -> MultiPowerLaw:
    """The multi-power law with a person's own constants in place of the published ones."""
    return MultiPowerLaw(**dict(zip(CURVE_CONSTANTS, calibration.curve or (), strict=False)))


def _moved(plan: Plan, calibration: Calibration, penalty: float) -> float:
    """What a configuration differs from the calibrated one in: model size, learning rate and batch."""
    moved = penalty - (calibration.penalty or 0.0)
    if calibration.parameters:
        law = laws.corpus_law(plan.dataset)
        now = pretraining.counted_parameters(plan)
        moved += law.a * (now**-law.alpha - calibration.parameters**-law.alpha)
    return moved


def _repeated(plan: Plan, at: Grid, train: Floats) -> tuple[Floats, Floats]:
    """Loss on held-out and on training text where the text is repeated."""
    passes = (at.steps + 1) / plan.steps_per_epoch
    if passes[-1] <= 1.0:
        return train, train
    law, parameters = laws.corpus_law(plan.dataset), pretraining.counted_parameters(plan)
    unique = plan.sequences_per_epoch * plan.tokens_per_sequence
    start = repeats.onset_epochs(parameters, unique)
    cost = np.zeros_like(train)
    over = np.zeros_like(train)
    for k in np.flatnonzero(passes > 1.0):
        cost[k] = pretraining.repeat_loss(plan, law, passes[k] * unique)
        over[k] = repeats.overfitting(passes[k], start)
    learnt = train * np.exp(-0.5 * over)
    return train + cost + over, learnt + cost * np.exp(-over)


def _tuned(plan: Plan, calibration: Calibration | None) -> _Course:
    tuning = fine_tuning.fine_tuning(plan)
    at = _with_passes(plan, grid(plan))
    passes = at.steps / plan.steps_per_epoch
    fresh = fine_tuning.fall(tuning, at.area, at.steps, plan.total_steps)
    if calibration is not None:
        stretch = calibration.loss_stretch or 1.0
        fresh = fresh[-1] + stretch * (fresh - fresh[-1]) + (calibration.loss_level or 0.0)
        fresh = np.maximum(fresh, 0.01)
    train = fresh * fine_tuning.memorised(tuning, passes)
    held_out = fresh * (1 + fine_tuning.overfitted(tuning, passes))
    spread = SPREAD_TUNING
    if calibration is not None and calibration.loss_error is not None:
        spread = min(spread, 0.02 + 2 * calibration.loss_error)
    return _Course(
        at,
        train,
        held_out,
        float(fresh[0]),
        spread,
        tuning.divergence_probability,
        tuning.stable_learning_rate,
        tuning.optimal_learning_rate,
        32 * plan.tokens_per_sequence,
    )


def _with_passes(plan: Plan, at: Grid) -> Grid:
    """The grid with knots on both sides of each of the first passes' ends, where the loss steps down."""
    ends = np.arange(1, min(int(plan.epochs), 64) + 1) * plan.steps_per_epoch
    ends = np.ceil(ends - 1e-9)
    steps = np.union1d(at.steps, np.concatenate([ends - 1, ends]))
    steps = steps[(steps >= 0) & (steps <= at.steps[-1])]
    return Grid(steps, np.interp(steps, at.steps, at.rate), np.interp(steps, at.steps, at.area))
