"""A log's columns as the file gives them, gathered block by block, so that a large file is held as numbers alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vapor_core.readers.logs import numbers
from vapor_core.readers.logs.naming import Role, apart, role_of
from vapor_core.readers.logs.numbers import Floats

BLOCK = 50_000  # rows taken in at once
MOST_NAMES = 1_000  # of columns that nothing is known of
SAMPLES = 3  # values of each column that are kept to show
WORDS = ("run", "split")


@dataclass(slots=True)
class Collected:
    """Columns by the file's own names, in its order.

    Attributes:
        numbers: of columns that may be drawn; NaN missing, infinite not a number.
        words: of columns that name a run or a split.
        lines: where each row stands, counted from 1.
        samples: column -> its first values, for a person who has to choose; all columns of the file.
        numeric: columns whose samples are numbers.
        place: what `lines` count: "line" or "row".
        planned_steps, steps_done: what the file says besides its rows.
        ordered: columns whose own steps were all the same, so that their points were numbered.
        name: of the run, where the file says it.
    """

    numbers: dict[str, Floats]
    words: dict[str, NDArray[np.str_]]
    lines: NDArray[np.int64]
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numeric: frozenset[str] = frozenset()
    place: str = "line"
    planned_steps: int | None = None
    steps_done: int | None = None
    summary: dict[str, float] = field(default_factory=dict)
    name: str = ""

    def __len__(self) -> int:
        """Rows."""
        return len(self.lines)

    def part(
        self, rows: NDArray[np.bool_], columns: dict[str, str] | None = None, name: str = ""
    ) -> Collected:
        """Some rows, and some columns (the name that they get -> now)."""
        taken = columns if columns is not None else {each: each for each in self.samples}
        return Collected(
            numbers={new: self.numbers[old][rows] for new, old in taken.items() if old in self.numbers},
            words={new: self.words[old][rows] for new, old in taken.items() if old in self.words},
            lines=self.lines[rows],
            samples={new: self.samples[old] for new, old in taken.items() if old in self.samples},
            numeric=frozenset(new for new, old in taken.items() if old in self.numeric),
            place=self.place,
            planned_steps=self.planned_steps,
            steps_done=self.steps_done,
            summary=self.summary,
            name=name or self.name,
        )


class Collector:
    """Takes rows in, keeps the columns that may be drawn or that a person has named, and samples of all.

    Args:
        wanted: the file's columns that a person has named.
        decimal_comma: how the file writes its numbers.
    """

    def __init__(
        self,
        wanted: Iterable[str] = (),
        *,
        decimal_comma: bool = False,
        place: str = "line",
    ) -> None:
        self._wanted = frozenset(wanted)
        self._decimal_comma = decimal_comma
        self._place = place
        self._pieces: dict[str, list[Floats | list[str]]] = {}
        self._lines: list[NDArray[np.int64]] = []
        self._samples: dict[str, list[str]] = {}
        self.rows = 0

    def add(
        self, names: Iterable[str], cells_of: Callable[[str], Sequence[object]], lines: Sequence[int]
    ) -> None:
        """A block of rows: its columns' names, each one's cells, and where the rows stand."""
        for name in names:
            metric = apart(name)[1]
            role, wanted = role_of(metric), bool({name, metric} & self._wanted)
            if role is None and not wanted and len(self._samples) >= MOST_NAMES and name not in self._samples:
                continue
            samples = self._samples.setdefault(name, [])
            if role is None and not wanted and len(samples) >= SAMPLES:
                continue
            cells = cells_of(name)
            if len(samples) < SAMPLES:
                samples += _shown(cells, SAMPLES - len(samples))
            if role is not None and role.kind in WORDS:
                self._keep(name, ["" if cell is None else str(cell).strip()[:200] for cell in cells])
            elif role is not None or wanted:
                self._keep(name, self._numbers(cells, role))
        count = len(lines)
        self._lines.append(np.asarray(lines, dtype=np.int64))
        self.rows += count

    def _numbers(self, cells: Sequence[object], role: Role | None) -> Floats:
        clock = role is not None and role.name == "elapsed_s"
        read = numbers.seconds if clock else numbers.column
        return read(cells, decimal_comma=self._decimal_comma)

    def _keep(self, name: str, values: Floats | list[str]) -> None:
        pieces = self._pieces.setdefault(name, [])
        missing = self.rows - sum(len(piece) for piece in pieces)
        if missing:
            pieces.append([""] * missing if isinstance(values, list) else np.full(missing, math.nan))
        pieces.append(values)

    def collected(self) -> Collected:
        """All that was taken in."""
        found: dict[str, Floats] = {}
        words: dict[str, NDArray[np.str_]] = {}
        for name, pieces in self._pieces.items():
            missing = self.rows - sum(len(piece) for piece in pieces)
            if isinstance(pieces[0], list):
                words[name] = np.array([word for piece in pieces for word in piece] + [""] * missing)
            else:
                found[name] = np.concatenate([*pieces, np.full(missing, math.nan)])
        return Collected(
            numbers=found,
            words=words,
            lines=np.concatenate(self._lines) if self._lines else np.zeros(0, np.int64),
            samples={name: tuple(samples) for name, samples in self._samples.items()},
            numeric=frozenset(
                name
                for name, samples in self._samples.items()
                if samples
                and all(numbers.is_number(each, decimal_comma=self._decimal_comma) for each in samples)
            ),
            place=self._place,
        )


def _shown(cells: Sequence[object], most: int) -> list[str]:
    found: list[str] = []
    for cell in cells[:2000]:
        if cell is not None and not isinstance(cell, list | dict) and (word := str(cell).strip()):
            found.append("".join(letter for letter in word if letter.isprintable())[:40])
            if len(found) == most:
                break
    return found
