"""What an address fills in, what a cure changes, and *Start training*: from the form to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import catalog, text
from vapor_core.backends import machines
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store
from vapor_ui.form import choices
from vapor_ui.form.fields import Line
from vapor_ui.parts import links
from vapor_ui.shell import address, session
from vapor_ui.train import rented, where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vapor_ui.form.form_values import Form

LONGEST_NAME = 80  # letters of a suggested one


def prefill(store: Store) -> None:
    """Follow ?clone=JOB and ?model=ID once, then forget them, so that later choices stand."""
    job_id, model_id = address.parameter("clone"), address.parameter("model")
    try:
        if job_id:
            choices.fill(store, choices.made_by(store.job(job_id).config, without="name"))
        if model_id:
            known = {entry.id: entry for entry in store.models()}
            choices.choose_entry(store, "model", known.get(model_id) or catalog.model(model_id))
    except VaporError as unknown:
        st.warning(text.plain(unknown), icon=":material/warning:")
    address.forget("clone", "model")


def apply(changes: Mapping[str, object]) -> None:
    """Put a cure's changes into the form."""
    choices.change(session.store(), changes)


def launch(form: Form) -> None:
    """Name the run and start it; a refusal leaves the form as it is and says why."""
    Line(name="name", label="Name of the run", placeholder=suggested_name(form)).draw(form)
    with st.container():
        for sentence in form.other_problems:
            st.error(text.plain(sentence), icon=":material/error:")
        if form.problems and not form.other_problems:
            st.caption(":red[:material/error: Correct the marked fields first.]")
    risky = form.estimate is not None and any(risk.severity == "blocking" for risk in form.estimate.risks)
    real = machines.is_real(form.shown.backend)
    ready = form.config is not None and not session.read_only() and where.is_ready(form)
    if real and not where.is_ready(form):
        st.caption(where.missing(form))
    pressed = st.button(
        text.on_primary(_start(risky=risky, real=real), enabled=ready),
        type="primary",
        icon=":material/play_arrow:",
        disabled=not ready,
        width="stretch",
    )
    if not pressed or form.config is None:
        return
    try:
        with rented.lent(form.config.backend):
            job = session.do(Store.submit, form.config, name=form.config.name or suggested_name(form))
    except VaporError as refused:
        st.error(text.plain(refused, 1000), icon=":material/error:")
        return
    choices.choose(session.store(), "name", None)
    links.open_job(job.id)


def _start(*, risky: bool, real: bool) -> str:
    if real:
        return "Train for real anyway" if risky else "Train for real"
    return "Start anyway" if risky else "Start training"


def suggested_name(form: Form) -> str:
    """A name for a run that has none."""
    model = catalog.model(form.shown.model).display_name
    data = catalog.dataset(form.shown.dataset).display_name
    return f"{model} {form.shown.method} {data}"[:LONGEST_NAME].strip()
