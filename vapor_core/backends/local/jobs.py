"""The seam to real work on this machine: what is wanted is written into a job's folder, what is there is read.

Starting is idempotent by the job's folder: whoever opens the workspace may start it again, and a second supervisor
finds the first one's lock. Times are of the wall clock, seconds since 1970.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from math import isfinite, nan
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.advice.expectation import expectation
from vapor_core.backends.base import ROWS_AT_ONCE, Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.backends.local import own_data, own_models
from vapor_core.backends.local.earlier_runs import started_s
from vapor_core.backends.local.log_rows import LogRows
from vapor_core.backends.local.machine import remembered
from vapor_core.backends.local.run_directory import Attempt, Exit, RunDirectory, runs_folder
from vapor_core.backends.local.run_spec import PACKAGED, run_spec, weights_of
from vapor_core.backends.local.slots import Slots
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import JobStatus, LifeEvent, in_order
from vapor_core.errors import BackendRefused, NotFound, NotPassedOn
from vapor_core.physics.plan import plan
from vapor_core.program import full_disk
from vapor_core.program.limits import refusal

if TYPE_CHECKING:
    from pathlib import Path

    from vapor_core.contracts.expectation import Expectation
    from vapor_core.contracts.training import Calibration
    from vapor_core.journal.journal import Journal

BACKENDS = "VAPOR_BACKENDS"  # which real backends a server allows, with commas
NEEDED = ("torch", "transformers", "trl", "peft", "datasets")
STARTS = 3  # of a supervisor that is ended while it starts
ETA_STEPS = 10  # steps before an ETA means something
ENDED: dict[str, JobStatus] = {
    "completed": "completed",
    "paused": "paused",
    "stopped": "stopped",
    "failed": "failed",
    "killed": "lost",
}
# Starts a supervisor that is nobody's child, in a session of its own, and returns at once.
DETACHED = (
    "import os, runpy, sys; os.fork() and os._exit(0); os.setsid(); "
    "runpy.run_module('vapor_core.backends.local.supervisor', run_name='__main__', alter_sys=True)"
)
DISK_WHY = "A run writes its metrics and checkpoints as it goes; what was written stays."
DISK_CURE = "Free some space and press Resume: it goes on from its last checkpoint."
WORDS = {
    "start": "Training began.",
    "checkpoint": "Checkpoint saved after {step:,} steps.",
    "retry": "The trainer is gone and is begun again from its last checkpoint.",
}


def named_backends() -> tuple[str, ...]:
    """Real backends that the environment allows."""
    return tuple(name for name in os.environ.get(BACKENDS, "").replace(" ", "").split(",") if name)


class LocalJobs:
    """Runs jobs on this machine."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._workspace, self._folder = workspace, runs_folder() / workspace
        self._specs: dict[str, JobSpec] = {}
        self._rows: dict[str, LogRows] = {}
        self._ends: dict[str, tuple[Exit, Exit]] = {}  # as it is written, and as it is dated here
        self._runs: dict[str, RunDirectory] = {}

    def check(self, spec: JobSpec) -> None:
        """See whether this server allows it, has what it needs, and whether the machine can do what is asked."""
        self._see_that_it_is_on()
        self._see_that_it_can_be_done(spec)
        _see_that_weights_can_be_had(spec)
        data = catalog.dataset(spec.config.dataset)
        if data.kind == "own" and own_data.kept(self._workspace, data) is None:
            raise BackendRefused(
                f"the file of {data.display_name} is not on this machine; upload it again under Data, and it is kept "
                "for real runs"
            )
        if spec.parent is not None:
            raise BackendRefused("a real run cannot be forked yet; clone it and start anew")

    def _see_that_it_is_on(self) -> None:
        if "local" not in named_backends():
            raise BackendRefused(
                f"real training is off on this server; it is on where that is started with {BACKENDS}=local"
            )
        if os.name != "posix":
            raise BackendRefused("real training needs Linux or macOS")
        missing = [name for name in NEEDED if find_spec(name) is None]
        if missing:
            raise BackendRefused(
                f"real training needs {', '.join(missing)}, which this installation lacks: pip install -e '.[local]' "
                "in Vapor's folder"
            )

    def _see_that_it_can_be_done(self, spec: JobSpec) -> None:
        machine = remembered()
        if machine is not None:
            reason = refusal(spec.config.model_dump(), gpu=not machine.is_processor)
            if reason is not None:
                raise BackendRefused(reason)

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """What it was rehearsed to be on this machine, which knows how long runs like it took to start."""
        started = started_s(runs_folder(), spec.config.model_dump(mode="json"))
        return expectation(spec.config, calibration, started)

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a job."""
        self._specs[spec.job_id] = spec

    def start(self, job_id: str) -> None:
        """Write down what is to be trained and have it supervised, unless that was done."""
        run = self._run(job_id)
        begun = run.exists
        try:
            run.create(run_spec(self._spec(job_id), self._own_data(run, job_id)))
            self._supervise(run)
        except OSError as error:
            if begun:
                raise NotPassedOn(_untold("its start", error)) from None
            raise BackendRefused(f"its folder cannot be written: {error.strerror}; free some space") from None

    def _own_data(self, run: RunDirectory, job_id: str) -> Path | None:
        """The run's own copy of a person's data; None where the data are not a person's."""
        data = catalog.dataset(self._spec(job_id).config.dataset)
        if data.kind != "own":
            return None
        copy, place = run.path / "data.jsonl", own_data.kept(self._workspace, data)
        if not copy.exists() and place is not None:
            run.path.mkdir(parents=True, exist_ok=True)
            draft = run.path / f".data.{os.getpid()}"
            try:
                shutil.copyfile(place, draft)
                draft.replace(copy)
            finally:
                draft.unlink(missing_ok=True)
        if not copy.exists():
            raise BackendRefused(
                f"the file of {data.display_name} is no longer on this machine; upload it again"
            )
        return copy

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Have it save a checkpoint and end; `resume` goes on from there."""
        self._want(job_id, intervention)

    resume = pause
    stop = pause

    def state(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands now."""
        run, rows = self._run(job_id), self._look(job_id, at_s)
        attempt, ended = run.attempt(), run.ended()
        dated = self._ends[job_id][1] if job_id in self._ends else ended
        config = self._spec(job_id).config
        status = self._status(run, rows, attempt, ended)
        total = rows.total_steps or plan(config).total_steps
        left = total - rows.steps_done
        step_s = rows.step_time_s if status == "running" and rows.steps_done >= ETA_STEPS else nan
        return JobState(
            status=status,
            step=rows.steps_done,
            total_steps=total,
            elapsed_s=rows.elapsed_s,
            started_s=rows.began,
            ended_s=dated.at
            if dated is not None and ended is not None and status not in ("paused", "lost")
            else None,
            eta_s=left * step_s if isfinite(step_s) else None,
            failure=self._failure(run, status, ended),
            attempt=attempt.number if attempt else 1,
        )

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Metrics of steps from `cursor` on."""
        run, rows = self._run(job_id), self._look(job_id)
        known = rows.steps_settled if run.trainer_lives() else rows.steps_done
        stop = min(known, cursor + limit)
        return MetricBatch(stop, rows.columns(cursor, stop)) if stop > cursor else MetricBatch(cursor, {})

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Metrics of steps start..stop-1 once more."""
        return self._look(job_id).columns(start, stop)

    def eval_loss(self, job_id: str, step: int) -> float:
        """The last loss on held-out text by the time that `step` steps were done."""
        return self._look(job_id).eval_loss(step)

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """What the trainer told and how attempts ended, after `from_s` and up to `to_s`, by the wall clock."""
        rows = self._look(job_id, to_s)
        lines = [
            LifeEvent(
                at_s=told.at, kind=_kind(told.kind), sentence=_sentence(told.kind, told.step), step=told.step
            )
            for told in rows.told
            if told.kind in WORDS and from_s < told.at <= to_s
        ]
        _, ended = self._ends.get(job_id, (None, None))
        if ended is not None and from_s < ended.at <= to_s:
            lines.append(_ended_line(ended, rows.steps_done))
        return in_order(lines)

    def logs(self, job_id: str, at_s: float) -> str:
        """The last that the trainer printed."""
        return self._run(job_id).end_of_log(20_000)

    def _want(self, job_id: str, intervention: Intervention) -> None:
        run = self._run(job_id)
        if not run.exists:
            return
        try:
            run.want(intervention.number, "run" if intervention.kind == "resume" else intervention.kind)
            self._supervise(run)
        except OSError as error:
            raise NotPassedOn(_untold(intervention.kind, error)) from None

    def _supervise(self, run: RunDirectory) -> None:
        """Start a supervisor where one is needed: none lives, and what is wanted last is neither done nor was begun."""
        with run.turn():  # a supervisor that sees no further wish gives the job up in a turn of its own
            attempt, wanted = run.attempt(), run.wanted()
            begun = attempt is not None and attempt.wish >= wanted.number
            if begun or run.ended() is not None or run.owner_lives():
                return
            slots = Slots(runs_folder())
            if run.line_name not in slots.line():
                slots.wait(
                    run.line_name, time.time()
                )  # in the order of asking, not of whose supervisor is up first
            for _ in range(STARTS):
                if self._started(run):
                    return
        raise BackendRefused("its supervisor was ended while it started; try again")

    def _started(self, run: RunDirectory) -> bool:
        """Start a supervisor that takes the owner's lock along; whether one has it, this one or another."""
        lock = run.own("owner")
        if lock is None:
            return True
        try:
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-c", DETACHED, str(run.path), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(lock,),
                check=True,
            )
        except (subprocess.CalledProcessError, OSError):
            return False  # whether its child lives all the same is seen by the lock
        finally:
            os.close(lock)  # the supervisor has it now
        return True

    def _status(
        self, run: RunDirectory, rows: LogRows, attempt: Attempt | None, ended: Exit | None
    ) -> JobStatus:
        if ended is not None:
            return ENDED[ended.reason]
        begun = attempt is not None and attempt.wish >= run.wanted().number
        if begun and not run.owner_lives() and run.ended() is None:
            return "lost"  # its supervisor was killed, and with it its trainer
        if not begun and not run.trainer_lives():
            ending = attempt is not None and run.wanted().what != "run" and run.owner_lives()
            return "running" if ending else "queued"
        return "running" if attempt is not None and rows.attempt >= attempt.number else "initializing"

    def _failure(self, run: RunDirectory, status: JobStatus, ended: Exit | None) -> Failure | None:
        if status not in ("failed", "lost"):
            return None
        full = ended is None and full_disk.is_as_good_as_full(run.path)
        message = ended.message if ended else "its supervisor ended without a word"
        message = full_disk.SENTENCE if full else message
        if message == full_disk.SENTENCE:
            return Failure(
                code="lost" if status == "lost" else "backend",
                what="The disk is full.",
                why=DISK_WHY,
                cure=DISK_CURE,
            )
        log = run.end_of_log(600).strip()
        return Failure(
            code="lost" if status == "lost" else "backend",
            what="The trainer is gone." if status == "lost" else "The trainer failed.",
            why=f"{message[:1].upper()}{message[1:]}. Its log ends: {log or 'nothing was printed'}",
            cure="Resume goes on from its last checkpoint." if status == "lost" else "",
        )

    def _note_exit(self, job_id: str, rows: LogRows, now: float) -> None:
        """Date how the last attempt ended, once: it follows all that was told before."""
        exit, known = self._run(job_id).exit(), self._ends.get(job_id)
        if exit is None:
            self._ends.pop(job_id, None)
        elif known is None or known[0] != exit:
            self._ends[job_id] = exit, replace(exit, at=rows.dated(exit.at, now))

    def _look(self, job_id: str, now: float | None = None) -> LogRows:
        rows = self._rows.get(job_id)
        if rows is None:
            config = self._spec(job_id).config
            hourly = catalog.accelerator(config.accelerator).price_per_hour * config.accelerator_count
            rows = self._rows[job_id] = LogRows(self._run(job_id).metrics, hourly / 3600)
        rows.look(now)
        if now is not None:
            self._note_exit(job_id, rows, now)
            rows.seen(now)
        return rows

    def _run(self, job_id: str) -> RunDirectory:
        if job_id not in self._runs:
            self._runs[job_id] = RunDirectory(self._folder / job_id)
        return self._runs[job_id]

    def _spec(self, job_id: str) -> JobSpec:
        if job_id not in self._specs:
            raise NotFound(f"this machine knows no job {job_id!r}")
        return self._specs[job_id]


