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
_LARGEST = 40.0  # of the typical height
_TAIL = 1.5  # exponent of the heights' power law
_MOST_OFTEN = 0.02  # spikes a step
_QUICKEST_RECOVERY, _SLOWEST_RECOVERY = 3.0, 15.0  # steps after which 1/e of a spike is left
_HIGH_BITS = 65_536  # values of the 16 bits of a draw that decide whether and how high


@dataclass(frozen=True, eq=False, slots=True)
class Spikes:
    """The spikes that lie in a range: arrays of one length."""

    steps: NDArray[np.int64]
    heights: NDArray[np.float64]  # in units of the typical height
    recovery: NDArray[np.float64]  # steps after which 1/e is left


NONE = Spikes(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))


def spikes(plan: Plan, rate: float, start: int, stop: int) -> Spikes:
    """Spikes that begin in steps start..stop-1; `rate` is their number a step at the peak learning rate."""
    first = max(start, 0)
    rate = min(rate, _MOST_OFTEN)
    draws = uniforms(plan.config.seed, "spikes", first, stop)
    near = np.flatnonzero(draws < rate)
    if not near.size:
        return NONE
    steps, draws = near + first, draws[near]
    chance = rate * np.minimum(learning_rate(plan, steps) / plan.config.learning_rate, 1.0)
    hit = draws < chance
    steps, draws = steps[hit], draws[hit]
    heights = np.minimum((draws / chance[hit]) ** (-1 / _TAIL), _LARGEST)
    low_bits = (draws * _HIGH_BITS) % 1.0  # independent of the height, which the high bits decide
    recovery = _QUICKEST_RECOVERY + (_SLOWEST_RECOVERY - _QUICKEST_RECOVERY) * low_bits
    return Spikes(steps, heights, recovery)


def bumps(plan: Plan, rate: float, start: int, stop: int) -> NDArray[np.float64] | None:
    """What spikes add at steps start..stop-1, in units of the typical height; None where nothing."""
    found = spikes(plan, rate, start - RECOVERY_STEPS + 1, stop)
    if not found.steps.size:
        return None
    after = np.arange(RECOVERY_STEPS)
    decay = found.heights[:, None] * np.exp(-after / found.recovery[:, None])
    at = found.steps[:, None] + (after - start)
    inside = (at >= 0) & (at < stop - start)
    return np.bincount(at[inside], decay[inside], stop - start).astype(np.float64, copy=False)
