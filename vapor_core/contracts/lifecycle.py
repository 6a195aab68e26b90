"""Which states a job and a deployment may pass through: one table each, and nothing else.

When a transition happens is decided by whoever acts (`store`) or computes (`backends`).
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from vapor_core.contracts.base import Contract
from vapor_core.errors import ForbiddenTransition

JobStatus = Literal["queued", "initializing", "running", "paused", "completed", "failed", "stopped", "lost"]
DeploymentStatus = Literal["starting", "healthy", "degraded", "stopped", "failed"]


class LifeEvent(Contract):
    """A line of a job's or deployment's history.

    `at_s` is the workspace's simulated time, seconds; `wall_s` is when it happened, seconds since 1970, where that was
    for real.
    """

    at_s: float
    wall_s: float | None = None
    kind: str
    sentence: str
    step: int | None = None


JOB_TRANSITIONS: Mapping[JobStatus, tuple[JobStatus, ...]] = {
    "queued": ("initializing", "stopped", "failed", "lost"),
    "initializing": ("running", "paused", "failed", "stopped", "lost"),
    "running": ("paused", "completed", "failed", "stopped", "lost"),
    "paused": ("initializing", "running", "failed", "stopped", "lost"),
    "completed": (),
    "failed": (),
    "stopped": (),
    "lost": ("running", "failed", "stopped"),  # a real process that was out of sight may be found again
}
DEPLOYMENT_TRANSITIONS: Mapping[DeploymentStatus, tuple[DeploymentStatus, ...]] = {
    "starting": ("healthy", "degraded", "stopped", "failed"),
    "healthy": ("starting", "degraded", "stopped", "failed"),  # starting again: a new revision loads
    "degraded": ("starting", "healthy", "stopped", "failed"),
    "stopped": (),
    "failed": (),
}

JOB_ENDS = frozenset(status for status, allowed in JOB_TRANSITIONS.items() if not allowed)
DEPLOYMENT_ENDS = frozenset(status for status, allowed in DEPLOYMENT_TRANSITIONS.items() if not allowed)
_ENDS: frozenset[str] = JOB_ENDS | DEPLOYMENT_ENDS  # a line about an end is called like the state


def in_order(lines: Iterable[LifeEvent]) -> tuple[LifeEvent, ...]:
    """Lines of one job or deployment: by their instants; of one instant as they came, but what ends it last."""
    return tuple(sorted(lines, key=lambda line: (line.at_s, line.kind in _ENDS)))


def check_job(job_id: str, status: JobStatus, target: JobStatus) -> None:
    """Let a job pass from a status to another.

    Raises:
        ForbiddenTransition: names both states and what is allowed.
    """
    if target not in JOB_TRANSITIONS[status]:
        raise ForbiddenTransition(_sentence(job_id, status, target, JOB_TRANSITIONS[status]))


def check_deployment(deployment_id: str, status: DeploymentStatus, target: DeploymentStatus) -> None:
    """Let a deployment pass from a status to another.

    Raises:
        ForbiddenTransition: names both states and what is allowed.
    """
    if target not in DEPLOYMENT_TRANSITIONS[status]:
        raise ForbiddenTransition(_sentence(deployment_id, status, target, DEPLOYMENT_TRANSITIONS[status]))


def _sentence(name: str, status: str, target: str, allowed: tuple[str, ...]) -> str:
    rest = f"from {status} it can become {' or '.join(allowed)}" if allowed else f"{status} is final"
    return f"{name} is {status} and cannot become {target}; {rest}"
