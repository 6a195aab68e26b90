"""What drives a page's live fragment: a timer in the browser, whose stale ticks are dropped there.

The timer is a component of the page that it stands on. A tick that leaves the browser just after a click on a link
would run as the old page's and blank the new one (2 of 71 changes of page on a busy machine; `stale_ticks.js`).
"""

from pathlib import Path

import streamlit as st
from streamlit_autorefresh import st_autorefresh  # type: ignore[import-untyped] # it ships no types

from vapor_ui.shell.refresh_rate import RefreshRate

_guard = st.components.v2.component(
    "vapor_stale_ticks", js=Path(__file__).with_name("stale_ticks.js").read_text("utf-8")
)


def guard() -> None:
    """Let this browser tab drop stale ticks. Once a page, wherever it is drawn."""
    _guard(key="stale_ticks")


def tick(took_s: float = 0.0) -> None:
    """Rerun the fragment that this stands in once a second, or less often where that takes the server long."""
    rate = st.session_state.get("rate", RefreshRate()).after(took_s)
    st.session_state["rate"] = rate
    if rate.sentence:
        st.caption(rate.sentence)
    st_autorefresh(interval=round(rate.interval_s * 1000), key="refresh")
