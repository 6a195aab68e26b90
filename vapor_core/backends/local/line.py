"""Where a job stands among those that wait for this machine, and letting it go first. The line is of all workspaces."""

from __future__ import annotations

from vapor_core.backends.local.run_directory import RunDirectory, runs_folder
from vapor_core.backends.local.slots import Slots


def ahead(workspace: str, job_id: str) -> int | None:
    """How many jobs run before it; None where it does not wait."""
    root = runs_folder()
    own = RunDirectory(root / workspace / job_id).line_name
    waiting = [
        name for name in Slots(root).line() if name == own or RunDirectory.in_line(root, name).owner_lives()
    ]
    return waiting.index(own) if own in waiting else None


def run_next(workspace: str, job_id: str) -> None:
    """Let a job that waits go before all others that wait; one that does not wait stays as it is."""
    run, slots = RunDirectory(runs_folder() / workspace / job_id), Slots(runs_folder())
    if run.line_name in slots.line():
        slots.wait(run.line_name, slots.first_place() - 1.0)
