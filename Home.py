"""Overview: what this workspace has done, what runs in it now, and where to go next."""

import streamlit as st

from vapor_core import text
from vapor_core.contracts import Job
from vapor_core.store import Store
from vapor_ui import cards, frame, listing

ROWS = 8  # jobs on one page of the list
SHOWN = {
    "all": None,
    "live": ("queued", "initializing", "running"),
    "paused": ("paused",),
    "completed": ("completed",),
    "failed": ("failed", "lost"),
    "stopped": ("stopped",),
}


def figures(store: Store) -> None:
    """The workspace in six numbers."""
    summary = store.summary()
    with st.grid(6, min_column_width=150):
        cards.metric_card("Jobs", text.whole(summary.jobs), delta=listing.by_status(summary.jobs_by_status))
        cards.metric_card("Tokens trained", text.count(summary.tokens))
        cards.metric_card("Accelerator time", f"{text.count(summary.accelerator_hours)} h")
        cards.metric_card(
            "Cost",
            text.money(summary.training_cost_usd + summary.serving_cost_usd),
            delta=f"{text.money(summary.serving_cost_usd)} of it serving" if summary.deployments else None,
        )
        cards.metric_card(
            "Best eval loss",
            text.loss(summary.best_eval_loss),
            chart=listing.sparkline(store, summary.best_job_id, "eval_loss"),
        )
        cards.metric_card(
            "Requests per second",
            text.count(summary.request_rate) if summary.deployments else text.MISSING,
            delta=f"{summary.replicas} replicas" if summary.deployments else None,
            chart=listing.request_sparkline(store),
        )


def shown_jobs(store: Store) -> list[Job]:
    """The jobs that the filter lets through: live ones first, then the newest."""
    statuses = SHOWN[st.session_state.get("shown") or "all"]
    jobs = [job for job in store.jobs() if statuses is None or job.status in statuses]
    return sorted(jobs, key=lambda job: (job.live, job.submitted_s), reverse=True)


def overview(store: Store) -> None:
    """Everything here that changes by itself."""
    figures(store)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Jobs", anchor=False)
        first = (st.session_state.get("jobs_page", 1) - 1) * ROWS
        for job in shown_jobs(store)[first : first + ROWS]:
            cards.job_row(job, now_s=store.clock.simulated_s)
    with right:
        st.subheader("Deployments", anchor=False)
        listing.deployment_rows(store)


store = frame.page("Overview", ":material/dashboard:")
if not store.jobs():
    cards.empty_state(
        ":material/rocket_launch:",
        "Nothing has been trained here yet",
        "Pick a model and data, see what a fine-tune would take, and start it. Nothing is spent: it is a rehearsal.",
        action="Start new training",
        page="pages/1_Train.py",
    )
    frame.live()
else:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.segmented_control("Show jobs", list(SHOWN), key="shown", default="all", required=True)
        if st.button("Start new training", type="primary", icon=":material/add:"):
            st.switch_page("pages/1_Train.py")
    frame.live(overview)
    pages = -(-len(shown_jobs(store)) // ROWS)
    if pages > 1:
        st.pagination(pages, key="jobs_page")
