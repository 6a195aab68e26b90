"""What a first visitor sees: a dialog that says what this is, and a demo workspace by one click.

The browser's local storage remembers that the dialog was dismissed. `Home.py?demo=1` fills the demo at once.
"""

import streamlit as st

from vapor_core import text
from vapor_core.workspace import demo
from vapor_ui.shell import address, session, state
from vapor_ui.shell.state import Visit

_MEMORY_JS = """
export default function ({ data, setStateValue }) {
  let seen = true;
  try {
    if (data.remember) window.localStorage.setItem("vapor.welcome", "seen");
    seen = window.localStorage.getItem("vapor.welcome") === "seen";
  } catch { /* storage is blocked: ask this session only */ seen = data.remember; }
  if (data.known !== seen) setStateValue("seen", seen);
}
"""
_memory = st.components.v2.component("vapor_welcome_memory", js=_MEMORY_JS)


def fill_on_request() -> None:
    """Fill the demo workspace once where the address asks for it."""
    if address.parameter("demo") == "1" and not state.visit().demo_filled:
        _fill()


def greet() -> None:
    """Open the dialog for a first visitor with an empty workspace who did not follow a deep link.

    It comes last on its page, since the browser's answer starts the page anew. Where something was trained nobody is
    asked: that answer would draw the whole page once more.
    """
    if session.read_only():
        return
    visit, empty = state.visit(), not session.store().jobs()
    if visit.welcome == "leaving" or (visit.welcome != "seen" and empty):
        _ask_the_browser(visit)
    if visit.welcome == "new" and empty and not st.query_params:
        _dialog()


def _ask_the_browser(visit: Visit) -> None:
    leaving = visit.welcome == "leaving"
    answer = _memory(
        key="welcome_memory",
        data={"remember": leaving, "known": None if visit.welcome == "unknown" else leaving},
        on_seen_change=_heard,
    )
    if visit.welcome == "unknown" and answer.get("seen") is not None:
        visit.welcome = "seen" if answer["seen"] else "new"


def _heard() -> None:
    """The browser's answer reruns the page; greet reads it there."""


def _leave() -> None:
    state.visit().welcome = "leaving"


def _fill() -> None:
    state.visit().demo_filled = True
    session.act(demo.fill, said="The demo workspace is ready.")


def _open_demo() -> None:
    _leave()
    _fill()


@st.dialog("Welcome to Vapor", icon=":material/cloud:", on_dismiss=_leave)
def _dialog() -> None:
    st.markdown(
        "Vapor lets you **rehearse a model-training run before paying for it**: will it fit, how long, "
        "what does it cost, what will the loss do? Then deploy the result and watch requests arrive."
    )
    st.markdown(
        "Everything is simulated from published laws and real architectures. No GPU, no account and no network "
        "are needed."
    )
    with st.container(horizontal=True):
        demo_asked = st.button(
            text.on_primary("Open the demo workspace"), type="primary", on_click=_open_demo
        )
        if st.button("Start empty", on_click=_leave) or demo_asked:
            st.rerun()  # the whole page: a dialog's own rerun would leave it open
