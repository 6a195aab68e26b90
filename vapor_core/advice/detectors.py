"""What looks sick in a series of metrics, simulated or real; nothing is known here of where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.findings import Finding

if TYPE_CHECKING:
    import pandas as pd


FEWEST_POINTS = 20
# Thresholds, all set by hand.
# Points of the trailing median that a level is: share of the run, and at least
TREND_SHARE, SHORTEST_TREND = 0.05, 5
# A lasting rise above the best level that is a divergence
RISE_SHARE, RISE_SIGMAS, RISE_NATS = 0.25, 8.0, 0.3
SPIKE_SIGMAS, SPIKE_SHARE = 8.0, 0.02  # a spike above its neighbours' median: sigmas, and share of the loss
SPIKE_WIDTH = 25  # points of that median
SPIKES_APART = 10  # points
FIRST_FALL = 0.02  # share of the run in which a high loss is no spike
# Of a plateau: relative fall over a third, and standard errors of its mean
STANDS_STILL, STILL_ERRORS = 0.002, 2.5
FELL_BEFORE, FELL_SHARE = 50.0, 0.02  # and what it fell before: times that fall, and share of the loss
FEWEST_EVALUATIONS, OVERFIT_SHARE = 4, 0.01  # relative rise of the eval loss above its best
SLOW = 0.8  # of the usual rate
LATE = 5  # the last of so many parts is what is now
MEDIAN_DIFFERENCE = 0.954  # sigmas: median absolute difference of two normal values


def findings(frame: pd.DataFrame) -> tuple[Finding, ...]:
    """What every detector sees in a frame of metrics (columns of DESIGN section 6; only step and loss are needed).

    Fewer than 20 points say nothing, but a loss that is no number is told at once.
    """
    steps = frame["step"].to_numpy(dtype=np.int64)
    loss = frame["loss"].to_numpy(dtype=np.float64)
    broken = np.flatnonzero(~np.isfinite(loss))
    found: list[Finding] = []
    if broken.size:
        at = int(steps[broken[0]])
        found.append(
            Finding(
                code="nan",
                severity="blocking",
                step=at,
                sentence=f"The loss is no number from step {at:,} on.",
                cure="Lower the learning rate, or use bf16 where fp16 overflows.",
            )
        )
    finite = np.isfinite(loss)
    if int(finite.sum()) >= FEWEST_POINTS:
        for detector in DETECTORS:
            found.extend(detector(frame[finite], steps[finite], loss[finite]))
    order = {"blocking": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: (order[finding.severity], finding.step)))


Detector = Callable[["pd.DataFrame", NDArray[np.int64], NDArray[np.float64]], Iterator[Finding]]


def _divergence(_: pd.DataFrame, steps: NDArray[np.int64], loss: NDArray[np.float64]) -> Iterator[Finding]:
    level = _running_median(loss, max(int(TREND_SHARE * len(loss)), SHORTEST_TREND))
    best = int(np.argmin(level))
    rise = float(level[-1] - level[best])
    noise = _noise(loss)
    if best < len(level) - 1 and rise > max(RISE_SHARE * float(level[best]), RISE_SIGMAS * noise, RISE_NATS):
        onset = best + int(np.argmax(level[best:] > level[best] + rise / 4))
        yield Finding(
            code="divergence",
            severity="blocking",
            step=int(steps[onset]),
            sentence=(
                f"The loss rose from {level[best]:.2f} to {level[-1]:.2f} around step {steps[onset]:,} and has not "
                f"come back."
            ),
            cure="Go back to a checkpoint before it, and lower the learning rate or lengthen the warm-up.",
        )


def _spikes(_: pd.DataFrame, steps: NDArray[np.int64], loss: NDArray[np.float64]) -> Iterator[Finding]:
    level = _running_median(loss, SPIKE_WIDTH)
    away = loss - level
    scale = _noise(loss)
    high = np.flatnonzero(away > max(SPIKE_SIGMAS * scale, SPIKE_SHARE * float(np.median(loss))))
    high = high[high > FIRST_FALL * len(loss)]
    if high.size:
        worst = int(high[np.argmax(away[high])])
        count = 1 + int((np.diff(high) > SPIKES_APART).sum())
        yield Finding(
            code="spike",
            severity="note",
            step=int(steps[worst]),
            sentence=(
                f"{count} loss spike{'s' if count > 1 else ''}; the highest reached {loss[worst]:.2f} at step "
                f"{steps[worst]:,}, where {level[worst]:.2f} was usual."
            ),
            cure="Spikes that recover are harmless; if they grow, clip gradients or lower the learning rate.",
        )


def _plateau(_: pd.DataFrame, steps: NDArray[np.int64], loss: NDArray[np.float64]) -> Iterator[Finding]:
    third = len(loss) // 3
    if third < FEWEST_POINTS:
        return
    late, middle = float(np.median(loss[-third:])), float(np.median(loss[-2 * third : -third]))
    start = float(np.median(loss[: max(third // 4, 5)]))
    gained, before = middle - late, start - middle
    error = STILL_ERRORS * _noise(loss) / np.sqrt(third)
    if (
        abs(gained) < max(STANDS_STILL * late, error)
        and before < FELL_BEFORE * max(abs(gained), 1e-9) + FELL_SHARE * late
    ):
        yield Finding(
            code="plateau",
            severity="warning",
            step=int(steps[-third]),
            sentence=(
                f"The loss has stood at about {late:.2f} since step {steps[-2 * third]:,}; it fell by only "
                f"{max(gained, 0.0):.3f}."
            ),
            cure="Anneal the learning rate, raise it if it is far below its best, or stop and save the money.",
        )


def _overfit(frame: pd.DataFrame, _: NDArray[np.int64], loss: NDArray[np.float64]) -> Iterator[Finding]:
    if "eval_loss" not in frame:
        return
    evaluated = frame[["step", "eval_loss"]].dropna()
    if len(evaluated) < FEWEST_EVALUATIONS:
        return
    values = evaluated["eval_loss"].to_numpy(dtype=np.float64)
    best = int(np.argmin(values))
    rise = float(values[-1] - values[best])
    falling = float(np.median(loss[-len(loss) // 4 :])) <= float(np.median(loss[: len(loss) // 2]))
    if best < len(values) - 1 and rise > OVERFIT_SHARE * float(values[best]) and falling:
        at = int(evaluated["step"].iloc[best])
        yield Finding(
            code="overfit",
            severity="warning",
            step=at,
            sentence=(
                f"The eval loss was best at step {at:,} ({values[best]:.3f}) and is now {values[-1]:.3f}, while the "
                f"train loss went on falling."
            ),
            cure=f"Take the checkpoint near step {at:,}; train for fewer epochs or on more data.",
        )


def _slow(frame: pd.DataFrame, steps: NDArray[np.int64], _: NDArray[np.float64]) -> Iterator[Finding]:
    if "tokens_per_second" not in frame:
        return
    rate = frame["tokens_per_second"].to_numpy(dtype=np.float64)
    rate = rate[np.isfinite(rate)]
    tail = max(len(rate) // LATE, SHORTEST_TREND)
    if len(rate) < 4 * tail:
        return
    usual, now = float(np.median(rate[:-tail])), float(np.median(rate[-tail:]))
    if now < SLOW * usual:
        yield Finding(
            code="slow_hardware",
            severity="warning",
            step=int(steps[-tail]),
            sentence=f"It runs at {now:,.0f} tokens a second, where {usual:,.0f} was usual.",
            cure="Look for a throttled or shared card, or a data loader that cannot keep up.",
        )


DETECTORS: tuple[Detector, ...] = (_divergence, _spikes, _plateau, _overfit, _slow)


def _running_median(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Trailing median, shape of `values`; the first `width` points look at what there is."""
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    series = pd.Series(values).rolling(width, min_periods=1).median()
    return series.to_numpy(dtype=np.float64)


def _noise(values: NDArray[np.float64]) -> float:
    """Standard deviation of the point-to-point noise, from the median absolute difference."""
    return float(np.median(np.abs(np.diff(values))) / MEDIAN_DIFFERENCE) + 1e-12
