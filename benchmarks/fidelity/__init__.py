"""Predictions held against published measurements: one module a kind, each with `rows() -> list[Row]`.

A table of published figures is read from the folder of VAPOR_PUBLISHED_DATA (or ../shared/data beside the
repository), and otherwise from `published/`, which holds the tables whose licence is clear.
"""

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = Path(__file__).resolve().parent / "published"


@dataclass(frozen=True, slots=True)
class Row:
    """One published figure and what Vapor says in its place."""

    kind: str  # for example "training memory"
    name: str  # what was measured, in a few words
    predicted: float
    measured: float
    source: str  # repository of the figure
    fitted: bool = False  # whether a constant of the law was fitted on this source
    scored: bool = True  # False: shown, but the published setting cannot be written as a JobConfig
    public: bool = True  # False: no clear licence, so that only summary figures may be published

    @property
    def error(self) -> float:
        """Absolute relative error; of a yes-or-no call 0 or 1."""
        return abs(self.predicted / self.measured - 1) if self.measured else float(self.predicted != 0)


@dataclass(frozen=True, slots=True)
class Target:
    """What a kind is held to: median and 90th percentile of the error, and the worst factor."""

    kind: str
    median: float | None = None
    p90: float | None = None
    factor: float | None = None  # no row further off than this
    correct: float | None = None  # share of calls that are right
    fitted: bool | None = (
        None  # only rows of sources that constants were (True) or were not (False) fitted on
    )

    def holds(self, rows: Sequence[Row]) -> bool:
        """Whether these rows meet it."""
        errors = [row.error for row in rows]
        if self.correct is not None:
            return 1 - sum(errors) / len(errors) >= self.correct
        worst = max(max(row.predicted / row.measured, row.measured / row.predicted) for row in rows)
        return (
            (self.median is None or quantile(errors, 0.5) <= self.median)
            and (self.p90 is None or quantile(errors, 0.9) <= self.p90)
            and (self.factor is None or worst <= self.factor)
        )

    @property
    def sentence(self) -> str:
        """The target in words."""
        if self.correct is not None:
            return f"{100 * self.correct:g} % right"
        parts = [f"median ≤ {100 * self.median:g} %"] if self.median is not None else []
        parts += [f"p90 ≤ {100 * self.p90:g} %"] if self.p90 is not None else []
        parts += [f"none beyond ×{self.factor:g}"] if self.factor is not None else []
        return ", ".join(parts)


def quantile(values: Sequence[float], q: float) -> float:
    """Quantile by linear interpolation."""
    ordered = sorted(values)
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def folder() -> Path | None:
    """The folder with all published tables, where there is one."""
    named = os.environ.get("VAPOR_PUBLISHED_DATA")
    path = Path(named) if named else ROOT.parent / "shared" / "data"
    return path if path.is_dir() else None


def table(name: str, *, own: bool = False) -> list[dict[str, str]]:
    """Rows of `name`.csv; [] where neither place has it. `own`: only from the repository's tables."""
    outside = None if own else folder()
    for place in (outside, PUBLISHED):
        if place and (place / f"{name}.csv").is_file():
            with (place / f"{name}.csv").open(newline="", encoding="utf-8") as file:
                return list(csv.DictReader(file))
    return []


def number(text: str | None) -> float | None:
    """The number in a cell, or None where it is empty."""
    return float(text) if text not in (None, "") else None
