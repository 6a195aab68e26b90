"""What a fine-tune's log looks like: features of its noise, of windows of its curve and of its gradient norm.

A real log with logging_steps n holds means over n steps, so Vapor's is averaged over the same steps and rounded as
trainers round.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.fidelity.finetuning.prefixes import Log, logs
from benchmarks.fidelity.finetuning.runs import curve_of
from vapor_core.simulator import simulate

Floats = NDArray[np.float64]
WINDOWS = 8  # of a log, whose levels and slopes are compared
SHORTEST = 25  # points, below which a log has no texture
LEFT_OUT = 20  # the first twentieth of a log is no texture: the loss falls too fast
TREND, LONGEST_TREND = 8, 101  # of a log's points, whose running median is the trend, and at most so many
SIGMAS = 6.0  # robust deviations from which a point is a spike
DIGITS = 4  # that trainers log
MAD = 1.4826  # standard deviation of a normal value over the median absolute one
NAMES = (
    "noise", "lag", "skew", "kurtosis", "spikes", "bends", "repeats",
    *(f"level {i}" for i in range(WINDOWS)), *(f"noise {i}" for i in range(4)), "fall", "half",
    "grad first", "grad trend", "grad noise", "grad level",
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A log as points: logged losses, gradient norms, and how many steps a point is the mean of."""

    loss: Floats
    grad_norm: Floats
    every: int
    batch: float


def real(log: Log) -> Drawn:
    """What was logged."""
    return Drawn(log.loss, log.grad_norm, log.every, float(curve_of(log.run.config)[0].global_batch))


def vapors(log: Log, seed: int = 0) -> Drawn:
    """What Vapor draws of the same configuration, logged in the same way."""
    config = log.run.config.changed(seed=seed)
    asked, _ = curve_of(log.run.config)
    last = min(int(log.steps[-1]), asked.total_steps - 1)
    frame = simulate(config, 0, last + 1)
    return logged(
        frame, log.steps[log.steps <= last], float(asked.global_batch), np.isfinite(log.grad_norm).any()
    )


def logged(frame: pd.DataFrame, steps: NDArray[np.int64], batch: float, grad: bool) -> Drawn:
    """A simulated run as a trainer logs it at these steps: means since the last, and the last step's gradient norm."""
    sums = np.concatenate([[0.0], np.cumsum(frame["loss"].to_numpy())])
    ends = steps + 1
    begins = np.concatenate([[max(ends[0] - max(int(np.median(np.diff(ends))), 1), 0)], ends[:-1]])
    loss = np.round((sums[ends] - sums[begins]) / (ends - begins), DIGITS)
    norm = frame["grad_norm"].to_numpy()[steps] if grad else np.full(len(steps), np.nan)
    return Drawn(loss, norm, max(int(np.median(np.diff(ends))), 1), batch)


def features(of: Drawn) -> Floats:
    """One value a name of NAMES; NaN where a log does not tell."""
    logs_ = np.log(np.maximum(of.loss, 10.0**-DIGITS))
    trend = smooth(logs_)
    begin = max(len(logs_) // LEFT_OUT, 2)
    rest = (logs_ - trend)[begin:]
    noise = MAD * float(np.median(np.abs(rest - np.median(rest)))) + 1e-6
    z = rest / noise
    spikes = float((z > SIGMAS).sum()) * 1000 / (len(rest) * of.every)
    bends = np.abs(np.diff(logs_, 2))[begin:]
    own = np.array([
        np.log(noise) + 0.43 * np.log(of.batch) + 0.5 * np.log(of.every) + 0.24 * float(np.median(logs_)),
        _correlation(rest[1:], rest[:-1]),
        float(np.mean(np.clip(z, -5, 5) ** 3)) / (float(np.mean(np.clip(z, -5, 5) ** 2)) ** 1.5 + 1e-9),
        float(np.mean(np.clip(z, -5, 5) ** 4)) / (float(np.mean(np.clip(z, -5, 5) ** 2)) ** 2 + 1e-9),
        np.log1p(spikes),
        np.log(float(np.median(bends)) / noise + 1e-3),
        float((np.diff(of.loss) == 0).mean()),
    ])  # fmt: skip
    return np.concatenate([own, _windows(logs_, rest), _gradient(of.grad_norm)])


def smooth(logs_: Floats) -> Floats:
    """Trend: running median, then running mean."""
    width = min(max(len(logs_) // TREND, 7), LONGEST_TREND)
    series = pd.Series(logs_)
    middle = series.rolling(width, center=True, min_periods=1).median()
    return np.asarray(middle.rolling(width, center=True, min_periods=1).mean())


def _windows(logs_: Floats, rest: Floats) -> Floats:
    """Levels of the windows against the last, the noise of quarters, the fall, and where half of it is done."""
    parts = np.array([float(np.median(part)) for part in np.array_split(logs_, WINDOWS)])
    quarters = np.array([float(np.std(part)) + 1e-6 for part in np.array_split(rest, 4)])
    fall = logs_[0] - parts[-1]
    half = float((logs_ > parts[-1] + fall / 2).mean())
    return np.concatenate([parts - parts[-1], np.log(quarters / quarters.mean()), [fall, half]])


def _gradient(norm: Floats) -> Floats:
    """First over median, last over first tenth, noise and level, as logarithms; NaN where none was logged."""
    known = norm[np.isfinite(norm) & (norm > 0)]
    if len(known) < SHORTEST:
        return np.full(4, np.nan)
    logs_ = np.log(known)
    tenth = max(len(logs_) // 10, 1)
    noise = float(np.median(np.abs(np.diff(logs_)))) / 0.954
    return np.array([
        logs_[0] - np.median(logs_), np.median(logs_[-tenth:]) - np.median(logs_[:tenth]), noise,
        float(np.median(logs_)),
    ])  # fmt: skip


def _correlation(a: Floats, b: Floats) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def textured() -> tuple[Log, ...]:
    """The logs that are long enough."""
    return tuple(log for log in logs() if len(log.loss) >= SHORTEST)
