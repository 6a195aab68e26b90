"""Where a connection breaks while something is recorded, nobody is told what is not so, and a retry writes it once."""

import numpy as np
import psycopg
import pytest

from vapor_core.errors import JournalError
from vapor_core.journal import sql
from vapor_core.journal.journal import JournalConflict
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import open_journal

FASTER = SpeedSet(speed=2.0)
pytestmark = pytest.mark.postgres


@pytest.fixture
def journal(postgres_server, monkeypatch):
    monkeypatch.setattr(sql, "PAUSE_S", 0.01)
    opened = open_journal(postgres_server.database())
    yield opened
    opened.close()


def breaking(journal, monkeypatch, times, committed, meanwhile=lambda: None):
    """Let so many commits lose their connection, after or before the server has carried them out."""
    dialect, left = journal._engine.dialect, [times]
    commit = dialect.do_commit

    def lost(connection):
        if not left[0]:
            return commit(connection)
        left[0] -= 1
        if committed:
            commit(connection)
        connection.driver_connection.close()
        meanwhile()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_commit", lost)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("committed", [True, False], ids=["recorded", "not recorded"])
def test_a_lost_commit_is_looked_for_before_anything_is_said(journal, monkeypatch, times, committed):
    breaking(journal, monkeypatch, times, committed)
    assert journal.append("default", 0, 1.0, FASTER).number == 1
    assert [entry.number for entry in journal.read("default")] == [1]
    assert journal.append("default", 1, 1.0, FASTER).number == 2


def test_points_whose_commit_was_lost_are_there_once(journal, monkeypatch):
    breaking(journal, monkeypatch, 1, committed=True)
    assert journal.append_metrics("default", "job-1", 0, {"step": np.arange(3.0)}) == 1
    assert len(journal.metric_blocks("default", "job-1")) == 1


def test_the_same_action_of_another_process_is_not_taken_for_ones_own(journal, monkeypatch):
    """It has the same text, number and time; only one of the two was recorded."""
    other = open_journal(journal._engine.url.render_as_string(hide_password=False))
    breaking(
        journal, monkeypatch, 1, committed=False, meanwhile=lambda: other.append("default", 0, 1.0, FASTER)
    )
    with pytest.raises(JournalConflict):
        journal.append("default", 0, 1.0, FASTER)
    assert len(journal.read("default")) == 1
    other.close()


def test_where_a_server_stays_away_it_is_not_said_that_nothing_was_recorded(journal, monkeypatch):
    monkeypatch.setattr(sql, "LOOKS", 3)
    breaking(journal, monkeypatch, 1000, committed=True)
    with pytest.raises(JournalError) as told:
        journal.append("default", 0, 1.0, FASTER)
    assert "nothing was recorded" not in str(told.value)
    assert "whether it is there" in str(told.value)


@pytest.mark.slow
def test_where_nothing_was_sent_it_is_said_at_once(postgres_server, monkeypatch):
    journal = open_journal(postgres_server.database())
    postgres_server.stop()
    try:
        with pytest.raises(JournalError, match="nothing was recorded"):
            journal.append("default", 0, 1.0, FASTER)
    finally:
        postgres_server.start()
    journal.append("default", 0, 1.0, FASTER)
    journal.close()
