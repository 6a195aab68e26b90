"""A journal of every earlier version opens, keeps what it had and can do what is new.

The files in `tests/data` were written by the version in their name; no later change may edit them.
"""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.schema import MIGRATIONS
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.store import Store

DATA = Path(__file__).parents[1] / "data"
EARLIER = sorted(DATA.glob("journal-v*.db"))


def test_there_is_a_file_of_every_earlier_version():
    assert [path.stem for path in EARLIER] == [f"journal-v{version}" for version in range(1, len(MIGRATIONS))]


@pytest.fixture(params=EARLIER, ids=lambda path: path.stem)
def earlier(request, tmp_path):
    return shutil.copy(request.param, tmp_path / "work.db")


def test_an_earlier_file_keeps_its_world_and_gains_what_is_new(earlier):
    store = Store.open(earlier)
    assert [job.name for job in store.jobs()] == ["an early run", "its fork"]
    store.set_speed(3.0, now=1e6)
    assert store.journal.append_metrics("default", "job-1", 0, {"step": np.arange(3.0)}) == 1
    store.close()
    with sqlite3.connect(earlier) as connection:
        assert connection.execute("SELECT version FROM vapor_schema").fetchall() == [(len(MIGRATIONS),)]
    connection.close()
    again = open_journal(earlier)
    assert again.read("default")[-1].event == SpeedSet(speed=3.0)
    again.close()


@pytest.mark.postgres
def test_an_earlier_database_in_postgresql_opens_too(postgres_server):
    url = postgres_server.database()
    journal = open_journal(url)
    journal.append("default", 0, 1.0, SpeedSet(speed=2.0))
    with journal._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE vapor_points")
        connection.exec_driver_sql("UPDATE vapor_schema SET version = 1")
    journal.close()
    again = open_journal(url)
    assert again.read("default")[0].event == SpeedSet(speed=2.0)
    assert again.append_metrics("default", "job-1", 0, {"step": np.arange(3.0)}) == 1
    again.close()
