"""What was shared becomes a world again, and is believed only after every event was checked.

`checks` reads the events one by one; here is what can be seen of all of them together.
"""

from collections.abc import Iterable
from math import isfinite

from vapor_core.contracts.columns import TICK_S
from vapor_core.errors import InvalidLink, JournalError, VaporError
from vapor_core.journal.events import Action, Adopted, LogImported
from vapor_core.journal.other_events import SpeedSet, TimeSkipped
from vapor_core.journal.read_only import ReadOnlyJournal
from vapor_core.journal.records import Entry
from vapor_core.readers.edge import one_sentence
from vapor_core.sharing.checks import checked
from vapor_core.sharing.links import Shared
from vapor_core.workspace.adoption import Past
from vapor_core.workspace.clocks.timeline import Timeline
from vapor_core.workspace.store import Store
from vapor_core.workspace.world import World

TOLD_LOGS = 5  # named in a sentence
MOST_TICKS = 3_000_000  # of all endpoints together: a second of computing where they are all drawn
# Of all jobs together, and of one, of which more are drawn from samples: seconds of computing where all are drawn
MOST_STEPS, COUNTED_STEPS = 40_000_000, 2_000_000


@one_sentence(InvalidLink, "what was shared")
def shared_store(shared: Shared) -> Store:
    """The world that was shared, standing still at its instant; it refuses every action.

    Its `notices` say which of its figures no law stands behind: those of imported logs.

    Raises:
        InvalidLink: where the entries make no world; one sentence.
    """
    try:
        entries = checked(shared)
        told = imported_notice(entries)
        store = Store(ReadOnlyJournal(entries, notices=told), "shared")
        if len(store.notices) > len(told):
            raise InvalidLink(f"what was shared does not hold together: {store.notices[-1]}")
        _check_shown(store.world, shared)
        _check_span(store.world, shared.now)
        store.advance(now=shared.now)
        _check_jobs(store)
    except InvalidLink:
        raise
    except JournalError as error:
        raise InvalidLink(f"what was shared does not hold together: {error}") from None
    except VaporError as error:
        raise InvalidLink(f"what was shared cannot be shown: {error}") from None
    except (
        LookupError,
        ArithmeticError,
        ValueError,
    ):  # whatever no check foresaw: the events are a stranger's
        raise InvalidLink("what was shared does not hold together; ask for a new link") from None
    return store


def imported_notice(entries: Iterable[Entry]) -> tuple[str, ...]:
    """One sentence where figures come from files of the sharer's, which a signature vouches for no more than a link."""
    done = [
        action
        for entry in entries
        for action in (
            [each for _, each in entry.event.past] if isinstance(entry.event, Adopted) else [entry.event]
        )
    ]
    logs = [action.job_id for action in done if isinstance(action, LogImported)]
    if not logs:
        return ()
    shown = ", ".join(logs[:TOLD_LOGS]) + (
        f" and {len(logs) - TOLD_LOGS} more" if len(logs) > TOLD_LOGS else ""
    )
    come, figures = ("comes", "its figures") if len(logs) == 1 else ("come", "their figures")
    return (
        f"{shown} {come} from log files of whoever shared this: {figures} are what the files said, not what Vapor "
        "computed, and nobody has checked them.",
    )


def past(shared: Shared) -> Past:
    """What was done in it, by the simulated seconds before its instant, for `Store.adopt`."""
    timeline = Timeline()
    actions: list[tuple[float, Action]] = []
    for entry in checked(shared):
        timeline.note(entry.at)
        at_s = timeline.at(entry.at)
        if isinstance(entry.event, SpeedSet):
            timeline.bend(entry.at, entry.event.speed)
        elif isinstance(entry.event, TimeSkipped):
            timeline.bend(entry.at, timeline.speed, entry.event.seconds)
        elif isinstance(entry.event, Adopted):
            actions += [(at_s + before_s, action) for before_s, action in entry.event.past]
        elif isinstance(entry.event, Action):
            actions.append((at_s, entry.event))
    end_s = timeline.at(shared.now)
    return tuple((min(at_s - end_s, 0.0), action) for at_s, action in actions)


def _check_shown(world: World, shared: Shared) -> None:
    """What the link opens is in it."""
    there = world.deployments if shared.view == "deployment" else world.jobs
    for key in shared.ids:
        if key not in there:
            raise InvalidLink(f"the link opens {key[:40]!r}, which is not in it")


def _check_span(world: World, now: float) -> None:
    """Looking takes little time; nothing has been computed yet."""
    end_s = world.timeline.at(max(now, world.timeline.last or 0.0))
    served = [(each.ended_s or end_s) - each.created_s for each in world.deployments.values()]
    if sum(max(seconds, 0.0) for seconds in served) / TICK_S > MOST_TICKS:
        raise InvalidLink("the endpoints in it have served for longer than a link may show")


def _check_jobs(store: Store) -> None:
    """Each job has used a finite time, a fork begins within its run, and all can be drawn."""
    for job in store.jobs(include_deleted=True):
        if not isfinite(job.elapsed_s):
            raise InvalidLink(f"{job.id} in what was shared never ends")
        if (job.fork_step or 0) > job.total_steps:
            raise InvalidLink(f"{job.id} in what was shared is a fork from a step after its end")
    if sum(min(job.total_steps, COUNTED_STEPS) for job in store.jobs(include_deleted=True)) > MOST_STEPS:
        raise InvalidLink(
            f"the jobs in it have more than {MOST_STEPS:,} steps together, of each the first {COUNTED_STEPS:,} "
            "counted; share a part of it"
        )
