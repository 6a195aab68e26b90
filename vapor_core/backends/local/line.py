"""Where a job stands among those that wait for this machine, and letting it go first. The line is of all workspaces."""

from __future__ import annotations

from vapor_core.backends.local.run_directory import RunDirectory, runs_folder
from vapor_core.backends.local.slots import Slots


def ahead(workspace: str, job_id: str) -> int | None:
    """How many jobs run before it; None where it does not wait."""
    run = RunDirectory(runs_folder() / workspace / job_id)
    waiting = [name for name in Slots(runs_folder()).line() if name == run.line_name or _is_alive(name)]
    return waiting.index(run.line_name) if run.line_name in waiting else None


def run_next(workspace: str, job_id: str) -> None:
    """Let a job that waits go before all others that wait; one that does not wait stays as it is."""
    run, slots = RunDirectory(runs_folder() / workspace / job_id), Slots(runs_folder())
    if run.line_name in slots.line():
        slots.wait(run.line_name, slots.first_place() - 1.0)


def _is_alive(name: str) -> bool:
    workspace, _, job = name.partition("~")
    return RunDirectory(runs_folder() / workspace / job).owner_lives()
