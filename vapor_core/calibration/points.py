"""The points of a measured run that constants are fitted to, and the least squares that fit them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredRun:
    """One run's usable points; where steps between are not logged, a point is the mean over them."""

    plan: Plan
    steps: Floats
    loss: Floats
    noise: float | None  # std of single steps about their course, nats
    rate: float | None  # median tokens per second
    memory_gb: float | None = None  # the peak, per accelerator


def least_squares(residuals: Callable[[Floats], Floats], start: Floats, rounds: int = 60) -> Floats:
    """Levenberg-Marquardt with a numerical Jacobian and Huber weights; few unknowns, no bounds."""
    at, damping = start.copy(), 1e-2
    errors = residuals(at)
    for _ in range(rounds):
        moves = 1e-5 * np.maximum(np.abs(at), 1e-2)
        jacobian = np.stack(
            [
                (residuals(at + move * unit) - errors) / move
                for move, unit in zip(moves, np.eye(len(at)), strict=True)
            ],
            axis=1,
        )
        weights = 1 / np.maximum(np.abs(errors), 1.0)
        slope = jacobian.T @ (weights * errors)
        bend = (jacobian.T * weights) @ jacobian
        move = np.linalg.solve(bend + damping * np.diag(np.diag(bend) + 1e-9), -slope)
        tried = residuals(at + move)
        if _huber(tried) < _huber(errors):
            gained = _huber(errors) - _huber(tried)
            at, errors, damping = at + move, tried, max(damping / 4, 1e-9)
            if gained < 1e-7 * _huber(errors):
                break
        elif damping > 1e9:
            break
        else:
            damping *= 6
    return at


def _huber(errors: Floats) -> float:
    size = np.abs(errors)
    value = float(np.sum(np.where(size <= 1, size**2, 2 * size - 1)))
    return value if np.isfinite(value) else np.inf
