"""What looks sick in a series of metrics, simulated or real; nothing is known here of where it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.columns import EVAL_SET
from vapor_core.contracts.findings import Finding

if TYPE_CHECKING:
    import pandas as pd


FEWEST_POINTS, FEWEST_TO_DIVERGE, FEWEST_TO_STAND = 20, 10, 12  # points; to stand still, in each third
# Thresholds, set by hand; benchmarks/fidelity/findings.py scores them on real and simulated logs.
# Points of the trailing median that a level is: share of the run, and at least
TREND_SHARE, SHORTEST_TREND = 0.05, 5
# A lasting rise above the best level that is a divergence: of that level, in errors of the two, and nats
RISE_SHARE, RISE_ERRORS, RISE_NATS = 0.25, 8.0, 0.3
MOST_BEFORE_RISE = 15  # points of that best level, which may be a short one
ONSET_SHARE, ONSET_POINTS = 0.1, 5  # of that rise: where it began, by a median of few points
SPIKE_SIGMAS, SPIKE_SHARE = 8.0, 0.02  # a spike above its neighbours' median: sigmas, and share of the loss
SPIKE_WIDTH = 25  # points of that median
SPIKES_APART = 10  # points
FIRST_FALL = 0.02  # share of the run in which a high loss is no spike
# Of a plateau: the most, relative, that the loss may still fall over the last third, by what its noise leaves open
STANDS_STILL, STILL_ERRORS = 0.002, 2.0
MEDIAN_ERROR = 1.2533  # standard error of a median of normal values, against that of their mean
STANDING_ERRORS = 3.0  # of a level that belongs to a plateau
PLATEAU_BAND = 0.005  # of the loss: a level within this of the last one belongs to the plateau
HARDLY_FELL = 0.02  # of the loss: what fell by less has learnt nothing
# Overfitting: evaluations, relative rise of the eval loss above its best, that in jitters, and how long it lasts
FEWEST_EVALUATIONS, OVERFIT_SHARE, OVERFIT_JITTERS, OVERFIT_LASTS = 4, 0.015, 4.0, 2
KNOWN_JITTER, OVERFIT_SHARE_OF_FEW = 7, 0.03  # evaluations from which their jitter is known
THIRD_DIFFERENCE = 0.6745 * 20**0.5  # median absolute third difference of normal values, sigmas
SLOW = 0.8  # of the usual rate
LATE = 5  # the last of so many parts is what is now
MEDIAN_DIFFERENCE = 0.954  # sigmas: median absolute difference of two normal values
SMALLEST_RATE = "Lower the learning rate or lengthen the warm-up."


def findings(frame: pd.DataFrame, checkpoints: Sequence[int] = ()) -> tuple[Finding, ...]:
    """What every detector sees in a frame of metrics (columns of DESIGN section 6; only step and loss are needed).

    A missing loss is NaN and a loss that was measured and was no number infinite, as `readers` keeps them; see
    `_broken` for what NaN at the end means. Fewer than 20 points say nothing, but a loss that is no number is told at
    once.

    Args:
        frame: A row a step, or a sample of them.
        checkpoints: Steps after which a checkpoint was kept, ascending; one is advised only where there is one.
    """
    steps = frame["step"].to_numpy(dtype=np.int64)
    loss = frame["loss"].to_numpy(dtype=np.float64)
    found = [*_broken(frame, steps, loss)]
    finite = np.isfinite(loss)
    seen = Seen(frame[finite], steps[finite], loss[finite], tuple(checkpoints))
    if len(seen.loss) >= FEWEST_TO_DIVERGE:
        found.extend(_divergence(seen))
    if len(seen.loss) >= FEWEST_POINTS:
        for detector in DETECTORS:
            found.extend(detector(seen))
        found.extend(_overfitting(frame, seen.loss, checkpoints))
    order = {"blocking": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: (order[finding.severity], finding.step)))


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of a frame whose loss is a number, in order."""

    frame: pd.DataFrame
    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    checkpoints: tuple[int, ...]


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


Detector = Callable[[Seen], Iterator[Finding]]


def _divergence(seen: Seen) -> Iterator[Finding]:
    loss, steps = seen.loss, seen.steps
    width = min(_trend_points(loss), MOST_BEFORE_RISE)
    level = _running_median(loss, width)
    best = int(np.argmin(level))
    rise = float(np.median(loss[-_trend_points(loss) :]) - level[best])
    error = MEDIAN_ERROR * _noise(loss) * float(np.sqrt(2 / width))
    if best == len(level) - 1 or rise <= max(
        RISE_SHARE * abs(float(level[best])), RISE_ERRORS * error, RISE_NATS
    ):
        return
    onset = int(steps[_onset(loss, float(level[best]), rise)])
    back = _before(seen.checkpoints, onset)
    yield Finding(
        code="divergence",
        severity="blocking",
        step=onset,
        sentence=(
            f"Divergence: from step {onset:,} on the loss rose from {level[best]:.2f} to {level[-1]:.2f} and has not "
            f"come back."
        ),
        cure=f"{SMALLEST_RATE[:-1]}, and go on from the checkpoint of step {back:,}."
        if back
        else SMALLEST_RATE,
    )


