"""What the backend of a job can do, so that a screen shows what there is and offers what works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job
    from vapor_core.workspace.store import Store


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is true of every job of a backend."""

    is_simulated: bool
    runs_here: bool
    can_pause: bool
    can_fork: bool
    can_share: bool
    can_clone: bool
    can_deploy: bool
    has_cost: bool
    has_config: bool
    queues: bool


def abilities(_: Store, job: Job) -> Abilities:
    """What can be done with a job, and what is known of it."""
    simulated, done_here = job.config.backend == "simulated", job.config.backend != "imported"
    return Abilities(
        is_simulated=simulated,
        runs_here=done_here,
        can_pause=done_here,
        can_fork=simulated,
        can_share=True,
        can_clone=done_here,
        can_deploy=done_here,
        has_cost=done_here,
        has_config=done_here,
        queues=simulated,
    )
