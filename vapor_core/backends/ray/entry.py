"""What Ray runs as a job: `python -m vapor_core.backends.ray.entry RUN_DIRECTORY`.

It owns one run, as a supervisor on this machine does: starts the trainer, passes on what a person wants, writes down
how it ended. A trainer that is killed is begun again from its last whole checkpoint, a few times. Several accelerators
are Ray Train's workers.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vapor_core.backends.local.run_directory import Exit, RunDirectory, Wanted
from vapor_core.backends.local.slots import Slots
from vapor_core.backends.local.supervisor import LOOK_S, PROGRAM, Supervisor

RETRIES = 3  # of a trainer that is gone without a word
OWNED_S = 60.0  # that an earlier owner has to end


class Owner(Supervisor):
    """One job's owner on the cluster; whose turn it is, Ray has decided by starting it."""

    def _turn(self, wanted: Wanted) -> int | None:
        return os.open(os.devnull, os.O_RDONLY)

    def _command(self) -> Sequence[str]:
        if os.environ.get(PROGRAM):
            return super()._command()
        config = self.run.spec().get("config")
        several = isinstance(config, dict) and int(config.get("accelerator_count", 1)) > 1
        module = "vapor_core.program.workers" if several else "vapor_core.program.train"
        return [sys.executable, "-m", module, str(self.run.path)]

    def _attempt(self, wanted: Wanted) -> Exit:
        """Again, a few times, where it is gone without a word and still wanted."""
        for tried in range(RETRIES + 1):
            ended = super()._attempt(wanted)
            if ended.reason != "killed" or tried == RETRIES or self.run.wanted() != wanted:
                return ended
            self._tell_retry(ended.message)
        return ended

    def _tell_retry(self, message: str) -> None:
        attempt = self.run.attempt()
        line = {
            "event": "retry",
            "attempt": attempt.number if attempt else 1,
            "at": time.time(),
            "message": message,
        }
        with self.run.metrics.open("ab") as file:
            file.write(b"\n" + json.dumps(line).encode() + b"\n")


def main(folder: str) -> int:
    """Own a job, unless another process does."""
    run = RunDirectory(Path(folder))
    until = time.monotonic() + OWNED_S
    while (lock := run.own("owner")) is None:
        if time.monotonic() > until:
            return 0  # it is being done
        time.sleep(LOOK_S)
    if run.ended() is not None:
        return 0
    Owner(run, lock, Slots(run.path.parents[1])).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
