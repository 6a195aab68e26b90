"""What comes into a workspace from outside it, as events: logs of real runs, and jobs of other workspaces.

Neither is asked of a backend, for it has already happened; what may be in a link is `sharing`'s question.
"""

from __future__ import annotations

from math import inf, isfinite, isnan
from typing import TYPE_CHECKING

from pydantic import ValidationError

from vapor_core.backends.followed.folders import logs_of, within
from vapor_core.backends.log_columns import packed
from vapor_core.backends.registry import abilities
from vapor_core.errors import ForbiddenTransition, InvalidConfig
from vapor_core.journal.codec import reread
from vapor_core.journal.events import (
    MOST_LETTERS,
    MOST_NOTES,
    Action,
    Adopted,
    Deployed,
    JobSubmitted,
    LogImported,
    Refused,
    Renamed,
    RunDescribed,
    RunFollowed,
    WorkspaceEvent,
)
from vapor_core.journal.read_only import ReadOnlyJournal
from vapor_core.journal.records import Entry

if TYPE_CHECKING:
    from vapor_core.contracts.training import JobConfig
    from vapor_core.readers.logs.run_log import RunLog
    from vapor_core.workspace.live import LiveWorkspace

LONGEST_PAST_S = 1e12  # simulated seconds: what a workspace can have seen at the highest speed in twelve days
Past = tuple[tuple[float, Action], ...]  # (simulated seconds before the present as 0 or less, what was done)


def log_imported(live: LiveWorkspace, log: RunLog, name: str) -> LogImported:
    """A log becomes a job that is over.

    Raises:
        InvalidConfig: where the name is none.
        InvalidUpload: where it is larger than a workspace keeps.
    """
    shown = "".join(letter for letter in name if letter.isprintable()).strip()[:200] or log.name
    columns, numbers = packed(shown, log.frame)
    return LogImported(
        job_id=next(live.world.next_jobs()),
        name=shown,
        rows=len(log.frame),
        columns=columns,
        packed=numbers,
        planned_steps=log.planned_steps,
        steps_done=log.steps_done,
        axis=None if log.axis == "step" else log.axis,
        summary={name: value for name, value in log.summary.items() if isfinite(value)} or None,
        notes=tuple(_readable(note) for note in log.warnings[:MOST_NOTES]) or None,
    )


def followed(live: LiveWorkspace, place: str, name: str) -> RunFollowed:
    """A run that another program does is followed by the log that it writes.

    Raises:
        InvalidUpload: there is no such place, or no log in it.
        ForbiddenTransition: it is followed already.
    """
    logs_of(within(place))
    for record in live.world.jobs.values():
        known = record.spec.followed
        if known is not None and (known.source, known.place) == ("file", place) and not record.deleted:
            raise ForbiddenTransition(f"{record.name} follows {place[:80]} already")
    shown = _readable(name)[:200].strip() or _readable(place.rstrip("/").rsplit("/", 1)[-1])[:200] or "a run"
    return RunFollowed(job_id=next(live.world.next_jobs()), name=shown, source="file", place=place)


def tracked(live: LiveWorkspace, run_id: str, name: str) -> RunFollowed:
    """A run that tells us of itself becomes a job."""
    shown = _readable(name)[:200].strip() or run_id[:200]
    return RunFollowed(job_id=next(live.world.next_jobs()), name=shown, source="tracking", place=run_id)


def described(live: LiveWorkspace, job_id: str, config: JobConfig) -> RunDescribed:
    """What a followed run trains is known.

    Raises:
        InvalidConfig: where the job is no followed run.
    """
    record = live.world.job(job_id)
    if record.spec.followed is None:
        raise InvalidConfig(f"{job_id} is no run that is followed; its configuration is what was submitted")
    chosen = tuple(sorted(config.model_fields_set - {"backend"}))
    return RunDescribed(job_id=job_id, config=config.changed(backend=record.config.backend), chosen=chosen)


def _readable(note: str) -> str:
    return "".join(letter for letter in note if letter.isprintable())[:MOST_LETTERS]


def adopted(live: LiveWorkspace, past: Past) -> Adopted:
    """Jobs and endpoints of another workspace join this one, under the next free ids.

    They are looked at by themselves first: what could not be shown does not come in.

    Raises:
        InvalidConfig: where there is nothing to take, or something that Vapor could not have done.
        JournalError: where it could not be read back.
    """
    if not past:
        raise InvalidConfig("there is nothing in it to make yours")
    names: dict[str, str] = {}
    jobs, deployments = live.world.next_jobs(), live.world.next_deployments()
    try:
        for _, action in past:
            if isinstance(action, JobSubmitted | LogImported):
                names[action.job_id] = next(jobs)
            elif isinstance(action, Deployed):
                names[action.deployment_id] = next(deployments)
        event = Adopted(past=tuple((_before(before_s), _renamed(action, names)) for before_s, action in past))
        _tried(live, reread(event))
    except ValidationError as error:
        raise InvalidConfig(f"it cannot be made yours: {error.errors(include_url=False)[0]['msg']}") from None
    except (LookupError, ArithmeticError, ValueError) as error:
        raise InvalidConfig(f"it cannot be made yours, since it does not hold together ({error})") from None
    return event


def _before(before_s: float) -> float:
    """Simulated seconds before the present, 0 or less."""
    if isnan(before_s) or before_s < -LONGEST_PAST_S:
        raise InvalidConfig("it cannot be made yours: what was done in it is dated too long ago")
    return min(before_s, 0.0)


def _tried(live: LiveWorkspace, event: WorkspaceEvent) -> None:
    """See that what comes in follows, can be told and goes on for long, in a workspace of its own."""
    for _, action in event.past if isinstance(event, Adopted) else ():
        if isinstance(action, JobSubmitted) and not abilities(action.config.backend).can_share:
            raise InvalidConfig("it cannot be made yours: only simulated jobs and logs can be taken over")
    alone = type(live)(ReadOnlyJournal([Entry(1, 0.0, event)]), live.workspace)
    alone.advance(0.0)
    if alone.notices:
        raise InvalidConfig(f"it cannot be made yours: {alone.notices[0].split(': ', 1)[-1]}")
    for key in (*alone.world.jobs, *alone.world.deployments):
        _ = alone.history(key, -inf, 0.0)
    _ = [(alone.job(key), alone.state(key, LONGEST_PAST_S)) for key in alone.world.jobs]
    _ = [alone.deployment(key) for key in alone.world.deployments]


def _renamed(action: Action, names: dict[str, str]) -> Action:
    """The same action under this workspace's ids."""
    fields = ("id",) if isinstance(action, Renamed | Refused) else ("job_id", "parent_id", "deployment_id")
    changes = {name: names[old] for name in fields if (old := getattr(action, name, None)) is not None}
    return action.model_copy(update=changes)
