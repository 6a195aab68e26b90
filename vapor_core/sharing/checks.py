"""Whether what was shared is something that Vapor could have done: each event by itself and after those before it."""

import re
from collections import Counter
from dataclasses import dataclass, field

from vapor_core import catalog
from vapor_core.backends.log_columns import unpacked
from vapor_core.backends.registry import abilities
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.errors import InvalidLink, VaporError
from vapor_core.journal.codec import decode
from vapor_core.journal.events import (
    Adopted,
    DemandChanged,
    Deployed,
    DeploymentStopped,
    Following,
    JobDeleted,
    JobPaused,
    JobRestored,
    JobResumed,
    JobStopped,
    JobSubmitted,
    Learnt,
    LogImported,
    Redeployed,
    Refused,
    Renamed,
    Scaled,
    WorkspaceEvent,
)
from vapor_core.journal.journal import Entry
from vapor_core.journal.other_events import (
    ClockCorrected,
    IdsReserved,
    Membership,
    SpeedSet,
    TimeSkipped,
    Watching,
)
from vapor_core.sharing.links import Shared
from vapor_core.workspace import actions

MOST_JOBS = 500
MOST_DEPLOYMENTS = 50
MOST_NUMBERS = 4_000_000  # of all imported logs together
# What a stranger's events may ask for, so that the first look takes a second at most: an event takes 0.1 ms to take in,
# a pause 0.1 ms to tell, another model at an endpoint 1 ms, and one never served before 20 ms
MOST_EVENTS = 10_000
MOST_INTERVENTIONS = 2_000  # on one job
MOST_REVISIONS = 500  # of all endpoints together, and
MOST_SERVED = 40  # different models on different cards among them
_JOB, _DEPLOYMENT = re.compile(r"job-[1-9]\d{0,8}"), re.compile(r"deployment-[1-9]\d{0,8}")


@dataclass(slots=True)
class _Known:
    """What the events so far have made.

    Attributes:
        jobs: id -> whether it ran here; an imported log did not, so it leaves nothing to fork or to serve.
        deployments: id -> how many revisions a rollback could go back to.
        numbers: of all imported logs together.
        events: how many, those that were adopted included.
        interventions: job id -> pauses and the like.
        revisions: of all endpoints together.
        models: job id -> what an endpoint that serves it serves.
        placed: deployment id -> card and precision.
        served: what is served where.
    """

    jobs: dict[str, bool] = field(default_factory=dict)
    deployments: dict[str, int] = field(default_factory=dict)
    numbers: int = 0
    events: int = 0
    interventions: Counter[str] = field(default_factory=Counter)
    revisions: int = 0
    models: dict[str, str | CatalogModel] = field(default_factory=dict)
    placed: dict[str, tuple[str | Accelerator, str]] = field(default_factory=dict)
    served: set[tuple[str | CatalogModel, str | Accelerator, str]] = field(default_factory=set)