def _onset(loss: NDArray[np.float64], best: float, rise: float) -> int:
    """The first point of a lasting rise: after the last one that was still about as low as the best level."""
    low = _running_median(loss, ONSET_POINTS) <= best + ONSET_SHARE * rise
    last_low = int(np.flatnonzero(low)[-1]) if low.any() else 0
    # the trailing median follows by half of its points
    return min(max(last_low - ONSET_POINTS // 2 + 1, 0), len(loss) - 1)


def _spikes(seen: Seen) -> Iterator[Finding]:
    loss, steps = seen.loss, seen.steps
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


def _plateau(seen: Seen) -> Iterator[Finding]:
    """A loss that provably stands still: noise that would hide a fall says nothing."""
    loss, steps = seen.loss, seen.steps
    third = len(loss) // 3
    if third < FEWEST_TO_STAND:
        return
    late, middle = float(np.median(loss[-third:])), float(np.median(loss[-2 * third : -third]))
    open_to = STILL_ERRORS * MEDIAN_ERROR * _noise(loss) * float(np.sqrt(2 / third))
    if abs(middle - late) + open_to > STANDS_STILL * abs(late):
        return
    began = int(steps[_standing_since(loss, late)])
    start = float(np.median(loss[: max(third // 4, SHORTEST_TREND)]))
    learnt = start - late > HARDLY_FELL * abs(late)
    yield Finding(
        code="plateau",
        severity="warning",
        step=began if learnt else int(steps[0]),
        sentence=(
            f"Plateau: since step {began:,} the loss has stood at {late:.2f}, to within {100 * STANDS_STILL:g} %."
            if learnt
            else f"Plateau: the loss has hardly moved from {start:.2f} since the start; nothing is being learnt."
        ),
        cure=(
            "Let the learning rate fall to its end, or stop and save the money."
            if learnt
            else "Raise the learning rate; check that the data's labels and the trained weights are what you meant."
        ),
    )


def _standing_since(loss: NDArray[np.float64], late: float) -> int:
    """The first point from which on the level stays about where it ended."""
    width = _trend_points(loss)
    level = _running_median(loss, width)
    away = np.abs(level - late) > PLATEAU_BAND * abs(late) + STANDING_ERRORS * MEDIAN_ERROR * _noise(
        loss
    ) / np.sqrt(width)
    last_away = int(np.flatnonzero(away)[-1]) if away.any() else 0
    return max(last_away - width // 2, 0)


def _overfitting(
    frame: pd.DataFrame, loss: NDArray[np.float64], checkpoints: Sequence[int]
) -> Iterator[Finding]:
    """An eval loss that has turned up for good, by more than it jitters, while the train loss went on falling."""
    if "eval_loss" not in frame:
        return
    evaluated = frame.loc[np.isfinite(frame["eval_loss"]), ["step", "eval_loss"]]
    values = evaluated["eval_loss"].to_numpy(dtype=np.float64)
    if len(values) < FEWEST_EVALUATIONS:
        return
    best = int(np.argmin(values))
    after, least = values[best + 1 :], _least_rise(values)
    lowest = float(np.median(values[max(best - 1, 0) : best + 2]))  # one lucky evaluation is no best
    lasting = len(after) >= OVERFIT_LASTS and bool((after[-OVERFIT_LASTS:] - lowest > least / 2).all())
    falling = float(np.median(loss[-(len(loss) // 4) :])) <= float(np.median(loss[: len(loss) // 2]))
    if not (lasting and falling and values[-1] - lowest > least):
        return
    at = int(evaluated["step"].iloc[best])
    back = _before(checkpoints, at + 1)
    yield Finding(
        code="overfit",
        severity="warning",
        step=at,
        sentence=(
            f"Overfitting: the eval loss was best at step {at:,} ({values[best]:.3f}) and is now {values[-1]:.3f}, "
            f"while the train loss went on falling."
        ),
        cure=(f"Take the checkpoint of step {back:,}; " if back else "")
        + f"{'train' if back else 'Train'} for fewer epochs or on more data.",
    )


def _least_rise(values: NDArray[np.float64]) -> float:
    """Nats by which an eval loss must have risen above its best, by what its values jitter."""
    lowest = abs(float(values.min()))
    if len(values) < KNOWN_JITTER:
        return OVERFIT_SHARE_OF_FEW * lowest
    jitter = float(np.median(np.abs(np.diff(values, 3)))) / THIRD_DIFFERENCE
    return max(OVERFIT_SHARE * lowest, OVERFIT_JITTERS * jitter)


def _before(checkpoints: Sequence[int], step: int) -> int | None:
    """The last checkpoint up to a step; None where none was kept."""
    kept = [saved for saved in checkpoints if saved <= step]
    return kept[-1] if kept else None


def _slow(seen: Seen) -> Iterator[Finding]:
    if "tokens_per_second" not in seen.frame:
        return
    rate = seen.frame["tokens_per_second"].to_numpy(dtype=np.float64)
    rate = rate[np.isfinite(rate)]
    tail = max(len(rate) // LATE, SHORTEST_TREND)
    if len(rate) < 4 * tail:
        return
    usual, now = float(np.median(rate[:-tail])), float(np.median(rate[-tail:]))
    if now < SLOW * usual:
        yield Finding(
            code="slow_hardware",
            severity="warning",
            step=int(seen.steps[-tail]),
            sentence=f"It runs at {now:,.0f} tokens a second, where {usual:,.0f} was usual.",
            cure="Look for a throttled or shared card, or a data loader that cannot keep up.",
        )


DETECTORS: tuple[Detector, ...] = (_spikes, _plateau, _slow)


def _trend_points(loss: NDArray[np.float64]) -> int:
    return max(int(TREND_SHARE * len(loss)), SHORTEST_TREND)


def _running_median(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Trailing median, shape of `values`; the first `width` points look at what there is."""
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    series = pd.Series(values).rolling(width, min_periods=1).median()
    return series.to_numpy(dtype=np.float64)


def _noise(values: NDArray[np.float64]) -> float:
    """Standard deviation of the point-to-point noise, from the median absolute difference."""
    return float(np.median(np.abs(np.diff(values))) / MEDIAN_DIFFERENCE) + 1e-12
