"""Fit the constants of physics.memory on published and reported peaks, and score them with each source left out.

`python -m benchmarks.fidelity.fit_memory` prints the constants, the errors by source as fitted and left out, and the
ends of the ranges (`physics.memory_ranges`). State sizes and the count of what a layer keeps are arithmetic; few
constants are fitted, each with a meaning and bounds. A source counts by the root of its rows, so that none decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity.memory import cases
from benchmarks.fidelity.reports.rows import reports
from vapor_core.physics.memory import DEFAULT, Constants, training_memory_of
from vapor_core.physics.plan import Plan, plan

FITTED = (
    "logit_bytes", "fused_logit_bytes", "chunked_logit_bytes", "in_place_logit_bytes",
    "quantised_activations", "gathered_layers", "overhead_share", "reserved_share",
)  # fmt: skip
BOUNDS: Mapping[str, tuple[float, float]] = {
    "logit_bytes": (8.0, 20.0), "fused_logit_bytes": (2.0, 14.0), "chunked_logit_bytes": (0.5, 6.0),
    "in_place_logit_bytes": (2.0, 6.0), "quantised_activations": (1.0, 2.0),
    "gathered_layers": (1.0, 8.0), "overhead_share": (0.001, 0.05),
    "reserved_share": (0.01, 0.15),
}  # fmt: skip
START = np.log([float(getattr(DEFAULT, name)) for name in FITTED])
PULL = 0.3  # weight of a doubling away from where the fit starts, against a row's error of a tenth
# Sources whose trainers print what PyTorch allocated; the others name what was reserved or what nvidia-smi showed.
ALLOCATED = ("Lightning-AI/litgpt", "fms-accel", "pytorch/torchtune", "torchao")
GUESSED = "C"  # quality of reports whose settings were mostly filled in: scored, not fitted on


@dataclass(frozen=True, slots=True)
class Run:
    """A measured peak: its plan, GB, source, and whether the figure is of what was reserved."""

    plan: Plan
    measured_gb: float
    source: str
    reserved: bool = False
    fitted: bool = True

    def predicted_gb(self, law: Constants = DEFAULT) -> float:
        """The law's figure of the same kind."""
        asked = self.plan
        found = training_memory_of(
            asked.config, asked.transformer, asked.accelerator.memory_gb, law, longest=asked.longest_tokens
        )
        return found.reserved_gb if self.reserved else found.total_gb


@cache
def runs() -> tuple[Run, ...]:
    """Every scored peak: published tables, then reports."""
    published = [
        Run(plan(config), peak, source, source not in ALLOCATED)
        for config, peak, source, scored in cases()
        if peak is not None and scored
    ]
    reported = [
        Run(plan(row.job), row.measured, row.group, row.group not in ALLOCATED, row.quality != GUESSED)
        for row in reports("memory")
        if row.metric == "memory_gb"
    ]
    return (*published, *reported)


def constants(logs: NDArray[np.float64]) -> Constants:
    """The law with fitted constants, given by their logarithms."""
    return replace(DEFAULT, **{name: exp(x) for name, x in zip(FITTED, logs, strict=True)})


def errors(logs: NDArray[np.float64], on: Sequence[Run]) -> NDArray[np.float64]:
    """Log of predicted over measured peak, for each run."""
    law = constants(logs)
    return np.array([log(run.predicted_gb(law) / run.measured_gb) for run in on])


def fit(on: Sequence[Run]) -> NDArray[np.float64]:
    """Logs of the constants; a weak pull to the shipped ones settles what the runs leave open."""
    count = {source: sum(run.source == source for run in on) for source in {run.source for run in on}}
    weights = np.array([1.0 / sqrt(count[run.source]) ** 0.5 for run in on])
    low, high = (np.log([BOUNDS[name][end] for name in FITTED]) for end in (0, 1))
    return np.asarray(
        least_squares(
            lambda x: np.concatenate([weights * errors(x, on), 0.1 * PULL * (x - START)]),
            np.clip(START, low + 1e-3, high - 1e-3),
            bounds=(low, high),
            loss="soft_l1",
            f_scale=0.1,
            diff_step=1e-3,
        ).x
    )


@cache
def predicted_apart() -> tuple[tuple[Run, float], ...]:
    """Each run with what the law says when its whole source is left out of the fit."""
    found: list[tuple[Run, float]] = []
    for source in sorted({run.source for run in runs()}):
        law = constants(fit([run for run in runs() if run.source != source and run.fitted]))
        found += [(run, run.predicted_gb(law)) for run in runs() if run.source == source]
    return tuple(found)


def left_out() -> str:
    """Errors over all sources, each by the constants of the others."""
    return spread(np.array([log(told / run.measured_gb) for run, told in predicted_apart()]))


def spread(logs: NDArray[np.float64]) -> str:
    """Median, 90th percentile and bias of relative errors."""
    absolute = np.abs(np.expm1(logs))
    return (
        f"n {len(logs):3d}  median {np.median(absolute):6.1%}  p90 {np.quantile(absolute, 0.9):6.1%}  "
        f"bias {np.expm1(np.median(logs)):+6.1%}"
    )


def main() -> None:
    everything = runs()
    fitted = fit([run for run in everything if run.fitted])
    for name, value in zip(FITTED, np.exp(fitted), strict=True):
        print(f"{name:24s} {value:7.4g}   shipped {getattr(DEFAULT, name):.4g}")
    plain = errors(fitted, [replace(run, reserved=False) for run in everything])
    print(f"allocated, whatever a source measured: {spread(plain)}")
    apart = {id(run): log(told / run.measured_gb) for run, told in predicted_apart()}
    for source in (*sorted({run.source for run in everything}), ""):
        held = [run for run in everything if source in (run.source, "")]
        print(f"{source or 'all':28s} fitted {spread(errors(fitted, held))}")
        print(f"{'':28s} apart  {spread(np.array([apart[id(run)] for run in held]))}")


if __name__ == "__main__":
    main()
