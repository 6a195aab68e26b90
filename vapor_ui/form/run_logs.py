"""What a dropped log holds: the runs to choose from, or its columns where a person must say which one is the loss.

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
    "trainer_state.json, JSON lines, CSV (also of W&B, MLflow, Lightning and Keras), what a trainer printed, or "
    "TensorBoard events"
)
LARGEST_MB = LARGEST_BYTES // 1_000_000
SLOW_BYTES = 2_000_000  # a larger file takes long enough to want to see how far it is
UNSAID = ""  # in place of a column: nobody said one


@dataclass(frozen=True, eq=False, slots=True)
class LogRead:
    """What came of reading a file: its runs, or why there are none.

    Attributes:
        logs: every run.
        refusal: a sentence where there is none; "" else.
        columns: those that could be the loss, with their first values, where a person can say which.
    """

    logs: tuple[RunLog, ...] = ()
    refusal: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read(name: str, content: bytes, mapping: Mapping[str, str] | None = None) -> LogRead:
    """A file's runs; a large file shows how far it is read."""
    words = f"Reading {text.plain(name, 80)}"
    bar = st.progress(0.0, text=words) if len(content) > SLOW_BYTES else None

    def report(share: float) -> None:
        if bar is not None:
            bar.progress(min(share, 1.0), text=words)

    try:
        return LogRead(read_logs(name, content, mapping=mapping, progress=report))
    except UnknownColumns as unknown:
        return LogRead(refusal=str(unknown), columns=unknown.columns)
    except VaporError as refused:
        return LogRead(refusal=str(refused))
    finally:
        if bar is not None:
            bar.empty()


def read_again(name: str, content: bytes, mapping: Mapping[str, str], before: LogRead) -> LogRead:
    """A file read as a person says; where that gives no run, its columns stay there to choose from."""
    found = read(name, content, mapping)
    return found if found.logs else LogRead(refusal=found.refusal, columns=before.columns)


def refused(given: LogRead, key: str, again: Callable[[dict[str, str]], None]) -> None:
    """Why a file gave no run; where one of its columns may be the loss, they are offered.

    Args:
        given: what came of the file.
        key: of the widgets, one a file.
        again: reads it once more by what was chosen (Vapor's column -> the file's).
    """
    st.error(text.plain(given.refusal, 600), icon=":material/error:")
    if not given.columns:
        return
    with st.container(border=True):
        st.markdown("**Which column is which?**")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            loss = _column(given, "Loss", f"{key}.loss", "Choose the loss")
            step = _column(given, "Step", f"{key}.step", "by its name, else by rows")
            held_out = _column(given, "Eval loss", f"{key}.eval_loss", "none")
            chosen = {"loss": loss, "step": step, "eval_loss": held_out}
            if st.button("Read it so", key=f"{key}.read", type="primary", disabled=not loss):
                again({column: source for column, source in chosen.items() if source})


def _column(given: LogRead, label: str, key: str, nothing: str) -> str:
    """One of the file's columns, "" where none is chosen."""
    chosen = st.selectbox(
        label,
        list(given.columns),
        index=None,
        key=key,
        placeholder=nothing,
        format_func=lambda name: ": ".join(
            part for part in (name[:60], ", ".join(given.columns[name][:3])) if part
        ),
    )
    return chosen or UNSAID


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
