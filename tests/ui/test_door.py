"""Every action of a page passes one door, which asks whether its visitor still may; what is kept has one place."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import streamlit as st
from screen import ROOT, opened, press, ran, still_store, store_of, visit

from vapor_core import text
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import VaporError
from vapor_core.journal.memory import MemoryJournal
from vapor_core.workspace.members import Members
from vapor_core.workspace.store import Store
from vapor_ui.entrance import kept as what_is_kept
from vapor_ui.shell import frame, session, state, workspaces
from vapor_ui.shell.state import Looking, Visit

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-135M", method="full", max_steps=3000)
ADA, BEN = "person-ada", "person-ben"
SCREENS = sorted([ROOT / "Home.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "vapor_ui").rglob("*.py")])
DOOR = ROOT / "vapor_ui" / "shell" / "session.py"

READINGS = {"advance", "invitation", "invitations"}  # they take the time and change nothing that is kept
ACTIONS = {
    name
    for kind in (Store, Members)
    for name, method in inspect.getmembers(kind, inspect.isfunction)
    if "now" in inspect.signature(method).parameters and name not in READINGS
}


class Shared:
    """A workspace of Ada's in which Ben is an editor, with a job that is about half way."""

    def __init__(self):
        self.journal = MemoryJournal()
        self.members = Members(self.journal)
        self.members.invite(ADA, "editor", "token", by="Ada", now=0.0)
        self.members.accept("token", person=BEN, name="Ben", now=0.0)
        self.store = Store(self.journal, ADA)
        self.store.set_speed(1.0, now=0.0)
        self.store.submit(CONFIG, now=0.0, name="hers")
        self.store.advance(now=400.0)
        self.store.set_speed(0.0, now=400.0)

    def ben(self) -> Visit:
        return Visit(welcome="seen", role="editor", chosen_workspace=ADA)

    def remove_ben(self) -> None:
        Members(self.journal).remove(ADA, BEN, now=500.0)  # from Ada's own session

    def as_it_is(self) -> Store:
        """What the journal tells, whoever asks."""
        read = Store(self.journal, ADA)
        read.advance(now=600.0)
        return read


@pytest.fixture
def shared(monkeypatch):
    there = Shared()
    monkeypatch.setattr(workspaces, "members", lambda: there.members)
    monkeypatch.setattr(workspaces, "person", lambda: BEN)
    return there


def speed_up(app):
    app.segmented_control(key=frame.SPEED).set_value(3600.0)
    ran(app)


def stop(app):
    press(app, "Stop it")


PRESSES = {"pause": lambda app: press(app, "Pause"), "stop": stop, "speed": speed_up}


@pytest.mark.slow
@pytest.mark.parametrize("pressed", PRESSES)
def test_the_next_click_of_a_removed_editor_changes_nothing(shared, pressed):
    app = opened("2_Monitor", shared.store, kept=[shared.ben()], job="job-1")
    if pressed == "stop":
        press(app, "Stop")  # its dialog is open when Ada acts
    events = len(shared.journal.read(ADA))
    shared.remove_ben()
    PRESSES[pressed](app)
    assert len(shared.journal.read(ADA)) == events
    assert shared.as_it_is().job("job-1").status == "running"
    assert text.plain(session.ROLE_CHANGED) in [error.value for error in app.error]
    assert visit(app).chosen_workspace is None
    assert store_of(app).jobs() == ()


@pytest.mark.slow
def test_an_editor_who_is_still_one_acts(shared):
    app = opened("2_Monitor", shared.store, kept=[shared.ben()], job="job-1")
    press(app, "Pause")
    assert shared.as_it_is().job("job-1").status == "paused"
    assert not app.error


def test_an_editor_who_became_a_viewer_changes_nothing(shared):
    app = opened("2_Monitor", shared.store, kept=[shared.ben()], job="job-1")
    shared.members.invite(ADA, "viewer", "second", by="Ada", now=500.0)
    shared.members.accept("second", person=BEN, name="Ben", now=500.0)
    press(app, "Pause")
    assert shared.as_it_is().job("job-1").status == "running"
    assert text.plain(session.ROLE_CHANGED) in [error.value for error in app.error]


def test_a_refused_action_is_not_done_to_ones_own_workspace_instead(shared, kept):
    visiting = kept(shared.ben())
    visiting.store = shared.store
    shared.remove_ben()
    done = []
    with pytest.raises(VaporError, match="has changed"):
        session.do(lambda store, **_: done.append(store))
    assert done == []


def test_a_workspace_that_is_opened_anew_for_an_action_is_entered_only_where_the_role_stands(
    shared, kept, monkeypatch
):
    visiting = kept(shared.ben())  # its store is gone, as after an edit of a module
    shared.remove_ben()

    def opened_anew():
        visiting.chosen_workspace = None  # as `workspaces.opened` does where there is no role
        return still_store()

    monkeypatch.setattr(workspaces, "opened", opened_anew)
    with pytest.raises(VaporError, match="has changed"):
        session.do(Store.submit, CONFIG)
    assert visiting.store.jobs(include_deleted=True) == ()


