"""`vapor doctor`: what is missing is named with the one command that installs it; a damaged journal is seen."""

import sqlite3
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from vapor_cli import doctor as looking
from vapor_cli.main import app
from vapor_core import JobConfig, Store
from vapor_core.journal.sql import look_at


def doctor(*words):
    return CliRunner().invoke(app, ["doctor", *words])


@pytest.fixture
def journal(tmp_path):
    place = tmp_path / "work.db"
    store = Store.open(place)
    for number in range(5):
        store.submit(
            JobConfig(model="openai-community/gpt2", max_steps=10), now=float(number), name=f"run {number}"
        )
    store.journal.close()
    return place


def test_a_sound_installation_is_well_and_says_what_it_has(journal):
    said = doctor("--database", str(journal))
    assert said.exit_code == 0, said.output
    assert "streamlit " in said.output
    assert f"{journal}, 1 workspaces" in said.output
    assert said.stdout.strip().endswith("all is well")


def test_a_journal_that_is_not_there_yet_is_no_trouble_and_is_not_made(tmp_path):
    said = doctor("--database", str(tmp_path / "new.db"))
    assert said.exit_code == 0
    assert not (tmp_path / "new.db").exists()


def test_a_damaged_journal_is_told_and_a_sound_copy_is_written(journal, tmp_path):
    with sqlite3.connect(journal) as connection:
        connection.execute("update vapor_events set body = replace(body, 'run 3', 'run 9')")
    connection.close()
    said = doctor("--database", str(journal), "--repair", str(tmp_path / "whole.db"))
    assert said.exit_code == 1
    assert "wrong:" in said.stderr
    assert list(look_at(tmp_path / "whole.db").workspaces())


def test_a_backend_that_is_on_and_lacks_something_is_named_with_the_command(monkeypatch, journal):
    monkeypatch.setenv("VAPOR_BACKENDS", "local,abacus")
    lacking = looking.Wanted("torch", ">=2.6", None)
    monkeypatch.setattr(looking, "wanted", lambda: {"": (), "local": (lacking,)})
    said = doctor("--database", str(journal))
    assert said.exit_code == 1
    assert "the backend local needs torch: pip install -e '.[local]' in Vapor's folder" in said.stderr
    assert "'abacus'" in said.stderr


def test_jobs_of_the_hub_need_no_extra_and_what_stands_in_their_way_is_named(monkeypatch, journal):
    monkeypatch.setattr(looking, "wanted", lambda: {"": ()})
    monkeypatch.setenv("VAPOR_BACKENDS", "hf_jobs")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    said = doctor("--database", str(journal))
    assert said.exit_code == 0 and "jobs of the Hub: each person gives a token" in said.stdout
    monkeypatch.setenv("VAPOR_HF_JOBS_TOKEN", "server")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said = doctor("--database", str(journal))
    assert said.exit_code == 1
    assert "lends HF_TOKEN, which is not set" in said.stderr and "HF_HUB_OFFLINE forbids" in said.stderr


def test_a_package_of_a_version_that_was_not_tried_is_wrong(monkeypatch, journal):
    old = looking.Wanted("numpy", ">=2.0,<3", "1.26")
    monkeypatch.setattr(looking, "wanted", lambda: {"": (old,)})
    said = doctor("--database", str(journal))
    assert said.exit_code == 1
    assert "numpy 1.26; >=2.0,<3 is needed: pip install 'numpy>=2.0,<3'" in said.stderr


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password():
    said = doctor("--database", "postgresql+psycopg://me:secret@127.0.0.1:1/none")
    assert said.exit_code == 2
    assert "secret" not in said.output
    assert len(said.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_what_the_database_says_for_itself_is_not_printed_beside_the_one_line():
    """In a process of its own: a test's runner sees no logging."""
    program = "from vapor_cli.main import app; app()"
    place = "postgresql+psycopg://me:secret@127.0.0.1:1/none"
    command = [sys.executable, "-c", program, "doctor", "--database", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "Ray cluster: one of its own on this machine"),
        ("http://127.0.0.1:8265", "Ray cluster: http://127.0.0.1:8265"),
        ("http://ray.example:8265", "whoever reaches it may run anything on its machines"),
        ("ray://127.0.0.1:10001", "is not the address of a dashboard"),
    ],
)
def test_where_the_cluster_is_and_who_else_may_reach_it_is_told(journal, monkeypatch, address, told):
    monkeypatch.setenv("VAPOR_BACKENDS", "ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    said = doctor("--database", str(journal))
    assert told in said.output
    assert ("may run anything" in said.output) == ("example" in address)
