"""What every page shares: time control, messages, and what is looked at.

A page calls `arrival.begin(...)` and then `page(...)`; what changes by itself it gives to `live.mount`.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vapor_core import text
from vapor_core.workspace.store import Store
from vapor_ui.shell import live, looking, menu, session, state, team, welcome, workspaces

SPEEDS = (0.0, 1.0, 10.0, 60.0, 600.0, 3600.0)  # simulated seconds a second
SPEED = "speed"  # the time control's key


def page(title: str) -> Store:
    """Draw the head of a page and bring the world to now."""
    state.drawn().page = title
    with st.sidebar:
        live.guard()
    with _what_comes_and_goes():
        store, trouble = _world()
    live.begin_page(store)
    with st.sidebar:
        menu.menu(store)
    _head(title, store)
    with _what_comes_and_goes():
        _messages(trouble)
        if not looking.tells_notices():
            workspaces.tell_notices(store)
        looking.banner()
        team.invitation()
    return store


def _what_comes_and_goes() -> DeltaGenerator:
    """One block that is always there.

    Were its place taken only at times, all that follows would be drawn anew, and what a person is typing lost.
    """
    return st.container()


def _world() -> tuple[Store, str]:
    """The store brought to now, and what went wrong on the way."""
    if not workspaces.role_stands():
        state.messages().refusal = session.ROLE_CHANGED
    looking.follow_link()
    looking.adopt_what_was_asked_for()
    if not session.read_only():
        welcome.fill_on_request()
    trouble = session.advance()
    return session.store(), trouble


def _head(title: str, store: Store) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            live.place_clock()
            if not session.read_only():
                _speed_control(store)
    live.show_clock(store)


def _speed_control(store: Store) -> None:
    st.session_state[SPEED] = store.clock.speed if store.clock.speed in SPEEDS else None
    st.segmented_control(
        "Speed of time",
        SPEEDS,
        key=SPEED,
        format_func=_speed_label,
        on_change=_set_speed,
        label_visibility="collapsed",
        help="Simulated seconds a second",
    )


def _speed_label(speed: float) -> str:
    return ":material/pause:" if speed == 0 else f"{speed:.0f}×"


def _set_speed() -> None:
    speed = st.session_state[SPEED]
    if speed is not None:
        session.act(Store.set_speed, speed)


def _messages(trouble: str) -> None:
    told = state.messages()
    refusal, said = told.refusal or trouble, told.said
    told.refusal = told.said = ""
    if refusal:
        st.error(text.plain(refusal, limit=1000), icon=":material/error:")
    if said:
        st.toast(said, icon=":material/check:")
