"""A page as a person opens it: on a store whose time stands still, the welcome already seen."""

from collections.abc import Mapping
from pathlib import Path

from streamlit.testing.v1 import AppTest

from vapor_core.workspace.store import Store

ROOT = Path(__file__).parent.parent


def still_store() -> Store:
    """A workspace in which only `advance(now=...)` in the test moves anything."""
    store = Store()
    store.set_speed(0.0, now=0.0)
    return store


def opened(
    page: str, /, store: Store | None = None, parameters: Mapping[str, str] | None = None, **named: str
) -> AppTest:
    """The page after its first run, free of exceptions; `parameters` and `named` are those of its address."""
    app = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=30)
    app.session_state["store"] = store or still_store()
    app.session_state["welcome"] = "seen"
    app.switch_page(f"pages/{page}.py")
    for name, value in {**(parameters or {}), **named}.items():
        app.query_params[name] = value
    return ran(app)


def ran(app: AppTest) -> AppTest:
    """The page after another run, free of exceptions."""
    app.run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    """Everything that the page says outside widgets."""
    said = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info]
    return "\n".join(element.value for element in said)
