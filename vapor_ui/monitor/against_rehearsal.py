"""A real run beside what it was rehearsed to be: in sentences, as a band of its loss and a table; its calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from vapor_core import text
from vapor_core.advice.outcomes import band, outcomes, standing
from vapor_core.contracts.expectation import TITLES
from vapor_ui.form import calibrations
from vapor_ui.parts import links
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vapor_core.contracts.expectation import FigureName, Outcome
    from vapor_core.contracts.workspace import Job
    from vapor_core.workspace.store import Store

WHOLE = 10_000  # rows of a run that a calibration is fitted to
WORDS: dict[FigureName, Callable[[float], str]] = {
    "step_time_s": lambda value: f"{value:.3g} s",
    "tokens_per_second": text.count,
    "memory_gb": text.gigabytes,
    "startup_s": text.duration,
    "duration_s": text.duration,
    "cost_usd": text.money,
    "loss": text.loss,
    "eval_loss": text.loss,
}


def with_band(job: Job, points: pd.DataFrame) -> pd.DataFrame:
    """Points of a loss chart with the rehearsed range of the train loss beside them."""
    if job.expected is None or not job.expected.at:
        return points
    low, high = band(job.expected, points["step"].to_numpy(float))
    return points.assign(rehearsed_low=low, rehearsed_high=high)


def told(job: Job, points: pd.DataFrame) -> None:
    """How the run stands against its rehearsal, while it goes on and at its end."""
    if job.expected is None:
        return
    for sentence in standing(job.expected, job, points):
        st.caption(f":material/compare_arrows: {text.plain(sentence, 400)}")


def table(store: Store, job: Job) -> None:
    """Every figure rehearsed and measured, where the run was rehearsed; and the click that learns from it."""
    if job.expected is None:
        return
    points = store.metrics(job.id).frame(WHOLE)
    found = outcomes(job.expected, job, points)
    if not any(each.measured is not None for each in found):
        return
    st.subheader("Rehearsed and measured", anchor=False)
    figures(found)
    how = "by runs of your own" if job.expected.calibrated else "by the laws alone"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Rehearsed when it was submitted, {how}.", width="stretch")
        if not session.read_only():
            st.button(
                "Calibrate from this run",
                icon=":material/tune:",
                help="Estimates are corrected by what this run measured: loss, rate and memory",
                on_click=_calibrate,
                args=(job.id,),
            )


def figures(found: Iterable[Outcome]) -> None:
    """A line a figure. Its words wrap: a phone shows it whole, where a table that scrolls hides what was measured."""
    lines = [
        {name: words.replace("$", "\\$") for name, words in _row(each).items()} for each in found
    ]  # no formulas
    st.table(pd.DataFrame(lines).set_index("Figure"), width="stretch")


def _row(each: Outcome) -> dict[str, str]:
    words = WORDS[each.name]
    value, low, high = (words(it) for it in (each.expected.value, each.expected.low, each.expected.high))
    return {
        "Figure": TITLES[each.name],
        "Rehearsed (80 %)": value if low == high == value else f"{value} ({low} to {high})",
        "Measured": text.MISSING if each.measured is None else words(each.measured),
        "Against it": _against(each),
    }


def _against(each: Outcome) -> str:
    """Within the range or not, and by how much it differs."""
    if each.ratio is None:
        return "when the run is over" if each.measured is None and not each.final else text.MISSING
    share = text.percent(abs(each.ratio - 1))
    sign = "+" if each.ratio >= 1 else "−"
    return f"{sign}{share}, {'within' if each.holds else 'outside'} the range"


def _calibrate(job_id: str) -> None:
    """Fit to the whole run, keep that and use it."""
    store = session.store()
    with session.refusals_told():
        job = store.job(job_id)
        frame = store.metrics(job_id).frame(WHOLE)
        calibrations.add(store, calibrations.MeasuredRun(job.name, job.config, frame))
        state.messages().said = (
            f"Estimates are calibrated by {text.plain(job.name, 60)}; "
            f"[Calibrate](/{links.CALIBRATE.partition('_')[2].removesuffix('.py')}) has it"
        )
