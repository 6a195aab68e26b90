"""Points of metrics by name, step and value, as TensorBoard and MLflow keep them, laid out as one row a step."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.naming import HELD_OUT, RUNS, TRAIN, role_of, words_of
from vapor_core.readers.logs.numbers import NOT_A_NUMBER, Floats
from vapor_core.readers.logs.run_log import Notes

STEP = "step"
CLOCK = "wall_time"
_KEYS = frozenset(
    {"key", "tag", "metric", "metric_name", "metricname", "name", "variable", "series", "attribute_path"}
)
_VALUES = frozenset({"value", "metric_value", "metricvalue", "float_value"})
_CONTEXTS = frozenset({"context", "subset", "split", "phase", "run_context"})
_TIMES = ("timestamp", "wall_time", "time")


@dataclass(frozen=True, slots=True)
class LongColumns:
    """The columns of a table of one point a row: of the metric's name, its value and step, and of what else tells it.

    Attributes:
        context: whether the point is of training or held out, where another column than the name says so.
    """

    key: str
    value: str
    step: str
    run: str = ""
    clock: str = ""
    context: str = ""


def long_columns(names: Sequence[str]) -> LongColumns | None:
    """What the columns of such a table are; None where the table is none."""
    plain = {"_".join(words_of(name)): name for name in reversed(names)}

    def first(known: Callable[[str], bool]) -> str:
        return next((plain[word] for word in reversed(plain) if known(word)), "")

    key, value, step = (first(known) for known in (_KEYS.__contains__, _VALUES.__contains__, _is_step))
    if not (key and value and step):
        return None
    run = next((plain[word] for word in RUNS if word in plain), "")
    clock = next((plain[word] for word in _TIMES if word in plain), "")
    return LongColumns(key, value, step, run, clock, first(_CONTEXTS.__contains__))


def _is_step(name: str) -> bool:
    role = role_of(name)
    return role is not None and role.name == STEP


def placed(run: str, key: str, context: str) -> tuple[str, str]:
    """The run that a point belongs to, and its metric's name; what was held out says so in its name.

    TensorBoard's writers put what was held out into a run of its own, "fox/train" beside "fox/validation".
    """
    before, between, last = run.replace("\\", "/").rpartition("/")
    if {last.lower()} & (HELD_OUT | TRAIN):
        run, context = before if between else "", f"{context} {last}"
    held_out = HELD_OUT & set(re.findall(r"[a-z]+", context.lower()))
    if held_out and not HELD_OUT & set(words_of(key)):
        key = f"{min(held_out)} {key}"
    return run, key


@dataclass(slots=True)
class Points:
    """One run's points in the file's order: tag -> steps, values and times (NaN where the file has none)."""

    steps: dict[str, list[float]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def add(self, tag: str, step: float, value: float, time: float = math.nan) -> None:
        """One more; a value that is no number is kept as one."""
        self.steps.setdefault(tag, []).append(step)
        self.values.setdefault(tag, []).append(value if math.isfinite(value) else NOT_A_NUMBER)
        self.times.setdefault(tag, []).append(time)


def by_step(points: Points, name: str = "") -> tuple[Collected, bool]:
    """One row a step, and whether points had to be numbered since all of them had one step.

    Where a tag comes twice at a step its last value counts. A tag called "step" is a metric like any other: the
    points' own step counts.
    """
    ordered = _all_at_one_step(points)
    series: dict[str, tuple[Floats, Floats, Floats]] = {}
    for tag, steps in points.steps.items():
        at = np.arange(1.0, len(steps) + 1) if ordered else np.array(steps)
        values, times = np.array(points.values[tag]), np.array(points.times[tag])
        at, last = _last_of_each(at)
        series[tag] = (at, values[last], times[last])
    every = np.unique(np.concatenate([at for at, _, _ in series.values()])) if series else np.zeros(0)
    columns: dict[str, Floats] = {STEP: every}
    clock = np.full(len(every), math.nan)
    for tag, (at, values, times) in series.items():
        row = np.searchsorted(every, at)
        clock[row] = np.fmax(clock[row], times)
        if tag != STEP and not (tag == CLOCK and np.isfinite(times).any()):
            columns[tag] = np.full(len(every), math.nan)
            columns[tag][row] = values
    if np.isfinite(clock).any():
        columns[CLOCK] = clock
    return (
        Collected(
            numbers=columns,
            words={},
            lines=np.arange(1, len(every) + 1),
            samples={tag: tuple(f"{value:g}" for value in values[:3]) for tag, values in columns.items()},
            numeric=frozenset(columns),
            place="row",
            name=name,
        ),
        ordered,
    )


def _all_at_one_step(points: Points) -> bool:
    """Whether some tag has several points and no tag has two steps: nobody told the writer where it was."""
    steps = {step for each in points.steps.values() for step in each}
    return len(steps) == 1 and any(len(each) > 1 for each in points.steps.values())


def _last_of_each(at: Floats) -> tuple[Floats, NDArray[np.intp]]:
    steps, backwards = np.unique(at[::-1], return_index=True)
    return steps, len(at) - 1 - backwards


ONE_STEP = "all points are at one step, so they are numbered in their order"


def laid_out(runs: dict[str, Points], notes: Notes, name: str = "") -> list[Collected]:
    """Each run's points as rows; one alone is called `name`."""
    found: list[Collected] = []
    for run, points in runs.items():
        one, ordered = by_step(points, run if len(runs) > 1 else name)
        if ordered:
            notes.add(ONE_STEP)
        found.append(one)
    return found
