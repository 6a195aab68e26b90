"""What a link or a file carries shows the same world on the other side, and takes nothing on trust."""

import json
import re
import time
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidLink, InvalidUpload, JournalError
from vapor_core.journal.events import Deployed, Invited, JobSubmitted, Redeployed, Scaled, decode, encode
from vapor_core.journal.log_columns import packed
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, selection, validation
from vapor_core.sharing.links import Shared, pack, unpack
from vapor_core.workspace.store import Store
from vapor_core.workspace.world import World

CONFIG = JobConfig(
    model="HuggingFaceTB/SmolLM2-135M", dataset="mhenrichsen/alpaca_2k_test", max_steps=4000, method="full"
)


def points(store, key):
    return store.metrics(key).frame(max_points=4_000)


def a_world():
    """Two jobs and a fork with one paused for a while, an endpoint with two revisions, speeds and a leap."""
    store = Store(workspace="mine")
    store.set_speed(60.0, now=1000.0)
    first = store.submit(CONFIG, now=1001.0, name="first")
    second = store.submit(CONFIG.changed(learning_rate=3e-5, seed=3), now=1003.0, name="second")
    store.advance(now=1006.0)
    store.pause(first.id, now=1006.0)
    store.set_speed(600.0, now=1008.0)
    store.resume(first.id, now=1009.0)
    store.skip(36_000.0, now=1010.0)
    store.advance(now=1010.0)
    store.fork(first.id, step=100, changes={"learning_rate": 1e-5}, now=1011.0)
    endpoint = store.deploy(first.id, name="endpoint", now=1012.0)
    store.redeploy(endpoint.id, second.id, now=1013.0)
    store.submit(CONFIG.changed(seed=9), now=1014.0, name="not shared")
    store.advance(now=1020.0)
    return store


def over_there(store, view, *ids):
    return validation.shared_store(unpack(pack(selection.share(store, view, ids))))


@pytest.mark.parametrize(
    ("view", "ids"),
    [
        ("job", ("job-2",)),
        ("job", ("job-3",)),
        ("comparison", ("job-1", "job-3")),
        ("deployment", ("deployment-1",)),
        ("workspace", ()),
    ],
)
def test_a_link_shows_the_same_on_the_other_side(view, ids):
    mine = a_world()
    theirs = over_there(mine, view, *ids)
    shown = ids or tuple(each.id for each in (*mine.jobs(), *mine.deployments()))
    assert theirs.clock.simulated_s == mine.clock.simulated_s
    for key in shown:
        pd.testing.assert_frame_equal(points(theirs, key), points(mine, key))
        assert theirs.events(key) == mine.events(key)
        one = key.startswith("job")
        assert (theirs.job(key) if one else theirs.deployment(key)) == (
            mine.job(key) if one else mine.deployment(key)
        )


def test_a_part_has_what_it_needs_and_no_more():
    mine = a_world()
    assert {job.id for job in over_there(mine, "job", "job-2").jobs()} == {"job-2"}
    assert {job.id for job in over_there(mine, "job", "job-3").jobs()} == {"job-1", "job-3"}
    assert not over_there(mine, "job", "job-1").deployments()


def test_who_waited_in_line_waits_on_the_other_side_and_the_others_are_nameless():
    mine = Store()
    big = CONFIG.changed(accelerator_count=256, accelerator="nvidia-l4", name="secret project")
    mine.submit(big, now=0.0)
    waiting = mine.submit(CONFIG.changed(accelerator="nvidia-l4"), now=1.0, name="waits")
    mine.advance(now=2.0)
    assert mine.job(waiting.id).status == "queued"
    link = pack(selection.share(mine, "job", (waiting.id,)))
    theirs = validation.shared_store(unpack(link))
    assert theirs.job(waiting.id) == mine.job(waiting.id)
    assert {job.name for job in theirs.jobs()} == {"Another job", "waits"}
    assert "secret" not in str(unpack(link))


def test_a_shared_world_refuses_every_action():
    theirs = over_there(a_world(), "workspace")
    for act in (
        lambda: theirs.submit(CONFIG, now=5000.0),
        lambda: theirs.set_speed(1.0, now=5000.0),
        lambda: theirs.rename("job-1", "x", now=5000.0),
    ):
        with pytest.raises(JournalError, match="read-only"):
            act()


def test_a_shared_world_names_no_workspace():
    mine = Store(workspace="a-very-secret-id")
    mine.submit(CONFIG, now=0.0)
    mine.advance(now=9.0)
    assert "a-very-secret-id" not in str(selection.share(mine, "workspace"))


def test_what_is_made_ones_own_stands_as_it_stood_and_goes_on():
    shared = selection.share(a_world(), "job", ("job-3",))
    theirs = validation.shared_store(shared)
    own = Store()
    own.set_speed(60.0, now=0.0)
    before = own.submit(CONFIG.changed(seed=77), now=1.0, name="own")
    own.advance(now=100.0)
    untouched = points(own, before.id)
    keys = own.adopt(validation.past(shared), now=100.0)
    own.advance(now=100.0)
    assert keys == ("job-2", "job-3")
    assert own.job("job-3").parent_id == "job-2"
    assert own.job("job-3").step == theirs.job("job-3").step
    assert own.job("job-3").status == theirs.job("job-3").status
    pd.testing.assert_frame_equal(points(own, "job-3"), points(theirs, "job-3"))
    pd.testing.assert_frame_equal(points(own, before.id), untouched)
    own.rename("job-3", "mine now", now=101.0)
    assert own.job("job-3").name == "mine now"


