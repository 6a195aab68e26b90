"""What a log holds once it is read: one run's series, what it summed up, how far it came and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Axis = Literal["step", "epoch", "row"]

MOST_WARNINGS = 20


@dataclass(frozen=True, eq=False, slots=True)
class RunLog:
    """A real run's series.

    Attributes:
        name: of the run where the file names several, else of the file.
        frame: `step` (ascending whole numbers, each once), whichever of `contracts.columns.TRAINING_COLUMNS` the
            file held, and `eval_loss/<set>` for each further evaluation set (`contracts.columns.is_eval_set`). Missing
            values are NaN; a loss or a gradient norm that was measured and was no number is infinite.
        warnings: what was left out, thinned, averaged or taken for something, a sentence each.
        summary: what the closing row says: `runtime_s`, `mean_loss`, `flops`, `samples_per_second`,
            `steps_per_second`, those that there are.
        planned_steps: how many steps it was to take, where the log says so.
        steps_done: how many it took.
        axis: what `step` counts: steps, epochs, or the rows of the file.
        sources: column of `frame` -> the file's own name for it.
        columns: the file's columns of numbers with their first values, for a person who knows better which is which.
    """

    name: str
    frame: pd.DataFrame
    warnings: tuple[str, ...]
    summary: Mapping[str, float] = field(default_factory=dict)
    planned_steps: int | None = None
    steps_done: int | None = None
    axis: Axis = "step"
    sources: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Notes:
    """Warnings, the first few in words and the rest as a count."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.count = 0

    def add(self, sentence: str, times: int = 1) -> None:
        """One more; `times` where it stands for several of the same kind."""
        self.count += times
        if len(self.first) < MOST_WARNINGS:
            self.first.append(sentence)

    def sentences(self) -> tuple[str, ...]:
        """What to show."""
        more = self.count - len(self.first)
        return (*self.first, *((f"and {more:,} more rows left out",) if more > 0 else ()))


def listed(names: list[str] | tuple[str, ...], most: int = 8) -> str:
    """Names for a sentence, the first few of them."""
    shown = ["".join(letter for letter in name if letter.isprintable())[:40] for name in names[:most]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
