"""Lists that more than one page shows: deployments by health, sparklines of what lives, jobs to choose from."""

import numpy as np
import streamlit as st

from vapor_core import text
from vapor_core.contracts.workspace import Deployment, Job
from vapor_core.workspace.store import Store
from vapor_ui.parts import cards

ROWS = 8  # jobs on one page of a list
SHOWN: dict[str, tuple[str, ...] | None] = {
    "all": None,
    "live": ("queued", "initializing", "running"),
    "paused": ("paused",),
    "completed": ("completed",),
    "failed": ("failed", "lost"),
    "stopped": ("stopped",),
}
SPARKS = 40  # points of a sparkline
SHOWN_DEPLOYMENTS = 6


def busiest(counts: dict[str, int]) -> str | None:
    """The status that tells most about a workspace: "2 running"."""
    told = [
        f"{counts[status]} {status}"
        for status in ("running", "queued", "failed", "completed")
        if counts.get(status)
    ]
    return told[0] if told else None


def job_rows(store: Store) -> None:
    """The jobs that the filter lets through, a page of them at a time: live ones first, then the newest."""
    shown = st.segmented_control(
        "Show jobs", list(SHOWN), key="shown", default="all", required=True, label_visibility="collapsed"
    )
    statuses = SHOWN[shown]
    jobs = [job for job in store.jobs() if statuses is None or job.status in statuses]
    jobs.sort(key=lambda job: (job.live, job.submitted_s), reverse=True)
    if not jobs:
        st.caption(f"No job is {shown}.")
    pages = max(-(-len(jobs) // ROWS), 1)
    first = (min(st.session_state.get("jobs_page", 1), pages) - 1) * ROWS
    for job in jobs[first : first + ROWS]:
        cards.job_row(job, now_s=store.clock.simulated_s)
    if pages > 1:
        st.pagination(pages, key="jobs_page")


def sparkline(store: Store, job_or_deployment: str | None, column: str) -> list[float]:
    """The recent course of one column; empty where there is none."""
    if job_or_deployment is None:
        return []
    frame = store.metrics(job_or_deployment).frame(max_points=SPARKS, columns=[column])
    values = frame[column].to_numpy(dtype=np.float64)
    return [float(value) for value in values[np.isfinite(values)]][-SPARKS:]


def request_sparkline(store: Store) -> list[float]:
    """The request rate of the first live deployment."""
    lives = [item.id for item in store.deployments() if item.live]
    return sparkline(store, lives[0], "request_rate") if lives else []


def deployment_rows(store: Store) -> None:
    """Endpoints by health, live ones first."""
    deployments = sorted(store.deployments(), key=lambda item: (item.live, item.created_s), reverse=True)
    if not deployments:
        st.caption("None yet. A completed job has a Deploy button.")
    for deployment in deployments[:SHOWN_DEPLOYMENTS]:
        deployment_row(store, deployment)
    if len(deployments) > SHOWN_DEPLOYMENTS:
        st.page_link("pages/4_Deployments.py", label=f"All {len(deployments)} deployments")


def deployment_row(store: Store, deployment: Deployment) -> None:
    """One endpoint with its load now."""
    latest = store.metrics(deployment.id).latest() if deployment.live else {}
    cards.deployment_row(deployment, request_rate=latest.get("request_rate"), p95_ms=latest.get("p95_ms"))


def job_label(job: Job) -> str:
    """A job in a list of choices: plain text, told apart from its namesakes."""
    return f"{job.name} · {job.status} · {text.eta(job)} · {job.id}"


def newest_first(jobs: tuple[Job, ...]) -> list[Job]:
    """As lists show them."""
    return sorted(jobs, key=lambda job: job.submitted_s, reverse=True)
