"""One job drawn: its figures, progress, charts, findings and events, from what the store holds now."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.advice.detectors import findings
from vapor_core.backends.unknown import has_card
from vapor_core.charts import stream
from vapor_core.charts.parts import Axis
from vapor_core.charts.stream import looks_new
from vapor_core.contracts.columns import eval_sets
from vapor_core.contracts.findings import Failure, Finding
from vapor_core.contracts.workspace import Counts, Job
from vapor_core.metrics.series import MetricSeries
from vapor_core.workspace.store import Store
from vapor_ui.monitor import against_rehearsal, following, rules
from vapor_ui.parts import cards
from vapor_ui.shell import state

SMALL_CHART = 240  # pixels
MOST_POINTS = 100_000  # of a whole job, where an early part of it is looked at
LOSS_SAMPLES = 260  # points of the losses that are drawn; each is a tooltip to make at each tick
SMALL_SAMPLES = 120  # points a series, for charts half as wide as the page
SMALL_PIXELS, SMALL_FLAT = 30, 0.03  # a small chart may lag behind by a part of its width and of its height
LOSSES = ("loss", "eval_loss")
SMALL_CHARTS = {  # words on screen -> chart, column, whether a smoothed form of it is drawn
    "Learning rate": ("learning_rate", "learning_rate", False),
    "Gradient norm": ("grad_norm", "grad_norm", True),
    "Throughput": ("throughput", "tokens_per_second", True),
    "Memory against the card": ("memory", "memory_gb", False),
}
SMALL_COLUMNS = tuple(column for _, column, _ in SMALL_CHARTS.values())
DRAWN = (*LOSSES, *SMALL_COLUMNS)
# Findings that a failure of that code has told already, each with the step at which it happened
FAILURE_TELLS: dict[str, tuple[str, ...]] = {"diverged": ("divergence", "nan", "spike", "overfit", "plateau")}
# Kinds of events that tell what no curve of an imported log shows.
OF_A_LOG = ("left_out", "stopped", "summary")
TIME_HOLDS = "From the start of its process on: libraries, weights and data are in it, pauses are not"
AXIS_COLUMN: dict[Axis, str] = {"step": "step", "tokens": "tokens", "epoch": "epoch", "time": "elapsed_s"}


@dataclass(frozen=True, slots=True)
class View:
    """Which job is drawn, and how."""

    job_id: str
    x: Axis
    smoothing: float
    log_scale: bool
    at: int | None = None  # the step that is looked back to


@dataclass(frozen=True, slots=True)
class Small:
    """A small chart as it is on the screen."""

    points: pd.DataFrame
    drawing: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """Charts and findings as they are on the screen."""

    view: View
    going: tuple[bool, float]  # whether the job lives, and the speed of time
    points: pd.DataFrame
    findings: tuple[Finding, ...]
    loss: dict[str, Any]
    small: dict[str, Small]


@dataclass(slots=True)
class Screen:
    """What is drawn on Monitor now."""

    picture: Picture | None = None


def head(store: Store, job: Job) -> None:
    """Its name and state, and what is trained on what."""
    cards.title_row(job.name, "deleted" if job.deleted else job.status)
    able = store.abilities(job.id)
    st.caption(_subtitle(job, has_config=able.has_config, real=able.is_real))
    if not able.has_config:
        _about_log(store, job)
    if job.parent_id is not None and job.fork_step is not None:
        _inheritance(store, job.parent_id, job.fork_step)


def _about_log(store: Store, job: Job) -> None:
    """What a log's reader left out, how far it came and what its closing row sums up, which no curve shows."""
    for event in store.events(job.id):
        if event.kind in OF_A_LOG:
            st.caption(f":material/info: {text.plain(event.sentence, 600)}")