def test_what_was_made_ones_own_can_be_shared_again():
    own = Store()
    own.adopt(validation.past(selection.share(a_world(), "workspace")), now=10.0)
    own.advance(now=20.0)
    theirs = over_there(own, "job", "job-3")
    pd.testing.assert_frame_equal(points(theirs, "job-3"), points(own, "job-3"))


def test_a_journal_with_an_adoption_gives_the_same_world(tmp_path):
    own = Store.open(tmp_path / "work.db", workspace="w")
    own.adopt(validation.past(selection.share(a_world(), "workspace")), now=10.0)
    own.advance(now=60.0)
    again = Store.open(tmp_path / "work.db", workspace="w")
    again.advance(now=60.0)
    assert again.jobs() == own.jobs()
    assert again.deployments() == own.deployments()
    own.close()
    again.close()


def test_a_file_brings_a_workspace_back():
    mine = a_world()
    shared = selection.share(mine, "workspace")
    again = files.from_file("work.json", files.to_file(shared))
    assert [(at, decode(line, "x")) for at, line in again.entries] == [
        (at, decode(line, "x")) for at, line in shared.entries
    ]
    assert validation.shared_store(again).jobs() == mine.jobs()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"\xff\xfe", b'{"vapor": 1}', b'{"vapor": 2, "entries": []}', b"[" * 100_000),
        *(b'{"vapor":1,"now":1e99,"entries":[]}', b'{"vapor":1,"now":0,"entries":[1]}'),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(content):
    with pytest.raises(InvalidUpload) as refused:
        files.from_file("../../etc/x\n.json", content)
    assert "\n" not in str(refused.value)


def test_an_imported_log_comes_back_as_it_was_and_can_be_shared():
    log = read_log("run.csv", b"step,loss,eval_loss,lr\n10,3.25,,1e-4\n20,0.1,2.5,9e-5\n30,2.75,,8e-5\n")
    mine = Store()
    job = mine.import_log(log, name="real run", now=5.0)
    mine.advance(now=6.0)
    shown = points(mine, job.id)
    assert mine.job(job.id).status == "completed"
    assert list(shown["step"]) == [10, 20, 30]
    assert list(shown["loss"]) == [3.25, 0.1, 2.75]
    assert shown["eval_loss"].dropna().tolist() == [2.5]
    assert mine.summary().training_cost_usd == 0.0
    assert not mine.registry()
    pd.testing.assert_frame_equal(points(over_there(mine, "job", job.id), job.id), shown)


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
        ({"version": 7}, "newer Vapor"),
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
LOG = packed("job-9", "a log", pd.DataFrame({"step": [1, 2], "loss": [3.0, 2.0]}))


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
    folded, apply = [], World.apply
    monkeypatch.setattr(
        World, "apply", lambda self, event, at: folded.append(event) or apply(self, event, at)
    )
    validation.shared_store(shared)
    assert len(folded) == len(shared.entries)


EVENTS = [line for _, line in selection.share(a_world(), "workspace").entries]


@given(
    st.lists(st.tuples(st.floats(0, 2000), st.sampled_from(EVENTS)), max_size=12).map(sorted),
    st.sampled_from(["workspace", "job", "comparison", "deployment"]),
    st.lists(st.sampled_from(["job-1", "deployment-1", "x"]), max_size=2),
)
def test_any_mixture_of_events_is_shown_or_refused(entries, view, ids):
    shared = Shared(view, tuple(ids), 3000.0, tuple(entries))
    try:
        store = validation.shared_store(shared)
    except InvalidLink as refused:
        assert 5 < len(str(refused)) < 400 and "\n" not in str(refused)
        return
    for job in store.jobs():
        assert len(points(store, job.id)) <= job.step
    past = validation.past(shared)
    own = Store()
    if past:
        own.adopt(past, now=0.0)
    assert len(own.jobs()) == len(store.jobs())


def test_every_submission_in_a_link_keeps_which_fields_were_chosen():
    shared = selection.share(a_world(), "job", ("job-2",))
    submitted = [decode(line, "x") for _, line in shared.entries]
    chosen = next(event.chosen for event in submitted if isinstance(event, JobSubmitted))
    assert "learning_rate" in chosen
    assert "weight_decay" not in chosen


def test_a_link_that_says_that_ages_have_passed_is_refused_at_once():
    """An endpoint that served for centuries took minutes to look at before it was refused."""
    store = a_world()
    shared = replace(selection.share(store, "deployment", ["deployment-1"]), now=1e10)
    began = time.thread_time()
    with pytest.raises(InvalidLink, match="longer than a link may show"):
        validation.shared_store(shared)
    assert time.thread_time() - began < 1.0
