"""A journal is checked, repaired, written out and read back; what is looked at is never changed."""

import json
import sqlite3

import numpy as np
import pytest
from typer.testing import CliRunner

from vapor_cli.main import app
from vapor_core import JobConfig, Store
from vapor_core.journal.other_events import SpeedSet
from vapor_core.journal.sql import open_journal
from vapor_core.workspace.members import Members

CONFIG = JobConfig(model="openai-community/gpt2", max_steps=100)


def run(*arguments):
    done = CliRunner().invoke(app, ["journal", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def filled(place):
    """Three workspaces: jobs and points of one, a speed of another, and the log of members."""
    store = Store.open(place)
    for number in range(3):
        store.submit(CONFIG.changed(seed=number), now=float(number))
    for number in range(2):
        store.journal.append_metrics("default", "job-1", number, {"step": np.arange(5.0) + 5 * number})
    Store(store.journal, "other").set_speed(3.0, now=1.0)
    Members(store.journal).invite("person-ada", "editor", "token", by="Ada", now=0.0)
    store.close()
    return place


@pytest.fixture
def path(tmp_path):
    return filled(tmp_path / "work.db")


def damage(path, statement):
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def content(place):
    journal = open_journal(place)
    found = {
        name: (
            journal.read(name),
            [block.columns["step"].tolist() for block in journal.metric_blocks(name, "job-1")],
        )
        for name in journal.workspaces()
    }
    journal.close()
    return found


def bytes_of(path):
    return {
        each.name: each.read_bytes() for each in path.parent.glob(path.name + "*") if "-shm" not in each.name
    }


@pytest.mark.slow
def test_a_whole_journal_is_said_to_be_whole(database):
    filled(database)
    assert run("check", database) == (0, "all of it is whole\n")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE vapor_events SET body = 'x' WHERE number = 2", "event 2 was set aside"),
        ("DELETE FROM vapor_events WHERE number = 2", "event 2 is not there"),
        ("DELETE FROM vapor_events WHERE number = 3", "event 3 is not there"),
        ("UPDATE vapor_points SET body = x'00' WHERE number = 2", "block 2 of the points of job-1"),
    ],
)
def test_what_is_wrong_is_listed_and_nothing_is_changed(path, statement, words):
    damage(path, statement)
    before = bytes_of(path)
    code, output = run("check", path)
    assert code == 1 and f"workspace default: {words}" in output and "1 found" in output
    assert bytes_of(path) == before


def test_an_event_that_does_not_follow_is_listed(path):
    journal = open_journal(path)
    from vapor_core.journal.events import JobPaused  # noqa: PLC0415 - of this test alone

    journal.append("default", 3, 9.0, JobPaused(job_id="job-77"))
    journal.close()
    code, output = run("check", path)
    assert code == 1 and "event 4 was set aside: it does not follow" in output


def test_a_repaired_copy_has_what_is_sound_and_a_file_has_the_rest(path, tmp_path):
    damage(path, "UPDATE vapor_events SET body = replace(body, '100', '999') WHERE number = 2")
    before, copy = bytes_of(path), tmp_path / "copy.db"
    code, output = run("repair", path, copy)
    assert code == 0 and "1 were left out" in output and bytes_of(path) == before
    store = Store.open(copy)
    assert [job.id for job in store.jobs()] == ["job-1", "job-3"] and store.notices == ()
    assert store.submit(CONFIG, now=10.0).id == "job-4"  # job-2 is not given out again
    assert len(store.journal.metric_blocks("default", "job-1")) == 2
    store.close()
    (line,) = map(json.loads, (tmp_path / "copy.db.set-aside.jsonl").read_text().splitlines())
    assert (line["workspace"], line["number"]) == ("default", 2) and "999" in line["body"]
    assert run("check", copy)[0] == 0


def test_a_repair_keeps_what_a_newer_version_wrote(path, tmp_path):
    said = '{"kind":"from_tomorrow","job_id":"job-9"}'
    damage(path, "UPDATE vapor_events SET digest = NULL")
    damage(path, f"UPDATE vapor_events SET body = '{said}' WHERE workspace = 'other'")  # noqa: S608 - of this test
    assert run("check", path)[0] == 1
    run("repair", path, tmp_path / "copy.db")
    (entry,) = content(tmp_path / "copy.db")["other"][0]
    assert entry.event.body == said and "update Vapor" in entry.notice


