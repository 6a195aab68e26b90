"""A workspace is opened again as it was; what cannot be kept is told, costs nothing and goes on later."""

import pytest
import streamlit as st
from screen import HOME, ROOT, button, opened, press, ran, still_store, words
from streamlit.testing.v1 import AppTest

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidLink, JournalError, JournalFull
from vapor_core.journal.memory import MemoryJournal
from vapor_core.workspace.members import Members
from vapor_core.workspace.store import Store
from vapor_ui.entrance import arrival
from vapor_ui.shell import session, settings, state, workspaces
from vapor_ui.shell.state import Visit

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", method="full", max_steps=3000)


class Disk(MemoryJournal):
    """A journal whose disk may be full."""

    full = False

    def append(self, workspace, after, at, event):
        if self.full:
            raise JournalFull(
                "there is no room for vapor.db; nothing was recorded; make room and do it again"
            )
        return super().append(workspace, after, at, event)


@pytest.mark.slow
def test_a_full_disk_is_one_message_nothing_is_lost_and_it_works_on_when_there_is_room():
    disk = Disk()
    store = Store(disk)
    store.set_speed(1.0, now=0.0)
    store.submit(CONFIG, now=0.0, name="kept")
    store.advance(now=400.0)
    store.set_speed(0.0, now=400.0)
    disk.full = True
    app = opened("2_Monitor", store, job="job-1")
    button(app, "Pause").click()
    ran(app)
    assert [error.value for error in app.error if "no room" in error.value]
    assert store.job("job-1").status == "running"
    disk.full = False
    button(app, "Pause").click()
    ran(app)
    assert not app.error
    assert store.job("job-1").status == "paused"


@pytest.mark.slow
def test_a_journal_that_cannot_be_read_is_told_and_what_is_known_is_drawn(monkeypatch):
    store = Store()
    store.set_speed(0.0, now=0.0)
    store.submit(CONFIG, now=0.0, name="known")
    app = opened("2_Monitor", store, job="job-1")

    def fail(*_):
        raise JournalFull("the journal is locked by another process")

    monkeypatch.setattr(store.journal, "read", fail)
    ran(app)
    assert [error.value for error in app.error if "locked" in error.value]
    assert app.subheader[0].value == "known"


def test_the_database_is_what_is_configured_or_a_file_among_the_persons_own(monkeypatch, tmp_path):
    monkeypatch.delenv("VAPOR_DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert settings.database() == str(tmp_path / "vapor" / "vapor.db")
    monkeypatch.setenv("VAPOR_DATABASE_URL", "memory")
    assert settings.database() == settings.MEMORY


def test_a_new_workspace_runs_and_an_old_one_is_as_it_was(tmp_path):
    def begun():
        store = Store.open(tmp_path / "vapor.db", "w")
        session._begin(store)
        return store

    first = begun()
    assert first.clock.speed == session.FIRST_SPEED
    first.set_speed(0.0, now=session.now())
    first.submit(CONFIG, now=session.now())
    again = begun()
    assert again.clock.speed == 0.0
    assert again.jobs() == first.jobs()
    first.close()
    again.close()


@pytest.mark.slow
def test_requests_of_years_that_nobody_saw_are_not_computed(monkeypatch):
    store = Store()
    store.submit(CONFIG, now=0.0)
    store.skip(1e6, now=1.0)
    store.advance(now=2.0)
    store.deploy("job-1", now=3.0)
    store.set_speed(3600.0, now=4.0)
    again = Store(store.journal)
    monkeypatch.setattr(session, "now", lambda: 30 * 86_400.0)
    session._begin(again)
    again.advance(now=session.now())
    assert again.clock.speed == 0.0
    assert again.clock.simulated_s < 1e6 + 3600.0 * (session.SHORTEST_ABSENCE_S + 10)


def test_after_an_edit_a_workspace_is_not_read_in_classes_that_are_no_more(monkeypatch, tmp_path):
    place = str(tmp_path / "vapor.db")
    before = workspaces._journal(place)
    assert workspaces._journal(place) is before
    monkeypatch.setattr(
        workspaces, "MemberJournal", type("MemberJournal", (), {})
    )  # as a second load makes it
    after = workspaces._journal(place)
    assert after is not before
    for journal in (before, after):
        journal.close()
    workspaces._opened_journal.clear()


@pytest.mark.parametrize(
    "told", ["../../etc/passwd", "default", "a" * 31, "a" * 33, "person-" + "a" * 48, "", None]
)
def test_only_an_id_that_could_have_been_given_names_a_browsers_workspace(told):
    assert not arrival.ID.fullmatch(told or "")


def test_home_without_a_browser_needs_no_database(monkeypatch, tmp_path):
    monkeypatch.setenv("VAPOR_DATABASE_URL", str(tmp_path / "never.db"))
    app = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=30)
    ran(app)
    assert "Nothing has been trained here yet" in words(app)
    assert not (tmp_path / "never.db").exists()


