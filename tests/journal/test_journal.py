"""The journal keeps what happened: on disk, from several processes, through damage."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_jobs import OWN_MODEL

from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import JournalError, JournalFull
from vapor_core.journal.codec import decode, encode
from vapor_core.journal.events import (
    DatasetAdded,
    Deployed,
    JobPaused,
    JobSubmitted,
    ModelAdded,
    SetAside,
    WorkspaceEvent,
)
from vapor_core.journal.journal import JournalConflict
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import MIGRATIONS, open_journal

ROOT = Path(__file__).parents[2]
OWN_DATA = Dataset(id="me/data", tokens=1_000_000, examples=2_000)
CONFIG = JobConfig(
    model=OWN_MODEL, dataset=OWN_DATA, method="full", schedule=((0.0, 1.0), (1.0, 0.1)), seed=2**62
)
EVENTS: tuple[WorkspaceEvent, ...] = (
    JobSubmitted.of("job-1", "first", CONFIG),
    JobSubmitted.of("job-2", "second", CONFIG, parent_id="job-1", step=10),
    JobPaused(job_id="job-1"),
    SpeedSet(speed=1 / 3),
    DatasetAdded(dataset=OWN_DATA),
    ModelAdded(model=OWN_MODEL),
    Deployed(
        deployment_id="deployment-1",
        name="serve",
        job_id="job-1",
        accelerator="nvidia-l4",
        replicas_min=1,
        replicas_max=4,
        traffic="daily",
        precision="int8",
    ),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work.db"


@pytest.fixture
def journal(path):
    opened = open_journal(path)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_journal(request, path):
    if request.param == "memory":
        opened = MemoryJournal()
    elif request.param == "sqlite":
        opened = open_journal(path)
    else:
        opened = open_journal(request.getfixturevalue("postgres_server").database())
    yield opened
    opened.close()


def write(journal, workspace="default", events=EVENTS):
    for number, event in enumerate(events):
        journal.append(workspace, number, 100.0 + number / 3, event)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_reads_back_as_it_was_written(event):
    assert decode(encode(event), "here") == event


def test_a_config_remembers_which_fields_were_chosen():
    config = JobConfig(model="openai-community/gpt2", method="full")
    again = decode(encode(JobSubmitted.of("job-1", "n", config)), "here").config
    assert again == config
    assert again.model_fields_set == config.model_fields_set
    assert again.changed(method="lora").learning_rate == config.changed(method="lora").learning_rate


def test_entries_come_back_in_order_with_their_instants(any_journal):
    write(any_journal)
    entries = any_journal.read("default")
    assert [entry.number for entry in entries] == list(range(1, len(EVENTS) + 1))
    assert [entry.at for entry in entries] == [100.0 + number / 3 for number in range(len(EVENTS))]
    assert tuple(entry.event for entry in entries) == EVENTS
    assert any_journal.read("default", after=5) == entries[5:]


def test_workspaces_do_not_see_each_other(any_journal):
    write(any_journal, "mine")
    assert any_journal.read("yours") == ()
    any_journal.append("yours", 0, 1.0, EVENTS[0])
    assert len(any_journal.read("mine")) == len(EVENTS)


def test_who_knows_less_than_the_journal_may_not_append(any_journal):
    write(any_journal, events=EVENTS[:2])
    with pytest.raises(JournalConflict):
        any_journal.append("default", 1, 5.0, EVENTS[3])
    assert len(any_journal.read("default")) == 2


def test_a_database_is_read_by_the_next_one_who_opens_it(database):
    first = open_journal(database)
    write(first)
    first.close()
    second = open_journal(database)
    assert tuple(entry.event for entry in second.read("default")) == EVENTS
    assert second.workspaces() == ("default",)
    assert second.notices == ()
    second.close()


def test_a_file_is_written_ahead_and_synced(journal, path):
    write(journal)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    with journal._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


ACTS = """
import sys
from vapor_core.contracts.training import Dataset
from vapor_core.workspace.store import Store
store = Store.open(sys.argv[1])
for number in range(25):
    dataset = sys.argv[2] + "/" + str(number)
    store.add_dataset(Dataset(id=dataset, tokens=1000, examples=10), now=float(number))
    print(dataset, flush=True)