def _see_that_weights_can_be_had(spec: JobSpec) -> None:
    """Of a model that is trained further: they are on this machine, or the Hub may be asked for them.

    Raises:
        BackendRefused: says what would be taken.
    """
    model = catalog.model(spec.config.model)
    if own_models.is_own(model) and own_models.folder_of(model) is None:
        raise BackendRefused(
            f"{model.display_name} is no longer in the folder {own_models.MODELS}; put it back, or choose another"
        )
    source, _ = weights_of(model, spec.config.method)
    if source != "hub" or not _is_offline():
        return
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - takes a while to load

    if not isinstance(try_to_load_from_cache(model.id, "config.json"), str):
        raise BackendRefused(
            f"the weights of {model.display_name} are not on this machine, and the Hub is not asked here "
            f"(HF_HUB_OFFLINE); pretraining, the packaged {PACKAGED} or a folder in {own_models.MODELS} needs none"
        )


def _untold(what: str, error: OSError) -> str:
    return f"{what} is recorded, but the run's folder cannot be written: {error.strerror}; free some space, then again"


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on")


def _kind(told: str) -> str:
    return "started" if told == "start" else told


def _sentence(told: str, step: int) -> str:
    if told == "start" and step:
        return f"Training goes on after step {step:,}."
    return WORDS[told].format(step=step)


def _ended_line(exit: Exit, steps: int) -> LifeEvent:
    words = {
        "completed": f"Completed all {steps:,} steps.",
        "paused": f"Paused after {steps:,} steps.",
        "stopped": f"Stopped after {steps:,} steps.",
        "failed": f"The trainer failed: {exit.message}.",
        "killed": f"The trainer is gone: {exit.message}.",
    }
    return LifeEvent(at_s=exit.at, kind=ENDED[exit.reason], sentence=words[exit.reason], step=steps)
