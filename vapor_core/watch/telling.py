"""Sends what a rule has found to where the rule says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vapor_core.hub.webhook import Messenger, message

if TYPE_CHECKING:
    from vapor_core.journal.other_events import RuleFired
    from vapor_core.workspace.store import Store


def tell(store: Store, fired: RuleFired, messenger: Messenger) -> None:
    """Have the rule's webhook told, where it has one."""
    rule = next((each for each in store.rules() if each.name == fired.name), None)
    if rule is not None and rule.webhook:
        job = store.job(fired.job_id)
        about = {"id": job.id, "name": job.name, "status": job.status, "step": job.step}
        messenger.send(rule.webhook, message(fired.name, about, fired.sentence, fired.step))
