"""`make fidelity`: every law against every published figure at hand.

Prints a table, writes docs/fidelity.md with a picture a kind, and vapor_core/data/fidelity.json for the Fidelity page.
A source without a clear licence shows its summary only; its points are left out of both files.
"""

import json
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import vl_convert as vlc

from benchmarks.fidelity import ROOT, Row, Target, folder, memory, quantile, throughput
from benchmarks.fidelity.reports import serving as reported_serving
from vapor_core.charts import fidelity_chart

MODULES = (
    "throughput",
    "tuning_speed",
    "memory",
    "reports.memory",
    "loss",
    "finetune",
    "findings",
    "serving",
    "reports.serving",
)
SPEED = ("reports.speed", "reports.cost", "fit_throughput")  # reports of runs, and each source left out
DOC = ROOT / "docs" / "fidelity.md"
NOTES = Path(__file__).with_name("notes.md")  # by hand: what is missed, why, and what was tried
DATA = ROOT / "vapor_core" / "data" / "fidelity.json"
MOST_POINTS = 150  # of one source in a picture and in the page's data
SIDE = 420  # of a picture, pixels


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: the scored rows of a kind and source."""

    kind: str
    source: str  # "all" for what a target is held to
    rows: tuple[Row, ...]
    target: Target | None = None

    @property
    def call(self) -> bool:
        """Whether rows are yes-or-no calls."""
        return all(row.measured in (0.0, 1.0) for row in self.rows)

    @property
    def met(self) -> bool | None:
        """Whether the target holds; None where there is none."""
        return self.target.holds(self.rows) if self.target else None

    @property
    def cells(self) -> tuple[str, ...]:
        """Kind, source, n, median, p90, worst factor, target, met."""
        errors = [row.error for row in self.rows]
        if self.call:
            found = (f"{1 - sum(errors) / len(errors):.0%} right", "", "")
        else:
            worst = max(max(r.predicted / r.measured, r.measured / r.predicted) for r in self.rows)
            found = (f"{quantile(errors, 0.5):.1%}", f"{quantile(errors, 0.9):.1%}", f"×{worst:.2f}")
        met = {True: "yes", False: "no", None: ""}[self.met]
        source = self.source + "*" * any(row.fitted for row in self.rows)
        target = self.target.sentence if self.target else ""
        return self.kind, source, str(len(self.rows)), *found, target, met


def collect() -> tuple[list[Row], list[Target]]:
    """Rows and targets of every kind that has a module."""
    rows: list[Row] = []
    targets: list[Target] = []
    for name in (*MODULES, *SPEED):
        fitted = name.startswith("fit_")  # needs the extra `fit`
        if find_spec(f"benchmarks.fidelity.{name}") and (find_spec("scipy") or not fitted):
            module = import_module(f"benchmarks.fidelity.{name}")
            rows += module.rows()
            targets += getattr(module, "TARGETS", ())
    return rows, targets


def lines(rows: Sequence[Row], targets: Iterable[Target]) -> list[Line]:
    """For each kind: what its targets are held to, then each source."""
    found = []
    wanted = list(targets)
    for kind in dict.fromkeys(row.kind for row in rows):
        scored = [row for row in rows if row.kind == kind and row.scored]
        for target in (target for target in wanted if target.kind == kind):
            held = tuple(row for row in scored if target.fitted in (None, row.fitted))
            label = {None: "all", True: "all that constants were fitted on", False: "all others"}[
                target.fitted
            ]
            if held:
                found.append(Line(kind, label, held, target))
        for source in dict.fromkeys(row.source for row in scored):
            found.append(Line(kind, source, tuple(row for row in scored if row.source == source)))
    return found


def markdown(table: Sequence[Line], unscored: Sequence[Row]) -> str:
    """The page docs/fidelity.md."""
    head = ("Kind", "Source", "n", "median", "p90", "worst", "target", "met")
    body = [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *(x.cells for x in table))]
    plots = []
    for kind in dict.fromkeys(line.kind for line in table):
        if (DOC.parent / picture(kind)).is_file():
            plots += [f"## {kind[0].upper()}{kind[1:]}", "", f"![{kind}]({picture(kind)})", ""]
    where = "all published tables at hand" if folder() else "the tables in `benchmarks/fidelity/published/`"
    return "\n".join(
        [
            "# Fidelity: predicted against measured",
            "",
            f"Written by `make fidelity` from {where}. Errors are absolute and relative to the measurement; "
            "`worst` is the largest factor between the two. A star marks sources on which constants were fitted; "
            "errors with a model left out of the fit:",
            "",
            *(f"- {name}: {left_out()}" for name, left_out in fits()),
            "",
            *body,
            "",
            f"{len(unscored)} more figures are read and not scored, since their setting is not fully published, "
            "cannot be written as a configuration, or contradicts itself; the modules in `benchmarks/fidelity/` "
            "say which and why.",
            "",
            NOTES.read_text(encoding="utf-8"),
            *plots,
        ]
    )


def fits() -> list[tuple[str, Callable[[], str]]]:
    """Kinds whose constants can be refitted here, with a function that says the error when left out."""
    if find_spec("scipy") is None:  # the extra `fit`
        return []
    from benchmarks.fidelity import fit_memory, fit_throughput  # noqa: PLC0415 - they need the extra

    return [
        (throughput.KIND, fit_throughput.left_out),
        (memory.KIND, fit_memory.left_out),
        ("serving, each source left out", reported_serving.left_out),
    ]


def picture(kind: str) -> str:
    """File of a kind's plot, relative to docs."""
    return f"images/fidelity-{kind.lower().replace(', ', '-').replace(' ', '-')}.svg"


