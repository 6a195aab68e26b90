"""An estimate: each of a new configuration of another length, so that nothing is remembered from the one before."""

from time import perf_counter

import numpy as np

from benchmarks.rows import Row
from vapor_core import JobConfig, estimate

REPEATS = 200
WARM_UP = 5  # estimates before the first that counts: the catalog is read, modules are loaded
LIMIT_MS = 5.0


def rows() -> list[Row]:
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
