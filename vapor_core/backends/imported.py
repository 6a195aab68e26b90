"""Runs that were made elsewhere and came in as a log: they are over, and only shown."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np

from vapor_core.backends.base import ROWS_AT_ONCE, Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.backends.log_columns import unpacked
from vapor_core.contracts.columns import TRAINING_COLUMNS, eval_sets
from vapor_core.contracts.lifecycle import JobStatus, LifeEvent
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.journal.events import LogImported
from vapor_core.journal.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.contracts.expectation import Expectation
    from vapor_core.contracts.training import Calibration


class ImportedJobs:
    """Shows logs. Starts nothing."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._specs: dict[str, JobSpec] = {}
        self._frames: dict[str, pd.DataFrame] = {}

    def check(self, spec: JobSpec) -> None:
        """Refuse: a log is imported, not submitted."""
        raise BackendRefused("the imported backend runs nothing; import a log instead of submitting a job")

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """None: nobody rehearsed it."""
        return None

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
        """Completed, or stopped where the log ends before the steps that it says were planned."""
        log, rows = self._event(job_id), self._log(job_id)
        done = log.steps_done if log.steps_done is not None else _reached(log, rows)
        planned = log.planned_steps if log.planned_steps is not None else done
        began = self._specs[job_id].submitted_s
        ended: JobStatus = "completed" if done >= planned else "stopped"
        return JobState(
            ended, done, max(planned, done), self._elapsed_s(job_id), started_s=began, ended_s=began
        )

    def _elapsed_s(self, job_id: str) -> float:
        """Of its closing row, else of its last row that has a clock; 0 where nothing says."""
        rows, summary = self._log(job_id), self._event(job_id).summary or {}
        clock = rows["elapsed_s"].to_numpy() if "elapsed_s" in rows else np.zeros(0)
        known = clock[np.isfinite(clock)]
        return max(summary.get("runtime_s", 0.0), float(known[-1]) if known.size else 0.0, 0.0)

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Rows from step `cursor` on."""
        rows = self._log(job_id)
        part = rows[rows["step"] >= cursor].iloc[:limit]
        if part.empty:
            return MetricBatch(cursor, {})
        return MetricBatch(int(part["step"].iloc[-1]) + 1, _columns(part))

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """What its reader left out, that it was imported, whether it ended early, and what its closing row sums up."""
        at_s, log = self._specs[job_id].submitted_s, self._event(job_id)
        if not from_s < at_s <= to_s:
            return ()
        lines = [("left_out", f"{note[:1].upper()}{note[1:]}.") for note in log.notes or ()]
        lines.append(("imported", f"Imported {log.rows:,} rows."))
        if log.planned_steps is not None and (log.steps_done or 0) < log.planned_steps:
            lines.append(
                ("stopped", f"The log ends early: {log.steps_done or 0:,} of {log.planned_steps:,} steps.")
            )
        if log.summary:
            lines.append(("summary", f"Its closing row: {_told(log.summary)}."))
        return tuple(LifeEvent(at_s=at_s, kind=kind, sentence=line) for kind, line in lines)

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1, those that the log has."""
        rows = self._log(job_id)
        return _columns(rows[(rows["step"] >= start) & (rows["step"] < stop)])

    def eval_loss(self, job_id: str, step: int) -> float:
        """The last that the log has up to that step, whatever its steps count from."""
        rows = self._log(job_id)
        if "eval_loss" not in rows:
            return nan
        values = rows["eval_loss"][rows["step"] <= step].to_numpy(dtype=np.float64)
        known = values[np.isfinite(values)]
        return float(known[-1]) if known.size else nan

    def logs(self, job_id: str, at_s: float) -> str:
        """When it came in."""
        return "\n".join(line.sentence for line in self.history(job_id, -inf, at_s))

    def _event(self, job_id: str) -> LogImported:
        spec = self._specs.get(job_id)
        if spec is None or spec.log is None:
            raise NotFound(f"no imported log {job_id!r}")
        return spec.log

    def _log(self, job_id: str) -> pd.DataFrame:
        if job_id not in self._frames:
            self._frames[job_id] = unpacked(self._event(job_id))
        return self._frames[job_id]


def _reached(log: LogImported, rows: pd.DataFrame) -> int:
    """How many epochs or rows it has: those counted from 1 end at their number. Steps count from 0 in version 0.1."""
    first, last = int(rows["step"].iloc[0]), int(rows["step"].iloc[-1])
    return last if log.axis is not None and first > 0 else last + 1


def _columns(rows: pd.DataFrame) -> Columns:
    """All columns of a job's metrics, then those of further evaluation sets; NaN where the log has none."""
    missing = np.full(len(rows), np.nan)
    names = (*TRAINING_COLUMNS, *eval_sets(rows.columns))
    return {name: rows[name].to_numpy(copy=True) if name in rows else missing.copy() for name in names}


def _told(summary: Mapping[str, float]) -> str:
    words = {
        "runtime_s": "{:,.0f} s",
        "mean_loss": "mean loss {:.4g}",
        "flops": "{:.3g} FLOPs",
        "samples_per_second": "{:.4g} samples a second",
        "steps_per_second": "{:.4g} steps a second",
    }
    return ", ".join(form.format(summary[name]) for name, form in words.items() if name in summary)
