"""A real run against what it was rehearsed to be: how it stands while it goes on, and how it came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.expectation import Expectation, FigureName, Outcome

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.contracts.workspace import Job

Floats = NDArray[np.float64]
FIRST_STEPS = 2  # that do not count: caches are cold, kernels are chosen
END_SHARE = 0.05  # of a run, over which its last train loss is the mean
ENOUGH_STEPS = 10  # before anything is said of a run that goes on


def band(expected: Expectation, steps: Floats) -> tuple[Floats, Floats]:
    """The rehearsed train loss's range at steps: (low, high)."""
    return np.interp(steps, expected.at, expected.train_low), np.interp(
        steps, expected.at, expected.train_high
    )


def outcomes(expected: Expectation, job: Job, points: pd.DataFrame) -> tuple[Outcome, ...]:
    """Each figure beside what was measured so far.

    Time, cost and the last losses are told when the run is over; until then their measurement is None.

    Args:
        expected: kept with the submission.
        job: as it stands.
        points: of the run, columns as of TRAINING_COLUMNS.
    """
    over = job.status == "completed"
    steady = points[points["step"] >= min(FIRST_STEPS, job.step - 1)] if len(points) else points
    last = min((1 - END_SHARE) * job.total_steps, job.total_steps - 1)
    end = points[points["step"] >= last] if over else points[:0]
    measured: dict[FigureName, float | None] = {
        "step_time_s": _median(steady, "step_time_s"),
        "tokens_per_second": _median(steady, "tokens_per_second"),
        "memory_gb": _highest(points, "memory_gb"),
        "startup_s": _started(points),
        "duration_s": job.elapsed_s if over else None,
        "cost_usd": job.cost_usd if over else None,
        "loss": _mean(end, "loss"),
        "eval_loss": _last(points, "eval_loss") if over else None,
    }
    return tuple(
        Outcome(name=name, expected=figure, measured=value, final=over and value is not None)
        for name, value in measured.items()
        if (figure := expected.figure(name)) is not None
    )


def standing(expected: Expectation, job: Job, points: pd.DataFrame) -> tuple[str, ...]:
    """How a run stands against its rehearsal, a sentence a thing; () while there is too little to tell."""
    if job.step < ENOUGH_STEPS or points.empty:
        return ()
    found = {each.name: each for each in outcomes(expected, job, points)}
    told = [_pace(found["step_time_s"]), _memory(found["memory_gb"]), _loss(expected, points)]
    return tuple(sentence for sentence in told if sentence)


def _pace(each: Outcome) -> str:
    if each.ratio is None or each.measured is None:
        return ""
    value, low, high = (_seconds(it) for it in (each.expected.value, each.expected.low, each.expected.high))
    said = f"{_seconds(each.measured)} a step, {value} rehearsed ({low} to {high})"
    if abs(each.ratio - 1) < 0.03:
        return f"As quick as rehearsed: {said}."
    share = f"{abs(each.ratio - 1):.0%}".replace("%", " %")
    return f"{share} {'slower' if each.ratio > 1 else 'quicker'} than rehearsed: {said}."


def _memory(each: Outcome) -> str:
    if each.measured is None or each.holds:
        return ""
    more = "More" if each.measured > each.expected.high else "Less"
    return (
        f"{more} memory than rehearsed: {each.measured:.1f} GB at the peak, {each.expected.low:.1f} to "
        f"{each.expected.high:.1f} GB expected."
    )


def _loss(expected: Expectation, points: pd.DataFrame) -> str:
    """Where the loss of the last steps lies against the band."""
    if not expected.at:
        return ""
    last = points[["step", "loss"]].replace([np.inf, -np.inf], np.nan).dropna()
    last = last[last["step"] >= last["step"].max() - max(END_SHARE * expected.at[-1], ENOUGH_STEPS)]
    if last.empty:
        return ""
    value, steps = float(last["loss"].mean()), last["step"].to_numpy(np.float64)
    low, high = (float(edge.mean()) for edge in band(expected, steps))
    if low <= value <= high:
        return f"The loss is where it was rehearsed: {value:.3f}, {low:.3f} to {high:.3f} expected."
    where = "above" if value > high else "below"
    return f"The loss is {where} what was rehearsed: {value:.3f}, {low:.3f} to {high:.3f} expected."


def _seconds(value: float) -> str:
    return f"{value:.3g} s"


def _known(points: pd.DataFrame, column: str) -> Floats:
    values = points[column].to_numpy(np.float64) if column in points else np.empty(0)
    return values[np.isfinite(values)]


def _started(points: pd.DataFrame) -> float | None:
    """Until the first step began, as its row tells."""
    if points.empty or points["step"].iloc[0] != 0 or not {"elapsed_s", "step_time_s"} <= set(points):
        return None
    left = float(points["elapsed_s"].iloc[0]) - float(points["step_time_s"].iloc[0])
    return left if np.isfinite(left) and left >= 0 else None


def _median(points: pd.DataFrame, column: str) -> float | None:
    known = _known(points, column)
    return float(np.median(known)) if known.size else None


def _mean(points: pd.DataFrame, column: str) -> float | None:
    known = _known(points, column)
    return float(known.mean()) if known.size else None


def _highest(points: pd.DataFrame, column: str) -> float | None:
    known = _known(points, column)
    return float(known.max()) if known.size else None


def _last(points: pd.DataFrame, column: str) -> float | None:
    known = _known(points, column)
    return float(known[-1]) if known.size else None