@pytest.mark.slow
def test_rows_that_an_index_has_lost_are_saved(path, tmp_path):
    store = Store.open(path)
    for number in range(300):
        store.rename("job-1", f"name {number}", now=10.0)
    store.close()
    pages = path.read_bytes()
    with sqlite3.connect(path) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_vapor_events_1'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    path.write_bytes(pages[: (root - 1) * size] + b"\x00" * size + pages[root * size :])
    assert run("check", path)[0] == 1
    code, output = run("repair", path, tmp_path / "copy.db")
    assert code == 0, output
    assert len(content(tmp_path / "copy.db")["default"][0]) == 303


def test_an_export_is_read_back_as_it_was(database, tmp_path):
    filled(database)
    assert run("export", database, "--out", tmp_path / "all.jsonl")[0] == 0
    code, output = run("restore", tmp_path / "all.jsonl", tmp_path / "again.db")
    assert (code, output.split(" are in")[0]) == (0, "7 events and blocks of points")
    assert content(tmp_path / "again.db") == content(database)
    assert run("check", tmp_path / "again.db")[0] == 0


def test_one_workspace_can_be_exported_alone(path, tmp_path):
    code, output = run("export", path, "--workspace", "other")
    assert code == 0 and len(output.splitlines()) == 3
    (tmp_path / "one.jsonl").write_text(output)
    run("restore", tmp_path / "one.jsonl", tmp_path / "one.db")
    assert list(content(tmp_path / "one.db")) == ["other"]
    assert run("export", path, "--workspace", "nobody")[0] == 2


def test_fields_of_a_later_version_are_in_an_export(path, tmp_path):
    said = '{"version":1,"kind":"speed_set","speed":3.0,"reason":"a rush"}'
    damage(path, "UPDATE vapor_events SET digest = NULL")
    damage(path, f"UPDATE vapor_events SET body = '{said}' WHERE workspace = 'other'")  # noqa: S608 - of this test
    (tmp_path / "all.jsonl").write_text(run("export", path)[1])
    run("restore", tmp_path / "all.jsonl", tmp_path / "again.db")
    with sqlite3.connect(tmp_path / "again.db") as connection:
        assert (
            connection.execute("SELECT body FROM vapor_events WHERE workspace = 'other'").fetchone()[0]
            == said
        )
    connection.close()
    assert content(tmp_path / "again.db")["other"][0][0].event == SpeedSet(speed=3.0)


@pytest.mark.parametrize("how", ["changed", "a line short", "cut off"])
def test_a_damaged_export_is_not_restored_in_silence(path, tmp_path, how):
    lines = run("export", path)[1].splitlines(keepends=True)
    if how == "changed":
        lines[2] = lines[2].replace("100", "999")
    else:
        lines = lines[:2] + lines[3:] if how == "a line short" else lines[:3]
    (tmp_path / "all.jsonl").write_text("".join(lines))
    code, output = run("restore", tmp_path / "all.jsonl", tmp_path / "again.db")
    assert code == 2 and "nothing was restored" in output and not (tmp_path / "again.db").exists()
    code, output = run("restore", tmp_path / "all.jsonl", tmp_path / "again.db", "--skip-damaged")
    assert code == 1 and "1 lines were damaged or missing" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "{folder}/nowhere.db"), "cannot be opened"),
        (("restore", "{folder}/nowhere.jsonl", "{folder}/x.db"), "No such file"),
        (("restore", "{folder}/work.db", "{folder}/x.db"), "no export"),
        (("repair", "{folder}/work.db", "{folder}/work.db"), "already"),
        (("check", "{folder}"), "is a folder"),
        (("check", "nonsense://host/name"), "no database is known"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(path, arguments, words):
    code, output = run(*(each.format(folder=path.parent) for each in arguments))
    assert code == 2 and words in output and output.count("\n") == 1
