"""The process that owns one job's trainer: `python -m vapor_core.backends.local.supervisor RUN_DIRECTORY LOCK`.

It lives in a session of its own, so that it outlives the app, the browser and the terminal that started them. It waits
for its turn, starts the trainer, passes on what a person wants, and writes down how it ended. Killing it asks its
trainer to save and end, where the system tells a child of its parent's death (Linux).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vapor_core.backends.local.run_directory import Attempt, Exit, RunDirectory, Wanted
from vapor_core.backends.local.slots import Slots
from vapor_core.program import full_disk

LOOK_S = 0.2  # between two looks at what is wanted
STOP_S = 15.0  # a trainer has so long to save and end before it is told again, and as long again before it is killed
NICENESS = 5  # the app goes first
PROGRAM = "VAPOR_TRAINING_PROGRAM"  # another command than our own, as JSON: for tests
TRAINER_LOCK = "VAPOR_TRAINER_LOCK"
# A trainer shares its cores with the app: OpenMP's threads must not spin while they wait.
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


class Supervisor:
    """One job's owner, from its turn in the line to its end."""

    def __init__(self, run: RunDirectory, owned: int, slots: Slots) -> None:
        self.run, self.owned, self.slots = run, owned, slots
        self.name = run.line_name

    def serve(self) -> None:
        """Run attempts until what is wanted is done."""
        slot = None
        try:
            while True:
                wanted = self.run.wanted()
                if wanted.what != "run":
                    if self._closed(wanted, self._ended_before_it_began(wanted)):
                        return
                    continue
                slot = self._turn(wanted) if slot is None else slot
                if slot is not None and self._closed(wanted, self._attempt(wanted)):
                    return
        finally:
            self.slots.leave(self.name)
            if slot is not None:
                os.close(slot)

    def _turn(self, wanted: Wanted) -> int | None:
        """Wait in line for a slot; None where something else is wanted meanwhile."""
        if self.name not in self.slots.line():
            self.slots.wait(self.name, time.time())
        while self.run.wanted() == wanted:
            waiting = [name for name in self.slots.line() if self._is_alive(name)]
            if waiting[: self.slots.at_once].count(self.name):
                slot = self.slots.take()
                if slot is not None:
                    self.slots.leave(self.name)
                    return slot
            time.sleep(LOOK_S)
        return None

    def _is_alive(self, name: str) -> bool:
        """Whether somebody in line still has an owner."""
        return name == self.name or RunDirectory.in_line(self.run.path.parents[1], name).owner_lives()

    def _attempt(self, wanted: Wanted) -> Exit:
        """Start the trainer and see it through."""
        before = self.run.attempt()
        lock = self.run.own("trainer")
        if lock is None:
            return self._exit(wanted, "failed", "an earlier trainer of this job still runs")
        try:
            self.run.begin(Attempt((before.number if before else 0) + 1, wanted.number, time.time()))
            with self.run.output.open("ab") as output:
                trainer = subprocess.Popen(  # noqa: S603 - our own program
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **ENVIRONMENT},
                    pass_fds=(lock,),
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has no threads
                )
        except OSError as error:
            full = full_disk.is_full(error, self.run.path)
            said = full_disk.SENTENCE if full else f"the trainer could not be started: {error.strerror}"
            return self._exit(wanted, "failed", said)
        finally:
            os.close(lock)  # the trainer has it now
        answered = self._see_through(trainer, wanted)
        return self._told(trainer.returncode, answered)

    def _command(self) -> Sequence[str]:
        given = os.environ.get(PROGRAM)
        program = json.loads(given) if given else [sys.executable, "-m", "vapor_core.program.train"]
        return [*program, str(self.run.path)]

    def _see_through(self, trainer: subprocess.Popen[bytes], wanted: Wanted) -> Wanted:
        """Wait for its end, asking for it where that is wanted; the wish that was answered last."""
        asked_at, told = None, 0
        while trainer.poll() is None:
            latest = self.run.wanted()
            if latest.what != "run" and asked_at is None:
                wanted, asked_at = latest, time.monotonic()
                self._ask_to_end(trainer, latest)
            elif asked_at is not None:
                wanted = latest if latest.what != "run" else wanted
                if time.monotonic() - asked_at > STOP_S * (told + 1) and told < 2:
                    trainer.send_signal((signal.SIGTERM, signal.SIGKILL)[told])
                    told += 1
            time.sleep(LOOK_S)
        return wanted

    def _ask_to_end(self, trainer: subprocess.Popen[bytes], wanted: Wanted) -> None:
        """By a file, which works while a model loads; by a signal where no file finds room."""
        try:
            self.run.stop_file.write_text(wanted.what, encoding="utf-8")
        except OSError:
            trainer.send_signal(signal.SIGTERM)

    def _told(self, code: int, wanted: Wanted) -> Exit:
        """How it ended, by its own last word; one that was killed had none."""
        attempt, last = self.run.attempt(), self._last_word()
        said = last.get("reason") if attempt and last.get("attempt") == attempt.number else None
        message = str(last.get("message") or "")[:1000] if said else ""
        if said == "completed":
            return self._exit(wanted, "completed")
        if said == "stopped":
            return self._exit(wanted, "paused" if wanted.what == "pause" else "stopped")
        if said == "failed" or code > 0:
            return self._exit(wanted, "failed", message or self._why_it_failed(code))
        if wanted.what == "stop":
            return self._exit(wanted, "stopped", "it did not save in time")
        return self._exit(
            wanted, "killed", f"it was killed by signal {-code}" if code else "it ended without a word"
        )

    def _why_it_failed(self, code: int) -> str:
        """Of a trainer that could not say it itself, as where the disk took no word more."""
        full = full_disk.is_as_good_as_full(self.run.path)
        printed = self.run.end_of_log().lower()
        if full or any(word in printed for word in full_disk.WORDS):
            return full_disk.SENTENCE
        return f"it ended with code {code}"

    def _last_word(self) -> dict[str, object]:
        """The last `end` event."""
        try:
            with self.run.metrics.open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - 65_536, 0))
                lines = file.read().splitlines()
        except OSError:
            return {}
        for line in reversed(lines):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and event.get("event") == "end":
                return event
        return {}

    def _ended_before_it_began(self, wanted: Wanted) -> Exit:
        return self._exit(wanted, "paused" if wanted.what == "pause" else "stopped")

    def _exit(self, wanted: Wanted, reason: str, message: str = "") -> Exit:
        return Exit(wanted.number, reason, time.time(), message)  # type: ignore[arg-type] # one of its words

    def _closed(self, wanted: Wanted, exit: Exit) -> bool:
        """Write down the end, unless a later wish wants it to run on; whether this process is done."""
        with self.run.turn():
            latest = self.run.wanted()
            final = exit.reason in {"completed", "failed"}
            if latest.number > wanted.number and latest.what == "run" and not final:
                return False
            wish = max(exit.wish, latest.number) if final else exit.wish
            self.run.end(replace(exit, wish=wish))
            done = final or latest.number == exit.wish or latest.what == "run"
            if done:  # in this turn: whoever wishes more from now on finds the job without an owner
                os.close(self.owned)
            return done


def _end_with_parent() -> None:
    """In the trainer before it begins: be told of the supervisor's death, and be nice."""
    os.nice(NICENESS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGTERM)


def main(folder: str, lock: str) -> None:
    """Own a job: `lock` is the descriptor of the owner's lock, which whoever starts this has taken for it."""
    run = RunDirectory(Path(folder))
    Supervisor(run, int(lock), Slots(run.path.parents[1])).serve()


if __name__ == "__main__":
    main(*sys.argv[1:3])