@pytest.mark.parametrize(
    "looked", [Visit(role="viewer"), Visit(looking=Looking("shared", still_store()))], ids=["viewer", "link"]
)
def test_who_only_looks_changes_nothing(looked, kept):
    kept(looked).store = own = still_store()
    with pytest.raises(VaporError):
        session.do(Store.submit, CONFIG)
    assert own.jobs(include_deleted=True) == ()


@pytest.fixture
def kept(monkeypatch):
    """A session that holds what it is given, without a page."""
    held = {}
    monkeypatch.setattr(st, "session_state", {state.KEY: held})

    def keep(one):
        held[state.named(type(one))] = one
        return one

    return keep


def test_the_actions_are_those_of_the_store():
    assert {"submit", "fork", "pause", "deploy", "adopt", "import_log", "add_model", "remove"} <= ACTIONS
    assert not {"job", "jobs", "metrics", "clock"} & ACTIONS


def acts(source: str) -> list[int]:
    """Lines that take an action from a store, or do one with an instant of their own."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = {keyword.arg for keyword in node.keywords}  # None: by two stars
            found += [node.lineno] * bool(node.func.attr in {*ACTIONS, "fill"} and given & {"now", None})
        if isinstance(node, ast.Attribute) and node.attr in ACTIONS:
            found += [node.lineno] * (ast.unparse(node.value) not in {"Store", "Members", "st"})
    return found


@pytest.mark.parametrize(
    "path", [path for path in SCREENS if path != DOOR], ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_screen_changes_a_store_but_through_the_door(path):
    assert not acts(path.read_text(encoding="utf-8")), "let `session.act` or `session.do` do it"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("store.pause(job.id, now=session.now())", True),
        ("st.button('Pause', on_click=session.act, args=(session.store().pause, job.id))", True),
        ("Store.submit(session.own_store(), config, now=0.0)", True),
        ("demo.fill(store, now=session.now())", True),
        ("fork = store.fork", True),
        ("session.act(Store.pause, job.id)", False),
        ("session.act(demo.fill)", False),
        ("choices.fill(store, values)", False),
        ("st.stop()", False),
        ("client().search(words, 8, now=session.now())", False),
    ],
)
def test_a_way_past_the_door_is_found(source, found):
    assert bool(acts(source)) == found


def kept_by_itself(source: str) -> list[int]:
    """Lines that use session state under a key that is no widget's of the same module."""
    tree = ast.parse(source)
    keys = {
        ast.unparse(keyword.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "key" and isinstance(keyword.value, ast.Name)
    }
    uses = [node.lineno for node in ast.walk(tree) if ast.unparse(node) == "st.session_state"]
    lines = source.splitlines()
    return [at for at in uses if not any(re.search(rf"\b{key}\b", lines[at - 1]) for key in keys)]


@pytest.mark.parametrize(
    "path",
    [path for path in SCREENS if path not in {Path(state.__file__), Path(what_is_kept.__file__)}],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_session_state_has_the_keys_of_widgets_and_nothing_else(path):
    assert not kept_by_itself(path.read_text(encoding="utf-8")), "let a dataclass keep it (`state.kept`)"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("st.session_state['picture'] = picture", True),
        ("HELD = 'held'\nst.session_state[HELD] = 1", True),
        ("st.toggle('Used', key=USED)\nst.session_state[USED] = True", False),
        ("st.toggle('Used', key='used')\nst.session_state['used'] = True", True),  # it has no name
    ],
)
def test_what_is_kept_by_itself_is_found(source, found):
    assert bool(kept_by_itself(source)) == found


def test_what_a_session_keeps_outlives_an_edit_of_its_module(kept):
    old = kept(Visit(welcome="seen", chosen_workspace=ADA, looking=Looking("shared", still_store())))
    edited = dataclass_again(Visit)
    again = state.kept(edited)
    assert isinstance(again, edited)
    assert (again.welcome, again.chosen_workspace) == (old.welcome, old.chosen_workspace)
    assert again.looking is None  # of a class that is another one now
    assert state.kept(edited) is again


def dataclass_again(kind):
    """The class as a second load of its module makes it."""
    spaces: dict[str, object] = {"__name__": kind.__module__}
    exec(Path(inspect.getfile(kind)).read_text(encoding="utf-8"), spaces)  # noqa: S102 - our own module
    return spaces[kind.__name__]


@pytest.mark.parametrize(
    "path", [path for path in SCREENS if "vapor_ui" not in path.parts], ids=lambda path: path.stem
)
def test_a_page_is_a_short_script_without_functions(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 38
