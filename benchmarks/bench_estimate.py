"""An estimate: each of a new configuration of another length, so that nothing is remembered from the one before."""

from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.rows import Row
from vapor_core import JobConfig, estimate, read_config

REPEATS = 200
FILE_REPEATS = 5  # of each file; the quickest counts, since other programs take the processor away
WARM_UP = 5  # estimates before the first that counts: the catalog is read, modules are loaded
LIMIT_MS = 5.0


def rows() -> list[Row]:
    return [*_estimates(), *_files()]


def _files() -> list[Row]:
    """A trainer's file read, and its run estimated; the worst of all files of the tests."""
    files = sorted((Path(__file__).parent.parent / "tests" / "data" / "trainers").iterdir())
    worst: dict[str, float] = {}
    for _ in range(FILE_REPEATS):
        for file in files:
            content = file.read_bytes()
            began = perf_counter()
            read = read_config(content, file.name)
            if read.config is not None:
                estimate(read.config)
            took = (perf_counter() - began) * 1e3
            worst[file.name] = min(worst.get(file.name, took), took)
    slowest = max(worst.values())
    measured = (
        f"median {np.median(list(worst.values())):.2f} ms, worst {slowest:.2f} ms of {len(files)} files"
    )
    return [
        Row("read_config and estimate", "", measured, f"{slowest:.2f} ms", "under 10 ms", bool(slowest < 10))
    ]


def _estimates() -> list[Row]:
    took = []
    for seed in range(REPEATS + WARM_UP):
        config = JobConfig(
            model="HuggingFaceTB/SmolLM2-135M",
            learning_rate=1e-4 * (1 + seed / 1000),
            epochs=1 + seed / 100,
            seed=seed,
        )
        began = perf_counter()
        estimate(config)
        took.append((perf_counter() - began) * 1e3)
    median, p95 = np.percentile(took[WARM_UP:], [50, 95])
    measured = f"median {median:.2f} ms, p95 {p95:.2f} ms of {REPEATS} configurations"
    return [Row("estimate", "", measured, f"{median:.2f} ms", "under 5 ms", bool(median < LIMIT_MS))]
