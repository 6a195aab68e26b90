"""Several jobs over each other: `?jobs=A,B`. One quantity at a time, what differs between them, best values."""

import streamlit as st

from vapor_core import charts, text
from vapor_core.workspace.store import Store
from vapor_ui.monitor import comparison, downloads, log_import
from vapor_ui.parts import cards, listing
from vapor_ui.shell import frame, session, share

ICON = ":material/compare_arrows:"
MOST = 8  # jobs: as many as the palette tells apart


def chosen_jobs(store: Store) -> list[str]:
    """The jobs that the address names, kept there as the person changes them."""
    jobs = {job.id: job for job in listing.newest_first(store.jobs())}
    asked = session.parameters("jobs")
    unknown = [name for name in asked if name not in jobs]
    if unknown:
        st.warning(
            f"This workspace has no job {text.plain(', '.join(unknown), 200)}.", icon=":material/search_off:"
        )
    if "compared" not in st.session_state:
        st.session_state["compared"] = [name for name in asked if name in jobs][:MOST]
    chosen = st.multiselect(
        "Jobs",
        list(jobs),
        key="compared",
        format_func=lambda key: listing.job_label(jobs[key]),
        max_selections=MOST,
        placeholder="Choose jobs to compare",
    )
    if tuple(chosen) != asked:
        st.query_params.from_dict({**st.query_params.to_dict(), "jobs": ",".join(chosen)} if chosen else {})
    return chosen


store = frame.page("Compare", ICON)
if not store.jobs():
    cards.empty_state(
        ICON,
        "Nothing to compare yet",
        "Train the same model twice with one thing changed, and see here what the change did.",
        action="Start new training",
        page="pages/1_Train.py",
    )
else:
    chosen = chosen_jobs(store)
    with st.container(horizontal=True, gap="small"):
        if chosen:
            downloads.comparison_popover(store, [store.job(name) for name in chosen])
            share.button("comparison", chosen)
        log_import.popover(store)
    log_import.outcomes()
    if not chosen:
        st.info("Choose two or more jobs above to see their curves over each other.", icon=ICON)
    else:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            quantity = st.selectbox(
                "Quantity", list(comparison.QUANTITIES), key="quantity", bind="query-params", width=220
            )
            x = (
                st.segmented_control(
                    "Over", charts.AXES, key="x", default="step", required=True, bind="query-params"
                )
                or "step"
            )  # an address that says "x=" chooses nothing
            smoothing = st.slider(
                "Smoothing", 0.0, 0.99, 0.9, key="smoothing", bind="query-params", width=220
            )
            log_scale = st.toggle("Log scale", key="log", bind="query-params")
        view = comparison.View(tuple(chosen), quantity, x, smoothing, log_scale)
        frame.live(lambda store: comparison.draw(store, view))
        comparison.differences([store.job(name) for name in chosen])
