"""What looks sick in a series of metrics, simulated or real; nothing is known here of where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.columns import EVAL_SET
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

    A missing loss is NaN and a loss that was measured and was no number infinite, as `readers` keeps them; see
    `_broken` for what NaN at the end means. Fewer than 20 points say nothing, but a loss that is no number is told at
    once.
    """
    steps = frame["step"].to_numpy(dtype=np.int64)
    loss = frame["loss"].to_numpy(dtype=np.float64)
    found = [*_broken(frame, steps, loss)]
    finite = np.isfinite(loss)
    if int(finite.sum()) >= FEWEST_POINTS:
        for detector in DETECTORS:
            found.extend(detector(frame[finite], steps[finite], loss[finite]))
        found.extend(_overfit(frame, steps, loss))
    order = {"blocking": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: (order[finding.severity], finding.step)))


def _broken(frame: pd.DataFrame, steps: NDArray[np.int64], loss: NDArray[np.float64]) -> Iterator[Finding]:
    """A loss that is no number, and one that is told as 0 beside a gradient that is none.

    Rows that only evaluated have no loss, which breaks nothing. But where no loss comes any more, for longer than it
    ever stayed away before, in rows that did not evaluate either, it is no number.
    """
    cure = "Lower the learning rate, or use bf16 where fp16 overflows."
    sick = np.isinf(loss)
    missing = np.isnan(loss) & ~_evaluated(frame)
    known = np.flatnonzero(~np.isnan(loss))
    last = int(known[-1]) if known.size else -1
    usual = int(np.diff(known).max()) if known.size > 1 else 1
    tail = np.flatnonzero(missing[last + 1 :]) + last + 1
    if tail.size >= usual:
        sick[tail] = True
    if sick.any():
        first = int(steps[np.argmax(sick)])
        back = bool(np.isfinite(loss[np.argmax(sick) :]).any())
        when = f"at step {first:,}" if back else f"from step {first:,} on"
        yield Finding(
            code="nan",
            severity="blocking",
            step=first,
            sentence=f"The loss is no number {when}.",
            cure=cure,
        )
    if "grad_norm" in frame:
        norm = frame["grad_norm"].to_numpy(dtype=np.float64)
        told = np.isinf(norm) | (np.isnan(norm) & np.isfinite(norm).any())
        zero = np.flatnonzero((loss == 0.0) & told)
        if zero.size and not sick.any():
            first = int(steps[zero[0]])
            yield Finding(
                code="nan",
                severity="blocking",
                step=first,
                sentence=f"The gradient is no number at step {first:,}, where the loss is logged as 0.",
                cure=cure,
            )


def _evaluated(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows that have a loss on some evaluation set."""
    columns = [name for name in frame if name == "eval_loss" or str(name).startswith(EVAL_SET)]
    known: NDArray[np.bool_] = frame[columns].notna().any(axis=1).to_numpy(dtype=np.bool_)
    return known if columns else np.zeros(len(frame), dtype=np.bool_)


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
    evaluated = frame.loc[np.isfinite(frame["eval_loss"]), ["step", "eval_loss"]]
    if len(evaluated) < FEWEST_EVALUATIONS:
        return
    values = evaluated["eval_loss"].to_numpy(dtype=np.float64)
    best = int(np.argmin(values))
    rise = float(values[-1] - values[best])
    loss = loss[np.isfinite(loss)]
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


DETECTORS: tuple[Detector, ...] = (_divergence, _spikes, _plateau, _slow)


def _running_median(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Trailing median, shape of `values`; the first `width` points look at what there is."""
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    series = pd.Series(values).rolling(width, min_periods=1).median()
    return series.to_numpy(dtype=np.float64)


def _noise(values: NDArray[np.float64]) -> float:
    """Standard deviation of the point-to-point noise, from the median absolute difference."""
    return float(np.median(np.abs(np.diff(values))) / MEDIAN_DIFFERENCE) + 1e-12