def checked(shared: Shared) -> tuple[Entry, ...]:
    """The entries, each allowed.

    Raises:
        InvalidLink: names the first that is not.
    """
    entries: list[Entry] = []
    known = _Known()
    # Before any is read: an event has one kind, and so may each of its data sets
    named = sum(line.count('"kind"') for _, line in shared.entries)
    _within(max(len(shared.entries), named // 3), MOST_EVENTS, "events")
    last = -1e12
    for number, (at, line) in enumerate(shared.entries, start=1):
        try:
            event = decode(line, f"event {number}")
            if not last <= at <= shared.now:
                raise InvalidLink(f"event {number} is out of order")
            for action in [action for _, action in event.past] if isinstance(event, Adopted) else [event]:
                known.events += 1
                _within(known.events, MOST_EVENTS, "events")
                _check(action, known)
        except InvalidLink:
            raise
        except VaporError as error:
            raise InvalidLink(f"what was shared holds something that Vapor does not do: {error}") from None
        last = at
        entries.append(Entry(number, at, event))
    if len(known.jobs) > MOST_JOBS or len(known.deployments) > MOST_DEPLOYMENTS:
        raise InvalidLink(
            f"it holds {len(known.jobs):,} jobs and {len(known.deployments):,} endpoints; at most {MOST_JOBS} and "
            f"{MOST_DEPLOYMENTS} can be shared"
        )
    return tuple(entries)


def _within(count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidLink(f"what was shared holds more than {most:,} {what}; share a part of it")


def _check(event: WorkspaceEvent, known: _Known) -> None:
    """What the store would have refused when it was done."""
    if isinstance(event, Membership | ClockCorrected | IdsReserved | Learnt | Watching | Following):
        raise InvalidLink(
            "what was shared holds somebody's invitation, clock, calibration, rules or followed runs; it carries "
            "simulated work alone"
        )
    if isinstance(event, Refused):
        raise InvalidLink("what was shared holds what a backend refused; it carries simulated work alone")
    _check_words(event)
    if isinstance(event, SpeedSet):
        actions.speed_set(event.speed)  # raises where the speed is none
    elif isinstance(event, TimeSkipped):
        actions.time_skipped(event.seconds)  # raises where the seconds are none
    elif isinstance(event, JobSubmitted | LogImported):
        _check_new_job(event, known)
    elif isinstance(event, Deployed | Scaled | DemandChanged | Redeployed | DeploymentStopped):
        _check_deployment(event, known)
    elif isinstance(event, JobPaused | JobResumed | JobStopped | JobDeleted | JobRestored):
        _check_job(event.job_id, known)
        known.interventions[event.job_id] += 1
        _within(
            known.interventions[event.job_id], MOST_INTERVENTIONS, f"pauses and the like of {event.job_id}"
        )
    elif isinstance(event, Renamed) and event.id not in known.jobs and event.id not in known.deployments:
        raise InvalidLink(f"what was shared renames {event.id[:40]!r}, which is not in it")


def _check_words(event: WorkspaceEvent) -> None:
    """Ids that are ids, and names that are one line."""
    for name, pattern in (("job_id", _JOB), ("parent_id", _JOB), ("deployment_id", _DEPLOYMENT)):
        value = getattr(event, name, None)
        if value is not None and not pattern.fullmatch(value):
            raise InvalidLink(f"what was shared names {str(value)[:40]!r}, which is no id")
    shown = getattr(event, "name", "x")
    if not 0 < len(shown) <= 200 or any(ord(letter) < 32 for letter in shown):
        raise InvalidLink("what was shared has a name that is not one line of 1 to 200 characters")


def _check_job(job_id: str, known: _Known) -> None:
    if job_id not in known.jobs:
        raise InvalidLink(f"what was shared acts on {job_id} before there is one")


def _check_run(job_id: str, known: _Known, what: str) -> None:
    _check_job(job_id, known)
    if not known.jobs[job_id]:
        raise InvalidLink(f"what was shared {what} {job_id}, which is an imported log")


def _check_new_job(event: JobSubmitted | LogImported, known: _Known) -> None:
    if event.job_id in known.jobs:
        raise InvalidLink(f"{event.job_id} comes twice in what was shared")
    if isinstance(event, LogImported):
        known.numbers += event.rows * len(event.columns)
        if known.numbers > MOST_NUMBERS:
            raise InvalidLink(f"the logs in it have more than {MOST_NUMBERS:,} numbers")
        unpacked(event)  # raises where its columns are damaged
    else:
        _check_config(event)
        if event.parent_id is not None:
            _check_run(event.parent_id, known, "forks")
        known.models[event.job_id] = event.config.model
    known.jobs[event.job_id] = isinstance(event, JobSubmitted)


def _check_config(event: JobSubmitted) -> None:
    config = event.config
    if not abilities(config.backend).is_simulated:
        raise InvalidLink("only simulated jobs can be shared")
    catalog.model(config.model)  # each raises where the catalog has no such entry
    catalog.dataset(config.dataset)
    card = catalog.accelerator(config.accelerator)
    if config.accelerator_count > card.capacity:
        raise InvalidLink(f"{event.job_id} has more accelerators than there are")
    if (event.parent_id is None) != (event.fork_step is None) or (event.fork_step or 0) < 0:
        raise InvalidLink(f"{event.job_id} is half a fork")


def _check_deployment(
    event: Deployed | Scaled | DemandChanged | Redeployed | DeploymentStopped, known: _Known
) -> None:
    key = event.deployment_id
    if isinstance(event, Deployed) == (key in known.deployments):
        trouble = (
            "comes twice in what was shared" if key in known.deployments else "is not in what was shared"
        )
        raise InvalidLink(f"{key} {trouble}")
    if isinstance(event, Deployed | Redeployed):
        _check_run(event.job_id, known, "serves")
    if isinstance(event, Deployed | Scaled):
        actions.replica_range((event.replicas_min, event.replicas_max))  # raises where it is no range
    if isinstance(event, Deployed):
        if not abilities(event.backend).is_simulated:
            raise InvalidLink("only simulated deployments can be shared")
        catalog.accelerator(event.accelerator)  # raises where the catalog has none of that id
        known.deployments[key] = 0
        known.placed[key] = (event.accelerator, event.precision)
    elif isinstance(event, Redeployed):
        known.deployments[key] += -1 if event.rolled_back else 1
        if known.deployments[key] < 0:
            raise InvalidLink(f"{key} goes back to a revision that it never had")
    if isinstance(event, Deployed | Redeployed | DemandChanged):
        known.revisions += 1
    if isinstance(event, Deployed | Redeployed):
        known.served.add((known.models[event.job_id], *known.placed[key]))
        _within(known.revisions, MOST_REVISIONS, "models served one after the other")
        _within(len(known.served), MOST_SERVED, "different models at its endpoints")
