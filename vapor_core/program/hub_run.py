"""The training program as a job of the Hub: it says its events aloud, and keeps checkpoints in a repository.

The job's disk is gone when it ends. What it tells is read from what it prints, where each event has a number of its
own; where a repository is named, the newest checkpoint lies there, and at the end the result.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from huggingface_hub import create_repo, snapshot_download, upload_folder

from vapor_core.program import train
from vapor_core.program.names import EVENT
from vapor_core.program.telling import Teller, last_checkpoint

REPOSITORY = "VAPOR_REPOSITORY"  # owner/name of what is kept; HF_TOKEN may write it
WORKERS = "VAPOR_WORKERS"  # processes that train together, each on a card


class HubTeller(Teller):
    """Prints each event as a line with its number, and keeps what was saved."""

    def __init__(self, folder: Path, attempt: int, *, silent: bool = False) -> None:
        self.folder, self.number = folder, 0
        self.repository = os.environ.get(REPOSITORY, "")
        super().__init__(folder, attempt, silent=silent)
        if self.repository:
            self._fetch()

    def put(self, line: str) -> None:
        """One event: into the file, and aloud."""
        super().put(line)
        self.number += 1
        sys.stdout.write(f"\n{EVENT} {self.attempt} {self.number} {line}\n")
        sys.stdout.flush()

    def tell(self, event: str, **more: object) -> None:
        """One event; what it says was saved is kept before or after it is told."""
        result = event == "end" and more.get("reason") == "completed"
        if result and self.repository and not self.silent:
            self._keep(self.folder / train.RESULT, "result", more.get("step"))
        super().tell(event, **more)
        if event == "checkpoint" and self.repository and not self.silent:
            self._keep(self.folder, "checkpoint", more.get("step"))

    def _fetch(self) -> None:
        """Have the newest checkpoint that an earlier attempt kept."""
        if not self.silent:
            create_repo(self.repository, private=True, exist_ok=True)
        if self.attempt > 1:
            wanted = [f"{train.CHECKPOINTS}/*"]
            snapshot_download(self.repository, allow_patterns=wanted, local_dir=self.folder)

    def _keep(self, folder: Path, what: str, step: object) -> None:
        """Put what was saved in the repository in place of what was kept; a failure is told and ends nothing."""
        newest = last_checkpoint(self.folder / train.CHECKPOINTS)
        wanted = None if what == "result" else [f"{train.CHECKPOINTS}/{Path(newest or '').name}/*"]
        if what == "checkpoint" and newest is None:
            return
        try:
            upload_folder(
                repo_id=self.repository,
                folder_path=folder,
                allow_patterns=wanted,
                delete_patterns=[f"{train.CHECKPOINTS}/*"],
                commit_message=f"{what} after {step} steps",
            )
        except Exception as error:  # noqa: BLE001 - training goes on, and who looks is told
            super().tell("not_kept", step=step, what=what, message=f"{type(error).__name__}: {error}"[:300])
        else:
            super().tell("kept", step=step, what=what)


def hub_main(path: str) -> int:
    """Train as a job of the Hub; with as many processes as it has cards."""
    workers = int(os.environ.get(WORKERS) or 1)
    if workers > 1 and "WORLD_SIZE" not in os.environ:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={workers}"]
        os.execv(sys.executable, [sys.executable, *torchrun, sys.argv[0], path])  # noqa: S606 - our own program
    return train.main(path, HubTeller)
