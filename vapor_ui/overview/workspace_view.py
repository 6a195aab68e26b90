"""The workspace at a glance: six figures, its jobs by status and its endpoints by health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from vapor_core import text
from vapor_ui.parts import cards, links, listing

if TYPE_CHECKING:
    from vapor_core.workspace.store import Store

FILTER, PAGE = "shown", "jobs_page"  # keys of the list's widgets
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


def nothing_yet() -> None:
    """What to do first."""
    cards.empty_state(
        ":material/rocket_launch:",
        "Nothing has been trained here yet",
        "Pick a model and data, see what a fine-tune would take, and start it. It is a rehearsal: nothing is spent.",
        action="Start new training",
        page=links.TRAIN,
    )


def start_button() -> None:
    """To the form."""
    if st.button(text.on_primary("Start new training"), type="primary", icon=":material/add:"):
        st.switch_page(links.TRAIN)


def draw(store: Store) -> None:
    """Everything here that changes by itself, and the controls of its lists; nothing here is typed into."""
    _figures(store)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Jobs", anchor=False)
        _job_rows(store)
    with right:
        st.subheader("Deployments", anchor=False)
        _deployment_rows(store)


def _figures(store: Store) -> None:
    summary = store.summary()
    cost = summary.training_cost_usd + summary.serving_cost_usd
    serving = f"{text.money(summary.serving_cost_usd)} serving" if summary.deployments else None
    with st.grid(6, min_column_width=150):
        cards.metric_card("Jobs", text.whole(summary.jobs), delta=_busiest(summary.jobs_by_status))
        cards.metric_card("Tokens trained", text.count(summary.tokens))
        cards.metric_card("Accelerator time", f"{text.count(summary.accelerator_hours)} h")
        cards.metric_card("Cost", text.money(cost), delta=serving)
        cards.metric_card(
            "Best eval loss",
            text.loss(summary.best_eval_loss),
            delta=_of_a_log(store, summary.best_job_id),
            chart=_sparkline(store, summary.best_job_id, "eval_loss"),
        )
        cards.metric_card(
            "Requests/s",
            text.count(summary.request_rate) if summary.deployments else text.MISSING,
            chart=_request_sparkline(store),
        )


def _of_a_log(store: Store, job_id: str | None) -> str | None:
    """That a figure is an imported log's, where it is."""
    return None if job_id is None or store.abilities(job_id).has_config else "an imported log's"


def _busiest(counts: dict[str, int]) -> str | None:
    """The status that tells most about a workspace: "2 running"."""
    told = [
        f"{counts[status]} {status}"
        for status in ("running", "queued", "failed", "completed")
        if counts.get(status)
    ]
    return told[0] if told else None


def _job_rows(store: Store) -> None:
    """The jobs that the filter lets through, a page of them at a time: live ones first, then the newest."""
    shown = st.segmented_control(
        "Show jobs",
        list(SHOWN),
        key=FILTER,
        default="all",
        required=True,
        label_visibility="collapsed",
        wrap=True,
    )
    statuses = SHOWN[shown]
    jobs = [job for job in store.jobs() if statuses is None or job.status in statuses]
    jobs.sort(key=lambda job: (job.live, job.submitted_s), reverse=True)
    if not jobs:
        st.caption(f"No job is {shown}.")
    pages = max(-(-len(jobs) // ROWS), 1)
    first = (min(st.session_state.get(PAGE, 1), pages) - 1) * ROWS
    for job in jobs[first : first + ROWS]:
        cards.job_row(job, now_s=store.clock.simulated_s)
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _sparkline(store: Store, job_or_deployment: str | None, column: str) -> list[float]:
    """The recent course of one column; empty where there is none."""
    if job_or_deployment is None:
        return []
    frame = store.metrics(job_or_deployment).frame(max_points=SPARKS, columns=[column])
    values = frame[column].to_numpy(dtype=np.float64)
    return [float(value) for value in values[np.isfinite(values)]][-SPARKS:]


def _request_sparkline(store: Store) -> list[float]:
    """The request rate of the first live deployment."""
    lives = [item.id for item in store.deployments() if item.live]
    return _sparkline(store, lives[0], "request_rate") if lives else []


def _deployment_rows(store: Store) -> None:
    """Endpoints by health, live ones first."""
    deployments = listing.live_first(store.deployments())
    if not deployments:
        st.caption("None yet. A completed job has a Deploy button.")
    for deployment in deployments[:SHOWN_DEPLOYMENTS]:
        listing.deployment_row(store, deployment)
    if len(deployments) > SHOWN_DEPLOYMENTS:
        st.page_link(links.DEPLOYMENTS, label=f"All {len(deployments)} deployments")
