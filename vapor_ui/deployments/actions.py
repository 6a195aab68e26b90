"""What a person can do about one endpoint: scale, ask more of it, serve another result, roll back, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.contracts.serving import Demand
from vapor_core.workspace.store import Store
from vapor_ui.parts import links, listing
from vapor_ui.parts.demand_fields import demand_fields
from vapor_ui.parts.deploy_dialog import MOST_REPLICAS
from vapor_ui.parts.stop_dialog import stop_button
from vapor_ui.shell import session

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Deployment


def bar(deployment: Deployment) -> None:
    """The buttons that its status allows."""
    if session.read_only():
        return
    if not deployment.live:
        links.back_link(links.DEPLOYMENTS, "All deployments")
        return
    with st.container(horizontal=True, gap="small"):
        with st.popover("Scale", icon=":material/expand:"):
            _scale(deployment)
        with st.popover("Demand", icon=":material/groups:"):
            _ask(deployment)
        with st.popover("New revision", icon=":material/upgrade:"):
            _redeploy(deployment)
        st.button(
            "Roll back",
            icon=":material/history:",
            disabled=len(deployment.revisions) < 2,
            help="Serve the revision before this one",
            on_click=session.act,
            args=(Store.rollback, deployment.id),
        )
        meaning = (
            f"**{text.plain(deployment.name)}** will answer no more requests. It cannot be started again."
        )
        stop_button("deployment", deployment.id, meaning)


def _scale(deployment: Deployment) -> None:
    most = max(MOST_REPLICAS, deployment.replicas_max)
    now = (deployment.replicas_min, deployment.replicas_max)
    replicas = st.slider("Replicas, fewest and most", 1, most, now, key=f"replicas_{deployment.id}_{now}")
    label = text.on_primary("Apply", enabled=replicas != now)
    if st.button(label, type="primary", disabled=replicas == now):
        session.act(Store.scale, deployment.id, replicas)
        st.rerun()


def _ask(deployment: Deployment) -> None:
    now = deployment.demand or Demand(requests_per_second=_answered(deployment), pattern=deployment.traffic)
    dataset = session.store().job(deployment.job_id).config.dataset
    demand = demand_fields(now, dataset, f"ask_{deployment.id}")
    changed = demand != deployment.demand
    if st.button(text.on_primary("Ask", enabled=changed), type="primary", disabled=not changed):
        session.act(Store.ask, deployment.id, demand)
        st.rerun()


def _answered(deployment: Deployment) -> float:
    """Requests a second that come now, for want of a demand that was said."""
    rate = session.store().metrics(deployment.id).latest().get("request_rate") or 1.0
    return float(f"{rate:.2g}")


def _redeploy(deployment: Deployment) -> None:
    store = session.store()
    jobs = [
        job
        for job in listing.newest_first(store.jobs())
        if job.id != deployment.job_id and store.can_deploy(job.id)
    ]
    if not jobs:
        st.caption(
            "Another job is needed that is completed, or stopped after a checkpoint; what an imported log trained is "
            "not at hand."
        )
        return
    job = st.selectbox("Serve the result of", jobs, format_func=listing.job_label)
    if st.button(text.on_primary("Serve it"), type="primary"):
        session.act(Store.redeploy, deployment.id, job.id)
        st.rerun()
