"""How the training loss falls within one run, given its schedule: the multi-power law.

Luo et al. 2025 (arXiv 2503.12811): L(t) = L0 + A S1(t)^-alpha - LD(t), where S1 sums the learning rate up to t and
LD is what each change of the learning rate gains, growing after the change. Warm-up's increases count too. The
level of the end is `pretraining`'s question; here is only the shape.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.plan import Plan
from vapor_core.physics.schedule import learning_rate

Floats = NDArray[np.float64]

# Sharpness of the bend from the initial loss into the power law; fitted to llm.c's and modded-nanogpt's first
# 2,000 steps (benchmarks/fidelity/fit_loss.py).
START_BEND = 12.0


@dataclass(frozen=True, slots=True)
class MultiPowerLaw:
    """Constants of the law, for about half a million tokens a step.

    The first four are the published fit of the 100 M model (thu-yao-01-luo/MultiPowerLaw); the last three hardly
    differ between its 25 M, 100 M and 400 M models and are their mean.
    """

    level: float = 2.6514477
    a: float = 0.60115152
    alpha: float = 0.45295811
    b: float = 437.9464276
    c: float = 2.1
    beta: float = 0.59
    gamma: float = 0.65
    peak: float = 3e-4  # learning rate that a run's peak stands for; a run's own peak is its settings' matter


# The same where nothing is calibrated. Two GPT-2 runs on FineWeb at rates nearer to their best (llm.c, modded-nanogpt)
# bend as the published constants do at a third more than the published peak.
GENERAL = MultiPowerLaw(peak=4e-4)
GENERAL_TOKENS = 524_288.0  # a step
NOT_ANNEALED = 0.04  # nats: least cost of a rate that stays at its peak


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Steps at which a run is worked out, and its schedule there."""

    steps: Floats  # ascending whole numbers, first 0, last total_steps - 1
    rate: Floats  # learning rate over its peak, at `steps`
    area: Floats  # sum of `rate` over all steps up to and including each of `steps`


def grid(plan: Plan) -> Grid:
    """Knots dense where a run bends: its start, the ends of warm-up and decay, the schedule's own points."""
    last = plan.total_steps - 1
    parts = [np.linspace(0, last, 73), np.geomspace(1, last + 1, 41) - 1, _bends(plan, last)]
    steps = np.asarray(np.unique(np.clip(np.round(np.concatenate(parts)), 0, last)), dtype=np.float64)
    rate = learning_rate(plan, steps.astype(np.int64))
    rate = rate / max(float(rate.max()), 1e-300)
    return Grid(steps, rate, _area(steps, rate))


def cosine_grid(total_steps: int) -> Grid:
    """The schedule that published final losses were measured under: 1 % warm-up, cosine to a tenth."""
    last = total_steps - 1
    warmup = max(0.01 * total_steps, 1.0)
    steps = np.unique(np.round(np.concatenate([np.linspace(0, last, 33), np.linspace(0, warmup, 4)])))
    steps = steps[steps <= last]
    done = np.clip((steps - warmup) / max(last - warmup, 1.0), 0.0, 1.0)
    rate = np.minimum((steps + 1) / warmup, 1.0) * (0.1 + 0.45 * (1 + np.cos(np.pi * done)))
    rate = np.asarray(rate, dtype=np.float64)
    return Grid(np.asarray(steps, dtype=np.float64), rate, _area(steps, rate))


def _bends(plan: Plan, last: int) -> Floats:
    config = plan.config
    if not isinstance(config.schedule, str):
        at = np.asarray(config.schedule, dtype=np.float64)[:, 0] * last
        at = at[:: max(len(at) // 64, 1)]
        own = np.linspace(0, plan.warmup_steps, 9)
        return np.concatenate([own, np.floor(at) - 1, np.floor(at), np.ceil(at), np.ceil(at) + 1])
    warmup = float(plan.warmup_steps)
    parts = [np.linspace(0, warmup, 9), np.array([warmup - 1])]
    if config.schedule == "wsd":
        parts.append(np.linspace((1 - config.decay_ratio) * last, last, 17))
    return np.concatenate(parts)


def _area(steps: Floats, rate: Floats) -> Floats:
    """Running sum over whole steps of a rate that is straight between knots; exact for straight pieces."""
    width = np.diff(steps)
    pieces = width * (rate[:-1] + rate[1:]) / 2 + np.diff(rate) / 2
    return np.asarray(rate[0] + np.concatenate([[0.0], np.cumsum(pieces)]))


def shape(law: MultiPowerLaw, at: Grid, batch: float) -> Floats:
    """A S1^-alpha - LD at the grid's steps, nats; add `law.level` for the loss.

    `batch` is the tokens of a step against those of the runs that the constants were fitted to.
    """
    scale = law.peak * batch
    return _power(law, at.area, scale) - _gain(law, at, at.area, scale)


def schedule_cost(law: MultiPowerLaw, at: Grid, total_steps: int, batch: float) -> float:
    """Nats that the schedule ends above the one published final losses were measured under.

    The law's runs had rates below their best, where more area outweighs a lack of annealing in short runs; at the
    best rate it does not, so a rate that stays up costs at least its share of NOT_ANNEALED.
    """
    usual, scale = cosine_grid(total_steps), law.peak * batch
    own, other = (
        float((_power(law, end, scale) - _gain(law, runs, end, scale))[0])
        for runs, end in ((at, at.area[-1:]), (usual, usual.area[-1:]))
    )
    return max(own - other, NOT_ANNEALED * (float(at.rate[-1]) - 0.1))


def _power(law: MultiPowerLaw, area: Floats, scale: float) -> Floats:
    return np.asarray(law.a * np.maximum(area * scale, 1e-12) ** -law.alpha)


def _gain(law: MultiPowerLaw, at: Grid, area: Floats, scale: float) -> Floats:
    """LD: what the changes of the learning rate have gained by each of `area`'s instants."""
    before = np.concatenate([[0.0], at.rate[:-1]])
    change = before - at.rate
    width = np.concatenate([[1.0], np.diff(at.steps)])
    # straight piece of `width` steps: its steps' mean rate and mean area, so that a jump counts its lower side
    mean_rate = before - change * (width + 1) / (2 * width)
    mean_area = at.area - (width - 1) / 2 * (at.rate + mean_rate) / 2 - at.rate
    moved = np.abs(change) > 1e-9
    rate = law.peak * np.maximum(mean_rate[moved], 1e-9)
    speed = law.c * rate**-law.gamma * scale
    since = area[:, None] - mean_area[moved][None, :]
    np.maximum(since, 0.0, out=since)
    grown = -np.expm1(-law.beta * np.log1p(since * speed))
    return np.asarray(law.b * law.peak * (grown @ change[moved]))


def from_initial(initial: float, loss: Floats) -> Floats:
    """The law's loss bent into the initial loss, which it exceeds in the first steps."""
    ratio = np.minimum(np.maximum(loss, 1e-9) / initial, 1e6)
    return np.asarray(loss * np.exp(-np.logaddexp(0.0, START_BEND * np.log(ratio)) / START_BEND))


def uniform_loss(vocabulary_size: int) -> float:
    """Loss of a model that knows nothing: ln V."""
    return log(max(vocabulary_size, 2))
