"""Points of metrics by name, step and value, as TensorBoard and MLflow keep them, laid out as one row a step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vapor_core.readers.logs.collected import Collected
from vapor_core.readers.logs.numbers import NOT_A_NUMBER, Floats

STEP = "step"
CLOCK = "wall_time"


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
