"""`make bench`: everything that is measured for speed, as one table on the screen and in docs/performance.md.

`python -m benchmarks simulate tick` runs only what is named and writes nothing.
"""

import os
import platform
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    bench_browser,
    bench_core_tick,
    bench_estimate,
    bench_hostile,
    bench_memory,
    bench_metrics,
    bench_real_tick,
    bench_return,
    bench_simulate,
    bench_tick,
    bench_viewers,
    bench_workspace,
    peers,
)
from benchmarks.rows import Row, table

DOC = Path(__file__).parents[1] / "docs" / "performance.md"
NOTES = Path(__file__).with_name("notes.md")  # by hand: what helped, and what did not
PACKAGES = ("streamlit", "altair", "pandas", "numpy", "pyarrow", "playwright")
PARTS: dict[str, Callable[[], list[Row]]] = {
    "simulate": bench_simulate.rows,
    "metrics": bench_metrics.rows,
    "estimate": bench_estimate.rows,
    "hostile": bench_hostile.rows,
    "core_tick": bench_core_tick.rows,
    "real_tick": bench_real_tick.rows,
    "return": bench_return.rows,
    "tick": bench_tick.rows,
    "viewers": bench_viewers.rows,
    "workspace": bench_workspace.rows,
    "memory": bench_memory.rows,
    "browser": bench_browser.rows,
}


def machine() -> str:
    """What it ran on, without anybody's names."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    total = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    memory_gb = int(total.group(1)) * 1024 / 1e9 if total else 0.0
    model = cpu.group(1) if cpu else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {memory_gb:.0f} GB"


def versions() -> str:
    """Of what was measured and of what it was measured against."""
    own = [f"{name} {version(name)}" for name in PACKAGES]
    others = [f"{name} {number}" for name, number in peers.versions().items()] or [
        "no peers could be installed"
    ]
    return ", ".join([f"Python {platform.python_version()}", *own, *others])


def document(rows: list[Row], load: float) -> str:
    """The page about performance."""
    met = sum(row.met is True for row in rows)
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`. Each row is measured in one run on one machine against what a person would use "
            "instead, or against the least that could be done; only the ratios carry over to another machine.",
            "",
            f"- Date: {datetime.now(UTC):%Y-%m-%d}",
            f"- Machine: {machine()}; load average when it began: {load:.1f}",
            f"- Versions: {versions()}",
            f"- {met} of {len(rows)} rows met",
            "",
            table(rows),
            NOTES.read_text(encoding="utf-8"),
        ]
    )


def main() -> None:
    """Measure what is asked for, or everything."""
    asked, load = sys.argv[1:] or list(PARTS), os.getloadavg()[0]
    unknown = [name for name in asked if name not in PARTS]
    if unknown:
        raise SystemExit(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    rows: list[Row] = []
    for name in asked:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found = PARTS[name]()
        print(table(found), flush=True)
        rows += found
    if asked == list(PARTS):
        DOC.write_text(document(rows, load), encoding="utf-8")


if __name__ == "__main__":
    main()
