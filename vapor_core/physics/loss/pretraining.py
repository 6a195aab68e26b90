"""How a pretraining run falls and where it ends: the law of its corpus, what its settings cost, its schedule's shape.

The end follows the compute-optimal law of the corpus (`laws`). The shape is the multi-power law, Luo et al. 2025 (arXiv
2503.12811): L(t) = L0 + A S1(t)^-alpha - LD(t), where S1 sums the learning rate up to t and LD is what each change of
the learning rate gains, growing after the change. Warm-up's increases count too.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vapor_core.contracts.entries import LossLaw
from vapor_core.physics.loss.laws import law_loss
from vapor_core.physics.loss.schedule import USUAL_FLOOR, Floats, Grid, usual_grid
from vapor_core.physics.plan import Plan

FEWEST_TOKENS = 1e3  # of a whole run; the laws are not asked about fewer


def counted_parameters(plan: Plan) -> float:
    """N as the corpus's law counts it."""
    if plan.dataset.loss_parameters == "non_embedding":
        return plan.transformer.body_parameters
    return float(plan.model.parameters)


def fresh_loss(plan: Plan, law: LossLaw, wasted: float) -> float:
    """Loss at the end if no text were repeated; `wasted` scales what a low learning rate learns from a token."""
    return law_loss(law, counted_parameters(plan), max(plan.total_tokens * wasted, FEWEST_TOKENS))


# Sharpness of the bend from the initial loss into the power law; fitted to llm.c's and modded-nanogpt's first
# 2,000 steps (benchmarks/fidelity/fit_loss.py).
START_BEND = 12.0
LARGEST_RATIO = 1e6  # of the power law over the initial loss, in the first steps; keeps the bend finite


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
LEAST_AREA, LEAST_RATE = 1e-12, 1e-9  # keep powers and quotients finite where a schedule stands at zero
NOT_ANNEALED = 0.04  # nats: least cost of a rate that stays at its peak


def shape(law: MultiPowerLaw, at: Grid, batch: float) -> Floats:
    """A S1^-alpha - LD at the grid's steps, nats; add `law.level` for the loss.

    `batch` is the tokens of a step against those of the runs that the constants were fitted to.
    """
    scale = law.peak * batch
    return _power(law, at.area, scale) - _gain(law, at, at.area, scale)


def schedule_cost(law: MultiPowerLaw, at: Grid, batch: float, end: float) -> float:
    """Nats that the schedule ends above the one published final losses were measured under.

    The law's runs had rates below their best, where more area outweighs a lack of annealing in short runs; at the
    best rate it does not, so a rate that stays up costs at least its share of NOT_ANNEALED. `end`: what `shape`
    gives at the last step.
    """
    ahead = end - _usual_end(law, int(at.steps[-1]) + 1, batch)
    return max(ahead, NOT_ANNEALED * (float(at.rate[-1]) - USUAL_FLOOR))


@lru_cache(maxsize=512)
def _usual_end(law: MultiPowerLaw, total_steps: int, batch: float) -> float:
    """`shape` at the last step of the usual schedule."""
    at, scale = usual_grid(total_steps), law.peak * batch
    last = at.area[-1:]
    return float((_power(law, last, scale) - _gain(law, at, last, scale))[0])


def _power(law: MultiPowerLaw, area: Floats, scale: float) -> Floats:
    return np.asarray(law.a * np.maximum(area * scale, LEAST_AREA) ** -law.alpha)


def _gain(law: MultiPowerLaw, at: Grid, area: Floats, scale: float) -> Floats:
    """LD: what the changes of the learning rate have gained by each of `area`'s instants."""
    before = np.concatenate([[0.0], at.rate[:-1]])
    change = before - at.rate
    width = np.concatenate([[1.0], np.diff(at.steps)])
    # straight piece of `width` steps: its steps' mean rate and mean area, so that a jump counts its lower side
    mean_rate = before - change * (width + 1) / (2 * width)
    mean_area = at.area - (width - 1) / 2 * (at.rate + mean_rate) / 2 - at.rate
    moved = np.abs(change) > LEAST_RATE
    rate = law.peak * np.maximum(mean_rate[moved], LEAST_RATE)
    speed = law.c * rate**-law.gamma * scale
    since = area[:, None] - mean_area[moved][None, :]
    np.maximum(since, 0.0, out=since)
    grown = -np.expm1(-law.beta * np.log1p(since * speed))
    return np.asarray(law.b * law.peak * (grown @ change[moved]))


def from_initial(initial: float, loss: Floats) -> Floats:
    """The law's loss bent into the initial loss, which it exceeds in the first steps."""
    ratio = np.minimum(np.maximum(loss, LEAST_RATE) / initial, LARGEST_RATIO)
    return np.asarray(loss * np.exp(-np.logaddexp(0.0, START_BEND * np.log(ratio)) / START_BEND))
