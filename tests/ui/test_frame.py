"""What every page shares: navigation, the time control, refusals, the welcome and the one timer."""

import pytest
from screen import HOME, ROOT, labels, opened, press, ran, still_store, store_of
from streamlit.testing.v1 import AppTest

from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store
from vapor_ui.entrance import arrival
from vapor_ui.shell import frame, session
from vapor_ui.shell.state import Messages, Visit

MODEL = "HuggingFaceTB/SmolLM2-135M"


def running_store():
    """A job that has begun, in a world that stands still."""
    store = still_store()
    store.submit(JobConfig(model=MODEL), now=1.0, name="running")
    store.set_speed(60.0, now=1.0)
    store.advance(now=5.0)
    store.set_speed(0.0, now=5.0)
    return store


def home(store, *kept):
    return opened(HOME, store, kept=kept)


def timers(app):
    """Mounted refresh timers."""
    return [item for item in app.get("component_instance") if "autorefresh" in item.proto.component_name]


def test_navigation_names_every_page_that_there_is():
    paths = {path for path, _, _ in arrival.PAGES}
    assert paths == {"Home.py", *(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))}


@pytest.mark.slow
def test_navigation_is_on_every_page():
    links = [link.proto.label for link in opened("2_Monitor").sidebar.get("page_link")]
    assert links == [label for _, label, _ in arrival.PAGES]


@pytest.mark.slow
@pytest.mark.parametrize("speed", frame.SPEEDS)
def test_the_time_control_sets_the_speed_and_moves_no_time(speed, monkeypatch):
    monkeypatch.setattr(session, "now", lambda: 5.0)  # when the store was last told the time
    app = home(running_store())
    before = store_of(app).clock.simulated_s
    app.segmented_control(key=frame.SPEED).set_value(speed)
    ran(app)
    assert store_of(app).clock.speed == speed
    assert store_of(app).clock.simulated_s == before


def test_no_timer_while_nothing_is_live():
    assert not timers(home(still_store()))


def test_no_timer_while_time_stands_still():
    assert not timers(home(running_store()))


def test_one_timer_while_a_job_runs():
    app = home(running_store())
    app.segmented_control(key=frame.SPEED).set_value(1.0)
    assert len(timers(ran(app))) == 1


def test_drawing_a_page_again_moves_nothing_in_a_paused_world():
    store = running_store()
    before = store.jobs()
    app = home(store)
    ran(app)
    assert store.jobs() == before


@pytest.mark.slow
def test_a_refusal_is_told_once():
    app = home(still_store(), Messages(refusal="no job **x**"))
    assert len(app.error) == 1
    assert "**x**" not in app.error[0].value
    assert not ran(app).error


def test_a_new_session_runs_sixty_times_as_fast_as_the_wall():
    app = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=30)
    ran(app)
    assert isinstance(store_of(app), Store)
    assert store_of(app).clock.speed == 60.0


@pytest.mark.slow
def test_a_first_visitor_is_greeted_and_one_click_opens_the_demo():
    app = home(still_store(), Visit(welcome="new"))
    press(app, "Open the demo workspace")
    assert store_of(app).jobs()
    assert "Open the demo workspace" not in labels(app)


@pytest.mark.slow
def test_nobody_is_asked_about_a_greeting_where_something_was_trained():
    def asked(app):
        return [item for item in app.get("bidi_component") if "welcome" in str(item.proto)]

    assert asked(home(still_store(), Visit()))
    assert not asked(home(running_store(), Visit()))


def test_who_starts_empty_is_not_greeted_again():
    app = home(still_store(), Visit(welcome="new"))
    press(app, "Start empty")
    assert not store_of(app).jobs()
    assert "Start empty" not in labels(app)
