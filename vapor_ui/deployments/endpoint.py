"""One endpoint drawn: its figures, charts, revisions and events, from what the store holds now."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.charts import stream
from vapor_core.charts.thinning import thinned
from vapor_core.contracts.columns import TICK_S
from vapor_core.contracts.workspace import Deployment
from vapor_core.workspace.store import Store
from vapor_ui.parts import addressed, cards, links
from vapor_ui.parts.demand_fields import described
from vapor_ui.parts.engine_fields import NAMES
from vapor_ui.shell import state

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
HOUR = "hour"
RANGES: dict[str, float | None] = {HOUR: 3600.0, "6 hours": 21_600.0, "day": 86_400.0, "all": None}  # seconds
FULL = 4096  # points, of which each is kept
MOST_POINTS = 100_000  # of all, where the last of many are looked at
SAMPLES = 200  # points of one chart, of which each is a tooltip to make at each tick
AXIS = "elapsed_s"
PIXELS, FLAT = 60, 0.03  # a chart may lag behind by a part of its width and of its height
AT_ONCE = 3  # charts that are drawn anew at one tick


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart as it is on the screen."""

    points: pd.DataFrame
    drawing: dict[str, Any]


@dataclass(slots=True)
class Screen:
    """What is drawn of an endpoint now."""

    asked: tuple[object, ...] = ()  # the endpoint, whether it lives, the range, the speed of time
    charts: dict[str, Drawn] = field(default_factory=dict)


def head(deployment: Deployment) -> None:
    """Its name and state, and what is served on what."""
    cards.title_row(deployment.name, deployment.status)
    card = text.plain(catalog.accelerator(deployment.accelerator).display_name, 80)
    st.caption(
        f"{text.plain(deployment.model_id, 80)} in {deployment.precision} on {card}, "
        f"{NAMES[deployment.settings.engine]} · {deployment.replicas_min} to {deployment.replicas_max} replicas · "
        f"{described(deployment.demand) if deployment.demand else f'{deployment.traffic} traffic'} · "
        f"`{deployment.id}`"
    )


def failure(deployment: Deployment) -> None:
    """Why it failed, where it did."""
    if deployment.failure:
        cards.failure_callout(deployment.failure)


def chosen_range() -> str:
    """How far back all charts go; kept in the address."""
    return addressed.choice("Time shown", list(RANGES), key="range", default=HOUR)


def draw(store: Store, deployment_id: str, shown: str) -> None:
    """Everything about an endpoint that changes by itself; `shown` is one of RANGES."""
    deployment = store.deployment(deployment_id)
    for reason in store.health(deployment.id) if deployment.live else ():
        st.warning(text.plain(reason), icon=":material/warning:")
    _figures(deployment, store.metrics(deployment.id).latest())
    points = _points(store, deployment, shown)
    if points.empty:
        st.skeleton(240)
    else:
        charts = _charts((deployment.id, deployment.live, shown, store.clock.speed), points)
        with st.grid(2, min_column_width=340):
            for name, title in CHARTS.items():
                cards.chart_card(charts[name].drawing, alt=f"{title} of {deployment.name}", height=CHART)
    _revisions(store, deployment)
    _events(store, deployment)


def _points(store: Store, deployment: Deployment, shown: str) -> pd.DataFrame:
    """The points of the last while. A longer one is told by points chosen from all of them."""
    series, span_s = store.metrics(deployment.id), RANGES[shown]
    ticks = len(series)
    if span_s is None:
        return series.frame(max_points=stream.SAMPLES)
    wanted = int(span_s / TICK_S)
    if wanted <= FULL:
        return series.tail(wanted)
    points = series.frame(max_points=min(stream.SAMPLES * max(ticks // wanted, 1), MOST_POINTS))
    return points[points["elapsed_s"] > points["elapsed_s"].iloc[-1] - span_s] if len(points) else points


def _charts(asked: tuple[object, ...], points: pd.DataFrame) -> dict[str, Drawn]:
    """All charts; of those that lag behind a few at each tick, the oldest first, so that no tick stops the browser."""
    screen = state.kept(Screen)
    if screen.asked != asked:
        screen.asked, screen.charts = asked, {}
    held = screen.charts
    behind = [name for name in CHARTS if name not in held or _lags(name, held[name].points, points)]
    if held:
        behind = sorted(behind, key=lambda name: float(held[name].points[AXIS].iloc[-1]))[:AT_ONCE]
    span_s = max(float(points[AXIS].iloc[-1] - points[AXIS].iloc[0]), TICK_S)
    for name in behind:
        few = thinned(points, AXIS, _columns(name, points), span_s, SAMPLES)
        held[name] = Drawn(points, stream.streamed(name, few))
    return held


def _lags(name: str, drawn: pd.DataFrame, points: pd.DataFrame) -> bool:
    return stream.looks_new(drawn, points, AXIS, _columns(name, points), pixels=PIXELS, flat=FLAT)


def _columns(name: str, points: pd.DataFrame) -> tuple[str, ...]:
    """Of values that a chart draws."""
    return tuple(sorted((stream.fields(name) & {*points.columns}) - {AXIS}))


def _figures(deployment: Deployment, last: dict[str, float]) -> None:
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
