"""The learning rate by step, as common trainers draw it, and the steps at which a run is worked out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]


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


def learning_rate(plan: Plan, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Learning rate used at each step, shape of `steps`; steps count from 0.

    Warm-up rises linearly over the first `warmup_steps`; then the schedule runs from the peak to
    `min_learning_rate_ratio` of it at the last step. "wsd" holds the peak and falls linearly over the last
    `decay_ratio` of all steps. Points give the multiplier, the minimum included; points that begin near zero
    have their own warm-up, others get that of `warmup_ratio`.
    """
    config = plan.config
    total, warmup = plan.total_steps, plan.warmup_steps
    at = np.asarray(steps, dtype=np.float64)
    if not isinstance(config.schedule, str):
        points = np.asarray(config.schedule, dtype=np.float64)
        multiplier = np.interp(at / max(total - 1, 1), points[:, 0], points[:, 1])
        return config.learning_rate * multiplier * (1.0 if plan.ramps_itself else _rise(at, warmup))
    done = np.clip((at - warmup) / max(total - 1 - warmup, 1), 0.0, 1.0)
    floor = config.min_learning_rate_ratio
    if config.schedule == "cosine":
        multiplier = floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * done))
    elif config.schedule == "linear":
        multiplier = floor + (1 - floor) * (1 - done)
    elif config.schedule == "wsd":
        into = (at - (1 - config.decay_ratio) * (total - 1)) / max(config.decay_ratio * (total - 1), 1e-9)
        multiplier = 1 - (1 - floor) * np.clip(into, 0.0, 1.0)
    else:
        multiplier = np.ones_like(at)
    return config.learning_rate * _rise(at, warmup) * multiplier


def _rise(at: NDArray[np.float64], warmup: int) -> NDArray[np.float64]:
    return np.minimum((at + 1) / warmup, 1.0) if warmup else np.ones_like(at)