"""


@pytest.mark.slow
def test_two_processes_that_act_at_once_lose_nothing(database):
    """Each acts on the world as it knows it; who was too late looks again."""
    open_journal(database).close()
    command = [sys.executable, "-c", ACTS, database]
    acting = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
        for name in ("left", "right")
    ]
    acknowledged = [line for each in acting for line in each.communicate()[0].splitlines()]
    assert [each.returncode for each in acting] == [0, 0]
    opened = open_journal(database)
    entries = opened.read("default")
    opened.close()
    assert [entry.number for entry in entries] == list(range(1, 51))
    assert sorted(entry.event.dataset.id for entry in entries) == sorted(acknowledged)
    assert len(acknowledged) == 50


@pytest.mark.slow
def test_processes_that_open_a_new_database_at_once_all_succeed(database):
    program = "import sys; from vapor_core.journal.sql import open_journal; open_journal(sys.argv[1]).close()"
    command = [sys.executable, "-c", program, database]
    opening = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]  # noqa: S603
    assert [each.wait() for each in opening] == [0, 0, 0]


@pytest.mark.slow
def test_threads_that_act_at_once_lose_nothing(database):
    journal = open_journal(database)

    def act(speed):
        while True:
            after = len(journal.read("default"))
            try:
                journal.append("default", after, 1.0, SpeedSet(speed=speed))
            except JournalConflict:
                continue
            return

    threads = [threading.Thread(target=act, args=(float(speed),)) for speed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.event.speed for entry in journal.read("default")) == [float(n) for n in range(16)]
    journal.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"no database at all, only words. " * 200,
        lambda content: content[:4096] + b"\x00" * (len(content) - 4096),
        lambda content: content[: len(content) // 2],
    ],
    ids=["words", "zeros", "half"],
)
def test_a_corrupt_file_is_set_aside_and_never_written_to(path, damage):
    first = open_journal(path)
    for number in range(200):
        first.append("default", number, 1.0, EVENTS[0])
    first.close()
    for companion in path.parent.glob("work.db-*"):
        companion.unlink()
    broken = damage(path.read_bytes())
    path.write_bytes(broken)
    second = open_journal(path)
    aside = path.with_name("work.db.corrupt-1")
    assert aside.read_bytes() == broken
    assert "corrupt" in second.notices[0] and "ending .corrupt-1" in second.notices[0]
    assert str(path.parent) not in second.notices[0]
    assert second.read("default") == ()
    second.append("default", 0, 1.0, EVENTS[0])
    second.close()


def test_two_corrupt_files_get_two_names(path):
    for number in (1, 2):
        path.write_bytes(b"words " * 1000)
        open_journal(path).close()
        assert path.with_name(f"work.db.corrupt-{number}").exists()
        for left in path.parent.glob("work.db*"):
            if "corrupt" not in left.name:
                left.unlink()


def test_a_full_disk_is_told_and_the_journal_works_on_when_there_is_room(journal):
    write(journal)
    with journal._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    number = len(EVENTS)
    with pytest.raises(JournalFull, match=r"no room .* nothing was recorded"):
        for _ in range(200):
            journal.append("default", number, 1.0, EVENTS[0])
            number += 1
    assert len(journal.read("default")) == number
    with journal._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    journal.append("default", number, 1.0, EVENTS[0])
    assert len(journal.read("default")) == number + 1


@pytest.fixture
def tiny_disk(tmp_path):
    """A folder on a file system of 300 kB, and a call that enlarges it."""
    folder, mount = tmp_path / "tiny", shutil.which("mount")
    folder.mkdir()
    made = mount and subprocess.run(  # noqa: S603
        [mount, "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("a file system of the test's own cannot be mounted here")
    yield folder, lambda: subprocess.run([mount, "-o", "remount,size=3m", str(folder)], check=True)  # noqa: S603
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def test_a_real_disk_that_is_full_is_told_and_works_on_when_space_returns(tiny_disk):
    folder, enlarge = tiny_disk
    journal = open_journal(folder / "work.db")
    told = DatasetAdded(dataset=OWN_DATA.changed(note="n" * 4000))
    number = 0
    with pytest.raises(JournalFull, match="make room"):
        for _ in range(200):
            journal.append("default", number, 1.0, told)
            number += 1
    assert number and len(journal.read("default")) == number
    with pytest.raises(JournalFull):
        journal.append("default", number, 1.0, told)
    enlarge()
    journal.append("default", number, 1.0, told)
    journal.close()
    again = open_journal(folder / "work.db")
    assert len(again.read("default")) == number + 1 and again.notices == ()
    again.close()


def test_a_locked_file_is_told(path):
    impatient = open_journal(path, busy_s=0.0)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError, match="locked by another process"):
        impatient.append("default", 0, 1.0, EVENTS[0])
    blocker.execute("ROLLBACK")
    blocker.close()
    impatient.append("default", 0, 1.0, EVENTS[0])
    impatient.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"kind":"teleported","version":1}', "no event 'teleported'"),
        ('{"kind":"speed_set","version":2,"speed":1}', "newer Vapor"),
        ('{"kind":"speed_set","version":1}', "speed"),
        ("{", "not JSON"),
    ],
)
def test_one_event_that_cannot_be_read_is_set_aside_and_the_others_stay(journal, path, body, words):
    write(journal)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vapor_events SET digest = NULL")  # as a version before digests wrote it
        connection.execute("UPDATE vapor_events SET body = ? WHERE number = 3", (body,))
    connection.close()
    entries = journal.read("default")
    assert [entry.number for entry in entries] == list(range(1, len(EVENTS) + 1))
    aside = entries[2]
    assert isinstance(aside.event, SetAside) and encode(aside.event) == body
    assert words in aside.notice and aside.notice.startswith("event 3 was set aside")
    assert not [entry for entry in entries if entry.notice and entry is not aside]


def test_a_newer_file_is_refused_and_left_as_it_is(path):
    open_journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vapor_schema SET version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"newer Vapor \(schema 99, this one knows"):
        open_journal(path)
    assert path.read_bytes() == before


def test_a_version_1_file_opens(path):
    """The first version's tables, written down as they were; no later change may edit this."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE vapor_schema (version INTEGER NOT NULL);
            CREATE TABLE vapor_events (
                workspace VARCHAR(200) NOT NULL, number INTEGER NOT NULL, at FLOAT NOT NULL, body TEXT NOT NULL,
                PRIMARY KEY (workspace, number)
            );
            INSERT INTO vapor_schema VALUES (1);
            INSERT INTO vapor_events VALUES ('default', 1, 5.0, '{"version":1,"kind":"speed_set","speed":60.0}');
            """
        )
    connection.close()
    opened = open_journal(path)
    assert opened.read("default")[0].event == SpeedSet(speed=60.0)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM vapor_schema").fetchall() == [(len(MIGRATIONS),)]
    connection.close()
    opened.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nonsense://host/name", "sqlite or postgresql"),
        ("://", "cannot be read"),
        (Path(), "is a folder"),
    ],
)
def test_what_cannot_be_opened_is_told_in_a_sentence(given, words):
    with pytest.raises(JournalError, match=words):
        open_journal(given)


def test_a_password_never_reaches_a_message():
    with pytest.raises(JournalError) as told:
        open_journal("nonsense://me:hunter2@host/name")
    assert "hunter2" not in str(told.value)
