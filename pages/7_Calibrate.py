"""Calibrate: fit the laws to a run that was really done, see how well they hold it, and ask what if."""

import streamlit as st

from vapor_ui.entrance import arrival

arrival.begin("Calibrate")

from vapor_ui.calibrate.fit import fit_view, kept_calibrations, nothing_fitted, what_if
from vapor_ui.calibrate.form import add_button, log_upload, run_form
from vapor_ui.form import calibrations
from vapor_ui.shell import frame

store = frame.page("Calibrate")
st.caption(
    "The laws were fitted to other people's runs. Give the log of one of yours, and Vapor fits their constants to it."
)
left, right = st.columns([4, 5], gap="medium")
with left, st.container(border=True):
    st.markdown("#### A run of yours")
    log = log_upload()
    form = run_form(store, log)
    add_button(log, form)
with right:
    fit = calibrations.fit(store)
    kept_calibrations(store)
    if fit is None and not store.world.calibrations:
        nothing_fitted()
    elif fit is not None:
        run = fit_view(fit)
        what_if(store, run, fit.calibration)
