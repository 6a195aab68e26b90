"""A link of some kilobytes keeps nobody waiting: what it may hold is looked at in a second, or refused at once."""

import time

import numpy as np
import pytest
from hostile_values import within_memory

from benchmarks.hostile_worlds import CONFIG, GROWING, fork_chain, looked
from vapor_core.errors import InvalidLink
from vapor_core.simulation import fork
from vapor_core.simulation.fork import Curve
from vapor_core.workspace.store import Store

pytestmark = pytest.mark.slow

MOST_S = 2.5  # of this thread's computing; a second on a machine that does nothing else, see `benchmarks`
REFUSED_S = 1.0
KINDS = pytest.mark.parametrize("kind", GROWING)


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What is imported and read once."""
    looked(fork_chain(2))


@KINDS
def test_a_small_link_stalls_no_process_and_fills_no_memory(kind):
    build, sizes, _ = GROWING[kind]
    world = build(sizes[-1])
    began = time.thread_time()
    with within_memory():
        looked(world)
    assert time.thread_time() - began < MOST_S


@KINDS
def test_what_would_take_longer_is_refused_before_it_is_computed(kind):
    build, _, too_many = GROWING[kind]
    if too_many is None:
        return
    world = build(too_many)
    began = time.thread_time()
    with pytest.raises(InvalidLink, match=r"at most|more than") as refused:
        looked(world)
    assert time.thread_time() - began < REFUSED_S
    assert "\n" not in str(refused.value)


def test_ones_own_forks_of_forks_do_not_stall_either():
    store = Store()
    store.set_speed(1e5, now=0.0)
    store.submit(CONFIG, now=0.0)
    store.advance(now=10.0)
    for k in range(1, 300):
        store.fork(f"job-{k}", step=k, changes={}, now=10.0 + k)
    store.advance(now=1000.0)
    began = time.thread_time()
    for job in reversed(store.jobs()):
        assert len(store.metrics(job.id).frame(max_points=50))
    assert time.thread_time() - began < MOST_S


def test_rows_of_forks_are_the_same_however_they_are_asked_for(monkeypatch):
    """Rows that forks have in common are kept, and nobody sees whose they were or what was asked before."""
    config = CONFIG.changed(max_steps=9000)
    line = [Curve(config)]
    for k, step in enumerate([3000, 100, 4500, 4501, 7000, 6999, 6999, 20]):
        line.append(Curve(config.changed(seed=k), line[-1], step))
    whole = [run.columns(0, 9000) for run in reversed(line)][::-1]
    monkeypatch.setattr(fork, "KEPT_STEPS", 0)
    for run, rows in zip(line, whole, strict=True):
        for start, stop in [(0, 9000), (0, 1), (2500, 4600), (99, 101), (6999, 7001), (8999, 9000)]:
            plain = run.columns(start, stop)
            for name, values in plain.items():
                np.testing.assert_array_equal(values, rows[name][start:stop])


def test_the_chart_of_a_very_long_run_has_its_evaluations_and_its_last_steps():
    store = Store()
    job = store.submit(CONFIG.changed(max_steps=100_000_000), now=0.0)
    for _ in range(9):
        store.skip(1e9, now=1.0)
    store.advance(now=2.0)
    began = time.thread_time()
    frame = store.metrics(job.id).frame(max_points=1000)
    assert time.thread_time() - began < MOST_S
    assert frame["step"].iloc[-1] == store.job(job.id).step - 1
    assert frame["eval_loss"].notna().sum() >= 20
    assert frame["step"].diff().max() < 100_000_000 / 100
