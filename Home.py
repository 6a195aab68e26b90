"""Overview: what this workspace has done, what runs in it now, and where to go next."""

import streamlit as st

from vapor_core import text
from vapor_core.workspace.store import Store
from vapor_ui.parts import cards, listing
from vapor_ui.shell import frame

ICON = ":material/dashboard:"


def figures(store: Store) -> None:
    """The workspace in six numbers."""
    summary = store.summary()
    cost = summary.training_cost_usd + summary.serving_cost_usd
    serving = f"{text.money(summary.serving_cost_usd)} serving" if summary.deployments else None
    with st.grid(6, min_column_width=150):
        cards.metric_card("Jobs", text.whole(summary.jobs), delta=listing.busiest(summary.jobs_by_status))
        cards.metric_card("Tokens trained", text.count(summary.tokens))
        cards.metric_card("Accelerator time", f"{text.count(summary.accelerator_hours)} h")
        cards.metric_card("Cost", text.money(cost), delta=serving)
        cards.metric_card(
            "Best eval loss",
            text.loss(summary.best_eval_loss),
            chart=listing.sparkline(store, summary.best_job_id, "eval_loss"),
        )
        cards.metric_card(
            "Requests/s",
            text.count(summary.request_rate) if summary.deployments else text.MISSING,
            chart=listing.request_sparkline(store),
        )


def overview(store: Store) -> None:
    """Everything here that changes by itself, and the controls of its lists; nothing here is typed into."""
    figures(store)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Jobs", anchor=False)
        listing.job_rows(store)
    with right:
        st.subheader("Deployments", anchor=False)
        listing.deployment_rows(store)


store = frame.page("Overview", ICON)
if store.jobs():
    if st.button("Start new training", type="primary", icon=":material/add:"):
        st.switch_page("pages/1_Train.py")
    frame.live(overview)
else:
    cards.empty_state(
        ":material/rocket_launch:",
        "Nothing has been trained here yet",
        "Pick a model and data, see what a fine-tune would take, and start it. It is a rehearsal: nothing is spent.",
        action="Start new training",
        page="pages/1_Train.py",
    )
    frame.live()
