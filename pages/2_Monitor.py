"""One job, live: `?job=ID`. Losses, rates, memory, progress, cost, events, and what can be done about it."""

import streamlit as st

from vapor_core import charts, text
from vapor_core.contracts.workspace import Job
from vapor_core.errors import NotFound
from vapor_core.workspace.store import Store
from vapor_ui.monitor import actions, downloads, forking, job_view, log_import
from vapor_ui.parts import cards, listing
from vapor_ui.shell import frame, session, share

ICON = ":material/monitoring:"


def asked_job(store: Store) -> Job | None:
    """The job that the address names; a chooser where it names none."""
    asked = session.parameter("job")
    if asked:
        try:
            return store.job(asked)
        except NotFound as error:
            if session.moving() and session.read_only():
                st.info("This job has not been submitted yet at this instant.", icon=ICON)
                frame.live()
                return None
            st.warning(text.plain(error), icon=":material/search_off:")
            st.page_link("pages/2_Monitor.py", label="Choose another job", icon=":material/arrow_back:")
            return None
    jobs = listing.newest_first(store.jobs())
    if not jobs:
        cards.empty_state(
            ICON,
            "No job to watch yet",
            "Start one, and its loss appears here step by step.",
            action="Start new training",
            page="pages/1_Train.py",
        )
        log_import.popover(store)
        log_import.outcomes()
        return None
    chosen = st.selectbox(
        "Job", jobs, index=None, format_func=listing.job_label, placeholder="Choose a job to watch"
    )
    log_import.popover(store)
    log_import.outcomes()
    if chosen:
        st.switch_page("pages/2_Monitor.py", query_params={"job": chosen.id})
    return None


def show(job: Job) -> None:
    """Head and controls outside the live fragment, figures and charts inside it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(text.plain(job.name, 120), anchor=False, width="content")
        cards.status_badge("deleted" if job.deleted else job.status)
    st.caption(job_view.subtitle(job))
    actions.bar(job)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        back = forking.look_back(job)
        forking.fork_button(job, back)
        downloads.job_popover(session.store(), job)
        share.button("job", [job.id])
    if job.failure:
        cards.failure_callout(job.failure)
        actions.offer_cure(job, job.failure.changes)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        x = (
            st.segmented_control(
                "Over", charts.AXES, key="x", default="step", required=True, bind="query-params"
            )
            or "step"
        )  # an address that says "x=" chooses nothing
        smoothing = st.slider("Smoothing", 0.0, 0.99, 0.9, key="smoothing", bind="query-params", width=220)
        log_scale = st.toggle("Log scale", key="log", bind="query-params")
    view = job_view.View(job.id, x, smoothing, log_scale, back)
    frame.live(lambda store: job_view.draw(store, view))
    if job.config.backend == "imported":
        return
    with st.expander("Configuration", icon=":material/tune:"):
        job_view.config_table(job.config)


store = frame.page("Monitor", ICON)
job = asked_job(store)
if job is not None:
    show(job)
