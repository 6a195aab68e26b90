"""Whether an event follows from what was done before: it is tried before it is recorded, and before it is taken in."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.backends import registry
from vapor_core.backends.log_columns import columns
from vapor_core.errors import InvalidConfig, VaporError
from vapor_core.physics.plan import plan

if TYPE_CHECKING:
    from vapor_core.journal.events import WorkspaceEvent
    from vapor_core.workspace.world import Change, World

UNFIT = (LookupError, ArithmeticError, ValueError, VaporError)  # what an event raises that does not follow


def staged(world: World, event: WorkspaceEvent, at: float) -> Change:
    """What an event would change, looked over, so that nothing of it fails later; raises one of `UNFIT` else."""
    change = world.staged(event, at)
    for key, record in change.jobs.items():
        if key not in world.jobs or world.jobs[key].config is not record.config:
            _ = registry.REGISTRY[record.config.backend], plan(record.config)
            _ = record.spec.log and columns(record.spec.log)
    jobs = ChainMap(change.jobs, world.jobs) if change.deployments else change.jobs
    for served in change.deployments.values():
        if registry.REGISTRY[served.backend].deployments is None:
            raise InvalidConfig({"backend": f"no backend {served.backend[:60]!r} serves"})
        _ = catalog.accelerator(served.accelerator), plan(jobs[served.revisions[-1].job_id].config)
    return change


def see_that_it_follows(world: World, event: WorkspaceEvent, at: float) -> None:
    """Try an event, as it will be read back, before it is recorded: what could not be shown is refused."""
    try:
        staged(world, event, at)
    except UNFIT as error:
        if isinstance(error, VaporError) and not isinstance(error, LookupError):
            raise
        raise InvalidConfig(f"this does not follow from what was done here before ({error})") from None
