"""Fidelity: how far to trust each figure, law by law, against published measurements."""

import streamlit as st

from vapor_core import fidelity
from vapor_ui.calibrate import measured_errors
from vapor_ui.shell import frame

frame.page("Fidelity", ":material/verified:")
tables = fidelity.tables()
st.caption(
    "Every law is held against published measurements by `make fidelity`. Errors are absolute and relative to the "
    "measurement: half of the figures are nearer than the median, nine in ten nearer than p90."
)
measured_errors.overview(tables)
measured_errors.in_detail(tables)
st.page_link("pages/7_Calibrate.py", label="Fit the laws to a run of your own", icon=":material/tune:")
