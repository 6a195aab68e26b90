"""Which endpoint the address names, and all of them where it names none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.errors import NotFound
from vapor_ui.parts import cards, links, listing
from vapor_ui.shell import address

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Deployment
    from vapor_core.workspace.store import Store


def asked_deployment(store: Store) -> Deployment | None:
    """The endpoint that the address names; None where it names none. The page ends where there is none of that id."""
    asked = address.parameter(address.PARAMETERS["deployment"])
    if not asked:
        return None
    try:
        return store.deployment(asked)
    except NotFound as error:
        st.warning(text.plain(error), icon=":material/search_off:")
        links.back_link(links.DEPLOYMENTS, "All deployments")
        st.stop()


def show_all(store: Store) -> None:
    """Every endpoint, live ones first."""
    with st.grid(2, min_column_width=340):
        for deployment in listing.live_first(store.deployments()):
            listing.deployment_row(store, deployment)


def nothing_yet(store: Store) -> None:
    """How to come by a deployment."""
    jobs = store.jobs()
    trained = any(store.can_deploy(job.id) for job in jobs)
    cards.empty_state(
        ":material/rocket_launch:",
        "Nothing is deployed yet",
        "Open a completed job and press Deploy; requests arrive here."
        if trained
        else "A job that has completed can be deployed; its requests arrive here.",
        action="Choose a job" if jobs else "Start new training",
        page=links.MONITOR if jobs else links.TRAIN,
    )
