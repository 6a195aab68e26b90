"""No event, from whoever it comes, makes a workspace that cannot be opened again."""

from math import inf, nan

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from small_jobs import SMALL

from vapor_core import InvalidConfig, JobConfig, Store, VaporError
from vapor_core.journal.codec import encode
from vapor_core.journal.events import (
    Adopted,
    DatasetAdded,
    Deployed,
    DeploymentStopped,
    JobDeleted,
    JobPaused,
    JobRestored,
    JobResumed,
    JobStopped,
    JobSubmitted,
    LogImported,
    Redeployed,
    Refused,
    Renamed,
    Scaled,
    SetAside,
)
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.other_events import SpeedSet, TimeSkipped
from vapor_core.sharing import validation
from vapor_core.sharing.links import Shared

JOBS = st.sampled_from(["job-1", "job-2", "job-3", "job-99", "deployment-1", "", "job-999999999", "~"])
DEPLOYMENTS = st.sampled_from(["deployment-1", "deployment-2", "job-1", "x"])
NUMBERS = st.one_of(
    st.sampled_from(
        [0.0, -1.0, -0.0, -1e-300, -3600.0, -1e9, -1e12, -1e15, -1e300, nan, inf, -inf, 5.0, 1e300]
    ),
    st.floats(-1e5, 0.0),
)
WHOLE = st.sampled_from([1, 2, 0, -5, 1000, 2**63, 10**30])
CONFIGS = st.sampled_from(
    [
        SMALL,
        SMALL.changed(max_steps=1),
        SMALL.changed(backend="local"),
        SMALL.changed(model="no-such-model"),
        SMALL.changed(learning_rate=1.0, method="full"),
        JobConfig.model_construct(**{**dict(SMALL), "learning_rate": -inf}),
        JobConfig.model_construct(**{**dict(SMALL), "accelerator": "no-such-card"}),
        JobConfig.model_construct(**{**dict(SMALL), "max_steps": -7}),
    ]
)


def made(kind, **fields):
    """An event with any values, as a link's reader that forgot a check would make it."""
    return st.builds(kind.model_construct, **fields)


ACTIONS = st.one_of(
    made(
        JobSubmitted,
        job_id=JOBS,
        name=st.just("n"),
        config=CONFIGS,
        chosen=st.sampled_from([(), ("model",), ("model", "no_such_field")]),
        parent_id=st.one_of(st.none(), JOBS),
        fork_step=st.one_of(st.none(), WHOLE),
    ),
    *(made(kind, job_id=JOBS) for kind in (JobPaused, JobResumed, JobStopped, JobDeleted, JobRestored)),
    made(Renamed, id=JOBS, name=st.just("other")),
    made(Refused, id=JOBS, reason=st.just("why")),
    made(
        Deployed,
        deployment_id=DEPLOYMENTS,
        name=st.just("d"),
        job_id=JOBS,
        accelerator=st.sampled_from(["nvidia-l4", "no-such-card"]),
        replicas_min=WHOLE,
        replicas_max=WHOLE,
        traffic=st.sampled_from(["steady", "never"]),
        precision=st.just("bf16"),
        backend=st.sampled_from(["simulated", "imported", "elsewhere"]),
    ),
    made(Scaled, deployment_id=DEPLOYMENTS, replicas_min=WHOLE, replicas_max=WHOLE),
    made(Redeployed, deployment_id=DEPLOYMENTS, job_id=JOBS, rolled_back=st.booleans()),
    made(DeploymentStopped, deployment_id=DEPLOYMENTS),
    made(
        LogImported,
        job_id=JOBS,
        name=st.just("log"),
        rows=st.sampled_from([1, 2, 0, 10**9]),
        columns=st.sampled_from([("step", "loss"), ("step",), ()]),
        packed=st.sampled_from(["", "eJw=", "garbage"]),
    ),
)
DEPLOYED = Deployed(
    deployment_id="deployment-1",
    name="d",
    job_id="job-1",
    accelerator="nvidia-l4",
    replicas_min=1,
    replicas_max=2,
    traffic="steady",
    precision="bf16",
)
SOUND = ((-90.0, JobSubmitted.of("job-1", "sound", SMALL)),)  # what follows may hold on to it
LOOSE = st.lists(st.tuples(NUMBERS, ACTIONS), max_size=6).map(tuple)
COHERENT = st.lists(
    st.tuples(
        st.sampled_from([-1e12, -1e9, -80.0, -1e-9, 0.0]),
        st.sampled_from(
            [
                JobPaused(job_id="job-1"),
                JobResumed(job_id="job-1"),
                JobStopped(job_id="job-1"),
                JobDeleted(job_id="job-1"),
                Renamed(id="job-1", name="other"),
                Refused(id="job-1", reason="why"),
                JobSubmitted.of("job-2", "fork", SMALL, "job-1", 5),
                DEPLOYED,
                Scaled(deployment_id="deployment-1", replicas_min=1, replicas_max=2),
                Redeployed(deployment_id="deployment-1", job_id="job-1"),
                Redeployed(deployment_id="deployment-1", job_id="job-1", rolled_back=True),
                DeploymentStopped(deployment_id="deployment-1"),
            ]
        ),
    ),
    max_size=4,
).map(lambda past: (*SOUND, (-85.0, DEPLOYED), *past))
PASTS = st.one_of(COHERENT, LOOSE, LOOSE.map(lambda past: SOUND + past[:3]))


def state(store):
    return (
        store.jobs(include_deleted=True),
        store.deployments(),
        store.events(),
        store.clock.simulated_s,
        [job.model_fields_set for job in (each.config for each in store.jobs(include_deleted=True))],
    )


