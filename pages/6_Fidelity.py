"""Fidelity: how far to trust each figure, law by law, against published measurements."""

import streamlit as st

from vapor_ui.entrance import arrival

arrival.begin("Fidelity")

from vapor_ui.calibrate import measured_errors
from vapor_ui.parts import links
from vapor_ui.shell import frame

store = frame.page("Fidelity")
st.caption(
    "Every law is held against published measurements by `make fidelity`. Errors are absolute and relative to the "
    "measurement: half of the figures are nearer than the median, nine in ten nearer than p90."
)
measured_errors.overview()
measured_errors.in_detail()
measured_errors.own_runs(store)
st.page_link(links.CALIBRATE, label="Fit the laws to a run of your own", icon=":material/tune:")
