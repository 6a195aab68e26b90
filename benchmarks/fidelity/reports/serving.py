"""Serving as people reported it: engines, cards and models that the tables lack, each source left out whole in turn."""

import json
from functools import cache
from pathlib import Path

from benchmarks.fidelity import Row, Target, quantile
from benchmarks.fidelity.reports.rows import Report, reports
from benchmarks.fidelity.serving import CACHE, HELD, LATENCY, OUTPUT, TTFT, Case, told, tpot_kind
from vapor_core.contracts.serving import ServingConfig

TARGETS = (Target(LATENCY, median=0.15),)
KINDS = {
    "output_tps": OUTPUT, "requests_per_second": OUTPUT, "ttft_ms": TTFT, "latency_ms": LATENCY, "kv_tokens": CACHE,
    "serving_memory_gb": HELD,
}  # fmt: skip
# Whose clients sent one request each, all at the same time
TOGETHER = ("dstack", "rocm-vllm", "llm_benchmark")
COMPILED = ("gpt-fast",)  # captured graphs as vLLM has them, though no server
# Versions of 2023, which no field says: two to three times slower than any later one
SUPERSEDED = ("llm_benchmark",)
LEFT_OUT = (
    Path(__file__).parents[1] / "published" / "serving_left_out.json"
)  # written by fit_serving --leave-out


@cache
def cases() -> tuple[Case, ...]:
    """All reported figures that a ServingConfig can say; a row says one."""
    return tuple(_case(report) for report in reports("serving") if report.metric != "fits")


def rows() -> list[Row]:
    """Every reported figure against the law's."""
    return told(cases())


def left_out() -> str:
    """Median errors with each row's source left out of the fit, by kind."""
    if not LEFT_OUT.is_file():
        return "not measured yet"
    found = json.loads(LEFT_OUT.read_text(encoding="utf-8"))
    return "; ".join(f"{kind} {line['median']:.1%} (n={line['n']})" for kind, line in found.items())


def summary(errors: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """By kind, of logarithms of measured over predicted: how many, median error, 10th and 90th percentile."""
    return {
        kind: {
            "n": len(values),
            "median": round(quantile([abs(2.718281828**-value - 1) for value in values], 0.5), 4),
            "low": round(quantile(values, 0.1), 4),
            "high": round(quantile(values, 0.9), 4),
        }
        for kind, values in errors.items()
    }


def _case(report: Report) -> Case:
    config = report.serving
    kind = KINDS.get(report.metric, tpot_kind(config.tensor_parallel))
    measured = report.measured * (config.output_tokens if report.metric == "requests_per_second" else 1.0)
    return Case(
        name=report.what,
        source=report.group,
        config=_config(report),
        measured={kind: measured},
        scored=report.group not in SUPERSEDED and "pp_serve" not in report.missing,
        fitted=kind not in (CACHE, HELD),
    )


def _config(report: Report) -> ServingConfig:
    """With the load that the source really put on, and the cache as the engine's log has it."""
    config = report.serving.changed(kv_precision=None)
    if report.group in COMPILED:
        config = config.changed(engine="vllm")
    if "SGLang" in report.what:
        config = config.changed(engine="sglang")
    if report.group in TOGETHER and config.concurrency is not None:
        config = config.changed(static_batch=round(config.concurrency), concurrency=None)
    return config
