"""The errors of the laws drawn: one table of targets, and each kind by its sources with its points."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from vapor_core import fidelity, text
from vapor_core.advice.outcomes import outcomes
from vapor_core.charts import stream
from vapor_core.contracts.expectation import TITLES
from vapor_core.fidelity import FidelityLine, FidelityTable
from vapor_core.workspace.store import Store
from vapor_ui.parts import cards, listing

CHART = 420  # pixels
COLUMNS = {
    "kind": st.column_config.TextColumn("What is told", width=210, pinned=True),
    "source": st.column_config.TextColumn("Held against", width=220),
    "n": st.column_config.NumberColumn("Figures", format="localized"),
    "median": st.column_config.TextColumn("Median"),
    "p90": st.column_config.TextColumn("p90"),
    "target": st.column_config.TextColumn("Target", width="medium"),
    "met": st.column_config.TextColumn("Met"),
    "fitted": st.column_config.TextColumn("Fitted"),
}

OWN_POINTS = 2000  # of a run
OWN_COLUMNS = {
    "run": st.column_config.TextColumn("Run", width=240, pinned=True),
    "figure": st.column_config.TextColumn("Figure", width=140),
    "expected": st.column_config.NumberColumn("Rehearsed", format="%.4g"),
    "low": st.column_config.NumberColumn("From", format="%.4g"),
    "high": st.column_config.NumberColumn("To", format="%.4g"),
    "measured": st.column_config.NumberColumn("Measured", format="%.4g"),
    "off": st.column_config.TextColumn("Off by"),
    "within": st.column_config.TextColumn("In the range"),
}


def overview() -> None:
    """One row for each target, and one for each kind that has none."""
    tables = fidelity.tables()
    held = [line for table in tables for line in table.held]
    met = sum(bool(line.met) for line in held)
    with st.grid(3, min_column_width=150):
        cards.metric_card("Targets met", f"{met} of {len(held)}")
        cards.metric_card("Published figures", text.whole(sum(table.n for table in tables)))
        sources = {line.source for table in tables for line in table.sources}
        cards.metric_card("Sources", text.whole(len(sources)))
    _table(
        (line for table in tables for line in (table.held or table.sources)),
        ["kind", "source", "n", "median", "p90", "target", "met"],
        "Errors of each law against its target",
    )


def in_detail() -> None:
    """One kind: its sources, and predicted against measured."""
    by_kind = {table.kind: table for table in fidelity.tables()}
    kind = st.selectbox("Kind", list(by_kind), key="kind", bind="query-params", format_func=_capital)
    table = by_kind[kind]
    left, right = st.columns(2, gap="medium")
    with left:
        _table(table.sources, ["source", "n", "median", "p90", "fitted"], f"Errors of {kind} by source")
        for line in table.held:
            _verdict(line)
        if any(line.fitted for line in table.sources):
            st.caption("Fitted: some constant of the law was fitted on figures of that source.")
    with right:
        if table.drawable:
            drawing = stream.streamed("fidelity", _points(table))
            cards.chart_card(drawing, alt=f"{_capital(kind)}: predicted against measured", height=CHART)
        elif all(line.right is not None for line in table.sources):
            st.caption("Yes-or-no calls have no scatter; the table has the share that was right.")
        else:
            st.caption("Its source has no clear licence: only summary figures are shown.")


def _verdict(line: FidelityLine) -> None:
    which = "" if line.source == "all" else f" ({line.source})"
    sentence = text.plain(f"Target{which}: {line.target}; {_found(line)}.", 400)
    if line.met:
        st.markdown(f":green[:material/check:] {sentence}")
    else:
        st.markdown(f":orange[:material/close:] {sentence}")


def _found(line: FidelityLine) -> str:
    if line.right is not None:
        return f"found {text.percent(line.right)} right"
    return f"found median {_error(line.median)}, p90 {_error(line.p90)}"


def _table(lines: Iterable[FidelityLine], columns: list[str], alt: str) -> None:
    rows = pd.DataFrame([_row(line) for line in lines])
    st.dataframe(
        rows[columns], hide_index=True, height="content", column_config=COLUMNS, row_height=34, alt=alt
    )


def _row(line: FidelityLine) -> dict[str, str | int]:
    called = line.right is not None
    return {
        "kind": _capital(line.kind),
        "source": line.source,
        "n": line.n,
        "median": f"{text.percent(line.right)} right" if called else _error(line.median),
        "p90": "" if called else _error(line.p90),
        "target": line.target or "",
        "met": {True: "yes", False: "no", None: ""}[line.met],
        "fitted": "yes" if line.fitted else "no",
    }


def _error(fraction: float | None) -> str:
    """Two digits below ten per cent, since targets go down to a quarter of one."""
    if fraction is None or fraction >= 0.0995:
        return text.percent(fraction)
    return f"{100 * fraction:.2g} %"


def _points(table: FidelityTable) -> pd.DataFrame:
    rows = [
        {
            "name": line.source,
            "kind": line.source.rsplit("/", 1)[-1],
            "predicted": predicted,
            "measured": measured,
        }
        for line in table.sources
        for predicted, measured in line.points
    ]
    return pd.DataFrame(rows)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def own_runs(store: Store) -> None:
    """Real runs of this workspace against what each was rehearsed to be: how often the range held, run by run."""
    rows = []
    for job in listing.newest_first(store.jobs()):
        if job.expected is None:
            continue
        found = outcomes(job.expected, job, store.metrics(job.id).frame(OWN_POINTS))
        rows += [(job, each) for each in found if each.measured is not None and each.ratio is not None]
    if not rows:
        return
    st.markdown("#### Your runs")
    held = sum(bool(each.holds) for _, each in rows)
    st.caption(
        f"{held} of {len(rows)} figures that were measured lie in the range that was told when the run was submitted; "
        "four in five are meant to."
    )
    table = [
        {
            "run": job.name,
            "figure": TITLES[each.name],
            "expected": each.expected.value,
            "low": each.expected.low,
            "high": each.expected.high,
            "measured": each.measured,
            "off": text.percent(abs((each.ratio or 1.0) - 1)),
            "within": "yes" if each.holds else "no",
        }
        for job, each in rows
    ]
    st.dataframe(
        pd.DataFrame(table), column_config=OWN_COLUMNS, hide_index=True,
        alt="What this workspace's real runs were rehearsed to be, and what was measured",
    )  # fmt: skip
