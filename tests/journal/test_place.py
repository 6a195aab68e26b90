"""One place, one set of connections a process: errors, locks and disks that only read belong to nobody else."""

import logging
import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path
from time import monotonic

import pytest

from vapor_core.errors import JournalError
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.store import Store

FASTER = SpeedSet(speed=2.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work.db"


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_reopening_after_errors_opens_no_more_files(path):
    held = open_journal(path)
    held.append("good", 0, 1.0, FASTER)
    before = descriptors()
    for number in range(30):
        journal = open_journal(
            path
        )  # as a server does where a workspace had an error; nobody closes the old one
        with pytest.raises(JournalError):
            journal.append(f"bad-{number}", 7, 1.0, FASTER)
    assert descriptors() <= before + 2
    assert len(held.read("good")) == 1
    held.close()


@pytest.mark.postgres
def test_one_visitor_cannot_use_up_the_connections_of_a_server(postgres_server):
    url = postgres_server.database()
    held = open_journal(url)
    held.append("good", 0, 1.0, FASTER)
    journals = [open_journal(url) for _ in range(30)]
    for number, journal in enumerate(journals):
        with pytest.raises(JournalError):
            journal.append(f"bad-{number}", 7, 1.0, FASTER)
    with held._engine.connect() as connection:
        used = connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).scalar()
    assert used <= 5
    for journal in journals:
        journal.close()
    assert len(held.read("good")) == 1
    held.close()


def test_a_journal_that_one_lets_go_of_stays_open_for_the_others(database):
    first, second = open_journal(database), open_journal(database)
    assert first._engine is second._engine
    first.close()
    first.close()
    second.append("default", 0, 1.0, FASTER)
    assert len(second.read("default")) == 1
    second.close()


def test_a_file_that_was_replaced_is_another_place(path):
    first = open_journal(path)
    first.append("default", 0, 1.0, FASTER)
    for left in path.parent.glob("work.db*"):
        left.unlink()
    second = open_journal(path)
    assert second.read("default") == ()
    first.close()
    second.close()


def test_an_empty_file_is_not_taken_for_a_new_journal_in_silence(path):
    path.touch()
    journal = open_journal(path)
    assert "empty" in journal.notices[0] and "backup" in journal.notices[0]
    journal.close()
    again = open_journal(path)
    assert again.notices == ()
    again.close()


def test_a_journal_that_is_gone_is_not_taken_for_a_new_one_in_silence(path):
    journal = open_journal(path)
    journal.append("default", 0, 1.0, FASTER)
    journal.close()
    path.unlink()
    again = open_journal(path)
    assert "is gone" in again.notices[0]
    again.close()
    assert open_journal(path).notices == ()


def test_nothing_is_left_beside_a_new_journal(path):
    journal = open_journal(path)
    assert {each.name for each in path.parent.iterdir()} <= {"work.db", "work.db-wal", "work.db-shm"}
    journal.close()


@pytest.mark.slow
def test_who_waits_behind_a_lock_waits_once_and_not_in_turn(path):
    journal = open_journal(path, busy_s=0.5)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    told, took = [], []

    def act(number):
        began = monotonic()
        try:
            journal.append(f"workspace-{number}", 0, 1.0, FASTER)
        except JournalError as error:
            told.append(str(error))
        took.append(monotonic() - began)

    threads = [threading.Thread(target=act, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 10 and all("locked by another process" in each for each in told)
    assert max(took) < 2.0
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.append("workspace-1", 0, 1.0, FASTER)
    journal.close()


@pytest.fixture
def read_only_disk(tmp_path):
    """A folder on a disk of its own, and a call that makes it one that can only be read."""
    folder, mount = tmp_path / "disk", shutil.which("mount")
    folder.mkdir()
    made = mount and subprocess.run(  # noqa: S603
        [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("a file system of the test's own cannot be mounted here")
    yield folder, lambda: subprocess.run([mount, "-o", "remount,ro", str(folder)], check=True)  # noqa: S603
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


@pytest.mark.parametrize("logged", [False, True], ids=["closed", "with its log"])
def test_a_disk_that_only_reads_can_be_looked_at_and_says_so(read_only_disk, logged, tmp_path):
    folder, close_it = read_only_disk
    there = tmp_path / "work.db"
    journal = open_journal(there)
    for number in range(3):
        journal.append("default", number, 1.0, FASTER)
    if not logged:
        journal.close()
    for each in tmp_path.glob("work.db*"):
        shutil.copy(each, folder / each.name)
    journal.close()
    close_it()
    store = Store.open(folder / "work.db")
    assert len(store.journal.read("default")) == 3 and store.journal.read_only
    assert store.notices == ("the journal may only be read: nothing that is done now can be recorded",)
    with pytest.raises(JournalError, match="may only be read"):
        store.set_speed(3.0, now=2.0)
    store.advance(now=9.0)
    store.close()


@pytest.mark.slow
def test_an_earlier_file_on_a_disk_that_only_reads_is_read(read_only_disk):
    folder, close_it = read_only_disk
    for version in (1, 2):
        shutil.copy(Path(__file__).parents[1] / "data" / f"journal-v{version}.db", folder)
    close_it()
    for version in (1, 2):
        store = Store.open(folder / f"journal-v{version}.db")
        assert [job.name for job in store.jobs()] == ["an early run", "its fork"]
        assert store.journal.metric_blocks("default", "job-1") == ()
        store.close()


def broken(kind, tmp_path):
    """Something that fails, each with names that are nobody's business."""
    place = tmp_path / "hidden-folder" / "hidden.db"
    place.parent.mkdir()
    if kind == "a folder":
        return lambda: open_journal(place.parent)
    if kind == "a file as folder":
        place.write_text("x")
        return lambda: open_journal(place / "work.db")
    if kind == "a server":
        return lambda: open_journal("postgresql://hidden:hidden@127.0.0.1:1/hidden")
    if kind == "corrupt":
        place.write_bytes(b"words " * 1000)

        def notices():
            raise JournalError("; ".join(open_journal(place).notices))

        return notices
    journal = open_journal(place)
    journal.append("hidden", 0, 1.0, FASTER)
    if kind in ("a conflict", "lost"):
        return lambda: journal.append("hidden", 0 if kind == "a conflict" else 5, 1.0, FASTER)
    with journal._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE vapor_events")
    return lambda: journal.read("hidden")


@pytest.mark.parametrize(
    "kind",
    ["a folder", "a file as folder", "a server", "corrupt", "a conflict", "lost", "a table that is missing"],
)
def test_no_message_says_whose_workspace_or_where_it_is_kept(kind, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "vapor.journal"), pytest.raises(JournalError) as told:
        broken(kind, tmp_path)()
    for secret in ("hidden", str(tmp_path), "127.0.0.1", "/"):
        assert secret not in str(told.value)
    if kind in ("a server", "corrupt", "a table that is missing"):
        assert "hidden" in caplog.text or "127.0.0.1" in caplog.text  # whoever runs the server can find it
        assert "hidden:hidden@" not in caplog.text


def test_a_forked_process_does_not_use_its_parents_connections(path):
    journal = open_journal(path)
    child = os.fork()
    if not child:
        mine = open_journal(path)
        os._exit(0 if mine._engine is not journal._engine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    journal.close()
