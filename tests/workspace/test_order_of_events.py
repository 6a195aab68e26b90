"""A history ends with the end: what befell a run in its last step is told before it."""

from itertools import pairwise

import pytest

from vapor_core.contracts.lifecycle import LifeEvent, in_order
from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=40, checkpoint_every=20)


@pytest.fixture(scope="module")
def ended() -> Store:
    """Two hundred runs that ended by themselves, submitted at instants that no float holds exactly."""
    store = Store()
    for seed in range(200):
        store.submit(CONFIG.changed(seed=seed, max_steps=20 + seed % 40), now=seed / 7)
    for _ in range(60):
        store.skip(1e5, now=100.0)
    store.advance(now=100.0)
    return store


def test_no_checkpoint_comes_after_the_end_of_its_run(ended):
    """Both have one instant, reached by two ways of adding it up: a float's last bit once decided which came first."""
    for job in ended.jobs():
        *before, last = ended.events(job.id)
        assert (job.status, last.kind, last.at_s) == ("completed", "completed", job.ended_s)
        assert before[-1].kind == "checkpoint"
        assert before[-1].at_s <= last.at_s


def test_all_events_keep_the_order_of_each_job(ended):
    told = ended.events()
    ends = {line.at_s for line in told if line.kind == "completed"}
    assert ends
    for first, second in pairwise(told):
        assert first.at_s <= second.at_s
        if first.at_s == second.at_s:
            assert not (first.kind == "completed" and second.kind == "checkpoint")


def test_of_one_instant_what_ends_a_thing_comes_last():
    kinds = ["stopped", "checkpoint", "bounds", "completed"]
    lines = [LifeEvent(at_s=1.0, kind=kind, sentence=kind) for kind in kinds]
    assert [line.kind for line in in_order(lines)] == ["checkpoint", "bounds", "stopped", "completed"]
