"""An event that a wrong clock dated far ahead holds no world still."""

import pytest
from small_jobs import SMALL

from vapor_core import Store
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.other_events import ClockCorrected, SpeedSet
from vapor_core.workspace.replay import Replay

YEAR_S = 365 * 86_400.0
NOW = 1e9


@pytest.fixture
def ahead():
    """A workspace whose last action was dated a year ahead, as a process opens it whose clock is right."""
    store = Store()
    store.submit(SMALL, now=NOW)
    Store(store.journal).set_speed(1.0, now=NOW + YEAR_S)
    return Store(store.journal)


def kinds(store):
    return [entry.event.kind for entry in store.journal.read("default")]


def test_a_world_does_not_stand_still_for_a_year_in_silence(ahead):
    ahead.advance(now=NOW + 10)
    before = ahead.clock.simulated_s
    assert "8,760.0 hours ahead" in ahead.notices[0]
    ahead.advance(now=NOW + 70)
    assert ahead.clock.simulated_s == before + 60


def test_a_process_that_had_it_open_goes_on_too():
    store = Store()
    store.submit(SMALL, now=NOW)
    store.advance(now=NOW + 5)
    Store(store.journal).set_speed(1.0, now=NOW + YEAR_S)
    store.advance(now=NOW + 10)
    seen = store.clock.simulated_s
    store.advance(now=NOW + 70)
    assert store.clock.simulated_s == seen + 60 and store.notices


def test_what_is_done_then_takes_effect_then(ahead):
    ahead.advance(now=NOW + 10)
    ahead.set_speed(2.0, now=NOW + 20)
    ahead.advance(now=NOW + 20)
    before = ahead.clock.simulated_s
    ahead.advance(now=NOW + 25)
    assert ahead.clock.simulated_s == before + 10
    assert kinds(ahead) == ["job_submitted", "speed_set", "clock_corrected", "speed_set"]


def test_it_goes_on_from_there_next_time_and_in_another_process(ahead):
    ahead.advance(now=NOW + 10)
    job = ahead.submit(SMALL, now=NOW + 20)
    ahead.advance(now=NOW + 500)
    again = Store(ahead.journal)
    again.advance(now=NOW + 500)
    assert again.clock.simulated_s == ahead.clock.simulated_s
    assert again.job(job.id) == ahead.job(job.id) and again.job(job.id).step > 0
    assert again.notices == ()
    assert kinds(again).count("clock_corrected") == 1


def test_a_clock_that_catches_up_counts_as_it_is(ahead):
    ahead.advance(now=NOW + 10)
    ahead.set_speed(1.0, now=NOW + 20)
    ahead.advance(now=NOW + YEAR_S + 1000)
    seen = ahead.clock.simulated_s
    ahead.advance(now=NOW + YEAR_S + 1060)
    assert ahead.clock.simulated_s == seen + 60


def test_a_clock_that_began_in_the_past_and_was_set_makes_no_leap():
    """A small machine starts in 1970 and learns the time later."""
    store = Store()
    store.submit(SMALL, now=NOW)
    late = Store(store.journal)
    late.advance(now=5.0)
    late.rename("job-1", "renamed in 1970", now=10.0)
    late.advance(now=NOW + 100)
    assert late.clock.simulated_s == pytest.approx(100)


@pytest.mark.parametrize("late", [0.0, 1.0, 299.0])
def test_clocks_of_one_teams_machines_may_differ(late):
    journal = MemoryJournal()
    first, second = Store(journal), Store(journal)
    first.submit(SMALL, now=NOW + late)
    second.advance(now=NOW)
    second.set_speed(2.0, now=NOW)
    assert second.notices == () and kinds(first) == ["job_submitted", "speed_set"]


def test_a_replay_of_a_corrected_workspace_ends_where_it_stands(ahead):
    ahead.advance(now=NOW + 10)
    ahead.submit(SMALL, now=NOW + 20)
    ahead.advance(now=NOW + 500)
    replay = Replay(ahead.journal.read("default"), ahead.clock.simulated_s, ahead.clock.simulated_s)
    assert replay.store.jobs() == ahead.jobs()


def test_a_correction_survives_its_written_form(database):
    from vapor_core.journal.sql import open_journal  # noqa: PLC0415 - of this test alone

    journal = open_journal(database)
    journal.append("default", 0, NOW + YEAR_S, SpeedSet(speed=1.0))
    store = Store(journal)
    store.advance(now=NOW)
    store.set_speed(3.0, now=NOW + 1)
    assert isinstance(journal.read("default")[1].event, ClockCorrected)
    journal.close()
