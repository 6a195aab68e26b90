"""What a dropped log holds: the runs to choose from, and its columns where a person says which one is which.

Monitor and Compare make jobs of the runs, Calibrate fits to one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.errors import UnknownColumns, VaporError
from vapor_core.readers.run_logs import LARGEST_BYTES, read_logs

if TYPE_CHECKING:
    from vapor_core.readers.run_logs import RunLog

HELP = (
    "trainer_state.json, JSON lines, CSV (also of W&B, MLflow, Lightning and Keras), what a trainer printed, a "
    "notebook, Parquet or TensorBoard events; also zipped"
)
LARGEST_MB = LARGEST_BYTES // 1_000_000
SLOW_BYTES = 2_000_000  # a larger file takes long enough to want to see how far it is
NONE = ""  # in place of a column: a person says that none is it
# Words on screen -> Vapor's column, and what is done where no column is it.
CHOICES = {
    "Loss": ("loss", "none"),
    "Step": ("step", "none: number the rows"),
    "Eval loss": ("eval_loss", "none"),
    "Learning rate": ("learning_rate", "none"),
    "Time": ("elapsed_s", "none"),
}


@dataclass(frozen=True, eq=False, slots=True)
class LogRead:
    """What came of reading a file: its runs, or why there are none.

    Attributes:
        logs: every run.
        refusal: a sentence where there is none; "" else.
        columns: those of numbers, with their first values, of which a person can say which is which.
        chosen: Vapor's column -> the file's, as a person has chosen so far.
        runs: numbers of the runs that are chosen so far; None is all of them.
    """

    logs: tuple[RunLog, ...] = ()
    refusal: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    runs: list[int] = field(default_factory=list)


def read(name: str, content: bytes, mapping: Mapping[str, str] | None = None) -> LogRead:
    """A file's runs; a large file shows how far it is read."""
    words = f"Reading {text.plain(name, 80)}"
    bar = st.progress(0.0, text=words) if len(content) > SLOW_BYTES else None

    def report(share: float) -> None:
        if bar is not None:
            bar.progress(min(share, 1.0), text=words)

    chosen = dict(mapping or {})
    try:
        logs = read_logs(name, content, mapping=mapping, progress=report)
        columns = {column: shown for log in logs for column, shown in log.columns.items()}
        return LogRead(logs, columns=columns, chosen=chosen, runs=list(range(len(logs))))
    except UnknownColumns as unknown:
        return LogRead(refusal=str(unknown), columns=unknown.columns, chosen=chosen)
    except VaporError as refused:
        return LogRead(refusal=str(refused), chosen=chosen)
    finally:
        if bar is not None:
            bar.empty()


def read_again(name: str, content: bytes, mapping: Mapping[str, str], before: LogRead) -> LogRead:
    """A file read as a person says; where that gives no run, its columns stay there to choose from."""
    found = read(name, content, mapping)
    return (
        found if found.logs else LogRead(refusal=found.refusal, columns=before.columns, chosen=found.chosen)
    )


def refused(given: LogRead, key: str, again: Callable[[dict[str, str]], None]) -> None:
    """Why a file gave no run; where one of its columns may be the loss, they are offered.

    Args:
        given: what came of the file.
        key: of the widgets, one a file.
        again: reads it once more by what was chosen (Vapor's column -> the file's, NONE for none of them).
    """
    st.error(text.plain(given.refusal, 600), icon=":material/error:")
    if given.columns:
        with st.container(border=True):
            st.markdown("**Which column is which?**")
            _mapping(given, key, again)


def other_columns(given: LogRead, key: str, again: Callable[[dict[str, str]], None]) -> None:
    """The same for a file that was read: a person may know better what a column is. Arguments as of `refused`."""
    if not given.columns:
        return
    label = "Use other columns" if not given.chosen else "Use other columns again"
    with st.expander(label, icon=":material/view_column:"):
        st.caption(_taken(given))
        _mapping(given, key, again)


def _taken(given: LogRead) -> str:
    """What was taken for what, as Markdown."""
    sources = {column: source for log in given.logs for column, source in log.sources.items()}
    told = [f"{label}: {sources.get(column) or 'none'}" for label, (column, _) in CHOICES.items()]
    return f"Taken as it is: {text.plain('; '.join(told), 600)}."


def _mapping(given: LogRead, key: str, again: Callable[[dict[str, str]], None]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for label, (column, nothing) in CHOICES.items():
            _column(given, label, column, f"{key}.{column}", nothing)
        ready = bool(given.chosen.get("loss") or (given.logs and given.chosen))
        if st.button("Read it so", key=f"{key}.read", type="primary", disabled=not ready):
            again(dict(given.chosen))


def _column(given: LogRead, label: str, column: str, key: str, nothing: str) -> None:
    """Lets a person choose one of the file's columns, or that none is it; what is chosen outlives a change of page."""
    options = [*given.columns, *([NONE] if given.logs or column != "loss" else [])]
    chosen = st.selectbox(
        label,
        options,
        index=options.index(given.chosen[column]) if given.chosen.get(column) in options else None,
        key=key,
        placeholder="by its name",
        format_func=lambda name: _named(given, name) if name else nothing,
        width=230,
    )
    given.chosen.pop(column, None)
    if chosen is not None:
        given.chosen[column] = chosen


def _named(given: LogRead, name: str) -> str:
    return ": ".join(part for part in (name[:60], ", ".join(given.columns[name][:3])) if part)


def about(log: RunLog) -> str:
    """A run in a line, as Markdown: how many rows, how far it came, and whether that was all."""
    steps = log.frame["step"]
    words = f"{text.whole(len(steps))} rows, {log.axis}s {text.whole(steps.iloc[0])} to {text.whole(steps.iloc[-1])}"
    done, planned = log.steps_done, log.planned_steps
    if done is not None and planned is not None and done < planned:
        words += f"; it ended early, after {text.whole(done)} of {text.whole(planned)} steps"
    return text.plain(words)


def notes(log: RunLog) -> None:
    """Everything that was left out of a run or taken for something, a line each."""
    for warning in log.warnings:
        st.caption(f":material/info: {text.plain(warning, 600)}")
