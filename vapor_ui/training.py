"""One job drawn: its figures, progress, charts, findings and events, from what the store holds now."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from vapor_core import catalog, charts, text
from vapor_core.chart_parts import Axis
from vapor_core.contracts import Job, JobConfig
from vapor_core.diagnosis import findings
from vapor_core.store import Store
from vapor_ui import cards

SMALL_CHART = 240  # pixels


@dataclass(frozen=True, slots=True)
class View:
    """Which job is drawn, and how."""

    job_id: str
    x: Axis
    smoothing: float
    log_scale: bool


def subtitle(job: Job) -> str:
    """What is trained on what, as Markdown."""
    config = job.config
    names = (
        catalog.model(config.model).display_name,
        catalog.dataset(config.dataset).display_name,
        catalog.accelerator(config.accelerator).display_name,
    )
    model, dataset, card = (text.plain(name, 80) for name in names)
    cards_used = f"{config.accelerator_count} × {card}" if config.accelerator_count > 1 else card
    return f"{config.method} of {model} on {dataset} · {cards_used} · `{job.id}`"


def draw(store: Store, view: View) -> None:
    """Everything about a job that changes by itself."""
    job = store.job(view.job_id)
    points = store.metrics(job.id).frame(max_points=charts.SAMPLES, smoothing=view.smoothing)
    _progress(job)
    _figures(job, points)
    if points.empty:
        _waiting(job)
    else:
        _findings(points)
        _charts(job, points, view)
    _events(store, job)


def config_table(config: JobConfig) -> None:
    """Every field of a configuration."""
    fields = {name: _value(value) for name, value in config.model_dump().items()}
    st.dataframe(pd.DataFrame({"field": fields.keys(), "value": fields.values()}), hide_index=True)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("id", value))
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return text.MISSING if value is None else str(value)


def _progress(job: Job) -> None:
    steps = f"step {text.whole(job.step)} of {text.whole(job.total_steps)}"
    st.progress(job.progress, text=f"{text.eta(job)} · {steps}")


def _figures(job: Job, points: pd.DataFrame) -> None:
    def last(column: str) -> float | None:
        known = points[column].dropna() if column in points else points.get("")
        return None if known is None or known.empty else float(known.iloc[-1])

    smooth = "loss_smoothed" in points
    with st.grid(6, min_column_width=140):
        cards.metric_card("Train loss", text.loss(last("loss_smoothed" if smooth else "loss")))
        cards.metric_card("Eval loss", text.loss(last("eval_loss")))
        cards.metric_card("Tokens/s", text.count(last("tokens_per_second")))
        cards.metric_card("Memory", text.gigabytes(last("memory_gb")))
        cards.metric_card("Time", text.duration(job.elapsed_s) if job.started_s is not None else text.MISSING)
        cards.metric_card("Cost so far", text.money(job.cost_usd))


def _waiting(job: Job) -> None:
    if job.live:
        st.skeleton(320)
    elif job.failure is None:
        st.caption("It ended before its first step; there is nothing to draw.")


def _findings(points: pd.DataFrame) -> None:
    for finding in findings(points):
        if finding.severity == "note":
            continue
        icon = ":material/error:" if finding.severity == "blocking" else ":material/warning:"
        st.warning(text.plain(f"{finding.sentence} {finding.cure}".strip(), 600), icon=icon)


def _charts(job: Job, points: pd.DataFrame, view: View) -> None:
    smooth, x = view.smoothing > 0, view.x
    loss = charts.streamed("loss", points, x=x, log_scale=view.log_scale, smoothed=smooth)
    cards.chart_card(loss, alt=f"Train and eval loss of {job.name} by {x}", height=340)
    available = points.assign(available_gb=catalog.accelerator(job.config.accelerator).memory_gb)
    small = {
        "Learning rate": charts.streamed("learning_rate", points, x=x),
        "Gradient norm": charts.streamed("grad_norm", points, x=x, smoothed=smooth),
        "Throughput": charts.streamed("throughput", points, x=x, smoothed=smooth),
        "Memory against the card": charts.streamed("memory", available, x=x),
    }
    with st.grid(2, min_column_width=340):
        for name, drawing in small.items():
            cards.chart_card(drawing, alt=f"{name} of {job.name} by {x}", height=SMALL_CHART)


def _events(store: Store, job: Job) -> None:
    st.subheader("Events", anchor=False)
    cards.history(store.events(job.id))
