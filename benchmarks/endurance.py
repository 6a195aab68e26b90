"""docs/endurance.md: what was killed, flipped, fed with nonsense and kept going for long; each command writes its rows.

A row stays until the command that wrote it is run again, so each has its own date and machine.
"""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DOC = Path(__file__).parents[1] / "docs" / "endurance.md"
HEAD = ("What", "By", "Found", "To reach", "Verdict", "Seen")
RULE = "|" + "---|" * len(HEAD)
ABOUT = (
    "# Endurance",
    "",
    "What Vapor went through on purpose. Each command of the second column writes its own rows here.",
    "",
)
ORDER = ("kill", "training", "rot", "fuzz", "soak", "processes", "workspaces")


@dataclass(frozen=True, slots=True)
class Ordeal:
    """One thing that was gone through.

    Attributes:
        kind: one of `ORDER`, where its row stands.
        what: what was done, in words that stay: its row is found again by them.
        command: that does it again.
        found: how much was done and what came of it, with units.
        target: what is hoped for.
        met: whether it was.
    """

    kind: str
    what: str
    command: str
    found: str
    target: str
    met: bool


def record(*ordeals: Ordeal, document: Path = DOC) -> None:
    """Write rows, in place of those of the same things."""
    rows = _rows(document)
    for ordeal in ordeals:
        load = os.getloadavg()[2]  # of the last quarter of an hour
        seen = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, load {load:.1f}"
        verdict = "met" if ordeal.met else "missed"
        cells = (ordeal.what, f"`{ordeal.command}`", ordeal.found, ordeal.target, verdict, seen)
        rows[ordeal.what] = (
            ORDER.index(ordeal.kind),
            f"| {' | '.join(cell.replace('|', '/') for cell in cells)} | <!-- {ordeal.kind} -->",
        )
    lines = [line for _, line in sorted(rows.values(), key=lambda row: row[0])]
    text = "\n".join([*ABOUT, f"| {' | '.join(HEAD)} |", RULE, *lines]) + "\n"
    document.write_text(text, encoding="utf-8")


def _rows(document: Path) -> dict[str, tuple[int, str]]:
    """Rows that are there, by what was done: their place in the order, and their line."""
    found: dict[str, tuple[int, str]] = {}
    if not document.exists():
        return found
    for line in document.read_text(encoding="utf-8").splitlines():
        cells, _, kind = line.partition("<!-- ")
        if kind:
            found[cells.split(" | ")[0].removeprefix("| ")] = (ORDER.index(kind.removesuffix(" -->")), line)
    return found
