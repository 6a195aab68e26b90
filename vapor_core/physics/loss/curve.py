"""What the loss of a run does, step by step: the other modules' laws assembled into one curve.

The curve holds no noise; `noise` says how large the simulator draws it.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.training import Calibration
from vapor_core.noise import normal_of
from vapor_core.physics.loss import fine_tuning, laws, memorisation, pretraining, repeats
from vapor_core.physics.loss.divergence import blow_up
from vapor_core.physics.loss.fine_tuning import FineTuning
from vapor_core.physics.loss.gradient import grad_norm, tuning_grad_norm
from vapor_core.physics.loss.laws import uniform_loss
from vapor_core.physics.loss.pretraining import (
    GENERAL,
    GENERAL_TOKENS,
    MultiPowerLaw,
    from_initial,
    schedule_cost,
    shape,
)
from vapor_core.physics.loss.schedule import Grid, grid, with_knots
from vapor_core.physics.loss.stability import onset, stability
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

CURVE_CONSTANTS = ("level", "a", "alpha", "b")  # of Calibration.curve, in order; see MultiPowerLaw
# Standard deviation of a step's loss: NOISE n^-NOISE_POWER nats, n sequences of NOISE_TOKENS tokens; llm.c's and
# modded-nanogpt's logs (0.040 and 0.044 at 512 sequences, where the law says 0.043).
NOISE, NOISE_POWER, NOISE_TOKENS = 0.70, 0.446, 1024.0
FEWEST_SEQUENCES = 1e-3  # of NOISE_TOKENS, in a step; a smaller batch counts as this one
# Of a fine-tune's step: exp(NOISE_TUNING) sequences^-NOISE_BATCH loss^NOISE_LOSS (length / NOISE_LENGTH)^-NOISE_LONG,
# from 51 published logs; data sets differ by a factor whose logarithm has the deviation NOISE_SETS
NOISE_TUNING, NOISE_BATCH, NOISE_LOSS = -1.4, 0.43, 0.76
NOISE_LENGTH, NOISE_LONG, NOISE_SETS = 250.0, 0.15, 0.5
CRITICAL_BATCH, CRITICAL_POWER = 2e8, 1 / 0.21  # Kaplan 2020: tokens at a loss of 1 nat
LEAST_LOSS = 0.5  # nats, to which the critical batch follows the loss
# Half-widths of the 80 % bands, as logarithms: the 80th percentiles of the errors on the published tables
# (benchmarks/fidelity).
SPREAD_CORPUS, SPREAD_UNKNOWN, SPREAD_REPEATED = 0.02, 0.12, 0.065
SPREAD_CALIBRATED = 0.005
SPREAD_TUNING_CALIBRATED, SPREAD_PER_ERROR = 0.02, 2.0  # least half-width, and more for each error of the fit
SPREAD_BY_HEART = 0.4  # half-width for each logarithm that the training loss is known by heart
SPREAD_FULL = 0.05  # share of a run after which the band has its full width; it grows as the square root
MORE_LIKELY_THAN_NOT = 0.5  # probability from which a run is said to diverge
OVERFITS = 1.01  # times its lowest, a last eval loss from which a run counts as overfitting
SEVERAL_EPOCHS = 1.5  # from which repeated text widens the band
# Sequences a step that suit a fine-tune: what small ones commonly use
TUNING_BATCH = 32.0
FIRST_PASSES = 64  # whose ends get knots
# Share of the overfitting that training text is better known by, as a logarithm; set by hand
LEARNT = 0.5
LEAST_LEVEL = 0.5  # of the end, below which no shape bends the path
LEAST_TUNED = 0.01  # nats, below which no calibration pulls a fine-tune


@dataclass(frozen=True, eq=False, slots=True)
class LossCurve:
    """Loss and gradient norm over a run, noise-free, in nats per token; built once, read at any steps.

    `knots` are steps in ascending order; the other arrays hold values there and are joined by straight lines.
    """

    knots: Floats
    train_knots: Floats
    eval_knots: Floats
    grad_knots: Floats
    spread: float  # half-width of the 80 % band at the end of the run, as a logarithm
    spread_first: float  # the same at its first step
    spread_learnt: float  # and of what is learnt by then, learning by heart left out
    noise_std: float  # nats, of one step's minibatch at the end of the run
    noise_power: float  # of the loss, to which that changes with it
    noise_knots: Floats
    most: float  # loss of knowing nothing, ln V, above which none lies
    initial: float
    initial_low: float
    initial_high: float
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

    def noise(self, steps: Steps) -> Floats:
        """Standard deviation of the loss of single minibatches at integer steps, nats, shape of `steps`."""
        if not self.noise_power:
            return np.full(steps.shape, self.noise_std)
        return np.interp(steps, self.knots, self.noise_knots)

    def low(self, steps: Steps) -> Floats:
        """Lower end of the 80 % band of the training loss."""
        return self.train(steps) * np.exp(-self._width(steps))

    def high(self, steps: Steps) -> Floats:
        """Upper end of the 80 % band of the training loss."""
        loss = self.train(steps)
        return np.asarray(np.maximum(np.minimum(loss * np.exp(self._width(steps)), self.most), loss))

    def _width(self, steps: Steps) -> Floats:
        """Half-width as a logarithm: a pretraining run's start is known, the end is a law's guess."""
        done = np.asarray(steps, dtype=np.float64) / max(float(self.knots[-1]), 1.0)
        grown = np.minimum(np.maximum(done / SPREAD_FULL, 0.0), 1.0) ** 0.5
        return np.asarray(self.spread_first + (self.spread - self.spread_first) * grown)


@dataclass(frozen=True, eq=False, slots=True)
class _Course:
    """A run that does not diverge, at the knots, and its settings against what it wants."""

    at: Grid
    train: Floats
    held_out: Floats
    initial: float
    spread_first: float  # half-widths of the 80 % bands as logarithms, of the first loss,
    spread: float  # the last training loss
    spread_eval: float  # and the last held-out loss
    probability: float
    stable_rate: float
    best_rate: float
    best_batch: float
    grad: Floats | None = None  # norm of the gradient, where the loss tells it


@lru_cache(maxsize=256)
def loss_curve(plan: Plan, calibration: Calibration | None = None) -> LossCurve:
    """The curve of a plan; cached, since the form asks at each keystroke."""
    tune = plan.config.method != "pretrain"
    course = _tuned(plan, calibration) if tune else _pretrained(plan, calibration)
    diverges = course.probability > MORE_LIKELY_THAN_NOT
    at = onset(plan, course.stable_rate) if diverges else None
    best = int(course.held_out.argmin())
    lowest, best_eval = float(course.held_out[best]), int(course.at.steps[best])
    most = uniform_loss(plan.model.vocabulary_size)  # whoever knows nothing loses no more
    knots, initial = course.at.steps, min(max(course.initial, 0.0), most)
    train, held_out = np.clip(course.train, 0.0, most), np.clip(course.held_out, 0.0, most)
    grad = grad_norm(course.at, plan) if course.grad is None else course.grad
    if at is not None:
        blown = blow_up(plan, at, initial, (knots, train, held_out, grad))
        knots, train, held_out, grad = blown
        best_eval = min(best_eval, at)
    end, end_eval = float(train[-1]), float(held_out[-1])
    noise_scale = (calibration and calibration.noise_scale) or 1.0
    noise = _tuning_noise(plan, end) if tune else _noise(plan)
    return LossCurve(
        knots=knots,
        train_knots=train,
        eval_knots=held_out,
        grad_knots=grad,
        spread=course.spread,
        spread_first=course.spread_first,
        spread_learnt=course.spread_eval,
        noise_std=noise * noise_scale,
        noise_power=NOISE_LOSS if tune else 0.0,
        noise_knots=noise * noise_scale * (train / max(end, LEAST_TUNED)) ** (NOISE_LOSS if tune else 0.0),
        most=most,
        initial=initial,
        initial_low=initial * exp(-course.spread_first),
        initial_high=max(min(initial * exp(course.spread_first), most), initial),
        final=end,
        final_eval=end_eval,
        final_low=end * exp(-course.spread),
        final_high=max(min(end * exp(course.spread), most), end),
        final_eval_low=end_eval * exp(-course.spread_eval),
        final_eval_high=max(min(end_eval * exp(course.spread_eval), most), end_eval),
        best_eval_step=best_eval,
        overfits=not diverges and end_eval > OVERFITS * lowest,
        diverges=diverges,
        divergence_probability=course.probability,
        diverges_at=at,
        stable_learning_rate=course.stable_rate,
        optimal_learning_rate=course.best_rate,
        optimal_batch_tokens=course.best_batch,
        critical_batch_tokens=critical_batch(float(course.train[-1])),
    )


def _noise(plan: Plan) -> float:
    """Nats of a pretraining step."""
    sequences = max(plan.tokens_per_step / NOISE_TOKENS, FEWEST_SEQUENCES)
    return float(NOISE * sequences**-NOISE_POWER)


def _tuning_noise(plan: Plan, loss: float) -> float:
    """Nats of a fine-tune's step at a loss: batch, length and what no setting tells of the data."""
    of_set = exp(NOISE_SETS * normal_of(f"noise of {plan.dataset.id}"))
    length = max(plan.tokens_per_sequence, 1.0) / NOISE_LENGTH
    told = exp(NOISE_TUNING) * plan.global_batch**-NOISE_BATCH * max(loss, LEAST_TUNED) ** NOISE_LOSS
    return float(told * length**-NOISE_LONG * of_set)


