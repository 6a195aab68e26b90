"""Fit the constants of physics.memory on published single-card peaks, and score them with a model left out.

`python -m benchmarks.fidelity.fit_memory` prints the constants and both error tables. Three constants are fitted
(bytes of a logit, activations over nf4 weights, share lost to fragments); state sizes and the count of what a
layer keeps are arithmetic. Sharded runs are scored but not fitted on.
"""

from dataclasses import replace
from math import exp, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity.memory import cases
from vapor_core.physics.memory import DEFAULT, training_memory_of
from vapor_core.physics.plan import Plan, plan

FITTED = ("logit_bytes", "quantised_activations", "overhead_share")
START = np.log([float(getattr(DEFAULT, name)) for name in FITTED])
Runs = list[tuple[Plan, float]]


def errors(constants: NDArray[np.float64], runs: Runs) -> NDArray[np.float64]:
    """Log of predicted over measured peak, for each run."""
    law = replace(DEFAULT, **{name: exp(x) for name, x in zip(FITTED, constants, strict=True)})
    return np.array(
        [
            log(training_memory_of(p.config, p.transformer, p.accelerator.memory_gb, law).total_gb / v)
            for p, v in runs
        ]
    )


def fit(runs: Runs) -> NDArray[np.float64]:
    """Logs of the constants; a weak pull to the shipped ones settles what the runs leave open."""
    return least_squares(
        lambda x: np.concatenate([errors(x, runs), 0.1 * (x - START)]), START, loss="soft_l1", f_scale=0.1
    ).x


def spread(logs: NDArray[np.float64]) -> str:
    """Median, 90th percentile and largest absolute relative error."""
    absolute = np.abs(np.expm1(logs))
    return f"median {np.median(absolute):.1%}, p90 {np.quantile(absolute, 0.9):.1%}, max {absolute.max():.1%}"


def published() -> Runs:
    """Scored peaks on one card."""
    return [
        (plan(config), peak)
        for config, peak, _, scored in cases()
        if peak is not None and scored and config.accelerator_count == 1
    ]


def left_out() -> str:
    """Errors on each model by the constants of all others."""
    runs = published()
    found = []
    for name in sorted({p.model.id for p, _ in runs}):
        held = [run for run in runs if run[0].model.id == name]
        found.append(errors(fit([run for run in runs if run[0].model.id != name]), held))
    return f"{len(runs)} runs on one card, one model left out: {spread(np.concatenate(found))}"


def main() -> None:
    runs = published()
    for name, value in zip(FITTED, np.exp(fit(runs)), strict=True):
        print(f"{name:22s} {value:.4g}   shipped {getattr(DEFAULT, name):.4g}")
    print(f"shipped constants, {len(runs)} runs on one card: {spread(errors(START, runs))}")
    print(left_out())


if __name__ == "__main__":
    main()
