"""A row of the table of performance, and the table as Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One thing measured against another in the same run."""

    what: str
    against: str
    measured: str  # with units
    ratio: str  # or the figure that the target is about
    target: str
    met: bool | None  # None where it could not be measured
    note: str = ""

    @property
    def verdict(self) -> str:
        """In a word."""
        return "not measured" if self.met is None else "met" if self.met else "missed"


HEAD = ("What", "Against", "Measured", "Ratio or figure", "To reach", "Verdict")


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown; notes below, numbered."""
    lines, notes = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"], []
    for row in rows:
        mark = ""
        if row.note:
            notes.append(row.note)
            mark = f" ({len(notes)})"
        cells = (row.what, row.against, row.measured, row.ratio, row.target, f"{row.verdict}{mark}")
        lines.append(f"| {' | '.join(cells)} |")
    told = [f"{number}. {note}" for number, note in enumerate(notes, start=1)]
    return "\n".join([*lines, "", *told]) + "\n"
