"""Memory of reported fine-tunes: peaks as fitted and with each source left out, ranges, and out-of-memory calls."""

from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks.fidelity import Row, Target
from benchmarks.fidelity.reports.rows import Report, reports
from vapor_core.physics.memory import RANGES, distance, training_memory
from vapor_core.physics.plan import plan

KIND = "memory of reported fine-tunes"
APART = "memory of reported fine-tunes, source left out"
COVERED = "memory ranges, source left out"
RAN = "reported fine-tunes that ran are said to fit"
OUT = "reported fine-tunes that ran out of memory are said not to fit"
TARGETS = (
    Target(KIND, median=0.10, p90=0.25),
    Target(APART, median=0.10, p90=0.25),
    Target(COVERED, correct=0.72),
    Target(RAN, correct=0.95),
    Target(OUT, correct=0.85),
)
PUBLIC = False  # the tables bundle pages of many licences: figures of single rows stay out of the repository


def rows() -> list[Row]:
    """Peaks of both kinds, ranges as calls, and whether each run was said to fit."""
    found: list[Row] = []
    for report in reports("memory"):
        found += _said(report)
    return [*found, *_apart()]


def _apart() -> Iterator[Row]:
    """Each peak by constants of the other sources, and whether its range holds it."""
    if find_spec("scipy") is None:  # the extra `fit`
        return
    from benchmarks.fidelity.fit_memory import predicted_apart  # noqa: PLC0415 - it needs the extra

    for run, told in predicted_apart():
        name = f"{run.plan.model.display_name} {run.plan.config.method}"
        low, high = RANGES[distance(run.plan.config, run.plan.transformer)]
        held = low <= run.measured_gb / told <= high
        yield Row(APART, name, told, run.measured_gb, run.source, public=PUBLIC)
        yield Row(COVERED, name, float(held), 1.0, run.source, public=PUBLIC)


def _said(report: Report) -> list[Row]:
    memory = training_memory(plan(report.job))
    if report.metric == "fits":
        return [Row(OUT, report.what, float(memory.fits), 0.0, report.group, public=PUBLIC)]
    return [
        Row(KIND, report.what, memory.total_gb, report.measured, report.group, fitted=True, public=PUBLIC),
        Row(RAN, report.what, float(memory.fits), 1.0, report.group, public=PUBLIC),
    ]
