"""*Stop*: asked once more before a job or an endpoint is ended, since neither can be started again."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from vapor_core import text
from vapor_core.workspace.store import Store
from vapor_ui.shell import session


def stop_button(what: Literal["job", "deployment"], id: str, sentence: str) -> None:
    """Opens the dialog. `sentence` is Markdown that says what the end of it means."""
    if st.button("Stop", icon=":material/stop:"):
        st.dialog(f"Stop this {what}?", icon=":material/stop:")(_ask)(id, sentence)


def _ask(id: str, sentence: str) -> None:
    st.markdown(sentence)
    with st.container(horizontal=True):
        stopped = st.button(
            text.on_primary("Stop it"), type="primary", on_click=session.act, args=(Store.stop, id)
        )
        if st.button("Keep it running") or stopped:
            st.rerun()
