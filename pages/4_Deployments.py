"""Endpoints: `?deployment=ID`. Request rate, latency, errors, replicas, cost and health; scale, roll back, stop."""

import streamlit as st

from vapor_core import text
from vapor_core.contracts.workspace import Deployment
from vapor_core.errors import NotFound
from vapor_core.workspace.store import Store
from vapor_ui.deployments import actions, endpoint
from vapor_ui.parts import cards, listing
from vapor_ui.shell import frame, session, share

ICON = ":material/rocket_launch:"


def asked_deployment(store: Store) -> Deployment | None:
    """The endpoint that the address names, if it is there."""
    asked = session.parameter("deployment")
    if not asked:
        return None
    try:
        return store.deployment(asked)
    except NotFound as error:
        st.warning(text.plain(error), icon=":material/search_off:")
        st.page_link("pages/4_Deployments.py", label="All deployments", icon=":material/arrow_back:")
        st.stop()


def show_all(store: Store) -> None:
    """Every endpoint, live ones first."""
    deployments = sorted(store.deployments(), key=lambda item: (item.live, item.created_s), reverse=True)
    with st.grid(2, min_column_width=340):
        for deployment in deployments:
            listing.deployment_row(store, deployment)


def show_one(deployment: Deployment) -> None:
    """Head and actions outside the live fragment, figures and charts inside it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(text.plain(deployment.name, 120), anchor=False, width="content")
        cards.status_badge(deployment.status)
    st.caption(endpoint.subtitle(deployment))
    actions.bar(deployment)
    share.button("deployment", [deployment.id])
    if deployment.failure:
        cards.failure_callout(deployment.failure)
    frame.live(lambda store: endpoint.draw(store, deployment.id))


store = frame.page("Deployments", ICON)
deployment = asked_deployment(store)
if deployment is not None:
    show_one(deployment)
elif store.deployments():
    frame.live(show_all)
else:
    completed = any(job.status == "completed" for job in store.jobs())
    cards.empty_state(
        ICON,
        "Nothing is deployed yet",
        "Open a completed job and press Deploy; requests arrive here."
        if completed
        else "A job that has completed can be deployed; its requests arrive here.",
        action="Choose a job" if store.jobs() else "Start new training",
        page="pages/2_Monitor.py" if store.jobs() else "pages/1_Train.py",
    )
    frame.live()
