"""Runs that were made elsewhere and came in as a log: they are over, and only shown.

What such a run was trained with is not in its log, so its configuration has placeholders named "unknown".
"""

from __future__ import annotations

from functools import lru_cache
from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np

from vapor_core.backends.base import Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.journal.log_columns import unpacked
from vapor_core.simulation.training import TRAINING_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_MODEL = CatalogModel(
    id="unknown",
    parameters=1,
    layers=1,
    hidden_size=1,
    intermediate_size=1,
    attention_heads=1,
    kv_heads=1,
    vocabulary_size=1,
    note="a log does not say which model was trained",
)
UNKNOWN_DATA = Dataset(id="unknown", tokens=1, examples=1, note="a log does not say which data was used")
UNKNOWN_CARD = Accelerator(
    id="unknown", memory_gb=1.0, bandwidth_gb_s=1.0, fp32_tflops=1.0, price_per_hour=0.0
)
SENTENCE = "an imported run is over: it can be looked at, renamed and deleted"


@lru_cache(maxsize=1)
def imported_config() -> JobConfig:
    """The configuration of every imported run."""
    return JobConfig(
        model=UNKNOWN_MODEL, dataset=UNKNOWN_DATA, accelerator=UNKNOWN_CARD, method="full", backend="imported"
    )


class ImportedBackend:
    """Shows logs. Starts nothing."""

    def __init__(self) -> None:
        self._specs: dict[str, JobSpec] = {}
        self._frames: dict[str, pd.DataFrame] = {}

    def submit(self, spec: JobSpec) -> None:
        """Refuse: a log is imported, not submitted."""
        raise BackendRefused("the imported backend runs nothing; import a log instead of submitting a job")

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a log."""
        self._specs[spec.job_id] = spec

    def forget(self, job_id: str) -> None:
        """Know a log no more."""
        self._specs.pop(job_id, None)
        self._frames.pop(job_id, None)

    def pause(self, job_id: str, at_s: float) -> None:
        """Refuse."""
        raise BackendRefused(SENTENCE)

    resume = pause
    stop = pause

    def status(self, job_id: str, at_s: float) -> JobState:
        """Completed."""
        spec, rows = self._specs[job_id], self._rows(job_id)
        steps = int(rows["step"].iloc[-1]) + 1
        import pandas as pd  # noqa: PLC0415 - loads for longer than the core

        took = rows["elapsed_s"].dropna() if "elapsed_s" in rows else pd.Series(dtype=float)
        elapsed_s = max(float(took.iloc[-1]), 0.0) if len(took) else 0.0
        began = spec.submitted_s
        return JobState("completed", steps, steps, elapsed_s, started_s=began, ended_s=began)

    def events(self, job_id: str, cursor: int, at_s: float, limit: int = 65_536) -> MetricBatch:
        """Rows from step `cursor` on."""
        rows = self._rows(job_id)
        part = rows[rows["step"] >= cursor].iloc[:limit]
        if part.empty:
            return MetricBatch(cursor, {}, ())
        return MetricBatch(int(part["step"].iloc[-1]) + 1, _columns(part), ())

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
        rows = self._rows(job_id)
        return _columns(rows[(rows["step"] >= start) & (rows["step"] < stop)])

    def eval_loss(self, job_id: str, step: int) -> float:
        """What the log has at that step."""
        values = self.replay(job_id, step - 1, step)["eval_loss"]
        return float(values[0]) if len(values) else nan

    def logs(self, job_id: str, at_s: float) -> str:
        """When it came in."""
        return "\n".join(line.sentence for line in self.history(job_id, -inf, at_s))

    def _rows(self, job_id: str) -> pd.DataFrame:
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
