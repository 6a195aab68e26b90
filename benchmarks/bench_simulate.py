"""A million steps with all columns, against drawing the same number of normals with numpy's default generator."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from benchmarks.rows import Row
from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.contracts.training import JobConfig
from vapor_core.noise import normals
from vapor_core.simulation.training import TrainingSimulator
from vapor_core.simulator import simulate

STEPS = 1_000_000
REPEATS = 5


def took_s(action: Callable[[], object]) -> float:
    began = perf_counter()
    action()
    return perf_counter() - began


def best_s(action: Callable[[], object]) -> float:
    return min(took_s(action) for _ in range(REPEATS))


def config() -> JobConfig:
    return JobConfig(
        model="HuggingFaceTB/SmolLM2-135M",
        method="pretrain",
        max_steps=STEPS,
        accelerator="nvidia-h100-80gb",
        accelerator_count=8,
    )


def rows() -> list[Row]:
    asked = config()
    ratios, ours, theirs = [], [], []
    for _ in range(REPEATS):  # in turns, so that both meet the same machine
        theirs.append(
            took_s(lambda: np.random.default_rng(0).standard_normal((len(TRAINING_COLUMNS), STEPS)))
        )
        ours.append(took_s(lambda: simulate(asked)))
        ratios.append(ours[-1] / theirs[-1])
    ratio = float(np.median(ratios))
    return [
        Row(
            f"simulate a million steps, all {len(TRAINING_COLUMNS)} columns",
            "as many normals by numpy's default generator",
            f"{np.median(ours) * 1e3:.0f} ms against {np.median(theirs) * 1e3:.0f} ms",
            f"{ratio:.2f} x",
            "at most 4 x",
            ratio <= 4,
        )
    ]


def main() -> None:
    asked = config()
    run = TrainingSimulator(asked)
    row = best_s(lambda: np.random.default_rng(0).standard_normal(STEPS))
    table = best_s(lambda: np.random.default_rng(0).standard_normal((len(TRAINING_COLUMNS), STEPS)))
    ours = best_s(lambda: normals(0, "x", 0, STEPS))
    whole = best_s(lambda: simulate(asked))
    tick = best_s(lambda: run.columns(500_000, 500_010))
    inverse = best_s(lambda: run.steps_done(1e5))
    print(f"numpy, {STEPS:,} normals               {row * 1e3:9.2f} ms")
    print(f"numpy, {STEPS:,} x {len(TRAINING_COLUMNS)} normals          {table * 1e3:9.2f} ms")
    print(f"vapor noise, {STEPS:,} normals         {ours * 1e3:9.2f} ms")
    print(f"simulate, {STEPS:,} steps, all columns {whole * 1e3:9.2f} ms")
    print(f"  against as many normals as values   {whole / table:9.2f} x (at most 4)")
    print(f"  against one normal a step           {whole / row:9.2f} x")
    print(f"one live tick, 10 steps               {tick * 1e3:9.3f} ms")
    print(f"steps_done                            {inverse * 1e3:9.3f} ms")


if __name__ == "__main__":
    main()
