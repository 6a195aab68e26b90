"""How near a forecast comes to a run that was measured, with a calibration and without, and what it says of others.

Fitting is `fit`'s work and reading a log is `readers.run_logs`'; this module puts their outcomes side by side.
"""

from dataclasses import dataclass
from math import ceil, log2

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vapor_core.calibration.fit import LOSS_COLUMNS
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.metrics.sampling import telling_points
from vapor_core.rehearsal import rehearse

Floats = NDArray[np.float64]

DRAWN = 1000  # points of a curve
KEPT = 4  # points that `telling_points` keeps of each bucket: first, lowest, highest, last
PIECES = 20  # of a log, whose means are compared, so that noise does not count as error


@dataclass(frozen=True, slots=True)
class Nearness:
    """Median absolute relative errors of a forecast, by the law alone and calibrated; None where not measured.

    Of the loss they are over the means of twentieths of the log.
    """

    points: int
    loss_before: float
    loss_after: float
    rate_before: float | None
    rate_after: float | None


def nearness(config: JobConfig, frame: pd.DataFrame, calibration: Calibration) -> Nearness:
    """How far the forecast is off the measured points of a run; `frame` as for `calibrate`."""
    steps, loss = measured_loss(frame)
    law, own = rehearse(config), rehearse(config, calibration)
    before, after = (_off(each.curve.train(steps), loss) for each in (law, own))
    rate = _rate(frame, law.plan.tokens_per_step)
    if rate is None:
        return Nearness(len(steps), before, after, None, None)
    off = [abs(each.throughput.tokens_per_second / rate - 1) for each in (law, own)]
    return Nearness(len(steps), before, after, *off)


def fit_curves(config: JobConfig, frame: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """A measured run and its forecasts, for `charts.forecast_chart`.

    Columns `step`, `measured`, `baseline` (the law alone), `loss`, `loss_low`, `loss_high` (calibrated); at most about
    DRAWN rows, among them every extreme of what was measured.
    """
    steps, loss = measured_loss(frame)
    width = 2.0 ** max(ceil(log2((steps[-1] - steps[0] + 1) * KEPT / DRAWN)), 0)
    kept = telling_points(steps.astype(np.float64), loss[np.newaxis], width)
    at = steps[kept]
    law, fitted = rehearse(config).curve, rehearse(config, calibration).curve
    columns = {"step": at, "measured": loss[kept], "baseline": law.train(at), "loss": fitted.train(at)}
    return pd.DataFrame({**columns, "loss_low": fitted.low(at), "loss_high": fitted.high(at)})


def what_if_curves(was: JobConfig, config: JobConfig, calibration: Calibration | None) -> pd.DataFrame:
    """A changed run against the one it was changed from; columns as of `fit_curves`, without `measured`."""
    before, after = rehearse(was, calibration), rehearse(config, calibration)
    last = max(before.plan.total_steps, after.plan.total_steps) - 1
    at = np.unique(np.linspace(0, last, DRAWN).astype(np.int64))
    curve = after.curve
    ours = at < after.plan.total_steps
    columns = {
        "step": at,
        "baseline": np.where(at < before.plan.total_steps, before.curve.train(at), np.nan),
        "loss": np.where(ours, curve.train(at), np.nan),
        "loss_low": np.where(ours, curve.low(at), np.nan),
        "loss_high": np.where(ours, curve.high(at), np.nan),
    }
    return pd.DataFrame({**columns, "measured": np.full(len(at), np.nan)})


def measured_loss(frame: pd.DataFrame) -> tuple[NDArray[np.int64], Floats]:
    """Steps and losses of a log's usable points, ascending."""
    column = next(name for name in LOSS_COLUMNS if name in frame.columns)
    usable = frame[["step", column]].dropna().sort_values("step", kind="stable")
    usable = usable[np.isfinite(usable[column]) & (usable[column] > 0)]
    return usable["step"].to_numpy(dtype=np.int64), usable[column].to_numpy(dtype=np.float64)


def with_step_time(frame: pd.DataFrame) -> pd.DataFrame:
    """The log with `step_time_s` from its clock, where it has a clock and no rate of its own."""
    if {"tokens_per_second", "step_time_s"} & set(frame.columns) or "elapsed_s" not in frame.columns:
        return frame
    timed = frame[["step", "elapsed_s"]].dropna()
    pace = (timed["elapsed_s"].diff() / timed["step"].diff()).reindex(frame.index)
    return frame.assign(step_time_s=pace.where(pace > 0))


def _off(forecast: Floats, loss: Floats) -> float:
    pieces = zip(np.array_split(forecast, PIECES), np.array_split(loss, PIECES), strict=True)
    errors = [abs(float(np.mean(said) / np.mean(was)) - 1) for said, was in pieces if len(was)]
    return float(np.median(errors))


def _rate(frame: pd.DataFrame, tokens_per_step: float) -> float | None:
    """Median tokens a second, as `calibrate` reads it."""
    if "tokens_per_second" in frame.columns:
        rates = frame["tokens_per_second"]
    elif "step_time_s" in frame.columns:
        rates = tokens_per_step / frame["step_time_s"]
    else:
        return None
    rates = rates[np.isfinite(rates) & (rates > 0)]
    return float(rates.median()) if len(rates) else None