def test_an_error_of_one_workspace_leaves_the_journal_of_all_open(monkeypatch, tmp_path):
    """Each later session opened an engine of its own, until PostgreSQL had no connection left."""
    place = str(tmp_path / "vapor.db")
    journal = workspaces._journal(place)

    def broken(journal, workspace):
        raise JournalError("event 3 cannot be read")

    monkeypatch.setattr(workspaces, "Store", broken)
    for _ in range(5):
        with pytest.raises(JournalError, match="event 3"):
            workspaces._store(place, "hers")
    assert workspaces._journal(place) is journal
    monkeypatch.undo()
    assert workspaces._store(place, "mine").journal is journal
    journal.close()
    workspaces._opened_journal.clear()


@pytest.mark.slow
def test_what_was_set_aside_is_told_once_a_visit(monkeypatch):
    monkeypatch.setattr(Store, "notices", property(lambda self: ("one event was set aside",)))
    app = opened(HOME, still_store())
    assert [toast.value for toast in app.toast] == ["one event was set aside"]
    assert not ran(app).toast


def test_a_visitor_of_anothers_workspace_reads_by_the_role_of_now(monkeypatch):
    journal = MemoryJournal()
    members = Members(journal)
    members.invite("person-ada", "editor", "token", by="Ada", now=0.0)
    members.accept("token", person="person-ben", name="Ben", now=0.0)
    held = {}
    monkeypatch.setattr(st, "session_state", {state.KEY: held})
    held[state.named(Visit)] = Visit(chosen_workspace="person-ada")
    monkeypatch.setattr(workspaces, "members", lambda: members)
    monkeypatch.setattr(workspaces, "person", lambda: "person-ben")
    monkeypatch.setattr(workspaces, "_journal", lambda place: journal)
    store = workspaces._joined_store("anywhere")
    store.submit(CONFIG, now=0.0)
    Members(journal).set_role("person-ada", "person-ben", "viewer", now=1.0)
    with pytest.raises(JournalError):
        store.submit(CONFIG, now=2.0)
    Members(journal).remove("person-ada", "person-ben", now=3.0)
    with pytest.raises(JournalError):
        store.journal.read("person-ada")


def test_an_invitation_can_be_seen_and_withdrawn_and_a_role_changed(monkeypatch):
    members = Members(MemoryJournal())
    members.invite("person-ada", "viewer", "first", by="Ada", now=0.0)
    members.accept("first", person="person-ben", name="Ben", now=0.0)
    members.invite("person-ada", "editor", "second", by="Ada", now=session.now())
    monkeypatch.setattr(workspaces, "signed_in", lambda: True)
    monkeypatch.setattr(workspaces, "person", lambda: "person-ada")
    monkeypatch.setattr(workspaces, "members", lambda: members)
    app = opened(HOME, still_store())
    assert "to work in it" in words(app)
    press(app, "Withdraw")
    assert "to work in it" not in words(app)
    press(app, "Make editor")
    assert members.role("person-ada", "person-ben") == "editor"
    with pytest.raises(InvalidLink):
        members.invitation("second", person="person-cy", now=session.now())
