"""What another program has told of its run so far, as rows by step that grow.

Which name is which column follows from `readers.logs.naming`, as for a log that is imported; it is settled anew when a
name comes that was not there before. What was handed out may change later: an evaluation comes after its step, a
resumed run does steps again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan
from statistics import median

import numpy as np
from numpy.typing import NDArray

from vapor_core.backends.base import Columns
from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.readers.logs.naming import Role, role_of

NOWHERE = 2**53  # a step that no run reaches
LATEST = 50  # rows whose times say how long the next ones take
MOST_NAMES = 1_000
MOST_GB, MOST_MB = 2_000.0, 4e6  # of one accelerator's memory, in any unit that is meant
GIB = 1.073741824
LOSSES = ("loss", "eval", "part")


@dataclass(slots=True)
class LiveLog:
    """One run, as far as it was told."""

    planned: int = 0  # steps that it was to take; 0 where nothing says so
    axis: str = "step"  # what its steps count: "step", "epoch" or "row"
    changed_from: int = NOWHERE  # the first step whose row changed since `handed_out`
    _steps: list[int] = field(default_factory=list)  # ascending
    _rows: dict[int, dict[str, float]] = field(default_factory=dict)
    _at: dict[int, float] = field(default_factory=dict)  # step -> seconds since 1970
    _roles: dict[str, Role | None] = field(default_factory=dict)
    _taken: dict[str, tuple[str, ...]] = field(default_factory=dict)  # column -> names whose sum it is
    _times: deque[float] = field(
        default_factory=lambda: deque(maxlen=LATEST)
    )  # seconds a step, of the last rows
    _first_clock: float = nan
    _unit: float = 1.0  # that memory is multiplied by

    def take(self, told: Mapping[str, float], *, step: float | None = None, at: float = nan) -> None:
        """Take what was told at once.

        Args:
            told: name -> value; infinite where it was measured and is no number.
            step: that it belongs to; where None, what it says itself.
            at: when it was told, seconds since 1970; NaN where nobody knows.
        """
        for name in told.keys() - self._roles.keys():
            self._meet(name)
        for name, value in told.items():
            if (role := self._roles.get(name)) is not None and role.kind == "planned" and 0 < value < NOWHERE:
                self.planned = int(value)
        place = self._place_of(told) if step is None else int(step)
        if place is None or not 0 <= place < NOWHERE:
            return
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = {}
            self._add(place, at)
        row |= {name: value for name, value in told.items() if self._roles.get(name) is not None}
        if isfinite(at):
            self._at.setdefault(place, at)
        self.changed_from = min(self.changed_from, place)

    def take_many(self, names: Mapping[str, NDArray[np.float64]], rows: int) -> None:
        """Take rows of columns: NaN is missing, infinite was no number."""
        for row in range(rows):
            told = {name: float(values[row]) for name, values in names.items() if not isnan(values[row])}
            if told:
                self.take(told)

    def handed_out(self) -> None:
        """All rows as they are now are known to who asks."""
        self.changed_from = NOWHERE

    def __len__(self) -> int:
        """Rows."""
        return len(self._steps)

    @property
    def reached(self) -> int:
        """The last step that was told; of steps that count from 0, how many were done."""
        if not self._steps:
            return 0
        return self._steps[-1] + (1 if self._steps[0] == 0 else 0)

    @property
    def last(self) -> int:
        """The number of the last row's step; -1 where there is none."""
        return self._steps[-1] if self._steps else -1

    @property
    def has_loss(self) -> bool:
        """Whether any loss was told."""
        return bool({"loss", "eval_loss"} & self._taken.keys())

    @property
    def began(self) -> float | None:
        """When its first row was told, seconds since 1970; None where nothing says."""
        return self._at.get(self._steps[0]) if self._steps else None

    @property
    def elapsed_s(self) -> float:
        """From its first to its last row, by what it tells; 0 where nothing says."""
        if not self._steps:
            return 0.0
        columns = self.columns(self._steps[-1], self._steps[-1] + 1)
        elapsed = float(columns["elapsed_s"][-1])
        return elapsed if isfinite(elapsed) else 0.0

    @property
    def step_time_s(self) -> float:
        """Median seconds of a step, of the last rows; NaN where nothing says."""
        return median(self._times) if self._times else nan

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """Which of the program's names each column is taken from."""
        return self._taken

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1, all TRAINING_COLUMNS; missing is NaN."""
        low, high = bisect_left(self._steps, start), bisect_left(self._steps, stop)
        steps = self._steps[low:high]
        rows = [self._rows[step] for step in steps]
        found: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {"step": np.array(steps, dtype=np.int64)}
        for column in TRAINING_COLUMNS:
            if column != "step":
                found[column] = self._values(column, rows)
        if "elapsed_s" not in self._taken:
            began = self.began
            times = [self._at.get(step, nan) for step in steps]
            found["elapsed_s"] = np.array(times, dtype=np.float64) - (nan if began is None else began)
        return found

    def eval_loss(self, step: int) -> float:
        """The last one that was told up to a step; NaN before the first."""
        names = self._taken.get("eval_loss", ())
        for place in reversed(self._steps[: bisect_left(self._steps, step + 1)]):
            value = _sum(self._rows[place], names)
            if not isnan(value):
                return value
        return nan

    def _place_of(self, told: Mapping[str, float]) -> int | None:
        """The step that a row says itself, else its epoch, else its number among rows with a loss."""
        roles = self._roles
        counted = {name: role for name in told if (role := roles.get(name)) and role.kind == "quantity"}
        steps = [(role.rank, told[name]) for name, role in counted.items() if role.name == "step"]
        if steps:
            value = min(steps)[1]
            return int(value) if isfinite(value) and value == int(value) else None
        scored = any((role := roles.get(name)) and role.kind in LOSSES for name in told)
        if not scored or (self._steps and self.axis == "step"):
            return None  # a closing line, or one that does not say where it belongs
        epochs = [told[name] for name, role in counted.items() if role.name == "epoch"]
        if epochs and isfinite(epochs[0]) and epochs[0] == int(epochs[0]) and self.axis != "row":
            self.axis = "epoch"
            return int(epochs[0])
        self.axis = "row"
        trained = any((role := roles.get(name)) and role.kind in ("loss", "part") for name in told)
        return self.last + 1 if trained or self.last < 0 else self.last

    def _add(self, step: int, at: float) -> None:
        """A row that was not there before."""
        before = self._steps[-1] if self._steps else None
        insort(self._steps, step)
        if before is not None and step > before and isfinite(at) and before in self._at:
            self._times.append(max(at - self._at[before], 0.0) / (step - before))

    def _meet(self, name: str) -> None:
        """A name that was not there before: what it is, and whether it is better than what a column has now."""
        if len(self._roles) >= MOST_NAMES:
            return
        self._roles[name] = role = role_of(name)
        if role is None:
            return
        before, self._taken = self._taken, self._chosen()
        if self._steps and any(names != self._taken.get(column) for column, names in before.items()):
            self.changed_from = min(self.changed_from, self._steps[0])

    def _chosen(self) -> dict[str, tuple[str, ...]]:
        """Of each column the name that is preferred; of a loss that comes in parts alone, all of them."""
        known = [(role, name) for name, role in self._roles.items() if role is not None]
        chosen: dict[str, tuple[str, ...]] = {}
        for column in TRAINING_COLUMNS:
            named = [
                (role.rank, name) for role, name in known if role.kind == "quantity" and role.name == column
            ]
            if named:
                chosen[column] = (min(named)[1],)
        losses = [(role.rank, name) for role, name in known if role.kind == "loss"]
        parts = {role.name: name for role, name in known if role.kind == "part" and role.rank == 0}
        if losses:
            chosen["loss"] = (min(losses)[1],)
        elif len(parts) > 1:
            chosen["loss"] = tuple(parts.values())
        of_parts = {role.name for role, _ in known if role.kind == "part"}  # which are no sets of data
        held_out = [(role.name, role.rank, name) for role, name in known if role.kind == "eval"]
        sets = [
            (named != "", rank, at, name)
            for at, (named, rank, name) in enumerate(held_out)
            if named not in of_parts
        ]
        if sets:
            chosen["eval_loss"] = (min(sets)[-1],)
        elif len(parts) > 1 and {named for named, _, _ in held_out} >= parts.keys():
            chosen["eval_loss"] = tuple(
                {named: name for named, _, name in held_out if named in parts}.values()
            )
        return chosen

    def _values(self, column: str, rows: Iterable[Mapping[str, float]]) -> NDArray[np.float64]:
        names = self._taken.get(column, ())
        found = np.array([_sum(row, names) for row in rows], dtype=np.float64)
        role = self._roles.get(names[0]) if names else None
        if role is None or not found.size:
            return found
        if column not in ("loss", "eval_loss", "grad_norm"):
            found[np.isinf(found)] = nan
        found *= role.scale
        if column == "memory_gb":
            self._settle_unit(found)
            found *= self._unit
        elif column == "elapsed_s":
            found -= self._clock_began(names[0], role)
        return found

    def _settle_unit(self, memory: NDArray[np.float64]) -> None:
        """Memory in GB, where no name says a unit and the figure cannot be GB."""
        known = memory[np.isfinite(memory)]
        if known.size and self._unit == 1.0 and known.max() > MOST_GB:
            self._unit = GIB / 1024 if known.max() < MOST_MB else 1e-9

    def _clock_began(self, name: str, role: Role) -> float:
        """Of a clock that tells when, its first instant; 0 of one that tells how long."""
        if isnan(self._first_clock):
            told = (self._rows[step].get(name, nan) * role.scale for step in self._steps)
            first = next((value for value in told if isfinite(value)), nan)
            self._first_clock = first if first > 1e8 else 0.0
        return self._first_clock


def _sum(row: Mapping[str, float], names: tuple[str, ...]) -> float:
    """The sum of what has these names; NaN where any is missing."""
    if len(names) == 1:
        return row.get(names[0], nan)
    total = 0.0 if names else nan
    for name in names:
        total += row.get(name, nan)
    return inf if any(row.get(name) == inf for name in names) else total
