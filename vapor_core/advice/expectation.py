"""What a real run is rehearsed to be, as it is kept when it is submitted; `outcomes` holds the run against it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.advice.estimate import estimate
from vapor_core.contracts.expectation import Expectation, Figure
from vapor_core.physics.speed_range import HOURS
from vapor_core.rehearsal import rehearse

if TYPE_CHECKING:
    from vapor_core.contracts.training import Calibration, JobConfig

Floats = NDArray[np.float64]
BAND_POINTS = 60
STARTUP_FACTOR = 2.0  # about the law's start-up: disks and processors differ
EARLIER_SPREAD = 1.3  # around those of earlier runs on the same machine


def expectation(
    config: JobConfig, calibration: Calibration | None = None, started: Sequence[float] = ()
) -> Expectation:
    """What a run should be by the laws, or by them as they were fitted to a person's own runs.

    `started`: seconds that runs like it took on that machine until their first step.
    """
    told, curve = estimate(config, calibration), rehearse(config, calibration).curve
    at = np.unique(np.linspace(0, max(told.total_steps - 1, 0), BAND_POINTS).astype(np.int64))

    def figure(name: str) -> Figure:
        return Figure(
            value=getattr(told, name), low=getattr(told, f"{name}_low"), high=getattr(told, f"{name}_high")
        )

    startup = _startup(told.startup_s, started)

    def timed(name: str, price: float) -> Figure:
        """A figure of the whole run, with the start-up as earlier runs had it."""
        given = figure(name)
        if not started:
            return given
        low = max(given.low + price * (startup.low - HOURS[0] * told.startup_s), price * startup.low)
        value = max(given.value + price * (startup.value - told.startup_s), low)
        high = max(given.high + price * (startup.high - HOURS[1] * told.startup_s), value)
        return Figure(value=value, low=low, high=high)

    def values(losses: Floats) -> tuple[float, ...]:
        return tuple(np.maximum(losses, 0.0).tolist())

    return Expectation(
        step_time_s=figure("step_time_s"),
        tokens_per_second=figure("tokens_per_second"),
        memory_gb=figure("memory_gb"),
        startup_s=startup,
        duration_s=timed("duration_s", 1.0),
        cost_usd=timed("cost_usd", told.cost_usd / told.duration_s if told.duration_s else 0.0),
        loss=figure("final_loss"),
        eval_loss=figure("final_eval_loss"),
        calibrated=calibration is not None,
        at=tuple(at.tolist()),
        train=values(curve.train(at)),
        train_low=values(curve.low(at)),
        train_high=values(curve.high(at)),
    )


def _startup(by_law_s: float, started: Sequence[float]) -> Figure:
    """By what earlier runs took, or by the law where there were none."""
    if not started:
        return Figure(value=by_law_s, low=by_law_s / STARTUP_FACTOR, high=by_law_s * STARTUP_FACTOR)
    return Figure(
        value=median(started), low=min(started) / EARLIER_SPREAD, high=max(started) * EARLIER_SPREAD
    )
