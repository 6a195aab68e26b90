"""The learning rate by step, as common trainers draw it, and the steps at which a run is worked out."""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.training import ScheduleName, SchedulePoints
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]

# Knots of a grid: evenly over the run, evenly in the logarithm of the step, and over warm-up and decay. Twice as many
# move a final loss by a hundred-thousandth at most.
EVEN, LOGARITHMIC, WARMUP_KNOTS, DECAY_KNOTS = 73, 41, 9, 17
MOST_POINTS = 64  # of a schedule's own points that get knots
SMALLEST_RATE = 1e-300  # keeps a schedule that is zero everywhere from dividing by zero
# The schedule that published final losses were measured under: 1 % warm-up, then a cosine to a tenth of the peak.
USUAL_WARMUP, USUAL_FLOOR, USUAL_KNOTS, USUAL_RISE_KNOTS = 0.01, 0.1, 33, 4


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Steps at which a run is worked out, and its schedule there."""

    steps: Floats  # ascending whole numbers, first 0, last total_steps - 1
    rate: Floats  # learning rate over its peak, at `steps`
    area: Floats  # sum of `rate` over all steps up to and including each of `steps`


@dataclass(frozen=True, slots=True)
class Schedule:
    """The course of the learning rate, its peak left out: what a grid depends on."""

    total_steps: int
    warmup_steps: int
    ramps_itself: bool  # the schedule's own points rise to their peak
    course: ScheduleName | SchedulePoints
    decay_ratio: float
    floor: float  # least rate over the peak

    def multiplier(self, at: Floats) -> Floats:
        """Learning rate over its peak at steps of the run, counted from 0; shape of `at`."""
        if not isinstance(self.course, str):
            points = np.asarray(self.course, dtype=np.float64)
            multiplier = np.interp(at / max(self.total_steps - 1, 1), points[:, 0], points[:, 1])
            return multiplier if self.ramps_itself else multiplier * self._rise(at)
        return self._rise(at) * self._fall(at)

    def _fall(self, at: Floats) -> Floats:
        last, warmup = self.total_steps - 1, self.warmup_steps
        if self.course == "constant":
            return np.ones_like(at)
        if self.course == "wsd":
            into = (at - (1 - self.decay_ratio) * last) / max(self.decay_ratio * last, 1e-9)
            return np.asarray(1 - (1 - self.floor) * np.minimum(np.maximum(into, 0.0), 1.0))
        done = np.maximum(at - warmup, 0.0) / max(last - warmup, 1)
        left = 0.5 * (1 + np.cos(np.pi * done)) if self.course == "cosine" else 1 - done
        return np.asarray(self.floor + (1 - self.floor) * left)

    def _rise(self, at: Floats) -> Floats:
        warmup = self.warmup_steps
        return np.minimum((at + 1) / warmup, 1.0) if warmup else np.ones_like(at)


def schedule(plan: Plan) -> Schedule:
    """The course of a plan's learning rate."""
    config = plan.config
    return Schedule(
        plan.total_steps,
        plan.warmup_steps,
        plan.ramps_itself,
        config.schedule,
        config.decay_ratio,
        config.min_learning_rate_ratio,
    )


def learning_rate(plan: Plan, steps: NDArray[np.int64]) -> Floats:
    """Learning rate used at each step, shape of `steps`; steps count from 0.

    Warm-up rises linearly over the first `warmup_steps`; then the schedule runs from the peak to
    `min_learning_rate_ratio` of it at the last step. "wsd" holds the peak and falls linearly over the last
    `decay_ratio` of all steps. Points give the multiplier, the minimum included; points that begin near zero
    have their own warm-up, others get that of `warmup_ratio`.
    """
    at = np.asarray(steps, dtype=np.float64)
    return plan.config.learning_rate * schedule(plan).multiplier(at)


