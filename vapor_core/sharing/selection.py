"""Which events a part of a workspace needs, so that its curves are the same on the other side.

That is: how time ran; the jobs that are asked for; the parents of forks; the jobs that an endpoint served; and, where
the line for an accelerator was ever longer than its cards, all earlier jobs of that line, since they shaped who
waited. These last come without their names: they belong to somebody's work that was not shared. Jobs on real
backends stay out: their metrics do not follow from events.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vapor_core import catalog
from vapor_core.backends.registry import abilities
from vapor_core.errors import InvalidLink
from vapor_core.journal.codec import encode
from vapor_core.journal.events import (
    Action,
    Adopted,
    DatasetAdded,
    DemandChanged,
    Deployed,
    DeploymentStopped,
    Following,
    JobSubmitted,
    ModelAdded,
    Redeployed,
    Renamed,
    Scaled,
    WorkspaceEvent,
)
from vapor_core.journal.other_events import SpeedSet, TimeSkipped, Watching
from vapor_core.sharing.links import Shared, View
from vapor_core.workspace.store import Store
from vapor_core.workspace.world import World

_STRANGER = "Another job"


@dataclass(frozen=True, slots=True)
class _Part:
    """Ids that are taken; `strangers` are jobs that were not asked for and stand in the same line."""

    jobs: frozenset[str]
    deployments: frozenset[str]
    strangers: frozenset[str]
    whole: bool


def share(store: Store, view: View, ids: Iterable[str] = ()) -> Shared:
    """The part of a workspace that a view needs, standing where the workspace is seen to stand.

    Raises:
        NotFound: where an id is unknown.
        InvalidLink: where there is nothing that can be shared.
        JournalError: where the journal cannot be read.
    """
    entries, chosen = store.entries(), tuple(ids)
    part = _part(store.world, view, chosen)
    if not part.jobs:
        raise InvalidLink("there is nothing here that a link could carry; start a simulated job first")
    kept = [(entry.at, event) for entry in entries if (event := _kept(entry.event, part)) is not None]
    if kept[0][0] != entries[0].at or kept[0][1] != entries[0].event:
        kept.insert(0, (entries[0].at, SpeedSet(speed=1.0)))  # so that time begins where it began
    now = max(store.now, entries[-1].at)
    return Shared(view, chosen, now, tuple((at, encode(event)) for at, event in kept))


def _part(world: World, view: View, ids: tuple[str, ...]) -> _Part:
    whole = view == "workspace"
    shareable = _shareable(world)
    named = ids if view == "deployment" else ()
    deployments = {key: world.deployment(key) for key in (world.deployments if whole else named)}
    served = {
        key: {revision.job_id for revision in record.revisions} | {back.job_id for back in record.standby}
        for key, record in deployments.items()
        if abilities(record.backend).is_simulated and record.refused is None
    }
    taken = frozenset(key for key, jobs in served.items() if jobs <= shareable)
    asked: set[str] = set(world.jobs if whole else ()).union(*(served[key] for key in taken))
    if view in ("job", "comparison"):
        asked = {world.job(key).spec.job_id for key in ids}
        if not asked <= shareable:
            raise InvalidLink("a link carries simulated jobs; a real one's metrics do not fit into it")
    jobs = _with_parents(world, asked & shareable)
    waiting = _in_line(world, jobs) & shareable
    everyone = _with_parents(world, jobs | waiting)
    return _Part(frozenset(everyone), taken, frozenset(everyone - jobs), whole)


def _shareable(world: World) -> set[str]:
    """Jobs that follow from events, all their ancestors too."""
    known: set[str] = set()
    for key, record in world.jobs.items():
        parent = record.spec.parent
        if abilities(record.config.backend).can_share and (parent is None or parent.job_id in known):
            known.add(key)
    return known


def _with_parents(world: World, jobs: Iterable[str]) -> set[str]:
    known: set[str] = set()
    for key in jobs:
        spec = world.jobs[key].spec
        while spec.job_id not in known:
            known.add(spec.job_id)
            spec = spec.parent or spec
    return known


def _in_line(world: World, jobs: set[str]) -> set[str]:
    """Earlier jobs of the same lines, where a line was longer than its cards."""
    lines: dict[str, list[str]] = {}
    for key, record in world.jobs.items():
        if abilities(record.config.backend).queues:
            lines.setdefault(catalog.accelerator(record.config.accelerator).id, []).append(key)
    earlier: set[str] = set()
    for line in lines.values():
        places = [place for place, key in enumerate(line) if key in jobs]
        before = line[: places[-1] + 1] if places else []
        configs = [world.jobs[key].config for key in before]
        if sum(config.accelerator_count for config in configs) > (
            catalog.accelerator(configs[0].accelerator).capacity if configs else 0
        ):
            earlier.update(before)
    return earlier


def _kept(event: WorkspaceEvent, part: _Part) -> WorkspaceEvent | None:
    """An event as far as it belongs to a part."""
    if isinstance(event, Adopted):
        actions = [
            (at_s, action) for at_s, each in event.past if isinstance(action := _kept(each, part), Action)
        ]
        return Adopted(past=tuple(actions)) if actions else None
    if not _belongs(event, part):
        return None
    if isinstance(event, JobSubmitted) and event.job_id in part.strangers:
        config = event.config.model_copy(update={"name": ""})
        return event.model_copy(update={"name": _STRANGER, "config": config})
    return event


def _belongs(event: WorkspaceEvent, part: _Part) -> bool:
    if isinstance(event, Watching | Following):
        return False  # whom it concerns is here alone
    if isinstance(event, DatasetAdded | ModelAdded):
        return part.whole  # what a job uses of these is in its own configuration
    if isinstance(event, Renamed):
        return (event.id in part.jobs and event.id not in part.strangers) or event.id in part.deployments
    if isinstance(event, Deployed | Scaled | DemandChanged | Redeployed | DeploymentStopped):
        return event.deployment_id in part.deployments
    return isinstance(event, SpeedSet | TimeSkipped) or getattr(event, "job_id", None) in part.jobs
