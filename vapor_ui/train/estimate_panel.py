"""What a configuration takes, beside the form: verdict, memory against the card, figures with ranges, risks."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from vapor_core import text
from vapor_core.charts import planning, stream
from vapor_core.contracts.estimates import Estimate
from vapor_core.contracts.findings import Risk
from vapor_core.workspace.store import Store
from vapor_ui.parts import links
from vapor_ui.parts.cards import chart_card, metric_card
from vapor_ui.shell import session

CALIBRATED = "train.calibrated"  # the choice's key
Apply = Callable[[Mapping[str, object]], None]


def estimate_panel(estimate: Estimate | None, apply: Apply, calibrations: Sequence[str], used: str) -> None:
    """Everything that is known before launch; None where the form has no configuration yet.

    `apply` gets the changes of the cure whose button was pressed; `calibrations` are those that the workspace keeps, by
    name, of which estimates take the one that is `used`, or none.
    """
    if estimate is None:
        st.info("The estimate follows when the marked fields are corrected.", icon=":material/calculate:")
    else:
        _panel(estimate, apply)
    if calibrations:
        _calibrated(calibrations, used)


def _calibrated(calibrations: Sequence[str], used: str) -> None:
    """Which of a person's own calibrations corrects the estimate."""
    st.session_state[CALIBRATED] = used
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Corrected by runs of your own",
            ["", *reversed(calibrations)],
            key=CALIBRATED,
            format_func=lambda name: name or "no, by the laws alone",
            on_change=_use,
            disabled=session.read_only(),
        )
        st.page_link(links.CALIBRATE, label="See the fit", icon=":material/tune:")


def _use() -> None:
    session.act(Store.use_calibration, st.session_state[CALIBRATED])


def _panel(estimate: Estimate, apply: Apply) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("#### Estimate", width="content")
        _verdict(estimate)
    _memory(estimate)
    _figures(estimate)
    for number, risk in enumerate(estimate.risks):
        _risk(number, risk, apply)
    with st.expander("Assumptions", icon=":material/info:"):
        for assumption in estimate.assumptions:
            st.markdown(f"- {text.plain(assumption, 600)}")


def _verdict(estimate: Estimate) -> None:
    if not estimate.fits:
        st.badge("does not fit", icon=":material/error:", color="red")
    elif estimate.diverges:
        st.badge("fits, but diverges", icon=":material/warning:", color="orange")
    else:
        st.badge("fits", icon=":material/check:", color="green")


def _memory(estimate: Estimate) -> None:
    needs, has = text.gigabytes(estimate.memory_gb), text.gigabytes(estimate.memory_available_gb)
    chart_card(
        stream.streamed("memory_breakdown", planning.memory_parts(estimate)),
        alt=f"Memory per accelerator by its parts: {needs} of {has}.",
        height=200,
    )
    low, high = (
        text.gigabytes(end) for end in (estimate.memory_reserved_gb_low, estimate.memory_reserved_gb_high)
    )
    st.caption(
        f"Needs **{text.gigabytes(estimate.memory_reserved_gb)}** ({low} to {high}) of {has} on each accelerator, "
        f"of which {needs} are allocated; {text.count(estimate.trainable_parameters)} parameters are trained."
    )


def _figures(estimate: Estimate) -> None:
    one = estimate
    ranges: tuple[tuple[str, float, float, float, Callable[[float], str]], ...] = (
        ("Time", one.duration_s, one.duration_s_low, one.duration_s_high, text.duration),
        ("Cost", one.cost_usd, one.cost_usd_low, one.cost_usd_high, text.money),
        ("Train loss", one.final_loss, one.final_loss_low, one.final_loss_high, text.loss),
        ("Eval loss", one.final_eval_loss, one.final_eval_loss_low, one.final_eval_loss_high, text.loss),
    )
    with st.grid(2, min_column_width=150):
        for label, value, low, high, words in ranges:
            metric_card(label, words(value), delta=f"{words(low)} – {words(high)}")
        metric_card(
            "Tokens per second",
            text.count(estimate.tokens_per_second),
            delta=f"{text.percent(estimate.mfu)} of the peak",
            help="Of all accelerators, and how much of their arithmetic that uses (MFU)",
        )
        tokens = f"{text.count(estimate.tokens_per_step)} tokens each"
        metric_card("Steps", text.whole(estimate.total_steps), delta=tokens)


def _risk(number: int, risk: Risk, apply: Apply) -> None:
    show = {"blocking": st.error, "warning": st.warning, "note": st.info}[risk.severity]
    icon = {"blocking": ":material/error:", "warning": ":material/warning:", "note": ":material/lightbulb:"}
    with st.container(gap="xsmall"):
        show(text.plain(risk.sentence, 600), icon=icon[risk.severity])
        if risk.changes:
            st.button(
                text.plain(risk.cure or "Apply the cure"),
                key=f"cure.{number}.{risk.code}",
                icon=":material/healing:",
                on_click=apply,
                args=(dict(risk.changes),),
                width="stretch",
            )
