"""Hours that people reported of whole training runs, against the law's: start, steps, evaluations and checkpoints.

What a run costs is its hours at a price that is the card's or the report's own, so that hours are scored. Runs whose
setting a JobConfig cannot say (fp32 arithmetic below a quantised base, layers over two cards that take turns) are shown
and not scored.
"""

from benchmarks.fidelity import Row, Target
from benchmarks.fidelity.reports.rows import Report, reports
from vapor_core.advice.estimate import estimate

KIND = "hours of whole runs, people's reports"
TARGETS = (Target(KIND, median=0.20),)
HOUR_S = 3600.0


def hours(report: Report) -> float:
    """Hours of a report's run by the law, without what hardware faults would add."""
    return estimate(report.job.changed(hardware_faults=False)).duration_s / HOUR_S


def rows() -> list[Row]:
    """Whole runs, hours."""
    return [
        Row(
            KIND,
            f"{report.what} [{report.quality}]",
            hours(report),
            report.measured,
            report.group,
            scored=not report.unsaid,
        )
        for report in reports("cost")
    ]