def begun():
    store = Store()
    store.submit(SMALL, now=0.0)
    store.advance(now=100.0)
    return store


def same_in_a_fresh_store(store, now):
    fresh = Store(store.journal)
    fresh.advance(now=now)
    store.advance(now=now)
    assert state(fresh) == state(store)
    return fresh


@pytest.mark.slow
@given(PASTS)
@settings(max_examples=150)
def test_an_adopted_world_comes_in_whole_and_can_be_read_back_or_leaves_everything_as_it_was(past):
    store = begun()
    entries, before = store.journal.read("default"), state(store)
    try:
        store.adopt(past, now=100.0)
    except VaporError as error:
        event("refused")
        assert str(error)
        assert store.journal.read("default") == entries and state(store) == before
    else:
        event("accepted")
        assert store.notices == ()
    fresh = same_in_a_fresh_store(store, 200.0)
    assert fresh.notices == ()
    assert fresh.submit(SMALL, now=200.0).id not in {job.id for job in store.jobs(include_deleted=True)}


EVENTS = st.one_of(
    ACTIONS,
    made(SpeedSet, speed=st.sampled_from([1.0, 0.0, 60.0])),
    made(TimeSkipped, seconds=st.sampled_from([1.0, 1e6])),
    made(Adopted, past=PASTS),
    made(DatasetAdded, dataset=st.just(None)),
)


def line(written):
    try:
        return encode(written)
    except VaporError:
        return "{"


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.one_of(EVENTS.map(line), st.text(max_size=20))), max_size=8)
)
@settings(max_examples=150)
def test_whatever_stands_in_a_journal_the_workspace_opens_and_work_goes_on(lines):
    journal = MemoryJournal()
    journal._lines["default"] = list(lines)
    store = Store(journal)
    assert len(journal.read("default")) == len(lines)
    new = store.submit(SMALL, now=2e3)
    named = {key for entry in journal.read("default")[:-1] for key in getattr(entry.event, "ids", ())}
    assert new.id not in named and new.id in {job.id for job in store.jobs()}
    again = Store(journal)
    assert again._live.world.jobs == store._live.world.jobs and again.notices == store.notices


LINES = st.lists(st.tuples(st.sampled_from([0.0, 10.0, 20.0]), EVENTS.map(line)), max_size=5)


@pytest.mark.slow
@given(LINES.map(lambda lines: [(0.0, line(SOUND[0][1])), *sorted(lines, key=lambda each: each[0])]))
@settings(max_examples=150)
def test_what_a_link_brings_in_can_be_read_back_or_changes_nothing(lines):
    store = begun()
    entries, before = store.journal.read("default"), state(store)
    shared = Shared("workspace", (), 100.0, tuple(lines))
    try:
        validation.shared_store(shared)
        store.adopt(validation.past(shared), now=100.0)
    except VaporError:
        event("refused")
        assert store.journal.read("default") == entries and state(store) == before
    else:
        event("accepted")
    assert same_in_a_fresh_store(store, 200.0).notices == ()


def test_an_endless_past_is_refused_before_it_is_recorded():
    """It was recorded as null and closed the workspace for good."""
    store = begun()
    past = ((-inf, JobSubmitted.of("job-1", "n", SMALL)),)
    with pytest.raises(InvalidConfig, match="too long ago"):
        store.adopt(past, now=100.0)
    assert len(store.journal.read("default")) == 1
    same_in_a_fresh_store(store, 200.0)


def test_an_event_that_does_not_follow_is_set_aside_and_its_ids_are_not_given_out():
    journal = MemoryJournal()
    first = Store(journal)
    first.submit(SMALL, now=0.0)
    journal.append("default", 1, 1.0, JobSubmitted.of("job-2", "a fork of nothing", SMALL, "job-77", 3))
    journal.append("default", 2, 2.0, JobPaused(job_id="job-2"))
    journal.append("default", 3, 3.0, Renamed(id="job-1", name="still here"))
    store = Store(journal)
    assert [job.name for job in store.jobs()] == ["still here"]
    assert ["event 2" in store.notices[0], "event 3" in store.notices[1]] == [True, True]
    assert "does not follow" in store.notices[0]
    assert store.submit(SMALL, now=10.0).id == "job-3"
    first.advance(now=11.0)
    assert [job.id for job in first.jobs()] == ["job-1", "job-3"] and first.notices == store.notices


def test_many_events_that_were_set_aside_are_told_in_a_few_sentences():
    journal = MemoryJournal()
    journal._lines["default"] = [(1.0, "{")] * 400
    assert len(Store(journal).notices) == 6 and "395 more" in Store(journal).notices[-1]


def test_what_is_set_aside_is_handed_on_as_it_stands():
    journal = MemoryJournal()
    journal._lines["default"] = [(1.0, '{"kind":"from_tomorrow","job_id":"job-4"}')]
    (entry,) = journal.read("default")
    assert isinstance(entry.event, SetAside) and entry.event.ids == {"job-4"}
    assert encode(entry.event) == '{"kind":"from_tomorrow","job_id":"job-4"}'


def test_a_time_that_is_no_number_is_not_recorded(database):
    from vapor_core.journal.sql import open_journal  # noqa: PLC0415 - of this test alone

    journal = open_journal(database)
    for at in (nan, inf, -inf):
        with pytest.raises(VaporError, match="finite"):
            journal.append("default", 0, at, SpeedSet(speed=1.0))
    assert journal.read("default") == ()
    journal.close()
