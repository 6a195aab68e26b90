"""What a first visitor sees: a dialog that says what this is, and a demo workspace by one click.

The browser's local storage remembers that the dialog was dismissed. `Home.py?demo=1` fills the demo at once.
"""

import streamlit as st

from vapor_core.workspace import demo
from vapor_core.workspace.store import Store
from vapor_ui.shell import session

# st.session_state["welcome"]: unknown until the browser has told; "new", "leaving" (to be remembered) or "seen".
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


def fill_on_request(store: Store) -> None:
    """Fill the demo workspace once where the address asks for it."""
    if session.parameter("demo") == "1" and not st.session_state.get("demo_filled"):
        _fill(store)


def greet(store: Store) -> None:
    """Open the dialog for a first visitor with an empty workspace who did not follow a deep link.

    Where something was trained nobody is asked: the browser's answer would draw the whole page once more.
    """
    state = st.session_state.get("welcome")
    if state != "seen" and (state == "leaving" or not store.jobs()):
        _ask_the_browser(state)
    if st.session_state.get("welcome") == "new" and not store.jobs() and not st.query_params:
        _dialog()


def _ask_the_browser(state: str | None) -> None:
    known = None if state is None else state == "leaving"
    answer = _memory(
        key="welcome_memory",
        data={"remember": state == "leaving", "known": known},
        on_seen_change=_heard,
    )
    if state is None and answer.get("seen") is not None:
        st.session_state["welcome"] = "seen" if answer["seen"] else "new"


def _heard() -> None:
    """The browser's answer reruns the page; greet reads it there."""


def _leave() -> None:
    st.session_state["welcome"] = "leaving"


def _fill(store: Store) -> None:
    st.session_state["demo_filled"] = True
    session.act(demo.fill, store, said="The demo workspace is ready.")


def _open_demo(store: Store) -> None:
    _leave()
    _fill(store)


@st.dialog("Welcome to Vapor", icon=":material/cloud:", on_dismiss=_leave)
def _dialog() -> None:
    store = session.store()
    st.markdown(
        "Vapor lets you **rehearse a model-training run before paying for it**: will it fit, how long, "
        "what does it cost, what will the loss do? Then deploy the result and watch requests arrive."
    )
    st.markdown(
        "Everything is simulated from published laws and real architectures. No GPU, no account and no network "
        "are needed."
    )
    with st.container(horizontal=True):
        demo_asked = st.button("Open the demo workspace", type="primary", on_click=_open_demo, args=(store,))
        if st.button("Start empty", on_click=_leave) or demo_asked:
            st.rerun()  # the whole page: a dialog's own rerun would leave it open
