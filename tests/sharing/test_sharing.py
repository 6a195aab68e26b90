"""What a link or a file carries shows the same world on the other side, and takes nothing on trust."""

import inspect
import time
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_world import CONFIG, a_world

from vapor_core import catalog
from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.serving import Demand
from vapor_core.contracts.training import Calibration
from vapor_core.errors import InvalidLink, InvalidUpload, VaporError
from vapor_core.journal.codec import decode
from vapor_core.journal.events import JobSubmitted
from vapor_core.journal.other_events import RuleFired, RuleKept
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, selection, validation
from vapor_core.sharing.links import Shared, pack, unpack
from vapor_core.workspace.store import Store


def points(store, key):
    return store.metrics(key).frame(max_points=4_000)


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


ACTIONS = {
    "submit": lambda store: store.submit(CONFIG, now=1021.0),
    "fork": lambda store: store.fork("job-1", step=1, changes={}, now=1021.0),
    "pause": lambda store: store.pause("job-5", now=1021.0),
    "resume": lambda store: store.resume("job-6", now=1021.0),
    "stop": lambda store: store.stop("job-5", now=1021.0),
    "delete": lambda store: store.delete("job-1", now=1021.0),
    "restore": lambda store: store.restore("job-7", now=1021.0),
    "rename": lambda store: store.rename("job-1", "x", now=1021.0),
    "deploy": lambda store: store.deploy("job-1", now=1021.0),
    "scale": lambda store: store.scale("deployment-1", (1, 2), now=1021.0),
    "ask": lambda store: store.ask("deployment-1", Demand(requests_per_second=2), now=1021.0),
    "redeploy": lambda store: store.redeploy("deployment-1", "job-1", now=1021.0),
    "rollback": lambda store: store.rollback("deployment-1", now=1021.0),
    "add_dataset": lambda store: store.add_dataset(Dataset(tokens=10, examples=1), now=1021.0),
    "add_model": lambda store: store.add_model(catalog.model("gpt2"), now=1021.0),
    "import_log": lambda store: store.import_log(read_log("a.csv", b"step,loss\n1,2\n"), now=1021.0),
    "keep_calibration": lambda store: store.keep_calibration("mine", Calibration(), now=1021.0),
    "use_calibration": lambda store: store.use_calibration("", now=1021.0),
    "forget_calibration": lambda store: store.forget_calibration("other", now=1021.0),
    "follow": lambda store: store.follow("a.csv", now=1021.0),
    "track": lambda store: store.track("a" * 32, "a run", now=1021.0),
    "describe": lambda store: store.describe("job-8", CONFIG, now=1021.0),
    "keep_rule": lambda store: store.keep_rule(RuleKept(name="a", watched_for="spike"), now=1021.0),
    "forget_rule": lambda store: store.forget_rule("other", now=1021.0),
    "fire": lambda store: store.fire(
        RuleFired(name="other", job_id="job-1", step=1, sentence="."), now=1021.0
    ),
    "see": lambda store: store.see("job-1", now=1021.0),
    "adopt": lambda store: store.adopt(validation.past(selection.share(a_world(), "workspace")), now=1021.0),
    "set_speed": lambda store: store.set_speed(1.0, now=1021.0),
    "skip": lambda store: store.skip(1.0, now=1021.0),
}


OF_MINE_ALONE = ("describe", "forget_rule", "fire")  # what they are about is no part of what is shared


def test_every_action_of_a_store_is_tried_on_a_shared_world():
    methods = inspect.getmembers(Store, inspect.isfunction)
    dated = {name for name, act in methods if "now" in inspect.signature(act).parameters}
    assert set(ACTIONS) == dated - {"advance"}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_shared_world_refuses_every_action(action, tmp_path, monkeypatch):
    monkeypatch.setenv("VAPOR_FOLLOW", str(tmp_path))
    (tmp_path / "a.csv").write_text("step,loss\n1,2\n")
    mine = a_world()
    for seed in (11, 12, 13):
        mine.submit(CONFIG.changed(seed=seed), now=1020.0)
    mine.advance(now=1020.5)
    mine.pause("job-6", now=1020.5)
    mine.delete("job-7", now=1020.5)
    mine.keep_calibration("other", Calibration(), now=1020.5)
    mine.keep_rule(RuleKept(name="other", watched_for="spike"), now=1020.5)
    mine.track("b" * 32, "another run", now=1020.5)
    theirs = over_there(mine, "workspace")
    ACTIONS[action](mine)  # which one's own workspace would take
    with pytest.raises(VaporError, match="read-only" if action not in OF_MINE_ALONE else "no|forgotten"):
        ACTIONS[action](theirs)


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
    log = read_log("run.csv", b"step,loss,eval_loss,odd\n10,3.25,,1e-4\n20,0.1,2.5,9e-5\n30,2.75,,8e-5\n")
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
    there = over_there(mine, "job", job.id)
    pd.testing.assert_frame_equal(points(there, job.id), shown)
    for store in (mine, there):
        assert "Not drawn: odd." in [event.sentence for event in store.events(job.id)]


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
