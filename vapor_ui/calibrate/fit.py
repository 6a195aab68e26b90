"""What a calibration amounts to: the fit run by run, and what it says of a run that was not done yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.advice.estimate import estimate
from vapor_core.calibration.comparison import fit_curves, nearness, what_if_curves
from vapor_core.charts import stream
from vapor_core.workspace.store import Store
from vapor_ui.form import blocks, calibrations, choices, form_values
from vapor_ui.form.choices import WHAT_IF
from vapor_ui.parts import cards, links
from vapor_ui.shell import session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vapor_core.contracts.estimates import Estimate
    from vapor_core.contracts.training import Calibration, JobConfig
    from vapor_ui.form.calibrations import Fit, MeasuredRun

USED = "calibrate.used"  # the toggle's key
CHART = 340  # pixels

STEPS = replace(blocks.MAX_STEPS, label="Steps", help="Of the whole run", placeholder="")
CHANGED = (
    *(blocks.LEARNING_RATE, blocks.SCHEDULE, STEPS),
    *(blocks.WARM_UP, blocks.MINIMUM_RATE, blocks.DECAY),
)


def nothing_fitted() -> None:
    """What to do where there is no fit yet."""
    cards.empty_state(
        ":material/tune:",
        "Nothing is fitted yet",
        "Drop the log of a run that you have done, and say what was run. Its measured curve appears here against the "
        "fitted one.",
    )


def fit_view(fit: Fit) -> MeasuredRun:
    """How near the forecast comes to one of the runs, and whether estimates use it; returns the run that is shown."""
    run = _chosen(fit)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.session_state[USED] = calibrations.is_used(session.store(), fit.name)
        st.toggle(
            "Use in estimates",
            key=USED,
            on_change=_use,
            help="Train's estimate takes the fitted constants in place of the laws' own",
        )
        st.button(
            "Forget this run", icon=":material/delete:", type="tertiary", on_click=_forget, args=(run.name,)
        )
    _figures(run, fit.calibration)
    drawing = stream.streamed("forecast", fit_curves(run.config, run.frame, fit.calibration))
    cards.chart_card(
        drawing, alt=f"Loss of {run.name}: measured, calibrated and by the law alone", height=CHART
    )
    st.caption(
        "Errors are medians: of the loss over twentieths of the run, so that noise does not count, and of the tokens "
        "a second against the log's. Before is by the law alone."
    )
    for note in fit.calibration.notes:
        st.caption(f":material/info: {text.plain(note, 600)}")
    return run


def _chosen(fit: Fit) -> MeasuredRun:
    """The run to show: the last one fitted, until another is chosen."""
    by_name = {run.name: run for run in fit.runs}
    if len(by_name) == 1:
        st.markdown(f"#### Fitted to {text.plain(fit.runs[0].name, 60)}")
        return fit.runs[0]
    name = st.selectbox("Fitted to", list(by_name), index=len(by_name) - 1)
    return by_name[name]


def _use() -> None:
    with session.refusals_told():
        calibrations.use(calibrations.fit(session.store()), yes=bool(st.session_state[USED]))


def _forget(name: str) -> None:
    with session.refusals_told():
        calibrations.forget(session.store(), name)


def kept_calibrations(store: Store) -> None:
    """What was fitted before, by name: to use, or to forget."""
    known = store.world.calibrations
    if not known:
        return
    with st.container(border=True):
        st.markdown("#### Kept calibrations")
        for name, each in reversed(known.items()):
            used = calibrations.is_used(store, name)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(
                    f"**{text.plain(name, 60)}**{' :green-badge[in use]' if used else ''}", width="stretch"
                )
                if session.read_only():
                    continue
                label, use = ("Use the laws alone", "") if used else ("Use", name)
                st.button(label, key=f"calibration.use.{name}", on_click=_use_named, args=(use,))
                st.button(
                    "Forget", icon=":material/delete:", type="tertiary", key=f"calibration.forget.{name}",
                    help="Estimates no longer know it", on_click=_drop, args=(name,),
                )  # fmt: skip
            st.caption(_about(each.calibration, each.runs))


def _about(calibration: Calibration, runs: Sequence[str]) -> str:
    """What it was fitted to, and by how much it corrects."""
    said = [f"fitted to {', '.join(text.plain(run, 60) for run in runs) or 'runs'}"]
    scales = (("throughput_scale", "tokens/s"), ("memory_scale", "memory"))
    said += [
        f"{words} × {value:.2f}"
        for name, words in scales
        if (value := getattr(calibration, name)) is not None
    ]
    return " · ".join(said)


def _use_named(name: str) -> None:
    session.act(Store.use_calibration, name)


def _drop(name: str) -> None:
    with session.refusals_told():
        calibrations.drop(session.store(), name)


def _figures(run: MeasuredRun, calibration: Calibration) -> None:
    near = nearness(run.config, run.frame, calibration)
    with st.grid(3, min_column_width=150):
        cards.metric_card(
            "Loss error",
            text.percent(near.loss_after),
            delta=f"{text.percent(near.loss_before)} before",
        )
        cards.metric_card(
            "Rate error",
            text.percent(near.rate_after),
            delta="not in the log"
            if near.rate_before is None
            else f"{text.percent(near.rate_before)} before",
        )
        cards.metric_card("Points", text.whole(near.points), delta=f"to step {text.whole(_last(run))}")


def _last(run: MeasuredRun) -> int:
    return int(run.frame["step"].iloc[-1])


def what_if(store: Store, run: MeasuredRun, calibration: Calibration) -> None:
    """Change rate, schedule or length of a measured run, and see the forecast with its band."""
    values = choices.chosen(store, WHAT_IF)
    form = form_values.form(values, calibration, run.config, WHAT_IF)
    with st.container(border=True):
        st.markdown("#### What if")
        st.caption(f"{text.plain(run.name, 80)} again, with something changed.")
        blocks.grid(form, CHANGED, width=blocks.NARROW)
        if form.config is None or form.estimate is None:
            st.info("The forecast follows when the marked fields are corrected.", icon=":material/timeline:")
            return
        _outcome(form.estimate, estimate(run.config, calibration))
        curves = what_if_curves(run.config, form.config, calibration)
        drawing = stream.streamed(
            "forecast", curves, baseline="as it was run", forecast="what if", measured=False
        )
        st.vega_lite_chart(
            spec=drawing, width="stretch", height=CHART, alt="Forecast loss of the changed run with its band"
        )
        with st.container(horizontal=True):
            if st.button("Open in Train", icon=":material/model_training:"):
                _to_train(store, form.config)
            st.button("Undo the changes", icon=":material/undo:", type="tertiary", on_click=_undo)


def _outcome(after: Estimate, before: Estimate) -> None:
    if after.diverges:
        st.warning("At this learning rate the run is likely to diverge.", icon=":material/warning:")
    rows: tuple[tuple[str, float, float, Callable[[float], str]], ...] = (
        ("Train loss", after.final_loss, before.final_loss, text.loss),
        ("Eval loss", after.final_eval_loss, before.final_eval_loss, text.loss),
        ("Time", after.duration_s, before.duration_s, text.duration),
        ("Cost", after.cost_usd, before.cost_usd, text.money),
    )
    with st.grid(4, min_column_width=110):
        for label, value, was, words in rows:
            cards.metric_card(label, words(value), delta=f"was {words(was)}")


def _undo() -> None:
    choices.start_over(session.store(), WHAT_IF)


def _to_train(store: Store, config: JobConfig) -> None:
    choices.fill(store, choices.made_by(config))
    st.switch_page(links.TRAIN)
