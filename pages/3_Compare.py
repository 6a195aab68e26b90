"""Several jobs over each other: `?jobs=A,B`. One quantity at a time, what differs between them, best values."""

from functools import partial

import streamlit as st

from vapor_ui.entrance import arrival

arrival.begin("Compare")

from vapor_ui.monitor import comparison, downloads, log_import, view_controls
from vapor_ui.shell import frame, live, share

store = frame.page("Compare")
if store.jobs():
    jobs = comparison.chosen_jobs(store)
    ids = tuple(job.id for job in jobs)
    with st.container(horizontal=True, gap="small"):
        if jobs:
            downloads.comparison_popover(store, jobs)
            if all(store.abilities(job.id).can_share for job in jobs):
                share.button("comparison", ids)
        log_import.popover()
    with st.container():  # there or not, what follows keeps its place and is not drawn anew
        log_import.outcomes()
    if jobs:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            quantity = comparison.quantity(store, jobs)
            x, smoothing, log_scale = view_controls.controls(comparison.counted(jobs))
        view = comparison.View(ids, quantity, x, smoothing, log_scale)
        live.mount(partial(comparison.draw, view=view))
        comparison.differences(jobs)
    else:
        comparison.none_chosen()
else:
    comparison.nothing_yet()
