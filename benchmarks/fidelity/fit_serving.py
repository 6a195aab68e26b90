"""Fit the constants of the serving step to the published tables, and say what they are worth on rows left out.

Run: python -m benchmarks.fidelity.fit_serving [--leave-out]

Least squares (soft L1) of log(predicted / measured) of TPOT and of throughput at saturation, over one row in
STRIDE, with large groups of (source, model, engine) held back, saturation weighing SATURATION_WEIGHT and TTFT
TTFT_WEIGHT. llama.cpp's table is not fitted: it shows how far the law holds for an engine that does not batch.
Chosen by comparing a few values on the same rows, so in-sample too: handshake_mb and staged_share (RTX 4090 groups),
the weights above, and physics.serving's and physics.queueing's front, spread, chunk and reserved output.

`--leave-out` fits anew from plain guesses, on one row in LEFT_OUT_STRIDE, without each model and each card. Median
errors on what was left out: TPOT on one card 2-11 % by model of 7B and up (Llama-3.1-8B's silicon rows 30 %,
where TensorRT-LLM and SGLang pull apart; a 1.5B model on an RTX 4090 51 %, bound by its host), 3-19 % by card;
tensor parallel 4-24 % by model, 10-18 % by card; saturation 11-20 % by dense model, 18-32 % by card, mixtures that
the fit has not seen 31-63 %.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity.serving import Case, cases
from vapor_core.physics.serving.load import serving_point
from vapor_core.physics.serving.step import StepConstants

STRIDE, LEFT_OUT_STRIDE = 4, 16
# Plain guesses, so that a fit without some rows does not begin from what those rows taught.
GUESS = StepConstants(
    bandwidth_share=0.85, cache_share=0.7, compute_share=0.65, narrow_share=0.5, attention_share=0.6,
    unhidden_share=0.2, host_ms=1.0, layer_ms=0.03, eager_layer_ms=0.2, sequence_ms=0.01, allreduce_ms=0.003,
    handshake_mb=3.0, link_share=0.7, staged_share=0.5, mixture_share=0.5, foreign_share=0.7,
)  # fmt: skip
SATURATION_WEIGHT, TTFT_WEIGHT = 1.35, 0.25
NAMES = tuple(field.name for field in fields(StepConstants))
SLOPE_MS = {"host_ms", "layer_ms", "eager_layer_ms", "sequence_ms", "allreduce_ms", "handshake_mb"}


def used() -> list[Case]:
    """What the constants are fitted to."""
    return [case for case in cases() if case.scored and case.engine not in ("llama.cpp",)]


def residuals(constants: StepConstants, rows: Sequence[Case]) -> NDArray[np.float64]:
    """log(predicted / measured) of each row, shape (rows, 2): TPOT or saturated rate, and TTFT; NaN where none."""
    predict = partial(serving_point.__wrapped__, constants=constants)
    out = np.full((len(rows), 2), np.nan)
    for k, case in enumerate(rows):
        point = case.point(predict)
        if not point.fits:
            continue
        if case.tpot:
            out[k, 0] = np.log(point.tpot / case.tpot)
        elif case.saturated_rate:
            out[k, 0] = np.log(point.max_requests_per_second * case.output_tokens / case.saturated_rate)
        if case.ttft:
            out[k, 1] = np.log(point.ttft / case.ttft)
    return out


def group(case: Case) -> tuple[str, str, str, bool]:
    """Rows that share their systematic errors."""
    return case.source, case.model.id, case.engine, case.cards > 1


def fit(
    rows: Sequence[Case], start: StepConstants, evaluations: int = 12, stride: int = STRIDE
) -> StepConstants:
    """The constants that least squares finds from `start`."""
    chosen = [case for k, case in enumerate(sorted(rows, key=lambda case: case.name)) if k % stride == 0]
    count = Counter(group(case) for case in chosen)
    weight = np.asarray(
        [[SATURATION_WEIGHT if case.tpot is None else 1.0, TTFT_WEIGHT] for case in chosen]
    ) * np.asarray([[count[group(case)] ** -0.15] for case in chosen])

    def loss(x: NDArray[np.float64]) -> NDArray[np.float64]:
        constants = StepConstants(**dict(zip(NAMES, np.exp(x), strict=True)))
        off = np.nan_to_num(residuals(constants, chosen)) * weight
        prior = 0.1 * (x - begin)  # holds constants that the rows do not tell
        return np.concatenate((off.ravel(), prior))

    begin = np.log([getattr(start, name) for name in NAMES])
    top = np.log([1e3 if name in SLOPE_MS else 0.9 for name in NAMES])
    found = least_squares(
        loss,
        np.minimum(begin, top - 1e-6),
        bounds=(np.full(len(NAMES), -12.0), top),
        loss="soft_l1",
        f_scale=0.05,
        diff_step=0.02,
        max_nfev=evaluations,
    )
    return StepConstants(
        **{name: float(f"{value:.3g}") for name, value in zip(NAMES, np.exp(found.x), strict=True)}
    )


def report(title: str, constants: StepConstants, rows: Sequence[Case]) -> None:
    """Median and 90th percentile of the error, one card, groups of cards, saturation."""
    off = np.abs(np.expm1(residuals(constants, rows)))
    for name, column, mask in (
        ("TPOT x1", 0, [bool(case.tpot) and case.cards == 1 for case in rows]),
        ("TPOT xN", 0, [bool(case.tpot) and case.cards > 1 for case in rows]),
        ("tokens/s", 0, [not case.tpot for case in rows]),
        ("TTFT", 1, [bool(case.ttft) for case in rows]),
    ):
        errors = off[np.asarray(mask) & ~np.isnan(off[:, column]), column]
        if errors.size:
            print(
                f"{title:44s} {name:9s} n={errors.size:4d} median {median(errors):6.1%} "
                f"p90 {np.quantile(errors, 0.9):6.1%}"
            )
    sys.stdout.flush()


def main() -> None:
    """Fit, report, and where asked leave out each model and each card in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--evaluations", type=int, default=12)
    options = parser.parse_args()
    rows = used()
    report("before", StepConstants(), rows)
    best = fit(rows, StepConstants(), options.evaluations) if options.evaluations else StepConstants()
    for name, value in asdict(best).items():
        print(f"    {name}: float = {value}")
    report("all rows", best, rows)
    if options.leave_out:
        report("all rows, from the guesses", fit(rows, GUESS, 4, LEFT_OUT_STRIDE), rows)
        for kind, key in (("model", _model), ("card", _card)):
            for left in sorted({key(case) for case in rows}):
                kept = [case for case in rows if key(case) != left]
                lost = [case for case in rows if key(case) == left]
                report(f"without {kind} {left}", fit(kept, GUESS, 4, LEFT_OUT_STRIDE), lost)


def _model(case: Case) -> str:
    return case.model.id


def _card(case: Case) -> str:
    return case.card.id


if __name__ == "__main__":
    main()
