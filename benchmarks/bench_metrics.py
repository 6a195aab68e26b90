"""The metrics store: taking in 100,000 steps x 4 values, a chart of 1,000 points, and a live tick by length of run.

Set VAPOR_PEERS_PYTHON to the interpreter of an environment that has trackio, mlflow or tensorboard installed, and
they are measured in the same run (`peers_metrics.py`).
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

from vapor_core.metrics import MetricSeries

STEPS = 100_000
NAMES = ("loss", "grad_norm", "tokens_per_second", "learning_rate")
REPEATS = 7
TICKS = 800
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
    python = os.environ.get("VAPOR_PEERS_PYTHON")
    if not python:
        return {}
    answer = subprocess.run([python, str(PEERS)], capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, dict[str, float]] = json.loads(answer.stdout.splitlines()[-1])
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
