"""Fit the constants of the serving step to published tables and reports; say what they are worth on sources left out.

Run: python -m benchmarks.fidelity.fit_serving [--leave-out]

Least squares (soft L1) of log(predicted / measured) of every figure but memory, from plain guesses or the present
constants, over one row in STRIDE of large groups of (source, model, engine, one card or several), all of small ones;
a group of n rows weighs n ** -0.3 a row. llama.cpp's table and engines of 2023 are not fitted. Chosen by comparing few
values on the same rows, so in-sample too: staged_share (RTX 4090 groups), the front, the engines' drift and launches.

`--leave-out` fits anew from the guesses without each source in turn, writes what its rows missed by
(published/serving_left_out.json) and prints it beside the fitted errors: physics.serving.ranges has its percentiles.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity import quantile
from benchmarks.fidelity.reports import serving as reported
from benchmarks.fidelity.serving import CACHE, HELD, RATE, TTFT, TTFT_P99, Case, cases
from vapor_core import catalog
from vapor_core.physics.serving.point import serving_point
from vapor_core.physics.serving.step import CONSTANTS, StepConstants

STRIDE, LEFT_OUT_STRIDE = 4, 20
WEIGHTS = {TTFT: 0.3, TTFT_P99: 0.15, RATE: 1.2}
FEW = 8  # rows of a group that all count
PRIOR = 0.1  # holds constants that the rows do not tell
GUESS = StepConstants(
    bandwidth_share=0.85, cache_share=0.75, compute_share=0.75, narrow_share=0.65, attention_share=0.85,
    unhidden_share=0.2, host_ms=1.0, layer_ms=0.04, eager_layer_ms=0.15, sequence_ms=0.008, allreduce_ms=0.003,
    handshake_mb=3.0, link_share=0.7, mixture_share=0.4, foreign_share=0.7, amd_bandwidth_share=0.85, nccl_ms=0.01,
    nccl_share=0.5, compiled_pace=1.0, latent_share=0.6, latent_layer_ms=0.1,
)  # fmt: skip
FIXED = ("staged_share",)
NAMES = tuple(field.name for field in fields(StepConstants) if field.name not in FIXED)
TIMES = {name for name in NAMES if name.endswith(("_ms", "_mb"))}  # the others are shares, of at most 1
OWN_SOURCES = (
    "IOG-Foundation/llm-inference-benchmarks", "NVIDIA/TensorRT-LLM", "ai-dynamo/aiconfigurator", "dstack", "rocm-vllm",
    "lmdeploy", "gpt-fast",
)  # fmt: skip


def everything() -> list[Case]:
    """What is scored of the tables and the reports."""
    return [case for case in (*cases(), *reported.cases()) if case.scored]


def used() -> list[Case]:
    """What the constants are fitted to."""
    return [case for case in everything() if case.engine != "llama_cpp"]


def misses(constants: StepConstants, case: Case) -> dict[str, float]:
    """log(predicted / measured) of each figure of a case."""
    found = case.predicted(partial(serving_point.__wrapped__, constants=constants))
    return {
        kind: float(np.log(predicted / measured))
        for kind, predicted in found.items()
        if (measured := case.measured[kind]) and predicted > 0
    }


def group(case: Case) -> tuple[str, str, str, bool]:
    """Rows that share their systematic errors."""
    model = catalog.model(case.config.model).id
    return case.source, model, case.engine, case.config.tensor_parallel > 1


def chosen(rows: Sequence[Case], stride: int) -> list[Case]:
    """All of small groups, one in `stride` of large ones."""
    count, seen = Counter(group(case) for case in rows), Counter[tuple[str, str, str, bool]]()
    kept = []
    for case in sorted(rows, key=lambda case: case.name):
        seen[group(case)] += 1
        if count[group(case)] < FEW or seen[group(case)] % stride == 0:
            kept.append(case)
    return kept


def fit(
    rows: Sequence[Case], start: StepConstants, evaluations: int = 6, stride: int = STRIDE
) -> StepConstants:
    """The constants that least squares finds from `start`."""
    kept = chosen(rows, stride)
    count = Counter(group(case) for case in kept)
    begin = np.log([getattr(start, name) for name in NAMES])
    top = np.log([1e3 if name in TIMES else 1.0 for name in NAMES])

    def loss(x: NDArray[np.float64]) -> NDArray[np.float64]:
        constants = replace(start, **dict(zip(NAMES, np.exp(x).tolist(), strict=True)))
        off = [
            WEIGHTS.get(kind, 1.0) * count[group(case)] ** -0.3 * found.get(kind, 0.0)
            for case in kept
            for found in [misses(constants, case)]
            for kind in case.measured
            if kind not in (CACHE, HELD)
        ]
        return np.concatenate((off, PRIOR * (x - begin)))

    low = np.full(len(NAMES), -14.0)
    found = least_squares(
        loss, np.minimum(begin, top - 1e-6), bounds=(low, top), loss="soft_l1", f_scale=0.05, diff_step=0.02,
        max_nfev=evaluations,
    )  # fmt: skip
    values = {name: float(f"{value:.3g}") for name, value in zip(NAMES, np.exp(found.x), strict=True)}
    return replace(start, **values)


def by_kind(constants: StepConstants, rows: Sequence[Case]) -> dict[str, list[float]]:
    """log(measured / predicted) of all figures."""
    found: dict[str, list[float]] = defaultdict(list)
    for case in rows:
        for kind, miss in misses(constants, case).items():
            found[kind].append(-miss)
    return found


def left_out() -> dict[str, list[float]]:
    """The same with each source left out of the fit; sources that nothing is fitted on by the present constants."""
    rows = everything()
    found = by_kind(CONSTANTS, [case for case in rows if case.source not in OWN_SOURCES])
    for source in OWN_SOURCES:
        constants = fit([case for case in used() if case.source != source], GUESS, 4, LEFT_OUT_STRIDE)
        lost = by_kind(constants, [case for case in rows if case.source == source])
        report(f"without {source}", lost)
        for kind, values in lost.items():
            found[kind] += values
    return found


def report(title: str, found: dict[str, list[float]]) -> None:
    """Median and 90th percentile of the error by kind."""
    for kind, values in found.items():
        errors = np.abs(np.expm1(-np.asarray(values))).tolist()
        print(
            f"{title:46s} {kind:34s} n={len(errors):4d} median {quantile(errors, 0.5):6.1%} "
            f"p90 {quantile(errors, 0.9):6.1%}",
            flush=True,
        )


def main() -> None:
    """Fit and report, and where asked leave out each source in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--evaluations", type=int, default=6)
    options = parser.parse_args()
    report("before", by_kind(CONSTANTS, everything()))
    if options.evaluations:
        best = fit(used(), CONSTANTS, options.evaluations)
        for name, value in asdict(best).items():
            print(f"    {name}: float = {value}")
        report("all rows", by_kind(best, everything()))
    if options.leave_out:
        found = left_out()
        report("each without its source", found)
        reported.LEFT_OUT.write_text(json.dumps(reported.summary(found), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
