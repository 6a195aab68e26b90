"""The metrics store: taking in 100,000 steps x 4 values, a chart of 1,000 points, and a live tick by length of run.

trackio, MLflow and TensorBoard are measured in the same run (`peers_metrics.py`), in an environment of their own.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from benchmarks.peers import NAMES as NAMES_OF_PEERS
from benchmarks.peers import python as own_python
from benchmarks.rows import Row
from vapor_core.journal.metric_blocks import joined
from vapor_core.journal.sql import open_journal
from vapor_core.metrics.series import MetricSeries

STEPS = 100_000
NAMES = ("loss", "grad_norm", "tokens_per_second", "learning_rate")
REPEATS = 7
TICKS = 800
PATIENCE_S = 240
PEERS = Path(__file__).with_name("peers_metrics.py")


def points(start: int, stop: int) -> dict[str, np.ndarray]:
    steps = np.arange(start, stop)
    random = np.random.default_rng(start)
    return {"step": steps, **{name: random.standard_normal(steps.size) for name in NAMES}}


def best_s(action: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = perf_counter()
        action()
        times.append(perf_counter() - began)
    return min(times)


def filled(columns: dict[str, np.ndarray], at_once: int = STEPS) -> MetricSeries:
    series = MetricSeries(NAMES)
    for start in range(0, STEPS, at_once):
        series.append({name: values[start : start + at_once] for name, values in columns.items()})
    return series


def ticking(length: int) -> Iterator[float]:
    """Times of live ticks: ten new points, then a smoothed and a raw chart and the latest point."""
    columns = points(0, length + 10 * TICKS)

    def part(start: int, stop: int) -> dict[str, np.ndarray]:
        return {name: values[start:stop] for name, values in columns.items()}

    series = MetricSeries(NAMES, replay=part)
    series.append(part(0, length))
    for start in range(length, length + 10 * TICKS, 10):
        began = perf_counter()
        series.append(part(start, start + 10))
        series.frame(smoothing=0.9, columns=["loss"])
        series.frame(columns=["grad_norm", "learning_rate"])
        series.latest()
        yield perf_counter() - began


def ticks_s() -> tuple[float, float]:
    """Median tick of a thousand-step and of a million-step run, in turns so that both meet the same machine."""
    turns = np.array(list(zip(ticking(1000), ticking(1_000_000), strict=True)))
    thousand, million = np.median(turns[20:], axis=0)
    return float(thousand), float(million)


def peers() -> dict[str, dict[str, float]]:
    """Figures of those that are installed and answer in time."""
    interpreter = own_python()
    found: dict[str, dict[str, float]] = {}
    for name in NAMES_OF_PEERS if interpreter else ():
        with suppress(subprocess.SubprocessError, IndexError):
            command = [str(interpreter), str(PEERS), name]
            told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)  # noqa: S603
            found |= json.loads(told.stdout.splitlines()[-1])
    return found


def measure() -> dict[str, float]:
    """Seconds, and values a second where the name says so."""
    columns = points(0, STEPS)
    values = STEPS * len(NAMES)
    thousand, million = ticks_s()
    return {
        "ingest_values_per_s": values / best_s(lambda: filled(columns)),
        "ingest_by_100_values_per_s": values / best_s(lambda: filled(columns, 100)),
        "view_s": min(first_view_s(columns) for _ in range(REPEATS)),
        "next_view_s": next_view_s(columns),
        "tick_thousand_s": thousand,
        "tick_million_s": million,
    }


def first_view_s(columns: dict[str, np.ndarray]) -> float:
    series = filled(columns)
    began = perf_counter()
    series.frame(max_points=1000)
    return perf_counter() - began


def next_view_s(columns: dict[str, np.ndarray]) -> float:
    series = filled(columns)
    series.frame(max_points=1000)
    return best_s(lambda: series.frame(max_points=1000))


def durable_s(columns: dict[str, np.ndarray], at_once: int) -> tuple[float, float]:
    """Seconds to have all points on disk, synced at each append, and then to read them and draw 1,000."""
    with TemporaryDirectory() as folder:
        journal = open_journal(Path(folder) / "work.db")
        began = perf_counter()
        for number, start in enumerate(range(0, STEPS, at_once)):
            part = {name: values[start : start + at_once].astype(float) for name, values in columns.items()}
            journal.append_metrics("default", "job-1", number, part)
        ingest_s = perf_counter() - began
        began = perf_counter()
        series = MetricSeries(NAMES)
        series.append(joined(journal.metric_blocks("default", "job-1")))
        series.frame(max_points=1000)
        view_s = perf_counter() - began
        journal.close()
    return ingest_s, view_s


def spikes_kept() -> bool:
    """Whether the highest of 100 spikes, and each of ten that stand alone, is in a chart of 1,000 points."""
    columns = points(0, STEPS)
    places = np.random.default_rng(1).choice(STEPS, 100, replace=False)
    columns["loss"][places] = 1000.0 + np.arange(100)
    highest = filled(columns, 100).frame(max_points=1000)["loss"].max()
    alone = []
    for place in places:
        one = points(0, STEPS)
        one["loss"][place] = 1000.0
        alone.append(filled(one, 1000).frame(max_points=1000)["loss"].max() == 1000.0)
        if len(alone) == 10:
            break
    return bool(highest == 1099.0 and all(alone))


def rows() -> list[Row]:
    columns = points(0, STEPS)
    values = STEPS * len(NAMES)
    found = [durable_s(columns, 20_000) for _ in range(3)]
    by_thousand = values / min(durable_s(columns, 1000)[0] for _ in range(2))
    ingest = values / float(np.median([took for took, _ in found]))
    disk_view_s = float(np.median([took for _, took in found]))
    view_s = min(first_view_s(columns) for _ in range(REPEATS))
    theirs, kept = peers(), spikes_kept()
    told = "; ".join(
        f"{name} {peer['ingest_values_per_s'] / 1e3:,.0f} k values/s, view {peer['view_s'] * 1e3:.0f} ms"
        for name, peer in theirs.items()
    )
    note = (
        "Durable means written to SQLite and synced at each append of 20,000 steps (`journal.keep`), with the step as "
        f"a fifth column. Peers take in 20,000 steps, all in one call or by the most that they take. {told}."
    )
    if "trackio" not in theirs:
        note = "Peers could not be installed or measured. " + note
    ratio = ingest / theirs["trackio"]["ingest_values_per_s"] if "trackio" in theirs else None
    best_s_of_peers = min((peer["view_s"] for peer in theirs.values()), default=None)
    faster = best_s_of_peers / view_s if best_s_of_peers else None
    return [
        Row(
            "take in 100,000 steps x 4 values, durably",
            "trackio `bulk_log`",
            f"{ingest / 1e6:.1f} M values/s by 20,000 steps, {by_thousand / 1e6:.2f} M by 1,000",
            f"{ratio:.1f} x" if ratio else "",
            "5 x trackio's",
            ratio >= 5 if ratio else None,
            note,
        ),
        Row(
            "then a chart view of 1,000 points",
            "the fastest view of trackio, MLflow, TensorBoard",
            f"{view_s * 1e3:.1f} ms at first; {disk_view_s * 1e3:.1f} ms with reading all points from disk",
            f"{faster:.0f} x faster ({best_s_of_peers / disk_view_s:.0f} x from disk)" if faster else "",
            "20 x faster",
            faster >= 20 if faster else None,
            "A live page holds the series, so its view is the first figure; the second is that of a process which has "
            "just started. The peers' views are of 20,000 steps, a fifth of ours.",
        ),
        Row(
            "a spike of one point in 100,000 steps, in a chart of 1,000",
            "",
            "the highest of the spikes of each of 11 series looked for",
            "none lost" if kept else "lost",
            "never lost",
            kept,
        ),
    ]


def main() -> None:
    found = measure()
    print(
        f"take in {STEPS:,} x {len(NAMES)}, at once    {found['ingest_values_per_s'] / 1e6:8.1f} M values/s"
    )
    print(
        f"take in {STEPS:,} x {len(NAMES)}, by 100     {found['ingest_by_100_values_per_s'] / 1e6:8.1f} M values/s"
    )
    print(f"first view of 1,000 points      {found['view_s'] * 1e3:8.2f} ms")
    print(f"next view of 1,000 points       {found['next_view_s'] * 1e3:8.2f} ms")
    print(f"tick of a thousand-step run     {found['tick_thousand_s'] * 1e3:8.2f} ms")
    print(f"tick of a million-step run      {found['tick_million_s'] * 1e3:8.2f} ms")
    print(
        f"  million against thousand      {found['tick_million_s'] / found['tick_thousand_s']:8.2f} x (at most 1.2)"
    )
    for name, peer in peers().items():
        print(
            f"{name:12} ingest {peer['ingest_values_per_s'] / 1e3:8.0f} k values/s, view {peer['view_s'] * 1e3:7.1f} ms"
            f" (vapor's is {peer['view_s'] / found['view_s']:.0f} x faster)"
        )


if __name__ == "__main__":
    main()
