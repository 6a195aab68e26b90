"""A page as a person opens it: on a store whose time stands still, the welcome already seen."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from streamlit.testing.v1 import AppTest

from vapor_core.workspace.store import Store
from vapor_ui.shell import state
from vapor_ui.shell.state import Visit

ROOT = Path(__file__).parent.parent
HOME = "Home"


def still_store() -> Store:
    """A workspace in which only `advance(now=...)` in the test moves anything."""
    store = Store()
    store.set_speed(0.0, now=0.0)
    return store


def opened(
    page: str,
    /,
    store: Store | None = None,
    parameters: Mapping[str, str] | None = None,
    *,
    kept: Iterable[object] = (),
    **named: str,
) -> AppTest:
    """The page after its first run, free of exceptions; `parameters` and `named` are those of its address.

    `kept` is what the session holds already (see `vapor_ui.shell.state`); by default a visit that has seen the welcome.
    """
    held = {state.named(Visit): Visit(welcome="seen"), **{state.named(type(one)): one for one in kept}}
    held[state.named(Visit)].store = store or still_store()
    app = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=30)
    app.session_state[state.KEY] = held
    if page != HOME:
        app.switch_page(f"pages/{page}.py")
    for name, value in {**(parameters or {}), **named}.items():
        app.query_params[name] = value
    return ran(app)


def ran(app: AppTest) -> AppTest:
    """The page after another run, free of exceptions."""
    app.run()
    assert not app.exception, app.exception
    return app


def visit(app: AppTest) -> Visit:
    """What the session holds of its visit."""
    return app.session_state[state.KEY][state.named(Visit)]


def store_of(app: AppTest) -> Store:
    """The visitor's own store."""
    return visit(app).store


def button(app: AppTest, label: str):
    """The first button that is called so, else the first whose name begins so."""
    called = [one for one in app.button if shown(one.label) == label]
    return called[0] if called else next(one for one in app.button if shown(one.label).startswith(label))


def shown(label: str) -> str:
    """A button's label without its colour (`text.on_primary`)."""
    return label.removeprefix(":violet[").removesuffix("]") if label.startswith(":violet[") else label


def press(app: AppTest, label: str) -> AppTest:
    """The page after a press."""
    button(app, label).click()
    return ran(app)


def labels(app: AppTest) -> set[str]:
    """Of all buttons."""
    return {shown(one.label) for one in app.button}


def words(app: AppTest) -> str:
    """Everything that the page says outside widgets."""
    said = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info]
    return "\n".join(element.value for element in said)
