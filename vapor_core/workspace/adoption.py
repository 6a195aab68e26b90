"""What comes into a workspace from outside it, as events: logs of real runs, and jobs of other workspaces.

Neither is asked of a backend, for it has already happened; what may be in a link is `sharing`'s question.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from vapor_core.errors import InvalidConfig
from vapor_core.journal.events import Action, Adopted, Deployed, JobSubmitted, LogImported, Renamed
from vapor_core.journal.log_columns import packed

if TYPE_CHECKING:
    from vapor_core.readers.logs.run_log import RunLog
    from vapor_core.workspace.live import LiveWorkspace

Past = tuple[tuple[float, Action], ...]  # (simulated seconds before the present as 0 or less, what was done)


def log_imported(live: LiveWorkspace, log: RunLog, name: str) -> LogImported:
    """A log becomes a job that is over.

    Raises:
        InvalidConfig: where the name is none.
        InvalidUpload: where it is larger than a workspace keeps.
    """
    shown = "".join(letter for letter in name if letter.isprintable()).strip()[:200] or log.name
    event = packed(f"job-{len(live.world.jobs) + 1}", shown, log.frame)
    changes = {
        "planned_steps": log.planned_steps,
        "steps_done": log.steps_done,
        "summary": {name: value for name, value in log.summary.items() if isfinite(value)} or None,
    }
    return event.model_copy(update=changes)


def adopted(live: LiveWorkspace, past: Past) -> Adopted:
    """Jobs and endpoints of another workspace join this one, under the next free ids.

    Raises:
        InvalidConfig: where there is nothing to take.
    """
    if not past:
        raise InvalidConfig("there is nothing in it to make yours")
    names: dict[str, str] = {}
    jobs, deployments = len(live.world.jobs), len(live.world.deployments)
    for _, action in past:
        if isinstance(action, JobSubmitted | LogImported):
            jobs += 1
            names[action.job_id] = f"job-{jobs}"
        elif isinstance(action, Deployed):
            deployments += 1
            names[action.deployment_id] = f"deployment-{deployments}"
    return Adopted(past=tuple((min(before_s, 0.0), _renamed(action, names)) for before_s, action in past))


def _renamed(action: Action, names: dict[str, str]) -> Action:
    """The same action under this workspace's ids."""
    fields = ("id",) if isinstance(action, Renamed) else ("job_id", "parent_id", "deployment_id")
    changes = {name: names[old] for name in fields if (old := getattr(action, name, None)) is not None}
    return action.model_copy(update=changes)