def summary(table: Sequence[Line]) -> str:
    """The data of the Fidelity page."""
    entries = []
    for line in table:
        errors = [row.error for row in line.rows]
        public = [row for row in line.rows if row.public]
        shown = thinned(public) if line.target is None and not line.call else []
        entries.append(
            {
                "kind": line.kind,
                "source": line.source,
                "n": len(line.rows),
                "median": None if line.call else round(quantile(errors, 0.5), 4),
                "p90": None if line.call else round(quantile(errors, 0.9), 4),
                "right": round(1 - sum(errors) / len(errors), 4) if line.call else None,
                "fitted": any(row.fitted for row in line.rows),
                "target": line.target.sentence if line.target else None,
                "met": line.met,
                "points": [[float(f"{r.predicted:.5g}"), float(f"{r.measured:.5g}")] for r in shown],
            }
        )
    listed = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f"[\n{listed}\n]\n"


def thinned(rows: Sequence[Row]) -> Sequence[Row]:
    """Evenly chosen rows of one source, about MOST_POINTS where there are more."""
    return rows[:: max(len(rows) // MOST_POINTS, 1)]


def draw(rows: Sequence[Row]) -> None:
    """One picture a kind, of what may be shown."""
    for kind in dict.fromkeys(row.kind for row in rows):
        shown = [row for row in rows if row.kind == kind and row.scored and row.public]
        if any(row.measured not in (0.0, 1.0) for row in shown):
            path = DOC.parent / picture(kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            sources = dict.fromkeys(row.source for row in shown)
            drawn = [thinned([row for row in shown if row.source == source]) for source in sources]
            path.write_text(drawing(kind, [row for part in drawn for row in part]), encoding="utf-8")


def drawing(kind: str, rows: Sequence[Row]) -> str:
    """An SVG of a kind's predicted against measured figures, a colour a source; what has no logarithm is left out."""
    frame = pd.DataFrame(
        [
            {
                "name": row.name,
                "kind": row.source.rsplit("/", 1)[-1],
                "measured": row.measured,
                "predicted": row.predicted,
            }
            for row in rows
            if row.predicted > 0 and row.measured > 0
        ]
    )
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]["light"]
    chart = fidelity_chart(frame).properties(
        width=SIDE, height=SIDE, title=f"{kind}: predicted against measured"
    )
    # no descriptions for screen readers: one for each of many points says less than the table does
    chart = chart.configure(aria=False, background="white")
    return (
        vlc.vegalite_to_svg(chart.configure_range(category=theme["chartCategoricalColors"]).to_json()) + "\n"
    )


def main() -> None:
    rows, targets = collect()
    table = lines(rows, targets)
    widths = [max(len(line.cells[column]) for line in table) for column in range(8)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line.cells, widths, strict=True)).rstrip())
    if "--print" not in sys.argv:
        draw(rows)
        DOC.write_text(markdown(table, [row for row in rows if not row.scored]), encoding="utf-8")
        DATA.write_text(summary(table), encoding="utf-8")


if __name__ == "__main__":
    main()
