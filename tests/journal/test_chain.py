"""What a journal holds is what was written: a changed, a missing and a foreign event are told, and the rest stays."""

import sqlite3

import numpy as np
import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.journal.events import SetAside
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.store import Store

CONFIG = JobConfig(model="openai-community/gpt2", max_steps=100)


@pytest.fixture
def path(tmp_path):
    """A journal of five events, closed."""
    journal = open_journal(tmp_path / "work.db")
    for number in range(5):
        journal.append("default", number, float(number), SpeedSet(speed=float(number + 1)))
    journal.close()
    return tmp_path / "work.db"


def damaged(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def read(path):
    journal = open_journal(path)
    entries = journal.read("default")
    journal.close()
    return entries


def aside(entries):
    return [entry.number for entry in entries if isinstance(entry.event, SetAside)]


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(body, '3.0', '9.0')",
        "at = 2.5",
        "at = 'soon'",
        "body = CAST(x'80ff' AS TEXT)",
        "body = x'00'",
        "body = 7",
    ],
)
def test_an_event_that_a_disk_changed_is_not_taken_for_what_was_done(path, change):
    damaged(path, f"UPDATE vapor_events SET {change} WHERE number = 3")  # noqa: S608 - of this test alone
    entries = read(path)
    assert aside(entries) == [3] and "event 3 was set aside" in entries[2].notice
    assert [entry.event.speed for entry in entries if entry.number != 3] == [1.0, 2.0, 4.0, 5.0]


def test_a_damaged_digest_alone_loses_no_event(path):
    damaged(path, "UPDATE vapor_events SET digest = x'00' WHERE number = 3")
    assert [entry.event.speed for entry in read(path)] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_events_that_are_missing_in_the_middle_are_told(path):
    damaged(path, "DELETE FROM vapor_events WHERE number IN (2, 3)")
    entries = read(path)
    assert [entry.number for entry in entries] == [1, 3, 4, 5]
    assert "events 2 to 3 are not there any more" in entries[1].notice and aside(entries) == [3]


def test_events_that_are_missing_at_the_end_are_told_and_work_goes_on(path):
    damaged(path, "DELETE FROM vapor_events WHERE number > 3")
    store = Store.open(path)
    assert "events 4 to 5 are not there any more" in store.notices[0]
    store.submit(CONFIG, now=10.0)
    store.close()
    again = Store.open(path)
    assert len(again.jobs()) == 1 and again.notices == ()
    again.close()


def test_a_log_that_was_lost_is_told(tmp_path):
    """Copied without its log, or with a damaged one, a file is whole and only shorter."""
    there, here = tmp_path / "there.db", tmp_path / "work.db"
    journal = open_journal(there)
    for number in range(5):
        journal.append("default", number, 1.0, SpeedSet(speed=2.0))
    here.write_bytes(there.read_bytes())
    (tmp_path / "work.db-seen").write_bytes((tmp_path / "there.db-seen").read_bytes())
    journal.close()
    store = Store.open(here)
    assert "5 are not there any more" in store.notices[0]
    store.close()


def test_a_workspace_of_which_nothing_is_left_is_not_taken_for_a_new_one(path):
    damaged(path, "DELETE FROM vapor_events")
    store = Store.open(path)
    assert "events 1 to 5 are not there" in store.notices[0]
    store.close()


def test_what_follows_a_damaged_event_is_chained_to_it(path):
    damaged(path, "UPDATE vapor_events SET body = 'x' WHERE number = 5")
    journal = open_journal(path)
    assert aside(journal.read("default")) == [5]
    journal.append("default", 5, 9.0, SpeedSet(speed=7.0))
    assert aside(journal.read("default")) == [5]
    assert aside(journal.read("default", after=5)) == []
    journal.close()


def test_events_of_a_version_without_digests_are_read_and_chained_on(database):
    journal = open_journal(database)
    for number in range(3):
        journal.append("default", number, 1.0, SpeedSet(speed=1.0))
    with journal._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE vapor_events SET digest = NULL")
    journal.append("default", 3, 1.0, SpeedSet(speed=2.0))
    assert aside(journal.read("default")) == []
    with journal._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE vapor_events SET at = 2.0 WHERE number = 4")
    assert aside(journal.read("default")) == [4]
    journal.close()


def test_old_events_are_chained_when_their_journal_is_brought_forward(database):
    journal = open_journal(database)
    for workspace in ("one", "two"):
        for number in range(3):
            journal.append(workspace, number, 1.0, SpeedSet(speed=1.0))
    with journal._engine.begin() as connection:
        for column in ("nonce", "digest"):
            connection.exec_driver_sql(f"ALTER TABLE vapor_events DROP COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE vapor_points DROP COLUMN digest")
        connection.exec_driver_sql("UPDATE vapor_schema SET version = 2")
    journal.close()
    again = open_journal(database)
    assert all(aside(again.read(workspace)) == [] for workspace in ("one", "two"))
    with again._engine.begin() as connection:
        assert connection.exec_driver_sql(
            "SELECT count(*) FROM vapor_events WHERE digest IS NULL"
        ).scalar() == (0)
        connection.exec_driver_sql("UPDATE vapor_events SET at = 7.0 WHERE number = 2 AND workspace = 'two'")
    assert aside(again.read("one")) == [] and aside(again.read("two")) == [2]
    again.close()


def test_points_that_a_disk_changed_are_left_out_and_told(database):
    journal = open_journal(database)
    for number in range(3):
        steps = np.arange(10.0) + 10 * number
        journal.append_metrics("default", "job-1", number, {"step": steps, "loss": steps})
    with journal._engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE vapor_points SET body = (SELECT body FROM vapor_points WHERE number = 1) WHERE number = 2"
        )
    blocks = journal.metric_blocks("default", "job-1")
    assert [bool(block.notice) for block in blocks] == [False, True, False]
    assert len(blocks[1].columns) == 0 and "block 2" in blocks[1].notice
    journal.close()


def test_what_a_later_version_says_in_addition_is_not_lost_in_silence(path):
    said = '{"version":1,"kind":"speed_set","speed":3.0,"reason":"a rush"}'
    damaged(
        path,
        "UPDATE vapor_events SET digest = NULL",
        f"UPDATE vapor_events SET body = '{said}' WHERE number = 3",  # noqa: S608 - of this test alone
    )
    store = Store.open(path)
    assert store.notices == (
        "event 3 says more than this version of Vapor knows (reason); update Vapor to see it",
    )
    assert store.journal.read("default")[2].event == SpeedSet(speed=3.0)
    store.close()


def test_what_a_later_version_recorded_says_that_an_update_helps(path):
    damaged(
        path,
        "UPDATE vapor_events SET digest = NULL",
        """UPDATE vapor_events SET body = '{"kind":"teleported","job_id":"job-1"}' WHERE number = 3""",
    )
    store = Store.open(path)
    assert "update Vapor to have it back" in store.notices[0]
    assert store.submit(CONFIG, now=10.0).id == "job-2"  # job-1 may have been given out
    store.close()
