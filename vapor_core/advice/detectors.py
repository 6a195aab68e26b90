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
SPIKE_SIGMAS = 8.0


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
    level = _running_median(loss, max(len(loss) // 20, 5))
    best = int(np.argmin(level))
    rise = float(level[-1] - level[best])
    noise = _noise(loss)
    if best < len(level) - 1 and rise > max(0.25 * float(level[best]), 8 * noise, 0.3):
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
    level = _running_median(loss, 25)
    away = loss - level
    scale = _noise(loss)
    high = np.flatnonzero(away > max(SPIKE_SIGMAS * scale, 0.02 * float(np.median(loss))))
    high = high[high > len(loss) // 50]  # the first fall is no spike
    if high.size:
        worst = int(high[np.argmax(away[high])])
        count = 1 + int((np.diff(high) > 10).sum())
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
    error = 2.5 * _noise(loss) / np.sqrt(third)
    if abs(gained) < max(0.002 * late, error) and before < 50 * max(abs(gained), 1e-9) + 0.02 * late:
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
    if len(evaluated) < 4:
        return
    values = evaluated["eval_loss"].to_numpy(dtype=np.float64)
    best = int(np.argmin(values))
    rise = float(values[-1] - values[best])
    falling = float(np.median(loss[-len(loss) // 4 :])) <= float(np.median(loss[: len(loss) // 2]))
    if best < len(values) - 1 and rise > 0.01 * float(values[best]) and falling:
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
    tail = max(len(rate) // 5, 5)
    if len(rate) < 4 * tail:
        return
    usual, now = float(np.median(rate[:-tail])), float(np.median(rate[-tail:]))
    if now < 0.8 * usual:
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
    return float(np.median(np.abs(np.diff(values))) / 0.954) + 1e-12
