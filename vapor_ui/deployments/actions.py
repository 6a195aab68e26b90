"""What a person can do about one endpoint: scale, serve another job's result, roll back, stop."""

import streamlit as st

from vapor_core import text
from vapor_core.contracts.workspace import Deployment
from vapor_ui.parts import listing
from vapor_ui.shell import session

MOST_REPLICAS = 16


def bar(deployment: Deployment) -> None:
    """The buttons that its status allows."""
    if session.read_only():
        return
    if not deployment.live:
        st.page_link("pages/4_Deployments.py", label="All deployments", icon=":material/arrow_back:")
        return
    with st.container(horizontal=True, gap="small"):
        with st.popover("Scale", icon=":material/expand:"):
            _scale(deployment)
        with st.popover("New revision", icon=":material/upgrade:"):
            _redeploy(deployment)
        st.button(
            "Roll back",
            icon=":material/history:",
            disabled=len(deployment.revisions) < 2,
            help="Serve the revision before this one",
            on_click=session.act,
            args=(session.store().rollback, deployment.id),
        )
        if st.button("Stop", icon=":material/stop:"):
            _stop_dialog(deployment)


def _scale(deployment: Deployment) -> None:
    most = max(MOST_REPLICAS, deployment.replicas_max)
    now = (deployment.replicas_min, deployment.replicas_max)
    replicas = st.slider("Replicas, fewest and most", 1, most, now, key=f"replicas_{deployment.id}_{now}")
    if st.button("Apply", type="primary", disabled=replicas == now):
        session.act(session.store().scale, deployment.id, replicas)
        st.rerun()


def _redeploy(deployment: Deployment) -> None:
    jobs = [
        job
        for job in listing.newest_first(session.store().jobs())
        if job.status == "completed" and job.id != deployment.job_id
    ]
    if not jobs:
        st.caption("Another completed job is needed.")
        return
    job = st.selectbox("Serve the result of", jobs, format_func=listing.job_label)
    if st.button("Serve it", type="primary"):
        session.act(session.store().redeploy, deployment.id, job.id)
        st.rerun()


@st.dialog("Stop this deployment?", icon=":material/stop:")
def _stop_dialog(deployment: Deployment) -> None:
    st.markdown(
        f"**{text.plain(deployment.name)}** will answer no more requests. It cannot be started again."
    )
    with st.container(horizontal=True):
        stop = session.store().stop
        if st.button("Stop it", type="primary", on_click=session.act, args=(stop, deployment.id)):
            st.rerun()
        if st.button("Keep it running"):
            st.rerun()
