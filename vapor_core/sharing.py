"""A workspace, or the part that one job, comparison or endpoint needs, apart from the journal that holds it.

What a part has, so that its curves are the same on the other side: how time ran; the jobs that are asked for; the
parents of forks; the jobs that an endpoint served; and, where the line for an accelerator was ever longer than its
cards, all earlier jobs of that line, since they shaped who waited. These last come without their names: they belong
to somebody's work that was not shared. Jobs on real backends stay out: their metrics do not follow from events.

`links` puts such a part into an address and back; what comes from there is believed only after `shared_store`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from vapor_core import catalog, desk
from vapor_core.adoption import Past
from vapor_core.errors import InvalidLink, InvalidUpload, JournalError, VaporError
from vapor_core.events import (
    Action,
    Adopted,
    DatasetAdded,
    Deed,
    Deployed,
    DeploymentStopped,
    JobSubmitted,
    LogImported,
    Membership,
    ModelAdded,
    Redeployed,
    Renamed,
    Scaled,
    SpeedSet,
    TimeSkipped,
    decode,
    encode,
)
from vapor_core.inference import TICK_S
from vapor_core.journal import Entry
from vapor_core.links import Shared, View
from vapor_core.logbook import unpacked
from vapor_core.recording import Recording
from vapor_core.store import Store
from vapor_core.world import Timeline, World

LARGEST_FILE = 50_000_000  # bytes
MOST_JOBS = 500
MOST_DEPLOYMENTS = 50
MOST_NUMBERS = 4_000_000  # of all imported logs together
MOST_TICKS = 5_000_000  # of all endpoints together: some seconds of computing where they are all drawn
_JOB, _DEPLOYMENT = re.compile(r"job-[1-9]\d{0,8}"), re.compile(r"deployment-[1-9]\d{0,8}")
_STRANGER = "Another job"


@dataclass(frozen=True, slots=True)
class _Part:
    """Ids that are taken; `strangers` only wait in line."""

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
    entries = store.journal.read(store.workspace)
    world, chosen = World(), tuple(ids)
    for entry in entries:
        world.apply(entry.event, entry.at)
    part = _part(world, view, chosen)
    if not part.jobs:
        raise InvalidLink("there is nothing here that a link could carry; start a simulated job first")
    kept = [(entry.at, event) for entry in entries if (event := _kept(entry.event, part)) is not None]
    if kept[0][0] != entries[0].at or kept[0][1] != entries[0].event:
        kept.insert(0, (entries[0].at, SpeedSet(speed=1.0)))  # time began there
    now = max(store.now, entries[-1].at)
    return Shared(view, chosen, now, tuple((at, encode(event)) for at, event in kept))


def shared_store(shared: Shared) -> Store:
    """The world that was shared, standing still at its instant; it refuses every action.

    Raises:
        InvalidLink: where the entries make no world; one sentence.
    """
    try:
        entries = _checked(shared)
        _in_bounds(entries, shared.now)
        store = Store(Recording(entries), "shared")
        store.advance(now=shared.now)
        _bounded(store)
        for key in shared.ids:
            _ = store.deployment(key) if shared.view == "deployment" else store.job(key)
    except InvalidLink:
        raise
    except JournalError as error:
        raise InvalidLink(f"what was shared does not hold together: {error}") from None
    except VaporError as error:
        raise InvalidLink(f"what was shared cannot be shown: {error}") from None
    except (LookupError, ArithmeticError, ValueError):
        raise InvalidLink("what was shared does not hold together; ask for a new link") from None
    return store


def past(shared: Shared) -> Past:
    """What was done in it, by the simulated seconds before its instant, for `Store.adopt`."""
    timeline = Timeline()
    deeds: list[tuple[float, Deed]] = []
    for entry in _checked(shared):
        timeline.note(entry.at)
        at_s = timeline.at(entry.at)
        if isinstance(entry.event, SpeedSet):
            timeline.bend(entry.at, entry.event.speed)
        elif isinstance(entry.event, TimeSkipped):
            timeline.bend(entry.at, timeline.speed, entry.event.seconds)
        elif isinstance(entry.event, Membership):
            continue
        elif isinstance(entry.event, Adopted):
            deeds += [(at_s + before_s, deed) for before_s, deed in entry.event.past]
        else:
            deeds.append((at_s, entry.event))
    end_s = timeline.at(shared.now)
    return tuple((min(at_s - end_s, 0.0), deed) for at_s, deed in deeds)


def to_file(shared: Shared) -> bytes:
    """As JSON text that a person can keep."""
    entries = [[at, json.loads(line)] for at, line in shared.entries]
    content = {"vapor": 1, "view": shared.view, "ids": shared.ids, "now": shared.now, "entries": entries}
    return json.dumps(content, separators=(",", ":")).encode()


def from_file(name: str, content: bytes) -> Shared:
    """What `to_file` wrote; whether it makes a world is `shared_store`'s question.

    Raises:
        InvalidUpload: one sentence.
    """
    shown = "".join(letter for letter in name if letter.isprintable())[:80] or "the file"
    if len(content) > LARGEST_FILE:
        raise InvalidUpload(
            f"{shown} has {len(content) / 1e6:,.0f} MB; a workspace has {LARGEST_FILE / 1e6:.0f} at most"
        )
    try:
        match json.loads(content.decode("utf-8-sig")):
            case {"vapor": 1, "now": int() | float() as now, "entries": [*entries]} if abs(now) < 1e12:
                read = tuple((float(at), json.dumps(event)) for at, event in entries)
                return Shared("workspace", (), float(now), read)
            case {"vapor": int() as version} if version > 1:
                raise InvalidUpload(f"{shown} was written by a newer Vapor")
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise InvalidUpload(f"{shown} is torn or no workspace file; export it anew") from None
    raise InvalidUpload(f"{shown} is no workspace file; give one that Vapor exported")


def _part(world: World, view: View, ids: tuple[str, ...]) -> _Part:
    whole = view == "workspace"
    shareable = _shareable(world)
    named = ids if view == "deployment" else ()
    deployments = {key: world.deployment(key) for key in (world.deployments if whole else named)}
    served = {
        key: {revision.job_id for revision in record.revisions} | {back.job_id for back in record.standby}
        for key, record in deployments.items()
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
        real = record.config.backend not in ("simulated", "imported")
        if not real and (parent is None or parent.job_id in known):
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
        if record.config.backend == "simulated":
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


def _kept(event: Action, part: _Part) -> Action | None:
    """An event as far as it belongs to a part."""
    if isinstance(event, Adopted):
        deeds = [(at_s, deed) for at_s, each in event.past if isinstance(deed := _kept(each, part), Deed)]
        return Adopted(past=tuple(deeds)) if deeds else None
    if not _belongs(event, part):
        return None
    if isinstance(event, JobSubmitted) and event.job_id in part.strangers:
        config = event.config.model_copy(update={"name": ""})
        return event.model_copy(update={"name": _STRANGER, "config": config})
    return event


def _belongs(event: Action, part: _Part) -> bool:
    if isinstance(event, DatasetAdded | ModelAdded):
        return part.whole  # what a job uses of these is in its own configuration
    if isinstance(event, Renamed):
        return event.id in (part.jobs - part.strangers) | part.deployments
    if isinstance(event, Deployed | Scaled | Redeployed | DeploymentStopped):
        return event.deployment_id in part.deployments
    return isinstance(event, SpeedSet | TimeSkipped) or getattr(event, "job_id", None) in part.jobs


def _checked(shared: Shared) -> tuple[Entry, ...]:
    """The entries, each allowed by itself.

    Raises:
        InvalidLink: names the first that is not.
    """
    entries: list[Entry] = []
    jobs: set[str] = set()
    deployments: set[str] = set()
    last, numbers = -1e12, 0
    for number, (at, line) in enumerate(shared.entries, start=1):
        try:
            event = decode(line, f"event {number}")
            if not last <= at <= shared.now:
                raise InvalidLink(f"event {number} is out of order")
            for deed in [deed for _, deed in event.past] if isinstance(event, Adopted) else [event]:
                numbers += deed.rows * len(deed.columns) if isinstance(deed, LogImported) else 0
                if numbers > MOST_NUMBERS:
                    raise InvalidLink(f"the logs in it have more than {MOST_NUMBERS:,} numbers")
                _check(deed, jobs, deployments)
        except InvalidLink:
            raise
        except VaporError as error:
            raise InvalidLink(f"what was shared holds something that Vapor does not do: {error}") from None
        last = at
        entries.append(Entry(number, at, event))
    if len(jobs) > MOST_JOBS or len(deployments) > MOST_DEPLOYMENTS:
        raise InvalidLink(
            f"it holds {len(jobs):,} jobs and {len(deployments):,} endpoints; at most {MOST_JOBS} and "
            f"{MOST_DEPLOYMENTS} can be shared"
        )
    return tuple(entries)


def _check(event: Action, jobs: set[str], deployments: set[str]) -> None:
    """What the store would have refused when it was done."""
    for name, pattern in (("job_id", _JOB), ("parent_id", _JOB), ("deployment_id", _DEPLOYMENT)):
        value = getattr(event, name, None)
        if value is not None and not pattern.fullmatch(value):
            raise InvalidLink(f"what was shared names {str(value)[:40]!r}, which is no id")
    if isinstance(event, Membership):
        raise InvalidLink("what was shared holds somebody's invitation; it carries work alone")
    shown = getattr(event, "name", "x")
    if not 0 < len(shown) <= 200 or any(ord(letter) < 32 for letter in shown):
        raise InvalidLink("what was shared has a name that is not one line of 1 to 200 characters")
    if isinstance(event, SpeedSet):
        desk.speed_set(event.speed)
    elif isinstance(event, TimeSkipped):
        desk.time_skipped(event.seconds)
    elif isinstance(event, Deployed | Scaled):
        desk.replica_range((event.replicas_min, event.replicas_max))
    if isinstance(event, JobSubmitted | LogImported):
        _check_job(event, jobs)
        jobs.add(event.job_id)
    elif isinstance(event, Deployed):
        if event.deployment_id in deployments:
            raise InvalidLink(f"{event.deployment_id} comes twice in what was shared")
        deployments.add(event.deployment_id)


def _check_job(event: JobSubmitted | LogImported, jobs: set[str]) -> None:
    if event.job_id in jobs:
        raise InvalidLink(f"{event.job_id} comes twice in what was shared")
    if isinstance(event, LogImported):
        unpacked(event)
        return
    if event.config.backend != "simulated":
        raise InvalidLink("only simulated jobs can be shared")
    card = catalog.accelerator(event.config.accelerator)
    if event.config.accelerator_count > card.capacity:
        raise InvalidLink(f"{event.job_id} has more accelerators than there are")
    if (event.parent_id is None) != (event.fork_step is None) or (event.fork_step or 0) < 0:
        raise InvalidLink(f"{event.job_id} is half a fork")


def _in_bounds(entries: Iterable[Entry], now: float) -> None:
    """See that looking takes little time, before anything is computed."""
    world = World()
    for entry in entries:
        world.apply(entry.event, entry.at)
    end_s = world.timeline.at(max(now, world.timeline.last or 0.0))
    served = [(each.ended_s or end_s) - each.created_s for each in world.deployments.values()]
    if sum(max(seconds, 0.0) for seconds in served) / TICK_S > MOST_TICKS:
        raise InvalidLink("the endpoints in it have served for longer than a link may show")


def _bounded(store: Store) -> None:
    """Look at everything once, so that nothing fails later."""
    for job in store.jobs(include_deleted=True):
        if not isfinite(job.elapsed_s) or (job.fork_step or 0) > job.total_steps:
            raise InvalidLink(f"{job.id} in what was shared cannot be")
