"""Train: choose a model, data, method and hardware, see at once what it takes, and start."""

import streamlit as st

from vapor_ui.entrance import arrival

arrival.begin("Train")

from vapor_ui.form import calibrations, form_values
from vapor_ui.shell import frame
from vapor_ui.train import config_load, launch, proposals, where
from vapor_ui.train.estimate_panel import estimate_panel
from vapor_ui.train.form import clear_button, train_form

store = frame.page("Train")
with st.container():
    launch.prefill(store)
calibration = calibrations.current(store)
form = form_values.form(where.values(store), calibration)
left, right = st.columns([4, 3], gap="medium")
with left:
    train_form(store, form)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        proposals.button(form.shown, calibration)
        config_load.popover()
        clear_button()
    config_load.outcome()
with right:
    with st.container():  # as many lines as there are risks, above a name that is being typed
        known, used = list(store.world.calibrations), store.world.calibration_used
        estimate_panel(form.estimate, launch.apply, known, used)
    launch.launch(form)
