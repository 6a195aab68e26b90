"""A replay shows every earlier instant as it was, forwards, backwards, and does nothing."""

import pandas as pd
import pytest

from tests.sharing.test_sharing import CONFIG
from vapor_core.errors import JournalError
from vapor_core.workspace.replay import Replay
from vapor_core.workspace.store import Store

INSTANTS = (0.0, 5.0, 20.0, 60.0, 61.0, 130.0, 400.0)


def watched():
    """A workspace acted on while it ran, and what was seen at each instant."""
    store, seen = Store(), {}
    store.submit(CONFIG, now=0.0)
    for instant in INSTANTS:
        store.advance(now=instant)
        seen[instant] = (store.jobs(), store.metrics("job-1").frame(max_points=1000))
        if instant == 60.0:
            store.pause("job-1", now=60.0)
            store.submit(CONFIG.changed(seed=4), now=60.0)
        if instant == 61.0:
            store.resume("job-1", now=61.0)
    return store, seen


def test_every_instant_is_seen_again_in_any_order():
    store, seen = watched()
    replay = Replay(store.journal.read(store.workspace), store.clock.simulated_s)
    for instant in (*INSTANTS, *INSTANTS[::-1]):
        world = replay.go(instant + (1e-6 if instant in (60.0, 61.0) else 0.0))
        jobs, points = seen[instant]
        assert [job.step for job in world.jobs()][: len(jobs)] == [job.step for job in jobs]
        pd.testing.assert_frame_equal(world.metrics("job-1").frame(max_points=1000), points)


def test_what_was_not_yet_done_is_not_seen():
    store, _ = watched()
    replay = Replay(store.journal.read(store.workspace), store.clock.simulated_s, at_s=30.0)
    assert len(replay.store.jobs()) == 1
    assert len(replay.go(100.0).jobs()) == 2
    assert len(replay.go(30.0).jobs()) == 1


def test_a_night_that_was_paused_is_not_waited_for():
    store = Store()
    store.submit(CONFIG, now=0.0)
    store.set_speed(0.0, now=50.0)
    store.set_speed(3600.0, now=90_000.0)
    store.advance(now=90_001.0)
    replay = Replay(store.journal.read(store.workspace), store.clock.simulated_s)
    assert replay.end_s == 3650.0
    assert replay.go(3650.0).job("job-1") == store.job("job-1")


def test_a_replay_takes_no_action():
    store, _ = watched()
    replay = Replay(store.journal.read(store.workspace), store.clock.simulated_s)
    with pytest.raises(JournalError, match="read-only"):
        replay.store.submit(CONFIG, now=1.0)
