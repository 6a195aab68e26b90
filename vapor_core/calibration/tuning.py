"""What a fine-tune's own log says of its constants, from its first steps on: first and learnt loss, pace, memory.

The law's constants are a prior, as wide as its published errors, so that a few steps move what they tell of (the first
loss) and leave what they do not (what is learnt by heart later); each further point narrows the rest.
"""

from collections.abc import Sequence

import numpy as np

from vapor_core.calibration.points import Floats, MeasuredRun, least_squares
from vapor_core.contracts.training import Calibration
from vapor_core.physics.loss.curve import LossCurve, loss_curve

# Standard deviations known before, as logarithms: of the steps to learn the template and of the pace of learning by
# heart, and of what first and learnt loss are off together for each of their half-width of 80 %
PACE, MEMORY, OF_HALF_WIDTH = 0.7, 1.0, 1 / 1.28
TOGETHER = 0.5  # correlation of what the first and the learnt loss are off
NOISE = 0.1  # of a logged point, relative, where the log is too short to tell
LEAST_NOISE, MOST_NOISE = 0.01, 0.5
FEWEST = 4  # points that tell the noise
INDEPENDENT = 60.0  # points that a log is worth: neighbours err together, and the law has errors of its own
ROUNDS = 25
MOST = 3.0  # of each logarithm, either way
INSIDE = 5  # instants of a logging interval whose mean stands for it
BENDS = 0.6745 * 6**0.5  # median absolute second difference of normal values of deviation 1


def fit_tuning(runs: Sequence[MeasuredRun]) -> Calibration:
    """Factors of a fine-tune's constants, by maximum a posteriori over all runs' points."""
    curve = loss_curve(runs[0].plan)
    noises = [_noise(run) for run in runs]
    windows = [_window(run) for run in runs]
    pull = _prior(curve)

    def residuals(theta: Floats) -> Floats:
        own = _calibration(theta)
        parts = [
            _off(loss_curve(run.plan, own), run, window) / noise * _weight(run)
            for run, window, noise in zip(runs, windows, noises, strict=True)
        ]
        return np.concatenate([*parts, pull @ theta])

    theta = least_squares(residuals, np.full(4, 1e-3), ROUNDS)
    own = _calibration(theta)
    offs = np.concatenate(
        [_off(loss_curve(run.plan, own), run, window) for run, window in zip(runs, windows, strict=True)]
    )
    points, error = len(offs), float(np.median(np.abs(offs)))
    return own.changed(
        loss_error=error,
        notes=(f"Own course from {points} points; a single point lies {100 * error:.1f} % off it.",),
    )


def _calibration(theta: Floats) -> Calibration:
    first, learnt, pace, memory = (float(x) for x in np.exp(np.clip(theta, -MOST, MOST)))
    return Calibration(loss_first=first, loss_learnt=learnt, loss_pace=pace, loss_memory=memory)


def _prior(curve: LossCurve) -> Floats:
    """What weighs the constants' logarithms to residuals of deviation 1."""
    first, learnt = curve.spread_first * OF_HALF_WIDTH, curve.spread_learnt * OF_HALF_WIDTH
    shared = TOGETHER * first * learnt
    covariance = np.diag([first**2, learnt**2, PACE**2, MEMORY**2])
    covariance[0, 1] = covariance[1, 0] = shared
    return np.asarray(np.linalg.cholesky(np.linalg.inv(covariance)).T)


def _window(run: MeasuredRun) -> Floats:
    """Steps whose mean each point stands for, shape (points, INSIDE): those since the point before."""
    gaps = np.diff(
        run.steps, prepend=run.steps[0] - (run.steps[1] - run.steps[0] if len(run.steps) > 1 else 1.0)
    )
    back = np.maximum(gaps - 1, 0.0)[:, None] * np.linspace(1.0, 0.0, INSIDE)
    return np.asarray(np.maximum(run.steps[:, None] - back, 0.0))


def _off(curve: LossCurve, run: MeasuredRun, window: Floats) -> Floats:
    """Relative errors of a curve at a run's points, against the run's running level."""
    told = np.interp(window, curve.knots, curve.train_knots).mean(axis=1)
    return np.asarray((told - run.loss) / np.sqrt(np.maximum(told * run.loss, 1e-12)))


def _noise(run: MeasuredRun) -> float:
    """Relative deviation of a point about its neighbours."""
    if len(run.loss) < FEWEST:
        return NOISE
    logs = np.log(run.loss)
    told = float(np.median(np.abs(logs[2:] - 2 * logs[1:-1] + logs[:-2])) / BENDS)
    return min(max(told, LEAST_NOISE), MOST_NOISE)


def _weight(run: MeasuredRun) -> float:
    return float(min(1.0, INDEPENDENT / len(run.loss)) ** 0.5)
