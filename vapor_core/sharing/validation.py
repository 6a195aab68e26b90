"""What was shared becomes a world again, and is believed only after every event was checked."""

import re
from collections.abc import Iterable
from math import isfinite

from vapor_core import catalog
from vapor_core.errors import InvalidLink, JournalError, VaporError
from vapor_core.journal.events import (
    Action,
    Adopted,
    Deployed,
    JobSubmitted,
    LogImported,
    Membership,
    Scaled,
    SpeedSet,
    TimeSkipped,
    WorkspaceEvent,
    decode,
)
from vapor_core.journal.journal import Entry
from vapor_core.journal.log_columns import unpacked
from vapor_core.journal.read_only import ReadOnlyJournal
from vapor_core.sharing.links import Shared
from vapor_core.simulation.endpoint import TICK_S
from vapor_core.workspace import actions
from vapor_core.workspace.adoption import Past
from vapor_core.workspace.store import Store
from vapor_core.workspace.timeline import Timeline
from vapor_core.workspace.world import World

MOST_JOBS = 500
MOST_DEPLOYMENTS = 50
MOST_NUMBERS = 4_000_000  # of all imported logs together
MOST_TICKS = 5_000_000  # of all endpoints together: some seconds of computing where they are all drawn
_JOB, _DEPLOYMENT = re.compile(r"job-[1-9]\d{0,8}"), re.compile(r"deployment-[1-9]\d{0,8}")


def shared_store(shared: Shared) -> Store:
    """The world that was shared, standing still at its instant; it refuses every action.

    Raises:
        InvalidLink: where the entries make no world; one sentence.
    """
    try:
        entries = _checked(shared)
        _in_bounds(entries, shared.now)
        store = Store(ReadOnlyJournal(entries), "shared")
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
    actions: list[tuple[float, Action]] = []
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
            actions += [(at_s + before_s, action) for before_s, action in entry.event.past]
        else:
            actions.append((at_s, entry.event))
    end_s = timeline.at(shared.now)
    return tuple((min(at_s - end_s, 0.0), action) for at_s, action in actions)


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
            for action in [action for _, action in event.past] if isinstance(event, Adopted) else [event]:
                numbers += action.rows * len(action.columns) if isinstance(action, LogImported) else 0
                if numbers > MOST_NUMBERS:
                    raise InvalidLink(f"the logs in it have more than {MOST_NUMBERS:,} numbers")
                _check(action, jobs, deployments)
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


def _check(event: WorkspaceEvent, jobs: set[str], deployments: set[str]) -> None:
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
        actions.speed_set(event.speed)
    elif isinstance(event, TimeSkipped):
        actions.time_skipped(event.seconds)
    elif isinstance(event, Deployed | Scaled):
        actions.replica_range((event.replicas_min, event.replicas_max))
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
