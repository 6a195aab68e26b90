"""How far to trust each law: its errors against published measurements, as `make fidelity` last wrote them.

Reads what `benchmarks/fidelity/report.py` writes; nothing is computed anew, so that a page tells what was measured.
"""

import json
from functools import cache
from importlib.resources import files

from vapor_core.contracts.base import Contract


class FidelityLine(Contract):
    """Absolute relative errors over some published figures of one kind.

    `median` and `p90` are None for yes-or-no calls, which have `right`, the share of right ones, instead.
    `points` are (predicted, measured) pairs: evenly chosen where there are very many, none where the source has no
    clear licence.
    """

    kind: str
    source: str  # repository of the figures; which of them where a target is held to several
    n: int
    median: float | None
    p90: float | None
    right: float | None
    fitted: bool  # whether a constant of the law was fitted on any of them
    target: str | None = None
    met: bool | None = None  # None where there is no target
    points: tuple[tuple[float, float], ...] = ()


class FidelityTable(Contract):
    """One kind of figure: what its targets are held to, and each source."""

    kind: str
    held: tuple[FidelityLine, ...]
    sources: tuple[FidelityLine, ...]

    @property
    def n(self) -> int:
        """Published figures, all sources."""
        return sum(line.n for line in self.sources)

    @property
    def drawable(self) -> bool:
        """Whether any point may be shown."""
        return any(line.points for line in self.sources)


@cache
def tables() -> tuple[FidelityTable, ...]:
    """Every kind, in the report's order."""
    written = json.loads(files("vapor_core.data").joinpath("fidelity.json").read_text(encoding="utf-8"))
    lines = [FidelityLine(**entry) for entry in written]
    return tuple(
        FidelityTable(
            kind=kind,
            held=tuple(line for line in lines if line.kind == kind and line.target is not None),
            sources=tuple(line for line in lines if line.kind == kind and line.target is None),
        )
        for kind in dict.fromkeys(line.kind for line in lines)
    )
