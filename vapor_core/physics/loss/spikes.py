"""When the training loss jumps, how far, and how it recovers.

Jumps hit single steps with a small probability that falls with the learning rate, are heavy-tailed (a few large,
many small) and heal exponentially, as public pretraining logs show them. Each depends on its own step alone. The
constants are set by hand, so that drawn runs look like those logs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.noise import uniforms
from vapor_core.physics.loss.schedule import learning_rate
from vapor_core.physics.plan import Plan

RECOVERY_STEPS = 120  # after which nothing of a spike is left
_TAIL = 1.5  # exponent of the heights' power law
_MOST_OFTEN = 0.02  # spikes a step
_HIGH_BITS = 65_536  # values of the 16 bits of a draw that decide whether and how high


@dataclass(frozen=True, slots=True)
class SpikeLaw:
    """How often jumps come, how high they are and how they heal."""

    rate: float  # a step at the peak learning rate
    nats: float  # of the typical height,
    sigmas: float  # and of the minibatch noise's standard deviation beside
    largest: float  # of the typical height
    quickest: float  # steps after which 1/e of a spike is left
    slowest: float

    def height(self, noise_std: float) -> float:
        """Typical height, nats."""
        return self.nats + self.sigmas * noise_std


# Excursions beyond 6 sigma a step: 13 of llm.c's 19,560.
PRETRAINING = SpikeLaw(rate=7e-4, nats=0.05, sigmas=3.0, largest=40.0, quickest=3.0, slowest=15.0)
# Single bad batches: 0.12 in 1,000 steps of 60 published fine-tunes, about 0.3 nats, gone at the next step.
TUNING = SpikeLaw(rate=1.2e-4, nats=0.2, sigmas=0.0, largest=8.0, quickest=0.2, slowest=0.6)


def spike_law(plan: Plan) -> SpikeLaw:
    """The law of a plan's spikes."""
    return PRETRAINING if plan.config.method == "pretrain" else TUNING


@dataclass(frozen=True, eq=False, slots=True)
class Spikes:
    """The spikes that lie in a range: arrays of one length."""

    steps: NDArray[np.int64]
    heights: NDArray[np.float64]  # in units of the typical height
    recovery: NDArray[np.float64]  # steps after which 1/e is left


NONE = Spikes(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))


def spikes(plan: Plan, start: int, stop: int, law: SpikeLaw | None = None) -> Spikes:
    """Spikes that begin in steps start..stop-1, by the plan's law or another."""
    law = law or spike_law(plan)
    first = max(start, 0)
    rate = min(law.rate, _MOST_OFTEN)
    draws = uniforms(plan.config.seed, "spikes", first, stop)
    near = np.flatnonzero(draws < rate)
    if not near.size:
        return NONE
    steps, draws = near + first, draws[near]
    chance = rate * np.minimum(learning_rate(plan, steps) / plan.config.learning_rate, 1.0)
    hit = draws < chance
    steps, draws = steps[hit], draws[hit]
    heights = np.minimum((draws / chance[hit]) ** (-1 / _TAIL), law.largest)
    low_bits = (draws * _HIGH_BITS) % 1.0  # independent of the height, which the high bits decide
    recovery = law.quickest + (law.slowest - law.quickest) * low_bits
    return Spikes(steps, heights, recovery)


def bumps(plan: Plan, start: int, stop: int, law: SpikeLaw | None = None) -> NDArray[np.float64] | None:
    """What spikes add at steps start..stop-1, in units of the typical height; None where nothing."""
    found = spikes(plan, start - RECOVERY_STEPS + 1, stop, law)
    if not found.steps.size:
        return None
    after = np.arange(RECOVERY_STEPS)
    decay = found.heights[:, None] * np.exp(-after / found.recovery[:, None])
    at = found.steps[:, None] + (after - start)
    inside = (at >= 0) & (at < stop - start)
    return np.bincount(at[inside], decay[inside], stop - start).astype(np.float64, copy=False)


def risen(
    loss: NDArray[np.float64], bump: NDArray[np.float64], height: float, most: float
) -> NDArray[np.float64]:
    """Nats that bumps of a typical height add to a loss, bent so that it stays below `most`."""
    room = np.maximum(most - loss, 1e-9)
    return np.asarray(-room * np.expm1(-bump * height / room))