def merged(values: Floats) -> Floats:
    """Values in ascending order, each once; `values` is sorted in place."""
    values.sort()
    first = np.empty(values.size, dtype=np.bool_)
    first[:1] = True
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def grid(plan: Plan) -> Grid:
    """Knots dense where a run bends: its start, the ends of warm-up and decay, the schedule's own points."""
    return _grid(schedule(plan))


@lru_cache(maxsize=256)  # about 5 kB each
def _grid(course: Schedule) -> Grid:
    last = course.total_steps - 1
    bends = _bends(course, last)
    knots = np.empty(EVEN + LOGARITHMIC + bends.size)
    np.multiply(_EVENLY, last / (EVEN - 1), out=knots[:EVEN])
    np.exp(_LOGARITHMS * log(last + 1), out=knots[EVEN : -bends.size])
    knots[EVEN : -bends.size] -= 1
    np.minimum(np.maximum(bends, 0.0), last, out=knots[-bends.size :])
    steps = merged(np.rint(knots, out=knots))
    rate = course.multiplier(steps)
    rate /= max(float(rate.max()), SMALLEST_RATE)
    return Grid(steps, rate, _area(steps, rate))


_EVENLY = np.arange(EVEN, dtype=np.float64)
_LOGARITHMS = np.linspace(0.0, 1.0, LOGARITHMIC)
_WARMUP = np.linspace(0.0, 1.0, WARMUP_KNOTS)
_DECAY = np.linspace(0.0, 1.0, DECAY_KNOTS)


def _bends(course: Schedule, last: int) -> Floats:
    """Where a schedule turns, in steps; some may lie outside of the run."""
    warmup = _WARMUP * course.warmup_steps
    if not isinstance(course.course, str):
        at = np.asarray(course.course, dtype=np.float64)[:, 0] * last
        at = at[:: max(len(at) // MOST_POINTS, 1)]
        return np.concatenate([warmup, np.floor(at) - 1, np.floor(at), np.ceil(at), np.ceil(at) + 1])
    if course.course == "wsd":
        decay = last - course.decay_ratio * last * (1 - _DECAY)
        return np.concatenate([warmup, [course.warmup_steps - 1.0], decay])
    return np.concatenate([warmup, [course.warmup_steps - 1.0]])


@lru_cache(maxsize=256)
def usual_grid(total_steps: int) -> Grid:
    """The schedule that published final losses were measured under, over as many steps."""
    last = total_steps - 1
    warmup = max(USUAL_WARMUP * total_steps, 1.0)
    even, rise = (
        np.linspace(0, end, knots) for end, knots in ((last, USUAL_KNOTS), (warmup, USUAL_RISE_KNOTS))
    )
    steps = merged(np.rint(np.concatenate([even, rise])))
    steps = steps[steps <= last]
    done = np.minimum(np.maximum((steps - warmup) / max(last - warmup, 1.0), 0.0), 1.0)
    fall = USUAL_FLOOR + (1 - USUAL_FLOOR) * 0.5 * (1 + np.cos(np.pi * done))
    rate = np.minimum((steps + 1) / warmup, 1.0) * fall
    return Grid(steps, rate, _area(steps, rate))


def with_knots(at: Grid, extra: Floats) -> Grid:
    """A grid with more knots, none negative, its schedule joined by straight lines between its own."""
    steps = merged(np.minimum(np.concatenate([at.steps, extra]), at.steps[-1]))
    return Grid(steps, np.interp(steps, at.steps, at.rate), np.interp(steps, at.steps, at.area))


def _area(steps: Floats, rate: Floats) -> Floats:
    """Running sum over whole steps of a rate that is straight between knots; exact for straight pieces.

    Of a piece of w steps from rate a to rate b, a itself left out, it is (w (a + b) + b - a) / 2.
    """
    area = np.empty(steps.size)
    area[0] = 0.0
    np.cumsum((steps[1:] - steps[:-1]) * (rate[:-1] + rate[1:]), out=area[1:])
    area += rate
    area += rate[0]
    area *= 0.5
    return area
