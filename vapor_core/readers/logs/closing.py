"""How a run ended by its log: the closing row's sums, how many steps it took, and how many it was to take."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vapor_core.readers.logs.choice import Choice
from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import role_of, words_of
from vapor_core.readers.logs.numbers import Floats

MEAN = (("train", "loss"), ("train", "train", "loss"))


def summary_of(found: Collected, choice: Choice) -> tuple[dict[str, float], NDArray[np.bool_]]:
    """What the closing rows say, and which rows they are; their mean loss is no point of the curve."""
    summary = dict(found.summary)
    closing = np.zeros(len(found), dtype=np.bool_)
    for name, values in found.numbers.items():
        role = role_of(name)
        if role is not None and role.kind == "summary":
            known = np.isfinite(values)
            choice.used.add(name)
            if known.any():
                summary[role.name] = float(values[known][-1])
            if role.name == "runtime_s":
                closing |= known & ~_has_point(found)
                _take_clock(name, values, known & ~closing, choice)
    if not closing.any():
        return summary, closing
    for name, values in found.numbers.items():
        known = closing & np.isfinite(values)
        if words_of(name) in MEAN and known.any():
            summary["mean_loss"] = float(values[known][-1])
            choice.used.add(name)
            if choice.sources.get("loss") == name:
                choice.columns["loss"] = np.where(closing, math.nan, values)
                if not (~np.isnan(choice.columns["loss"])).any():
                    del choice.columns["loss"], choice.sources["loss"]
    return summary, closing


def _has_point(found: Collected) -> NDArray[np.bool_]:
    """Rows with a loss that is no mean of the run; counting tokens, the Trainer tells its runtime in those too."""
    losses = [
        ~np.isnan(values)
        for name, values in found.numbers.items()
        if (role := role_of(name)) and role.kind == "loss" and words_of(name) not in MEAN
    ]
    return np.any(losses, axis=0) if losses else np.zeros(len(found), dtype=np.bool_)


def _take_clock(name: str, values: Floats, rows: NDArray[np.bool_], choice: Choice) -> None:
    """The runtime so far as the clock of those rows that have a point, where no other column is one."""
    if rows.any() and "elapsed_s" not in choice.columns:
        choice.take("elapsed_s", name, np.where(rows, values, math.nan))


def planned_of(found: Collected, choice: Choice) -> int | None:
    """How many steps were planned, by the file or by a column that repeats it."""
    if found.planned_steps is not None:
        return found.planned_steps
    for name, values in found.numbers.items():
        role = role_of(name)
        if role is not None and role.kind == "planned":
            choice.used.add(name)
            known = values[np.isfinite(values)]
            if known.size and 0 < known[-1] < 2**53:
                return int(known[-1])
    return None


def steps_done(steps: NDArray[np.int64], planned: int | None, told: int | None) -> int:
    """Steps that a run took whose log has these.

    A log counts them from 0 (0 to 4,999 are 5,000) or names how many were done (10, 20, ..., 5,000). It counts from 0
    where it ends one before the plan or before a whole stretch; where it has every step from 0 on, the rounder
    number is the one that a person asked for.
    """
    first, last = int(steps[0]), int(steps[-1])
    if told is not None and told >= last:
        return told
    stride = int(np.median(np.diff(steps))) if len(steps) > 1 else 1
    if (
        planned is not None
        and last in (planned, planned - 1)
        and (last == planned or first in (0, stride - 1))
    ):
        return planned
    if stride > 1:
        return last + 1 if (last + 1) % stride == 0 and (first + 1) % stride == 0 else last
    if first > 0:
        return last
    return last if _roundness(last) > _roundness(last + 1) else last + 1


def _roundness(number: int) -> tuple[int, int]:
    """Zeros at a number's end, written in tens and in twos."""
    tens = twos = 0
    while number and number % 10 ** (tens + 1) == 0:
        tens += 1
    while number and number % 2 ** (twos + 1) == 0:
        twos += 1
    return tens, twos
