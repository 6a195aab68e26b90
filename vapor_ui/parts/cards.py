"""The small pieces that pages are made of: values in, elements out. No store, no clock."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import streamlit as st

from vapor_core import text
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.workspace import Deployment, Job
from vapor_ui.parts import links
from vapor_ui.parts.sparkline import sparkline

Color = Literal["red", "orange", "blue", "green", "gray"]

_STATUS: dict[str, tuple[Color, str]] = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "initializing": ("gray", ":material/downloading:"),
    "running": ("blue", ":material/play_arrow:"),
    "paused": ("orange", ":material/pause:"),
    "completed": ("green", ":material/check:"),
    "failed": ("red", ":material/error:"),
    "stopped": ("gray", ":material/stop:"),
    "lost": ("red", ":material/link_off:"),
    "starting": ("gray", ":material/downloading:"),
    "healthy": ("green", ":material/check:"),
    "degraded": ("orange", ":material/warning:"),
}


def status_badge(status: str) -> None:
    """A job's or deployment's status by word, sign and colour."""
    color, icon = _STATUS.get(status, ("gray", ":material/help:"))
    st.badge(status, icon=icon, color=color)


def title_row(name: str, status: str) -> None:
    """The name of a job or deployment as a heading, with its status."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(text.plain(name, 120), anchor=False, width="content")
        status_badge(status)


def metric_card(
    label: str,
    value: str,
    *,
    delta: str | None = None,
    help: str | None = None,
    icon: str | None = None,
    chart: Sequence[float] | None = None,
) -> None:
    """One figure with its name; `chart` is a sparkline of at least two numbers. Strings are shown letter by letter."""
    course = list(chart) if chart is not None and len(chart) > 1 else []
    figure = partial(
        st.metric,
        label,
        text.plain(value),
        delta=None if delta is None else text.plain(delta),
        delta_color="off",
        delta_arrow="off",
        help=help,
        icon=icon,
    )
    if not course:  # one message to the browser instead of two; a tick sends six of these
        figure(border=True, height="stretch")
        return
    with st.container(border=True, height="stretch", gap="xxsmall"):
        figure()
        sparkline(
            course, alt=f"{label}, its recent course"
        )  # st.metric's own has no name for who cannot see it


def chart_card(drawing: dict[str, Any], *, alt: str, height: int = 260) -> None:
    """A chart with its points (`charts.streamed`) in a card. `alt` says in words what it shows."""
    with st.container(border=True):
        st.vega_lite_chart(spec=drawing, width="stretch", height=height, alt=alt)


def empty_state(icon: str, title: str, sentence: str, *, action: str = "", page: str = "") -> None:
    """What to do next where there is nothing yet; `action` is the label of a button that opens `page`."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.markdown(f"## {icon}", text_alignment="center")
        st.markdown(f"**{title}**", text_alignment="center")
        st.markdown(sentence, text_alignment="center")
        if action and st.button(text.on_primary(action), type="primary", icon=":material/arrow_forward:"):
            st.switch_page(page)


def failure_callout(failure: Failure) -> None:
    """What happened, why, and what to change."""
    st.error(
        f"**{text.plain(failure.what)}** {text.plain(failure.why, 600)} {text.plain(failure.cure, 600)}",
        icon=":material/error:",
    )


def job_row(job: Job, *, now_s: float) -> None:
    """One job in a list: name, model and method, status, progress, cost. `now_s` is the workspace's simulated time."""
    submitted = text.ago(now_s - job.submitted_s)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            links.job_link(job.id, f"**{text.plain(job.name, 80)}**")
            status_badge(job.status)
        st.progress(job.progress, text=text.eta(job))
        if is_log(job):
            st.caption(f"A log of a run that was made elsewhere · imported {submitted}")
            return
        model = job.config.model if isinstance(job.config.model, str) else job.config.model.id
        st.caption(
            f"{text.plain(model, 80)} · {job.config.method} · {text.plain(text.money(job.cost_usd))} · "
            f"submitted {submitted}"
        )


def is_log(job: Job) -> bool:
    """Whether a job is an imported log, whose configuration and cost nobody told."""
    return job.config.backend == "imported"


def deployment_row(deployment: Deployment, *, request_rate: float | None, p95_ms: float | None) -> None:
    """One endpoint in a list: name, model, health, load, latency, cost."""
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            links.deployment_link(deployment.id, f"**{text.plain(deployment.name, 80)}**")
            status_badge(deployment.status)
        st.caption(
            f"{text.plain(deployment.model_id, 80)} · {deployment.replicas} of {deployment.replicas_max} replicas · "
            f"{text.rate(request_rate, 'requests')} · p95 {text.milliseconds(p95_ms)} · "
            f"{text.plain(text.money(deployment.cost_usd))}"
        )


def model_notes(model: CatalogModel) -> None:
    """What is to be known of how a model was counted: whose count won, and what of it is left out; a line each."""
    for note in model.note.split("; "):
        if note:
            st.caption(f":material/info: {text.plain(note[:1].upper() + note[1:], 600)}")


def history(events: Sequence[LifeEvent], most: int = 12) -> None:
    """The newest lines of a history, newest first."""
    lines = []
    for event in reversed(events[-most:]):
        step = f", step {text.whole(event.step)}" if event.step is not None else ""
        at = text.clock(event.at_s) if event.wall_s is None else text.day_and_time(event.wall_s)
        lines.append(f":gray[{at}{step}] · {text.plain(event.sentence, 400)}")
    st.markdown("  \n".join(lines))
