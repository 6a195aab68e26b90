"""*Import a log*: what a real run wrote becomes a job that is over, beside the simulated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.readers.run_logs import read_log
from vapor_core.workspace.store import Store
from vapor_ui.parts import links
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job
    from vapor_core.readers.run_logs import RunLog

    Outcome: TypeAlias = tuple[Job, RunLog] | str  # what a file became, or why it did not

FILES = "log_files"  # the uploader's key


def popover() -> None:
    """Takes files; says below what came of each, since a popover closes when the page is drawn anew."""
    if session.read_only():
        return
    with st.popover("Import a log", icon=":material/upload_file:"):
        files = st.file_uploader(
            "What a real run wrote",
            accept_multiple_files=True,
            key=FILES,
            help="trainer_state.json, trainer_log.jsonl, TensorBoard event files, CSV of W&B or MLflow, or any CSV "
            "with the columns step and loss",
        )
    held = state.outcomes(FILES, [file.file_id for file in files])
    fresh = [file for file in files if file.file_id not in held]
    for number, file in enumerate(fresh):
        with st.spinner(f"Reading {text.plain(file.name, 80)}, {number + 1} of {len(fresh)}"):
            held[file.file_id] = _taken(file.name, file.getvalue())
    if fresh:
        st.rerun()


def outcomes() -> None:
    """What came of the files that were given last."""
    files = st.session_state.get(FILES) or ()
    held = state.outcomes(FILES, [file.file_id for file in files])
    for file in files:
        if file.file_id in held:
            _tell(file.name, cast("Outcome", held[file.file_id]))


def _taken(name: str, content: bytes) -> Outcome:
    try:
        log = read_log(name, content)
        return session.do(Store.import_log, log, name=name), log
    except VaporError as error:
        return str(error)


def _tell(name: str, outcome: Outcome) -> None:
    if isinstance(outcome, str):
        st.error(text.plain(outcome, 600), icon=":material/error:")
        return
    job, log = outcome
    label = f"{text.plain(name, 80)}: {len(log.frame):,} rows"
    links.job_link(job.id, label, icon=":material/check:")
    for warning in log.warnings:
        st.caption(f":material/info: {text.plain(warning)}")
