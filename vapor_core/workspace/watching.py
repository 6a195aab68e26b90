"""What rules that watch jobs demand: each becomes an event, or an error. Whether a case came to pass is `watch`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vapor_core.errors import ForbiddenTransition, InvalidConfig, NotFound
from vapor_core.journal.other_events import RuleFired, RuleForgotten, RuleKept, RuleSeen

if TYPE_CHECKING:
    from vapor_core.workspace.live import LiveWorkspace

# What each kind of rule counts its threshold in; the others have none.
THRESHOLDS = {
    "over_budget": "dollars",
    "over_time": "hours",
    "slower_than_rehearsed": "percent",
    "no_heartbeat": "minutes",
}


def kept(rule: RuleKept) -> RuleKept:
    """A rule watches from now on."""
    if not rule.name.strip() or any(ord(letter) < 32 for letter in rule.name):
        raise InvalidConfig({"name": "a rule's name should be one line of 1 to 200 characters"})
    unit = THRESHOLDS.get(rule.watched_for)
    if unit is not None and not rule.threshold:
        raise InvalidConfig({"threshold": f"{rule.watched_for} needs a threshold above 0, in {unit}"})
    if rule.webhook and not rule.webhook.startswith(("http://", "https://")):
        raise InvalidConfig({"webhook": "a webhook is an address that begins with http:// or https://"})
    return rule


def forgotten(live: LiveWorkspace, name: str) -> RuleForgotten:
    """A rule watches no more."""
    if name not in live.world.rules:
        known = ", ".join(live.world.rules) or "none yet"
        raise NotFound(f"there is no rule {name[:60]!r}; there are: {known[:300]}")
    return RuleForgotten(name=name)


def fired(live: LiveWorkspace, told: RuleFired) -> RuleFired:
    """A rule's case came to pass, once for each job."""
    live.world.job(told.job_id)
    if told.name not in live.world.rules:
        raise ForbiddenTransition(f"the rule {told.name!r} was forgotten meanwhile")
    if any((each.name, each.job_id) == (told.name, told.job_id) for each in live.world.fired):
        raise ForbiddenTransition(f"the rule {told.name!r} has told of {told.job_id} already")
    return told


def seen(live: LiveWorkspace, job_id: str) -> RuleSeen:
    """A person has seen what was told of a job."""
    live.world.job(job_id)
    return RuleSeen(job_id=job_id)
