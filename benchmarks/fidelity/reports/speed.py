"""Speed that people reported of their own training runs, against the law's."""

from dataclasses import dataclass

from benchmarks.fidelity import Row, Target
from benchmarks.fidelity.reports.rows import Report, reports
from vapor_core.physics.plan import Plan, plan
from vapor_core.physics.throughput import training_throughput

KIND = "training speed, people's reports"
TARGETS = (Target(KIND, median=0.12, p90=0.35, fitted=True),)


@dataclass(frozen=True, slots=True)
class Speed:
    """One measured speed, whatever it was published as.

    Attributes:
        plan: what was run.
        measured: real tokens per second of one card.
        group: the source, left out whole.
        quality: A for a complete report, B and C for one with gaps that were filled in.
        name: what was measured, in a line.
    """

    plan: Plan
    measured: float
    group: str
    quality: str
    name: str


def per_card(report: Report, asked: Plan) -> float:
    """What was measured, as real tokens per second of one card."""
    cards = asked.config.accelerator_count
    value = report.measured
    if report.metric == "tokens_per_second":
        return value / cards
    if report.metric == "tokens_per_second_per_card":
        return value
    if report.metric == "tflops_per_card":
        return value * 1e12 / asked.transformer.flops_per_token(int(asked.tokens_per_sequence))
    steps = 1 if report.metric == "step_time_s" else asked.total_steps
    return asked.tokens_per_step * steps / value / cards


def speeds() -> list[Speed]:
    """Every report of a training run's speed, but for those that say that saving or evaluating is in them."""
    found = []
    for report in reports("speed"):
        if "saving" in report.note:
            continue
        asked = plan(report.job)
        found.append(Speed(asked, per_card(report, asked), report.group, report.quality, report.what))
    return found


def predicted(asked: Plan) -> float:
    """Tokens per second of one card by the law."""
    return training_throughput(asked).tokens_per_second / asked.config.accelerator_count


def rows() -> list[Row]:
    """Reports against the shipped law; the figure that counts is that of each source left out (fit_throughput)."""
    return [
        Row(
            KIND,
            f"{each.name} [{each.quality}]",
            predicted(each.plan),
            each.measured,
            each.group,
            fitted=True,
        )
        for each in speeds()
    ]
