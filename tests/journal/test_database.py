"""Reaching a database: what its driver complains of is one sentence, and trouble that passes is passed."""

import pytest

from tests.postgres import free_port
from vapor_core.errors import JournalError
from vapor_core.journal.database import database_url
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import open_journal

FASTER = SpeedSet(speed=2.0)


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://me@host/name", "postgresql+psycopg"),
        ("postgresql://me@host/name", "postgresql+psycopg"),
        ("postgresql+psycopg://me@host/name", "postgresql+psycopg"),
        ("sqlite:///work.db", "sqlite"),
    ],
)
def test_a_url_as_hosts_give_it_finds_its_driver(given, driver):
    assert database_url(given).drivername == driver


def test_a_server_that_is_not_there_is_told_without_its_password():
    with pytest.raises(JournalError, match="cannot be opened") as told:
        open_journal(f"postgresql://me:hunter2@127.0.0.1:{free_port()}/name")
    assert "hunter2" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.postgres
def test_a_database_that_is_not_there_is_told(postgres_server):
    with pytest.raises(JournalError, match="does not exist"):
        open_journal(postgres_server.url.removesuffix("postgres") + "nowhere")


@pytest.mark.slow
@pytest.mark.postgres
def test_a_server_that_was_away_is_used_again_and_has_lost_nothing(postgres_server):
    journal = open_journal(postgres_server.database())
    journal.append("default", 0, 1.0, FASTER)
    postgres_server.stop()
    try:
        with pytest.raises(JournalError) as told:
            journal.append("default", 1, 1.0, FASTER)
        assert "cannot be written" in str(told.value)
    finally:
        postgres_server.start()
    journal.append("default", 1, 1.0, FASTER)
    assert [entry.number for entry in journal.read("default")] == [1, 2]
    journal.close()


@pytest.mark.postgres
def test_who_may_only_read_is_told(postgres_server):
    url = postgres_server.database()
    open_journal(url).close()
    journal = open_journal(url)
    with journal._engine.connect() as connection:
        connection.exec_driver_sql(
            "ALTER DATABASE " + url.rsplit("/", 1)[1] + " SET default_transaction_read_only = on"
        )
        connection.commit()
    journal.close()
    journal = open_journal(url)
    with pytest.raises(JournalError, match="may only read"):
        journal.append("default", 0, 1.0, FASTER)
    journal.close()
