"""Whether what a rule watches for has come to pass with a job: the step at which, and one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vapor_core.advice.detectors import findings
from vapor_core.advice.outcomes import ENOUGH_STEPS, outcomes

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.contracts.workspace import Job
    from vapor_core.journal.other_events import RuleKept, WatchedFor

# What the detectors call what a rule watches for.
FOUND: dict[WatchedFor, str] = {
    "divergence": "divergence",
    "plateau": "plateau",
    "spike": "spike",
    "overfitting": "overfit",
}
# Those that need a job's points; the others are told by the job itself.
OF_POINTS = frozenset({"not_a_number", "slower_than_rehearsed", *FOUND})


@dataclass(frozen=True, slots=True)
class Case:
    """What came to pass."""

    step: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as it is looked at.

    Attributes:
        job: as it stands.
        points: of it, columns of a job's metrics; empty where no rule wants them.
        has_cost: whether its cost is known.
        silent_s: how long it has told nothing new, by the wall clock; 0 of a simulated job, which never falls silent.
    """

    job: Job
    points: pd.DataFrame
    has_cost: bool
    silent_s: float


def case(rule: RuleKept, seen: Seen) -> Case | None:
    """What a rule would tell; None while there is nothing."""
    return CASES[rule.watched_for](rule, seen)


def _not_a_number(rule: RuleKept, seen: Seen) -> Case | None:
    for column, words in (("loss", "train loss"), ("eval_loss", "eval loss")):
        if column in seen.points:
            broken = np.flatnonzero(np.isinf(seen.points[column].to_numpy(np.float64)))
            if broken.size:
                step = int(seen.points["step"].iloc[broken[0]])
                return Case(step, f"The {words} is no number at step {step:,}.")
    return None


def _found(rule: RuleKept, seen: Seen) -> Case | None:
    code, failure = FOUND[rule.watched_for], seen.job.failure
    if code == "divergence" and failure is not None and failure.code == "diverged":
        return Case(seen.job.step, failure.sentence)
    if len(seen.points) == 0 or "loss" not in seen.points:
        return None
    told = next((each for each in findings(seen.points) if each.code == code), None)
    return None if told is None else Case(told.step, told.sentence)


def _over_budget(rule: RuleKept, seen: Seen) -> Case | None:
    most = rule.threshold or 0.0
    if not seen.has_cost or seen.job.cost_usd <= most:
        return None
    return Case(seen.job.step, f"It has cost ${seen.job.cost_usd:,.2f}, more than ${most:,.2f}.")


def _over_time(rule: RuleKept, seen: Seen) -> Case | None:
    most_h, took_h = rule.threshold or 0.0, seen.job.elapsed_s / 3600
    if took_h <= most_h:
        return None
    return Case(seen.job.step, f"It has trained for {_hours(took_h)}, more than {_hours(most_h)}.")


def _slower(rule: RuleKept, seen: Seen) -> Case | None:
    job = seen.job
    if job.expected is None or job.step < ENOUGH_STEPS or len(seen.points) == 0:
        return None
    pace = next(each for each in outcomes(job.expected, job, seen.points) if each.name == "step_time_s")
    if pace.ratio is None or pace.measured is None or pace.ratio - 1 <= (rule.threshold or 0.0) / 100:
        return None
    slower = f"{pace.ratio - 1:.0%}".replace("%", " %")
    return Case(
        job.step,
        f"A step takes {pace.measured:.3g} s, {slower} more than the {pace.expected.value:.3g} s that were rehearsed.",
    )


def _silent(rule: RuleKept, seen: Seen) -> Case | None:
    most_min, silent_min = rule.threshold or 0.0, seen.silent_s / 60
    if silent_min <= most_min:
        return None
    return Case(seen.job.step, f"It has told nothing for {silent_min:,.0f} minutes.")


def _hours(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.0f} min"


CASES: dict[WatchedFor, Callable[[RuleKept, Seen], Case | None]] = {
    "not_a_number": _not_a_number,
    "divergence": _found,
    "plateau": _found,
    "spike": _found,
    "overfitting": _found,
    "over_budget": _over_budget,
    "over_time": _over_time,
    "slower_than_rehearsed": _slower,
    "no_heartbeat": _silent,
}
