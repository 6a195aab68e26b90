"""The learning rate by step, as common trainers draw it."""

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.plan import Plan


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
