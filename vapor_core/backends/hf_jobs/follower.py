"""A thread that follows one run at the Hub: its state, and what it prints, into the run's folder.

A page's tick reads that folder and never waits for the network. Where a stream of logs is cut it is opened again, and
what comes again is known by its number. A thread ends with its run, with its process, or when the token is refused.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Literal

from vapor_core.backends.hf_jobs.access import release
from vapor_core.backends.hf_jobs.api import ENDS, SILENCE_S, HubJob, JobsApi, JobsFault
from vapor_core.backends.hf_jobs.record import Attempt, Heard, HubRun
from vapor_core.backends.hf_jobs.starting import started
from vapor_core.backends.hf_jobs.told_events import ToldEvents
from vapor_core.backends.local.run_directory import Exit

if TYPE_CHECKING:
    from vapor_core.backends.base import JobSpec
    from vapor_core.backends.hf_jobs.access import Access

Reason = Literal["completed", "paused", "stopped", "failed", "killed"]


GONE = 3  # answers in a row that there is no such job


@dataclass(slots=True)
class Pace:
    """How often the Hub is asked, seconds."""

    look_s: float = 5.0  # between two looks at a job's state
    rest_s: float = 2.0  # after a fault, doubled with each
    longest_rest_s: float = 60.0
    silence_s: float = SILENCE_S
    patience_s: float = 60.0  # for the last words of a job that has ended


PACE = Pace()


@dataclass(slots=True)
class Follower:
    """Follows one run, as long as it is neither over nor refused."""

    run: HubRun
    workspace: str
    spec: JobSpec
    access: Access
    trouble: JobsFault | None = None  # the last fault, until an answer comes
    answered: float = 0.0  # the last answer, by a clock that runs forwards
    _over: Event = field(default_factory=Event)
    _news: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _lock: Lock = field(default_factory=Lock)
    _looked: float = 0.0

    def wake(self) -> None:
        """Look at once: something else is wanted. Begins to follow where it did not."""
        with self._lock:
            self._news.set()
            if self._thread is None or not self._thread.is_alive():
                self._over.clear()
                self.answered = self.answered or time.monotonic()
                self._thread = Thread(target=self._follow, name=f"hf_jobs {self.spec.job_id}", daemon=True)
                self._thread.start()

    def close(self, wait_s: float = 5.0) -> None:
        """Follow no longer."""
        self._over.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(wait_s)

    @property
    def follows(self) -> bool:
        """Whether it still looks."""
        return self._thread is not None and self._thread.is_alive()

    def _follow(self) -> None:
        """Follow, once no other process does."""
        while not self._over.is_set():
            try:
                lock = self.run.own("owner")
            except OSError as error:
                self.trouble = _disk(error)
                lock = None
            if lock is not None:
                try:
                    self._follow_alone()
                finally:
                    os.close(lock)
                return
            self.answered = time.monotonic()
            if self.run.ended() is not None:
                return
            self._over.wait(PACE.look_s)

    def _follow_alone(self) -> None:
        faults = 0
        while not self._over.is_set():
            self._news.clear()
            try:
                done = self._once()
                self.trouble, faults = None, 0
                if done:
                    return
                pause = PACE.look_s
            except JobsFault as fault:
                self.trouble, faults = fault, faults + 1
                if not fault.passes and self._gives_up(fault, faults):
                    return
                pause = max(min(PACE.rest_s * 2 ** min(faults - 1, 10), PACE.longest_rest_s), fault.rest_s)
            except OSError as error:
                self.trouble, pause = _disk(error), PACE.longest_rest_s
            except Exception as error:  # noqa: BLE001 - a thread that ends unheard would leave a run running for ever
                words = (
                    f"it cannot be followed ({type(error).__name__}); restart the server, and tell its makers"
                )
                self.trouble = JobsFault("refused", words)
                return
            self._news.wait(pause)

    def _once(self) -> bool:
        """See that what is wanted is done, and read until a stream ends; whether all is done."""
        attempt = started(self.run, self.workspace, self.spec, self.access)
        self._heard_now()
        if attempt is None:
            self.run.end(Exit(self.run.wanted().number, "stopped", time.time()))
            return True
        api, account = JobsApi(self.access), self.run.account()
        events = ToldEvents(self.run.metrics, self.run.output, attempt.number)
        if self._look(api, account, attempt, events) not in ENDS and not self._over.is_set():
            self._read(api, account, attempt, events)
        if self._look(api, account, attempt, events) not in ENDS:
            return False
        return self._finish(api, account, attempt, events)

    def _finish(self, api: JobsApi, account: str, attempt: Attempt, events: ToldEvents) -> bool:
        """Read what an ended job has printed up to its last word, however often it is cut; whether all is done."""
        ends = time.monotonic() + PACE.patience_s
        while not self._over.is_set():
            self._read(api, account, attempt, events, ended=True)
            job = api.job(account, attempt.job)
            has_last_word = "end" in events.last or job.stage != "COMPLETED"
            if (events.is_whole and has_last_word) or time.monotonic() > ends:
                events.close()
                return self._ended(attempt, events, job)
            self._over.wait(PACE.rest_s)
        return False

    def _read(
        self, api: JobsApi, account: str, attempt: Attempt, events: ToldEvents, *, ended: bool = False
    ) -> None:
        """Take what is printed; a stream that is silent or cut is no trouble while the job's state can be had."""
        events.begin()
        try:
            for line in api.log_lines(account, attempt.job, PACE.look_s if ended else PACE.silence_s):
                self._heard_now()
                if line is not None:
                    events.take(line)
                if self._over.is_set():
                    return
                late = time.monotonic() - self._looked > PACE.look_s
                if not ended and (late or self._news.is_set()):
                    self._news.clear()
                    self._look(api, account, attempt, events)
        except JobsFault as fault:
            if fault.kind not in ("unreachable", "hub", "missing"):
                raise

    def _look(self, api: JobsApi, account: str, attempt: Attempt, events: ToldEvents) -> str:
        """Ask for the job's state, write it down, and cancel it where it is to end."""
        job = api.job(account, attempt.job)
        self._looked = time.monotonic()
        self._heard_now()
        self._write(attempt, job, events)
        wanted = self.run.wanted()
        if wanted.what != "run" and job.stage not in ENDS:
            api.cancel(account, attempt.job)
        return job.stage

    def _write(self, attempt: Attempt, job: HubJob, events: ToldEvents) -> None:
        before = self.run.heard()
        kept, lacking = events.last.get("kept", {}), events.last.get("not_kept", {})
        step = kept.get("step")
        now = Heard(
            attempt.number,
            job.stage,
            before.at,
            job.message,
            int(step) if isinstance(step, int) else before.kept_step,
            str(lacking.get("message") or "")[:300] if lacking else "",
        )
        if now != before:
            self.run.hear(replace(now, at=time.time()))

    def _heard_now(self) -> None:
        self.answered, self.trouble = time.monotonic(), None

    def _ended(self, attempt: Attempt, events: ToldEvents, job: HubJob) -> bool:
        """Write down how an attempt ended; whether nothing else is wanted."""
        self._write(attempt, job, events)
        last = events.last.get("end", {})
        reason, words = _reason(job, str(last.get("reason") or ""), str(last.get("message") or ""))
        with self.run.turn():
            wanted = self.run.wanted()
            again = wanted.what == "run" and wanted.number > attempt.wish
            if again and reason != "completed":
                return False
            if wanted.what == "stop" and reason != "completed":
                reason, words = "stopped", ""
            self.run.end(Exit(wanted.number, reason, time.time(), words))
            return True

    def _gives_up(self, fault: JobsFault, faults: int) -> bool:
        """Whether to look no more: the token is refused, or the job is gone, or was never taken."""
        if fault.kind == "token":
            release(self.workspace, self.spec.job_id)
            return True  # another one may be given
        attempt = self.run.latest()
        with self.run.turn():
            wish = self.run.wanted().number
            told = str(fault)
            if attempt is None or attempt.wish < wish:
                self.run.end(Exit(wish, "failed", time.time(), f"it was not started: {told}"))
                return True
            if (
                fault.kind == "missing" and faults >= GONE
            ):  # one that was just started may not be found at once
                self.run.end(Exit(wish, "killed", time.time(), told))
                return True
        return False


def _disk(error: OSError) -> JobsFault:
    return JobsFault("refused", f"its folder here cannot be written: {error.strerror}; free some space")


def _reason(job: HubJob, said: str, message: str) -> tuple[Reason, str]:
    """How it ended: by its own last word, else by the Hub's."""
    if said in ("completed", "failed"):
        return ("completed", "") if said == "completed" else ("failed", message)
    ends: dict[str, tuple[Reason, str]] = {
        "CANCELED": ("stopped", "it was cancelled at the Hub"),
        "DELETED": ("killed", "it was deleted at the Hub"),
        "ERROR": ("failed", job.message or "the Hub ended it without a word; its time may have been up"),
    }
    told = said == "stopped"
    return ends.get(
        job.stage,
        ("stopped", "it was told to end")
        if told
        else ("failed", "it ended without having told that it is done"),
    )
