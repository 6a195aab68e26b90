"""Looks after a workspace's live jobs by its rules: what comes to pass is recorded once, and may stop a job.

Whoever looks records it, a page or a server; of several, one. What came to pass while nobody looked is found at the
next look, since all of a job's points are looked at, and jobs too that have ended since the rule began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

from vapor_core.contracts.lifecycle import JOB_ENDS
from vapor_core.errors import VaporError
from vapor_core.journal.other_events import RuleFired
from vapor_core.watch.cases import OF_POINTS, Case, Seen, case

if TYPE_CHECKING:
    import pandas as pd

    from vapor_core.contracts.workspace import Job
    from vapor_core.journal.other_events import RuleKept
    from vapor_core.workspace.store import Store

POINTS = 2_000  # of a job that are looked at
POINTS_AT_ONCE = 8  # jobs whose points are looked at in one look; the others come in the next ones
SHARE = 0.01  # of a run that is new, before its points are looked at again


@dataclass(slots=True)
class Heard:
    """When a job was last heard of."""

    step: int
    at: float  # by the caller's clock
    looked: float = nan  # the share of it at which its points were looked at


@dataclass(slots=True)
class Watcher:
    """One workspace, as one process or session watches it."""

    _heard: dict[str, Heard] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)  # jobs that were looked at to their ends
    _turn: int = 0

    def look(self, store: Store, *, now: float) -> list[RuleFired]:
        """Record what has come to pass since the last look, and stop what is to be stopped; what this look recorded.

        Raises:
            JournalError: where the workspace cannot be written to now.
        """
        rules = store.rules()
        if not rules:
            return []
        told = {(each.name, each.job_id) for each in store.fired()}
        wanted = {
            job.id: [
                rule for rule in rules if (rule.name, job.id) not in told and self._watches(store, rule, job)
            ]
            for job in store.jobs()
            if job.id not in self._done
        }
        recorded: list[RuleFired] = []
        for place, job_id in enumerate(self._in_turn([job_id for job_id, some in wanted.items() if some])):
            recorded += self._look_at(store, store.job(job_id), wanted[job_id], now, place < POINTS_AT_ONCE)
        return recorded

    def _watches(self, store: Store, rule: RuleKept, job: Job) -> bool:
        """Whether a rule is about a job that goes on, or has ended since the rule began."""
        if rule.jobs and job.id not in rule.jobs:
            return False
        if job.live or job.status in ("lost", "paused"):
            return True
        return job.ended_s is not None and job.ended_s >= store.rule_since(rule.name)

    def _in_turn(self, jobs: list[str]) -> list[str]:
        self._turn = (self._turn + POINTS_AT_ONCE) % max(len(jobs), 1) if len(jobs) > POINTS_AT_ONCE else 0
        return jobs[self._turn :] + jobs[: self._turn]

    def _look_at(
        self, store: Store, job: Job, rules: list[RuleKept], now: float, may_read: bool
    ) -> list[RuleFired]:
        able = store.abilities(job.id)
        heard = self._heard.setdefault(job.id, Heard(job.step, now))
        if heard.step != job.step:
            heard.step, heard.at = job.step, now
        reads = may_read and self._is_due(job, heard) and any(rule.watched_for in OF_POINTS for rule in rules)
        points = store.metrics(job.id).frame(POINTS) if reads else _nothing()
        heard.looked = job.progress if reads else heard.looked
        seen = Seen(job, points, able.has_cost, now - heard.at if able.is_real and job.live else 0.0)
        recorded: list[RuleFired] = []
        for rule in rules:
            found = case(rule, seen)
            if found is not None:
                recorded += self._record(store, rule, job, found, now)
        if job.status in JOB_ENDS and (reads or may_read):
            self._done.add(job.id)  # it was looked at to its end
        return recorded

    def _is_due(self, job: Job, heard: Heard) -> bool:
        """Whether enough of it is new."""
        if job.status in JOB_ENDS or not job.total_steps:
            return True
        return not job.progress - heard.looked < SHARE

    def _record(self, store: Store, rule: RuleKept, job: Job, found: Case, now: float) -> list[RuleFired]:
        """Record it, unless another one was faster; then stop the job, where that is wanted and can be done."""
        stops = rule.stops and store.abilities(job.id).can_stop and job.live
        sentence = f"{found.sentence} It is stopped." if stops else found.sentence
        fired = RuleFired(name=rule.name, job_id=job.id, step=max(found.step, 0), sentence=sentence[:1000])
        try:
            store.fire(fired, now=now)
        except VaporError as error:
            if isinstance(error, LookupError) or "already" in str(error) or "forgotten" in str(error):
                return []
            raise
        if stops:
            try:
                store.stop(job.id, now=now)
            except VaporError:
                return [fired]  # it has ended meanwhile
        return [fired]


def _nothing() -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - loads for longer than the core

    return pd.DataFrame()
