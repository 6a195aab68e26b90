"""What a real run is rehearsed to be, as it is kept when it is submitted; `outcomes` holds the run against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.advice.estimate import estimate
from vapor_core.contracts.expectation import Expectation, Figure
from vapor_core.rehearsal import rehearse

if TYPE_CHECKING:
    from vapor_core.contracts.training import Calibration, JobConfig

Floats = NDArray[np.float64]
BAND_POINTS = 60


def expectation(config: JobConfig, calibration: Calibration | None = None) -> Expectation:
    """What a run should be by the laws, or by them as they were fitted to a person's own runs."""
    told, curve = estimate(config, calibration), rehearse(config, calibration).curve
    at = np.unique(np.linspace(0, max(told.total_steps - 1, 0), BAND_POINTS).astype(np.int64))

    def figure(name: str) -> Figure:
        return Figure(
            value=getattr(told, name), low=getattr(told, f"{name}_low"), high=getattr(told, f"{name}_high")
        )

    def values(losses: Floats) -> tuple[float, ...]:
        return tuple(np.maximum(losses, 0.0).tolist())

    return Expectation(
        step_time_s=figure("step_time_s"),
        tokens_per_second=figure("tokens_per_second"),
        memory_gb=figure("memory_gb"),
        duration_s=figure("duration_s"),
        cost_usd=figure("cost_usd"),
        loss=figure("final_loss"),
        eval_loss=figure("final_eval_loss"),
        calibrated=calibration is not None,
        at=tuple(at.tolist()),
        train=values(curve.train(at)),
        train_low=values(curve.low(at)),
        train_high=values(curve.high(at)),
    )
