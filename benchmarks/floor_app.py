"""The least that a live page can be: one bare Streamlit fragment with one metric. The floor for ticks and viewers."""

import time

import streamlit as st
from streamlit_autorefresh import st_autorefresh


@st.fragment
def live() -> None:
    st.metric("Seconds", f"{time.time() % 1000:.1f}")
    st_autorefresh(interval=1000, key="refresh")


live()
