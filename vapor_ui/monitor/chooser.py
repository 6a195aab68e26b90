"""Which job Monitor shows: the one that the address names, or one to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.errors import NotFound
from vapor_ui.monitor import following, log_import
from vapor_ui.parts import cards, links, listing
from vapor_ui.shell import address, live, session

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job
    from vapor_core.workspace.store import Store

ICON = ":material/monitoring:"


def asked_job(store: Store) -> Job | None:
    """The job that the address names; else None, with a chooser on the screen."""
    asked = address.parameter(address.PARAMETERS["job"])
    if not asked:
        _choose(store)
        return None
    try:
        return store.job(asked)
    except NotFound as error:
        if session.moving() and session.read_only():
            st.info("This job has not been submitted yet at this instant.", icon=ICON)
            live.mount()
        else:
            st.warning(text.plain(error), icon=":material/search_off:")
            links.back_link(links.MONITOR, "Choose another job")
        return None


def _choose(store: Store) -> None:
    jobs = listing.newest_first(store.jobs())
    chosen = None
    if jobs:
        chosen = st.selectbox(
            "Job", jobs, index=None, format_func=listing.job_label, placeholder="Choose a job to watch"
        )
    else:
        cards.empty_state(
            ICON,
            "No job to watch yet",
            "Start one, and its loss appears here step by step.",
            action="Start new training",
            page=links.TRAIN,
        )
    with st.container(horizontal=True, gap="small"):
        log_import.popover()
        following.popovers()
    log_import.outcomes()
    live.mount(awaits=following.awaits_runs())
    if chosen:
        links.open_job(chosen.id)
