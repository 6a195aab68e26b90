"""The laws of time, chance and truth, each by its own name."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core import Store
from vapor_core.contracts.training import JobConfig
from vapor_core.workspace import demo

ROOT = Path(__file__).parents[2]
SMALL = JobConfig(
    model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, eval_every=40, seed=3
)
OTHER = SMALL.changed(model="HuggingFaceTB/SmolLM2-135M", method="full", seed=4)
END = 21_000.0


def everything(store: Store) -> tuple[object, ...]:
    """All that a person can see of a workspace."""
    frames = [
        store.metrics(each.id).frame(max_points=10_000) for each in (*store.jobs(), *store.deployments())
    ]
    return (
        store.clock,
        store.jobs(include_deleted=True),
        store.deployments(),
        store.summary(),
        store.events(),
        store.registry(),
        tuple(tuple(map(str, frame.to_numpy().ravel().tolist())) for frame in frames),
    )


def busy(store: Store) -> Store:
    """A workspace with jobs in several states and an endpoint, its clock at 20,000."""
    first = store.submit(SMALL, now=0.0)
    second = store.submit(OTHER, now=10.0)
    store.pause(second.id, now=60.0)
    store.set_speed(2.0, now=100.0)
    store.resume(second.id, now=150.0)
    store.fork(first.id, step=20, changes={"learning_rate": 1e-4}, now=200.0)
    store.advance(now=10_000.0)
    store.deploy(first.id, now=10_000.0)
    store.submit(SMALL.changed(max_steps=100_000), now=12_000.0)
    store.advance(now=20_000.0)
    return store


DIGEST = """
import hashlib, sys
sys.path.insert(0, "tests/workspace")
from test_laws import Store, busy, everything
print(hashlib.sha256(repr(everything(busy(Store()))).encode()).hexdigest())
"""


@pytest.mark.slow
def test_same_seed_same_world_in_another_process_too():
    digests = {
        subprocess.run(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1
    assert everything(busy(Store())) == everything(busy(Store()))


@pytest.mark.slow
@given(st.lists(st.floats(0.0, 2000.0), max_size=8))
def test_running_to_a_then_to_b_is_running_to_b(stops):
    straight, halting = Store(), Store()
    for store in (straight, halting):
        job = store.submit(SMALL, now=0.0)
        store.pause(job.id, now=100.0)
        store.resume(job.id, now=200.0)
        store.set_speed(3.0, now=300.0)
    for stop in sorted(stops):
        halting.advance(now=stop)
    straight.advance(now=2000.0)
    halting.advance(now=2000.0)
    assert everything(straight) == everything(halting)


def test_points_do_not_depend_on_how_often_the_page_refreshed():
    seldom, often = Store(), Store()
    for store in (seldom, often):
        store.submit(SMALL, now=0.0)
    for second in range(400):
        often.advance(now=float(second))
        often.metrics("job-1")
    seldom.advance(now=399.0)
    left, right = seldom.metrics("job-1").frame(), often.metrics("job-1").frame()
    pd.testing.assert_frame_equal(left, right)
    assert len(left) > 20


def test_a_new_job_leaves_the_others_points_untouched():
    alone, crowded = Store(), Store()
    for store in (alone, crowded):
        store.submit(SMALL, now=0.0)
    for second in range(1, 20):
        crowded.submit(OTHER.changed(seed=second), now=float(second))
    alone.advance(now=300.0)
    crowded.advance(now=300.0)
    assert alone.job("job-1") == crowded.job("job-1")
    pd.testing.assert_frame_equal(alone.metrics("job-1").frame(), crowded.metrics("job-1").frame())


ACTIONS = {
    "submit": lambda store: store.submit(OTHER, now=END),
    "fork": lambda store: store.fork("job-1", step=5, changes={"seed": 9}, now=END),
    "pause": lambda store: store.pause("job-4", now=END),
    "stop": lambda store: store.stop("job-4", now=END),
    "delete": lambda store: store.delete("job-2", now=END),
    "rename": lambda store: store.rename("job-2", "else", now=END),
    "set_speed": lambda store: store.set_speed(600.0, now=END),
    "skip": lambda store: store.skip(3600.0, now=END),
    "deploy": lambda store: store.deploy("job-2", now=END),
    "scale": lambda store: store.scale("deployment-1", (2, 8), now=END),
    "redeploy": lambda store: store.redeploy("deployment-1", "job-3", now=END),
    "stop a deployment": lambda store: store.stop("deployment-1", now=END),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_never_advances_time(action):
    store = busy(Store())
    ids = [each.id for each in (*store.jobs(), *store.deployments())]
    clock = store.clock
    steps = {job.id: (job.step, job.elapsed_s, job.cost_usd) for job in store.jobs()}
    points = {key: len(store.metrics(key)) for key in ids}
    ACTIONS[action](store)
    assert (store.clock.now, store.clock.simulated_s) == (clock.now, clock.simulated_s)
    after = {job.id: (job.step, job.elapsed_s, job.cost_usd) for job in store.jobs(include_deleted=True)}
    assert {key: after[key] for key in steps} == steps
    assert {key: len(store.metrics(key)) for key in ids} == points


@pytest.mark.slow
def test_advancing_twice_at_one_instant_is_advancing_once():
    once, twice = busy(Store()), busy(Store())
    once.advance(now=25_000.0)
    twice.advance(now=25_000.0)
    assert twice.advance(now=25_000.0) == ()
    assert everything(once) == everything(twice)


@pytest.mark.slow
def test_a_clock_that_goes_backwards_moves_nothing():
    store = busy(Store())
    before = everything(store)
    assert store.advance(now=5.0) == ()
    assert everything(store) == before
    store.submit(SMALL, now=5.0)
    assert store.job("job-5").submitted_s == store.clock.simulated_s


def test_a_paused_job_is_still():
    store = Store()
    job = store.submit(SMALL, now=0.0)
    store.advance(now=100.0)
    store.pause(job.id, now=100.0)
    store.advance(now=100.0)
    before, points = store.job(job.id), store.metrics(job.id).frame()
    store.advance(now=9_000.0)
    assert store.job(job.id) == before
    assert before.step > 0
    pd.testing.assert_frame_equal(store.metrics(job.id).frame(), points)


@pytest.mark.slow
def test_a_paused_world_is_still():
    store = busy(Store())
    store.set_speed(0.0, now=20_000.0)
    before = everything(store)
    store.advance(now=90_000.0)
    assert everything(store)[1:] == before[1:]
    assert store.clock.simulated_s == before[0].simulated_s


@pytest.mark.slow
def test_a_replayed_journal_gives_the_same_world(tmp_path):
    first = busy(Store.open(tmp_path / "work.db"))
    second = Store.open(tmp_path / "work.db")
    second.advance(now=20_000.0)
    assert everything(second) == everything(first)
    first.close()
    second.close()


@pytest.mark.slow
def test_a_replayed_demo_is_the_same_demo():
    first = Store()
    demo.fill(first, now=1e9)
    second = Store(first.journal)
    second.advance(now=1e9)
    assert everything(second) == everything(first)


def test_no_finished_job_changes():
    store = busy(Store())
    failing = store.submit(SMALL.changed(method="full", learning_rate=1.0, warmup_ratio=0.0), now=20_000.0)
    stopped = store.submit(SMALL, now=20_000.0)
    store.stop(stopped.id, now=20_040.0)
    store.advance(now=60_000.0)
    finished = [job for job in store.jobs() if job.status in ("completed", "failed", "stopped")]
    assert {job.status for job in finished} == {"completed", "failed", "stopped"}
    assert store.job(failing.id).status == "failed"
    frames = {job.id: store.metrics(job.id).frame() for job in finished}
    store.submit(OTHER, now=60_000.0)
    store.set_speed(600.0, now=60_000.0)
    store.advance(now=70_000.0)
    for job in finished:
        assert store.job(job.id) == job
        pd.testing.assert_frame_equal(store.metrics(job.id).frame(), frames[job.id])


def test_simulated_time_is_the_integral_of_speed():
    store = Store()
    store.submit(SMALL, now=1000.0)
    store.set_speed(10.0, now=1010.0)
    store.set_speed(0.0, now=1020.0)
    store.set_speed(0.5, now=1100.0)
    store.skip(7.0, now=1100.0)
    store.advance(now=1110.0)
    assert store.clock.simulated_s == pytest.approx(10 + 100 + 0 + 7 + 5)
    assert store.clock.speed == 0.5
