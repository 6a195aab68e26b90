"""Processor time of one tick of Monitor in the core with a real job: against a simulated one, and with fifty beside it.

Nothing trains here: the runs' folders are written as a trainer and its supervisor would, a step a tick, and their locks
are held, so that the app takes them for alive.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from unittest import mock

import numpy as np

from benchmarks.rows import Row
from vapor_core import JobConfig, Store
from vapor_core.advice.detectors import findings
from vapor_core.advice.outcomes import standing
from vapor_core.backends.local import jobs
from vapor_core.backends.local.run_directory import Attempt, RunDirectory, runs_folder
from vapor_core.contracts.workspace import Job

TICKS, WARM, DONE = 200, 5, 5000  # ticks, those that are not counted, and steps that are done before
MANY, MANY_LIMIT_MS, LIMIT = 50, 5.0, 1.3
SMOOTHING = 0.9
CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=100_000, hardware_faults=False)


def rows() -> list[Row]:
    """One real job beside a simulated one, and one among fifty."""
    with tempfile.TemporaryDirectory() as folder, _machine(folder):
        simulated, real, among = _ticks(Path(folder))
    ratio, more_ms = float(np.median(real) / np.median(simulated)), float(np.median(among) - np.median(real))
    return [
        Row(
            f"one tick of Monitor in the core, processor time, a real job after {DONE:,} steps",
            "a simulated job",
            f"median {np.median(real):.2f} ms against {np.median(simulated):.2f} ms, turn about",
            f"{ratio:.2f} x",
            f"at most {LIMIT} x",
            ratio <= LIMIT,
            "Its file is read as it grows; rows that were read are columns.",
        ),
        Row(
            f"the same with {MANY} real jobs that live beside it",
            "",
            f"median {np.median(among):.2f} ms",
            f"+{more_ms:.2f} ms",
            f"at most +{MANY_LIMIT_MS:.0f} ms",
            more_ms <= MANY_LIMIT_MS,
            "",
        ),
    ]


@contextmanager
def _machine(folder: str) -> Iterator[None]:
    """A machine that may train, on which no supervisor starts."""
    with (
        mock.patch.dict(os.environ, {"VAPOR_RUNS": folder, "VAPOR_BACKENDS": "local"}),
        mock.patch.object(jobs, "NEEDED", ()),
        mock.patch.object(jobs.LocalJobs, "_supervise", lambda self, run: None),
    ):
        yield


class _Writer:
    """Writes what a trainer would."""

    def __init__(self, store: Store, job: Job) -> None:
        self.run = RunDirectory(runs_folder() / store.workspace / job.id)
        self.run.begin(Attempt(1, 0, time.time()))
        self.locks = [self.run.own("owner"), self.run.own("trainer")]
        self.step = 0
        self.file = self.run.metrics.open("a", encoding="utf-8")
        self.tell({"event": "start", "step": 0, "total_steps": CONFIG.max_steps})

    def tell(self, line: dict[str, object]) -> None:
        self.file.write(json.dumps({"attempt": 1, "at": time.time(), **line}) + "\n")

    def steps(self, count: int) -> None:
        """So many steps more."""
        for _ in range(count):
            self.step += 1
            told = {
                "loss": 2 + 3 / self.step**0.5, "learning_rate": 1e-4, "grad_norm": 1.0, "tokens": 1024 * self.step,
                "epoch": self.step / 1000, "step_time_s": 0.7, "tokens_per_second": 1460.0, "memory_gb": 1.3,
            }  # fmt: skip
            self.tell({"event": "log", "step": self.step, "elapsed_s": 0.7 * self.step, **told})
        self.file.flush()


def _ticks(folder: Path) -> tuple[list[float], list[float], list[float]]:
    """What ticks took, ms: with a simulated job, a real one, and a real one among many."""
    plain, one, many = (Store.open(folder / f"{name}.db", name) for name in ("plain", "one", "many"))
    now = time.time()
    simulated = plain.submit(CONFIG, now=now)
    plain.advance(now=now + 2.0)
    plain.skip(4000.0, now=now + 2.0)
    real = [one.submit(CONFIG.changed(backend="local"), now=now)]
    crowd = [many.submit(CONFIG.changed(backend="local"), now=now) for _ in range(MANY + 1)]
    writers = [[_Writer(store, job) for job in each] for store, each in ((one, real), (many, crowd))]
    for writer in (each for some in writers for each in some):
        writer.steps(DONE)
    took: tuple[list[float], list[float], list[float]] = ([], [], [])
    cases = ((plain, simulated, ()), (one, real[0], writers[0]), (many, crowd[0], writers[1]))
    for number in range(TICKS + WARM):
        for (store, job, grow), each in zip(cases, took, strict=True):
            for writer in grow:
                writer.steps(1)
            began = process_time()
            store.advance(now=now + 10.0 + number)
            _look(store, job)
            each.append((process_time() - began) * 1e3)
    return took[0][WARM:], took[1][WARM:], took[2][WARM:]


def _look(store: Store, job: Job) -> None:
    """What Monitor reads in a tick."""
    _ = [(each.id, each.status) for each in store.jobs()]
    seen = store.job(job.id)
    series = store.metrics(job.id)
    points = series.frame(max_points=1000, smoothing=SMOOTHING)
    findings(points)
    if seen.expected is not None:
        standing(seen.expected, seen, points)
    series.frame(
        300, SMOOTHING, ["step", "tokens", "epoch", "elapsed_s", "learning_rate", "grad_norm", "memory_gb"]
    )
    store.events(job.id)
    _ = any(each.live for each in store.jobs())
