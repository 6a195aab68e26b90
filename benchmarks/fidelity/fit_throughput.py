"""Fit the constants of physics.throughput on llm-foundry's runs, and score them with a model size left out.

`python -m benchmarks.fidelity.fit_throughput` prints the constants and both error tables. Fitted: eight
constants on some 80 to 120 runs (A100 and H100, 125 M to 70 B parameters, 512 to 65,536 tokens, 8 to 512 cards).
Everything else in `Constants` is a data sheet's, a kernel measurement's or arithmetic. The runs are weighed by
soft L1 on the logarithm of the error, since a few published ones contradict their neighbours by 25 %.
"""

from dataclasses import replace
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity.throughput import foundry_rows
from vapor_core.physics.plan import Plan
from vapor_core.physics.throughput import DEFAULT, parts

FITTED = (
    "matrix_share",
    "power_exponent",
    "attention_tflops",
    "element_bytes",
    "logit_bytes",
    "launch_s",
    "exposed",
    "hop_s",
)
START = np.log([float(getattr(DEFAULT, name)) for name in FITTED])
Runs = list[tuple[Plan, float]]


def errors(constants: NDArray[np.float64], runs: Runs) -> NDArray[np.float64]:
    """Log of predicted over measured tokens per second, for each run."""
    law = replace(DEFAULT, **{name: exp(x) for name, x in zip(FITTED, constants, strict=True)})
    return np.array(
        [log(p.tokens_per_step / sum(parts(p, law)) / p.config.accelerator_count / v) for p, v in runs]
    )


def fit(runs: Runs) -> NDArray[np.float64]:
    """Logs of the constants; a weak pull to the shipped ones settles what the runs leave open."""
    solution = least_squares(
        lambda x: np.concatenate([errors(x, runs), 0.01 * (x - START)]), START, loss="soft_l1", f_scale=0.03
    )
    return solution.x


def spread(logs: NDArray[np.float64]) -> str:
    """Median, 90th percentile and largest absolute relative error."""
    absolute = np.abs(np.expm1(logs))
    return f"median {np.median(absolute):.1%}, p90 {np.quantile(absolute, 0.9):.1%}, max {absolute.max():.1%}"


def left_out() -> str:
    """Errors on each model size by the constants of all others."""
    runs = foundry_rows()
    found = []
    for size in sorted({p.model.id for p, _ in runs}):
        held = [run for run in runs if run[0].model.id == size]
        found.append(errors(fit([run for run in runs if run[0].model.id != size]), held))
    return f"{len(runs)} runs, one model size left out: {spread(np.concatenate(found))}"


def main() -> None:
    runs = foundry_rows()
    for name, value in zip(FITTED, np.exp(fit(runs)), strict=True):
        print(f"{name:18s} {value:.4g}   shipped {getattr(DEFAULT, name):.4g}")
    print(f"shipped constants, {len(runs)} runs: {spread(errors(START, runs))}")
    print(left_out())


if __name__ == "__main__":
    main()
