"""The least that a live page can be: one bare Streamlit fragment with one metric. The floor for ticks and viewers.

With VAPOR_FLOOR_SETTLED=1 it has the app's remedy for garbage collection (`vapor_ui/shell/garbage.py`).
"""

import gc
import os
import time

import streamlit as st
from streamlit_autorefresh import st_autorefresh


@st.fragment
def live() -> None:
    st.metric("Seconds", f"{time.time() % 1000:.1f}")
    st_autorefresh(interval=1000, key="refresh")
    if os.environ.get("VAPOR_FLOOR_SETTLED") and "settled" not in st.session_state:
        st.session_state["settled"] = True
        gc.collect()
        gc.freeze()


live()
