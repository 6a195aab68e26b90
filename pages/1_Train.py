"""Train: choose a model, data, method and hardware, see at once what it takes, and start."""

from collections.abc import Mapping

import streamlit as st

from vapor_core import catalog, text
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store
from vapor_ui.calibrate import calibrations
from vapor_ui.form import fields, form_values
from vapor_ui.form.form_values import Form
from vapor_ui.shell import frame, session
from vapor_ui.train import config_load
from vapor_ui.train.estimate_panel import estimate_panel
from vapor_ui.train.form import suggested_name, train_form
from vapor_ui.train.proposals import proposals_dialog


def prefill(store: Store) -> None:
    """Follow ?clone=JOB and ?model=ID once, then forget them, so that later choices stand."""
    job_id, model_id = session.parameter("clone"), session.parameter("model")
    try:
        if job_id:
            form_values.clone(store, store.job(job_id))
        if model_id:
            known = {entry.id: entry for entry in store.models()}
            form_values.choose_entry(store, "model", known.get(model_id) or catalog.model(model_id))
    except VaporError as unknown:
        st.warning(text.plain(unknown), icon=":material/warning:")
    for name in ("clone", "model"):
        st.query_params.pop(name, None)


def apply(changes: Mapping[str, object]) -> None:
    """Put a cure's changes into the form."""
    form_values.change(session.store(), changes)


def start_over() -> None:
    """Empty the form."""
    form_values.start_over(session.store())


def launch(store: Store, form: Form) -> None:
    """Name the run and start it; a refusal leaves the form as it is and says why."""
    fields.line(form, "name", "Name of the run", placeholder=suggested_name(form))
    told = [sentence for name, sentence in form.problems.items() if not name or not hasattr(form.shown, name)]
    for sentence in told:
        st.error(text.plain(sentence), icon=":material/error:")
    if form.problems and not told:
        st.caption(":red[:material/error: Correct the marked fields first.]")
    risky = form.estimate is not None and any(risk.severity == "blocking" for risk in form.estimate.risks)
    pressed = st.button(
        "Start anyway" if risky else "Start training",
        type="primary",
        icon=":material/play_arrow:",
        disabled=form.config is None or session.read_only(),
        width="stretch",
    )
    if not pressed or form.config is None:
        return
    try:
        job = store.submit(form.config, now=session.now(), name=form.config.name or suggested_name(form))
    except VaporError as refused:
        st.error(text.plain(refused, 1000), icon=":material/error:")
        return
    form_values.choose(store, "name", None)
    st.switch_page("pages/2_Monitor.py", query_params={"job": job.id})


workspace = frame.page("Train", ":material/model_training:")
prefill(workspace)
calibration = calibrations.current(workspace)
drawn = form_values.form(form_values.chosen(workspace), calibration)
left, right = st.columns([4, 3], gap="medium")
with left:
    train_form(workspace, drawn)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        if st.button("Fit it for me", icon=":material/auto_awesome:", help="Propose what a budget buys"):
            proposals_dialog(drawn.shown, calibration)
        config_load.popover(workspace)
        st.button("Clear the form", icon=":material/restart_alt:", type="tertiary", on_click=start_over)
with right:
    if drawn.estimate is None:
        st.info("The estimate follows when the marked fields are corrected.", icon=":material/calculate:")
    else:
        estimate_panel(drawn.estimate, apply)
    if calibration is not None:
        st.page_link("pages/7_Calibrate.py", label="Calibrated on runs of your own", icon=":material/tune:")
    launch(workspace, drawn)
