"""One job, live: `?job=ID`. Losses, rates, memory, progress, cost, events, and what can be done about it."""

from functools import partial

import streamlit as st

from vapor_ui.entrance import arrival

arrival.begin("Monitor")

from vapor_ui.monitor import actions, against_rehearsal, chooser, downloads, forking, job_view, view_controls
from vapor_ui.shell import frame, live, share

store = frame.page("Monitor")
job = chooser.asked_job(store)
if job is not None:
    job_view.head(store, job)
    actions.bar(job)
    actions.place_in_line(store, job)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        back = forking.look_back(job)
        forking.fork_button(job, back)
        downloads.job_popover(store, job)
        if store.abilities(job.id).can_share:
            share.button("job", [job.id])
    with st.container():  # there or not, what follows keeps its place and is not drawn anew
        if back is None or back >= job.step:  # earlier, nothing had failed yet
            actions.failure(job)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        x, smoothing, log_scale = view_controls.controls(job.counts)
    view = job_view.View(job.id, x, smoothing, log_scale, back)
    live.mount(partial(job_view.draw, view=view))
    against_rehearsal.table(store, job)
    job_view.configuration(store, job)