def critical_batch(loss: float) -> float:
    """Tokens beyond which a larger batch saves no time: 2e8 L^(-1/0.21) (Kaplan 2020)."""
    return float(CRITICAL_BATCH * max(loss, LEAST_LOSS) ** -CRITICAL_POWER)


def _pretrained(plan: Plan, calibration: Calibration | None) -> _Course:
    at, initial = grid(plan), uniform_loss(plan.model.vocabulary_size)
    settings = stability(plan, plan.transformer.body_parameters)
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
        end += schedule_cost(GENERAL, at, batch, float(course[-1]))
        path = np.maximum(end + course - course[-1], LEAST_LEVEL * end)
        if calibration is not None:
            path = path + (calibration.loss_level or 0.0)
    train = from_initial(initial, path)
    held_out, train = _repeated(plan, at, train)
    if plan.epochs > SEVERAL_EPOCHS:
        spread = max(spread, SPREAD_REPEATED)
    return _Course(
        at,
        train,
        held_out,
        initial,
        0.0,
        spread,
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
    unique = plan.data_tokens
    start = repeats.onset_epochs(parameters, unique)
    again = passes > 1.0
    cost, over = np.zeros_like(train), np.zeros_like(train)
    cost[again] = repeats.repeat_loss(law, parameters, passes[again] * unique, unique)
    over[again] = repeats.overfitting(passes[again], start)
    learnt = train * np.exp(-LEARNT * over)
    return train + cost + over, learnt + cost * np.exp(-over)


def _tuned(plan: Plan, calibration: Calibration | None) -> _Course:
    at = _with_passes(plan, grid(plan))
    tuning = fine_tuning.fine_tuning(plan, float(at.rate[-1]))
    if calibration is not None:
        tuning = fine_tuning.measured(tuning, calibration)
    passes = at.steps / plan.steps_per_epoch
    done = np.maximum(at.area - at.rate, 0.0)  # a step's loss is that of the weights before it
    fresh = fine_tuning.fall(tuning, done, at.steps, plan.total_steps)
    if calibration is not None:
        stretch = calibration.loss_stretch or 1.0
        fresh = fresh[-1] + stretch * (fresh - fresh[-1]) + (calibration.loss_level or 0.0)
        fresh = np.maximum(fresh, LEAST_TUNED)
    by_heart = memorisation.memorised(tuning.memory, passes)
    train = fresh * by_heart
    rise = memorisation.overfitted(tuning.memory, passes)
    held_out = memorisation.risen(fresh, rise, uniform_loss(plan.model.vocabulary_size))
    return _Course(
        at,
        train,
        held_out,
        float(fresh[0]),
        *_tuning_spreads(tuning, float(passes[-1]), calibration),
        tuning.divergence_probability,
        tuning.stable_learning_rate,
        tuning.optimal_learning_rate,
        TUNING_BATCH * plan.tokens_per_sequence,
        tuning_grad_norm(plan, fresh / max(tuning.level.learnt, LEAST_TUNED), -np.log(by_heart)),
    )


def _tuning_spreads(
    tuning: FineTuning, passes: float, calibration: Calibration | None
) -> tuple[float, float, float]:
    """Half-widths as logarithms of the first, last and held-out loss: what is learnt by heart is less well known."""
    learnt = -float(np.log(memorisation.memorised(tuning.memory, np.array(passes))))
    train = (tuning.level.spread_learnt**2 + (SPREAD_BY_HEART * learnt) ** 2) ** 0.5
    spreads = tuning.level.spread_first, train, tuning.level.spread_eval
    if calibration is None or calibration.loss_error is None:
        return spreads
    own = SPREAD_TUNING_CALIBRATED + SPREAD_PER_ERROR * calibration.loss_error
    return min(spreads[0], own), min(spreads[1], own), min(spreads[2], own)


def _with_passes(plan: Plan, at: Grid) -> Grid:
    """The grid with knots on both sides of each of the first passes' ends, where the loss steps down."""
    if plan.epochs < 1:
        return at
    ends = np.arange(1, min(int(plan.epochs), FIRST_PASSES) + 1) * plan.steps_per_epoch
    ends = np.maximum(np.ceil(ends - 1e-9), 1.0)  # a pass may be less than a step
    return with_knots(at, np.concatenate([ends - 1, ends]))
