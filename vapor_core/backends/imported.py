"""Runs that were made elsewhere and came in as a log: they are over, and only shown."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np

from vapor_core.backends.base import ROWS_AT_ONCE, Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.journal.journal import Journal
from vapor_core.journal.log_columns import unpacked

if TYPE_CHECKING:
    import pandas as pd


class ImportedJobs:
    """Shows logs. Starts nothing."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._specs: dict[str, JobSpec] = {}
        self._frames: dict[str, pd.DataFrame] = {}

    def check(self, spec: JobSpec) -> None:
        """Refuse: a log is imported, not submitted."""
        raise BackendRefused("the imported backend runs nothing; import a log instead of submitting a job")

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a log."""
        self._specs[spec.job_id] = spec

    def start(self, job_id: str) -> None:
        """Nothing: it is over."""

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Nothing: it is over."""

    resume = pause
    stop = pause

    def state(self, job_id: str, at_s: float) -> JobState:
        """Completed."""
        spec, rows = self._specs[job_id], self._log(job_id)
        steps = int(rows["step"].iloc[-1]) + 1
        import pandas as pd  # noqa: PLC0415 - loads for longer than the core

        took = rows["elapsed_s"].dropna() if "elapsed_s" in rows else pd.Series(dtype=float)
        elapsed_s = max(float(took.iloc[-1]), 0.0) if len(took) else 0.0
        began = spec.submitted_s
        return JobState("completed", steps, steps, elapsed_s, started_s=began, ended_s=began)

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Rows from step `cursor` on."""
        rows = self._log(job_id)
        part = rows[rows["step"] >= cursor].iloc[:limit]
        if part.empty:
            return MetricBatch(cursor, {})
        return MetricBatch(int(part["step"].iloc[-1]) + 1, _columns(part))

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """That it was imported."""
        spec = self._specs[job_id]
        if not from_s < spec.submitted_s <= to_s:
            return ()
        rows = spec.log.rows if spec.log else 0
        line = f"Imported {rows:,} rows."
        return (LifeEvent(at_s=spec.submitted_s, kind="imported", sentence=line),)

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1, those that the log has."""
        rows = self._log(job_id)
        return _columns(rows[(rows["step"] >= start) & (rows["step"] < stop)])

    def eval_loss(self, job_id: str, step: int) -> float:
        """What the log has at that step."""
        values = self.replay(job_id, step - 1, step)["eval_loss"]
        return float(values[0]) if len(values) else nan

    def logs(self, job_id: str, at_s: float) -> str:
        """When it came in."""
        return "\n".join(line.sentence for line in self.history(job_id, -inf, at_s))

    def _log(self, job_id: str) -> pd.DataFrame:
        if job_id not in self._frames:
            spec = self._specs.get(job_id)
            if spec is None or spec.log is None:
                raise NotFound(f"no imported log {job_id!r}")
            self._frames[job_id] = unpacked(spec.log)
        return self._frames[job_id]


def _columns(rows: pd.DataFrame) -> Columns:
    """All columns of a job's metrics; NaN where the log has none."""
    missing = np.full(len(rows), np.nan)
    return {
        name: rows[name].to_numpy(copy=True) if name in rows else missing.copy() for name in TRAINING_COLUMNS
    }
