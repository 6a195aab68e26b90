"""What Vapor could not have done is refused with the reason, and is folded into a world once."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from shared_world import CONFIG, a_world

from vapor_core.backends.log_columns import packed
from vapor_core.errors import InvalidLink
from vapor_core.journal.codec import encode
from vapor_core.journal.events import Deployed, JobSubmitted, LogImported, Redeployed, Scaled
from vapor_core.journal.other_events import Invited
from vapor_core.sharing import selection, validation
from vapor_core.workspace.store import Store
from vapor_core.workspace.world import World


def tampered(shared, number, **changes):
    at, line = shared.entries[number]
    event = {**json.loads(line), **changes}
    return replace(
        shared, entries=(*shared.entries[:number], (at, json.dumps(event)), *shared.entries[number + 1 :])
    )


MODEL = {"model": "HuggingFaceTB/SmolLM2-135M"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"job_id": "../../etc/passwd"}, "which is no id"),
        ({"name": "two\nlines"}, "one line of 1 to 200"),
        ({"name": ""}, "one line of 1 to 200"),
        ({"parent_id": "job-77", "fork_step": 3}, "acts on job-77 before there is one"),
        ({"parent_id": "job-1", "fork_step": 3}, "acts on job-1 before there is one"),  # itself
        ({"parent_id": "job-1"}, "half a fork"),
        ({"fork_step": -1}, "half a fork"),
        ({"kind": "speed_set", "speed": 1e300}, "speed"),
        ({"kind": "time_skipped", "seconds": -5.0}, "seconds"),
        ({"kind": "job_paused", "job_id": "job-5"}, "acts on job-5 before there is one"),
        ({"kind": "renamed", "id": "job-5"}, "renames 'job-5', which is not in it"),
        ({"kind": "deployment_stopped", "deployment_id": "deployment-1"}, "deployment-1 is not in what"),
        ({"kind": "self_destruct"}, "knows no event 'self_destruct'"),
        ({"version": 7}, "version 7 of job_submitted is not known here; a newer Vapor"),
        ({"version": "\0\n"}, r"version '\x00\n' of job_submitted is not known here"),
        ({"config": {"model": "no-such-model"}}, "no model 'no-such-model'"),
        ({"config": {**MODEL, "dataset": "no-such-data"}}, "no dataset 'no-such-data'"),
        ({"config": {**MODEL, "accelerator": "no-such-card"}}, "no accelerator 'no-such-card'"),
        ({"config": {**MODEL, "backend": "local"}}, "only simulated jobs"),
        ({"config": {**MODEL, "accelerator_count": 1000000}}, "more accelerators than there are"),
        ({"config": None}, "config"),
    ],
)
def test_an_event_that_vapor_would_not_have_done_is_refused_with_the_reason(changes, words):
    mine = Store()
    mine.submit(CONFIG, now=0.0)
    mine.advance(now=9.0)
    shared = selection.share(mine, "workspace")
    with pytest.raises(InvalidLink, match=re.escape(words)) as refused:
        validation.shared_store(tampered(shared, 0, **changes))
    assert "\n" not in str(refused.value)


def with_more(shared, *events):
    """What was shared, and events after it."""
    more = tuple((shared.now, encode(event)) for event in events)
    return replace(shared, entries=(*shared.entries, *more))


DEPLOYED = Deployed(
    deployment_id="deployment-2", name="x", job_id="job-1", accelerator="nvidia-l4", replicas_min=1, replicas_max=1,
    traffic="steady", precision="bf16",
)  # fmt: skip
ROLLBACK = Redeployed(deployment_id="deployment-1", job_id="job-1", rolled_back=True)
COLUMNS, NUMBERS = packed("a log", pd.DataFrame({"step": [1, 2], "loss": [3.0, 2.0]}))
LOG = LogImported(job_id="job-9", name="a log", rows=2, columns=COLUMNS, packed=NUMBERS)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((DEPLOYED.model_copy(update={"deployment_id": "deployment-1"}),), "deployment-1 comes twice"),
        ((DEPLOYED.model_copy(update={"job_id": "job-8"}),), "acts on job-8 before there is one"),
        ((DEPLOYED.model_copy(update={"accelerator": "none"}),), "no accelerator 'none'"),
        ((DEPLOYED.model_copy(update={"replicas_min": 3}),), "replicas are the fewest and the most"),
        (
            (Scaled(deployment_id="deployment-1", replicas_min=0, replicas_max=10**9),),
            "replicas are the fewest",
        ),
        (
            (Scaled(deployment_id="deployment-7", replicas_min=1, replicas_max=2),),
            "deployment-7 is not in what",
        ),
        ((ROLLBACK, ROLLBACK), "goes back to a revision that it never had"),  # it has one to go back to
        ((LOG, LOG), "job-9 comes twice"),
        ((LOG.model_copy(update={"packed": "AAAA"}),), "is damaged"),
        ((LOG, DEPLOYED.model_copy(update={"job_id": "job-9"})), "serves job-9, which is an imported log"),
        ((LOG, JobSubmitted.of("job-10", "x", CONFIG, "job-9", 1)), "forks job-9, which is an imported log"),
        ((JobSubmitted.of("job-10", "x", CONFIG, "job-1", 10**6),), "a step after its end"),
        ((Invited(workspace="w", digest="d", role="viewer", by="b"),), "somebody's invitation"),
    ],
)
def test_an_event_that_does_not_follow_is_refused_with_the_reason(events, words):
    shared = with_more(selection.share(a_world(), "workspace"), *events)
    with pytest.raises(InvalidLink, match=re.escape(words)):
        validation.shared_store(shared)


def test_an_event_that_follows_is_taken():
    shared = with_more(selection.share(a_world(), "workspace"), DEPLOYED, ROLLBACK, LOG)
    theirs = validation.shared_store(shared)
    assert [each.id for each in theirs.deployments()] == ["deployment-1", "deployment-2"]
    assert theirs.deployment("deployment-1").job_id == "job-1"
    assert theirs.job("job-9").status == "completed"


@pytest.mark.parametrize(
    ("view", "key"),
    [("job", "job-77"), ("job", "deployment-1"), ("deployment", "job-1"), ("comparison", "x" * 99)],
)
def test_a_link_that_opens_what_it_does_not_hold_says_so(view, key):
    shared = replace(selection.share(a_world(), "workspace"), view=view, ids=(key,))
    with pytest.raises(InvalidLink, match=f"the link opens '{key[:40]}', which is not in it"):
        validation.shared_store(shared)


@pytest.mark.parametrize(
    "order", [lambda each: each[::-1], lambda each: each[1:2] + each[:1]], ids=["back", "swap"]
)
def test_entries_out_of_order_are_refused(order):
    shared = selection.share(a_world(), "workspace")
    with pytest.raises(InvalidLink, match="event 2 is out of order"):
        validation.shared_store(replace(shared, entries=order(shared.entries)))


def test_entries_that_come_twice_are_refused():
    shared = selection.share(a_world(), "workspace")
    submitted = next(entry for entry in shared.entries if "job_submitted" in entry[1])
    with pytest.raises(InvalidLink, match="job-1 comes twice"):
        validation.shared_store(replace(shared, entries=(submitted, submitted)))


def test_a_shared_workspace_is_folded_once(monkeypatch):
    """It was folded once for its bounds and once more for the store."""
    shared = selection.share(a_world(), "workspace")
    folded, take = [], World.take
    monkeypatch.setattr(World, "take", lambda self, change: folded.append(change) or take(self, change))
    validation.shared_store(shared)
    assert len(folded) == len(shared.entries)
