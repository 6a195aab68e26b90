"""One endpoint drawn: its figures, charts, revisions and events, from what the store holds now."""

import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.charts import stream
from vapor_core.contracts.workspace import Deployment
from vapor_core.workspace.store import Store
from vapor_ui.parts import cards, links

CHART = 240  # pixels
CHARTS = {
    "request_rate": "Request rate",
    "traffic": "Requests by outcome",
    "latency": "Latency percentiles",
    "ttft": "Time to first token",
    "tpot": "Time per output token",
    "errors": "Errors by class",
    "queue": "Requests waiting",
    "replicas": "Replicas",
}


def head(deployment: Deployment) -> None:
    """Its name and state, and what is served on what."""
    cards.title_row(deployment.name, deployment.status)
    card = text.plain(catalog.accelerator(deployment.accelerator).display_name, 80)
    st.caption(
        f"{text.plain(deployment.model_id, 80)} in {deployment.precision} on {card} · "
        f"{deployment.replicas_min} to {deployment.replicas_max} replicas · {deployment.traffic} traffic · "
        f"`{deployment.id}`"
    )


def failure(deployment: Deployment) -> None:
    """Why it failed, where it did."""
    if deployment.failure:
        cards.failure_callout(deployment.failure)


def draw(store: Store, deployment_id: str) -> None:
    """Everything about an endpoint that changes by itself."""
    deployment = store.deployment(deployment_id)
    for reason in store.health(deployment.id) if deployment.live else ():
        st.warning(text.plain(reason), icon=":material/warning:")
    points = store.metrics(deployment.id).frame(max_points=stream.SAMPLES)
    _figures(deployment, points)
    if points.empty:
        st.skeleton(240)
    else:
        with st.grid(2, min_column_width=340):
            for name, title in CHARTS.items():
                drawing = stream.streamed(name, points)
                cards.chart_card(drawing, alt=f"{title} of {deployment.name}", height=CHART)
    _revisions(store, deployment)
    _events(store, deployment)


def _figures(deployment: Deployment, points: pd.DataFrame) -> None:
    last = {} if points.empty else points.iloc[-1].to_dict()
    ended = sum(last.get(name, 0.0) for name in ("succeeded", "client_errors", "server_errors"))
    failed = last.get("server_errors", 0.0) / ended if ended else None
    with st.grid(4, min_column_width=140):
        cards.metric_card("Requests", text.rate(last.get("request_rate"), "req"))
        cards.metric_card(
            "p95", text.milliseconds(last.get("p95_ms")), help="Whole requests, 95th percentile"
        )
        cards.metric_card("First token", text.milliseconds(last.get("ttft_ms")), help="TTFT, median")
        cards.metric_card("Per token", text.milliseconds(last.get("tpot_ms")), help="TPOT, median")
        cards.metric_card(
            "Server errors", text.percent(failed), help="Of the requests that ended in this tick"
        )
        cards.metric_card("Replicas", f"{deployment.replicas} of {deployment.replicas_max}")
        cards.metric_card("Waiting", text.count(last.get("queue_depth")), help="Requests in the queue")
        cards.metric_card("Cost", text.money(deployment.cost_usd))


def _revisions(store: Store, deployment: Deployment) -> None:
    st.subheader("Revisions", anchor=False)
    for revision in reversed(deployment.revisions):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{revision.number}** since {text.clock(revision.since_s)}, from", width="content")
            job = store.job(revision.job_id)
            links.job_link(job.id, text.plain(job.name, 80), icon=None)


def _events(store: Store, deployment: Deployment) -> None:
    st.subheader("Events", anchor=False)
    cards.history(store.events(deployment.id))