def _inheritance(store: Store, parent_id: str, fork_step: int) -> None:
    """What a fork has from its parent, apart from what it took itself."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f":material/call_split: Its first {text.whole(fork_step)} steps are another job's; time and cost are its "
            "own, from there on.",
            width="content",
        )
        parent = store.job(parent_id)
        st.page_link("pages/2_Monitor.py", label=text.plain(parent.name, 80), query_params={"job": parent.id})


def _subtitle(job: Job, *, has_config: bool, real: bool) -> str:
    config = job.config
    if not has_config:
        what = (
            "A run of another program, followed as it goes"
            if real
            else "A log of a run that was made elsewhere"
        )
        return f"{what} · `{job.id}`"
    names = (
        catalog.model(config.model).display_name,
        catalog.dataset(config.dataset).display_name,
        catalog.accelerator(config.accelerator).display_name,
    )
    model, dataset, card = (text.plain(name, 80) for name in names)
    cards_used = f"{config.accelerator_count} × {card}" if config.accelerator_count > 1 else card
    if not has_card(config):
        return f"{config.method} of {model} · another program's run, as its parameters tell it · `{job.id}`"
    how = " · trained for real, by the wall clock" if real else ""
    return f"{config.method} of {model} on {dataset} · {cards_used}{how} · `{job.id}`"


def draw(store: Store, view: View) -> None:
    """Everything about a job that changes by itself."""
    job = store.job(view.job_id)
    able = store.abilities(job.id)
    series = store.metrics(job.id)
    points = series.frame(max_points=_points_for(view, job, stream.SAMPLES), smoothing=view.smoothing)
    if view.at is not None:
        points = points[points["step"] < view.at]
        job = as_of(job, points, view.at)
    rules.banner(store, job)
    _progress(job)
    smoothed = (
        able.has_config and "loss_smoothed" in points
    )  # a log's own last loss is what its reader looks for
    _figures(job, points, has_cost=able.has_cost, smoothed=smoothed)
    if points.empty:
        _waiting(job)
    else:
        going = (job.live, store.clock.speed)
        checkpoints = _checkpoints(store, job)
        picture = _picture(
            job, series, points, view, going, checkpoints=checkpoints, has_config=able.has_config
        )
        _findings(picture.findings, job.failure)
        against_rehearsal.told(job, points)
        _charts(job, picture)
    _events(store, job, view.at)


def _points_for(view: View, job: Job, samples: int) -> int:
    """Points of the whole job of which about `samples` lie before the step that is looked back to."""
    return samples if view.at is None else min(samples * max(job.total_steps // view.at, 1), MOST_POINTS)


def as_of(job: Job, points: pd.DataFrame, step: int) -> Job:
    """A job as its points up to a step tell it; what came after has not happened.

    What it took is missing in points that a fork inherited, which took it nothing, and in those of an imported log.
    """
    last = points.iloc[-1] if len(points) else pd.Series(dtype=float)
    elapsed_s, cost_usd = (float(np.nan_to_num(last.get(name, 0.0))) for name in ("elapsed_s", "cost_usd"))
    return job.changed(
        step=step,
        status="running" if step < job.total_steps else job.status,
        elapsed_s=elapsed_s,
        cost_usd=cost_usd,
        eta_s=None,
        ended_s=None,
        failure=None,
    )


def configuration(store: Store, job: Job) -> None:
    """Every field of its configuration, where it has one, and what it lets expect where nobody rehearsed it."""
    if not store.abilities(job.id).has_config:
        return
    following.estimated(store, job)
    fields = {name: _value(value) for name, value in job.config.model_dump().items()}
    with st.expander("Configuration", icon=":material/tune:"):
        st.dataframe(pd.DataFrame({"field": fields.keys(), "value": fields.values()}), hide_index=True)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("id", value))
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return text.MISSING if value is None else str(value)


def _progress(job: Job) -> None:
    if not job.total_steps:  # another program's, which does not say how many there will be
        st.caption(f":material/progress_activity: {job.counts} {text.whole(job.step)} · {job.status}")
        return
    steps = f"{job.counts} {text.whole(job.step)} of {text.whole(job.total_steps)}"
    st.progress(job.progress, text=f"{text.eta(job)} · {steps}")


def _figures(job: Job, points: pd.DataFrame, *, has_cost: bool, smoothed: bool) -> None:
    def last(column: str) -> float | None:
        values = points[column].to_numpy(np.float64) if column in points else np.empty(0)
        known = values[~np.isnan(values)]
        return float(known[-1]) if known.size else None

    with st.grid(6, min_column_width=140):
        cards.metric_card("Train loss", text.loss(last("loss_smoothed" if smoothed else "loss")))
        cards.metric_card("Eval loss", text.loss(last("eval_loss")))
        cards.metric_card("Tokens/s", text.count(last("tokens_per_second")))
        cards.metric_card("Memory", text.gigabytes(last("memory_gb")))
        # An imported log rarely records how long the run took, and never what it cost.
        timed = job.started_s is not None and (has_cost or job.elapsed_s > 0)
        cards.metric_card("Time", text.duration(job.elapsed_s) if timed else text.MISSING, help=TIME_HOLDS)
        cards.metric_card("Cost so far", text.money(job.cost_usd) if has_cost else text.MISSING)


def _waiting(job: Job) -> None:
    if job.live:
        st.skeleton(320)
    elif job.failure is None:
        st.caption("It ended before its first step; there is nothing to draw.")


def _picture(
    job: Job,
    series: MetricSeries,
    points: pd.DataFrame,
    view: View,
    going: tuple[bool, float],
    *,
    checkpoints: tuple[int, ...],
    has_config: bool,
) -> Picture:
    """The picture on the screen while it would look the same, so that it need not be sent again; else a new one."""
    screen = state.kept(Screen)
    held, axis = screen.picture, AXIS_COLUMN[view.x]
    if not isinstance(held, Picture) or (held.view, held.going) != (view, going):
        held = None
    if held is not None and not looks_new(held.points, points, axis, DRAWN):
        return held
    losses = against_rehearsal.with_band(
        job, _fewer(job, series, view, LOSS_SAMPLES, (*LOSSES, *eval_sets(series.columns)))
    )
    few = _fewer(job, series, view, SMALL_SAMPLES, SMALL_COLUMNS)
    few = _with_card(job, few, has_config and has_card(job.config))
    options: dict[str, str | bool] = {
        "x": view.x,
        "log_scale": view.log_scale,
        "smoothed": view.smoothing > 0,
    }
    options["counts"] = job.counts
    if "rehearsed_low" in losses:
        options["band"] = True
    screen.picture = Picture(
        view=view,
        going=going,
        points=points,
        findings=tuple(each for each in findings(points, checkpoints) if each.severity != "note"),
        loss=stream.streamed("loss", losses, **options),
        small={name: _small_chart(name, few, view, held, job.counts) for name in _measured(few)},
    )
    return screen.picture


def _fewer(
    job: Job, series: MetricSeries, view: View, samples: int, columns: tuple[str, ...]
) -> pd.DataFrame:
    """Fewer points, of some columns."""
    few = series.frame(_points_for(view, job, samples), view.smoothing, [*AXIS_COLUMN.values(), *columns])
    return few if view.at is None else few[few["step"] < view.at]


def _with_card(job: Job, few: pd.DataFrame, known: bool) -> pd.DataFrame:
    """With the memory of the card, which an imported log does not name."""
    return few.assign(available_gb=catalog.accelerator(job.config.accelerator).memory_gb if known else np.nan)


def _measured(few: pd.DataFrame) -> list[str]:
    """The small charts that have something to show; an imported log may lack any of their columns."""
    return [
        name for name, (_, column, _) in SMALL_CHARTS.items() if column in few and few[column].notna().any()
    ]


def _small_chart(name: str, few: pd.DataFrame, view: View, held: Picture | None, counts: Counts) -> Small:
    """The one on the screen until it lags behind by what is seen."""
    chart, column, noisy = SMALL_CHARTS[name]
    on_screen = held.small.get(name) if held else None
    if on_screen is not None and not looks_new(
        on_screen.points, few, AXIS_COLUMN[view.x], (column,), pixels=SMALL_PIXELS, flat=SMALL_FLAT
    ):
        return on_screen
    options: dict[str, str | bool] = {"x": view.x, "counts": counts}
    if noisy:
        options["smoothed"] = view.smoothing > 0
    return Small(few, stream.streamed(chart, few, **options))


def _checkpoints(store: Store, job: Job) -> tuple[int, ...]:
    """Steps after which the job kept a checkpoint, as its history tells them."""
    saved = (event for event in store.events(job.id) if event.kind == "checkpoint")
    return tuple(event.step + 1 for event in saved if event.step is not None)


def _findings(told: tuple[Finding, ...], failure: Failure | None) -> None:
    """What the detectors see, but for what the job's failure says already, with its step and its cure."""
    known = FAILURE_TELLS.get(failure.code, ()) if failure else ()
    for finding in (each for each in told if each.code not in known):
        icon = ":material/error:" if finding.severity == "blocking" else ":material/warning:"
        st.warning(text.plain(f"{finding.sentence} {finding.cure}".strip(), 600), icon=icon)


def _charts(job: Job, picture: Picture) -> None:
    x = job.counts if picture.view.x == "step" else picture.view.x
    cards.chart_card(picture.loss, alt=f"Train and eval loss of {job.name} by {x}", height=340)
    with st.grid(2, min_column_width=340):
        for name, small in picture.small.items():
            cards.chart_card(small.drawing, alt=f"{name} of {job.name} by {x}", height=SMALL_CHART)


def _events(store: Store, job: Job, at: int | None) -> None:
    st.subheader("Events", anchor=False)
    events = store.events(job.id)
    cards.history(events if at is None else [event for event in events if (event.step or 0) <= at])
