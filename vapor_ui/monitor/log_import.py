"""*Import a log*: what a real run wrote becomes a job that is over, beside the simulated ones."""

import streamlit as st

from vapor_core import text
from vapor_core.contracts.workspace import Job
from vapor_core.errors import VaporError
from vapor_core.readers.run_logs import RunLog, read_log
from vapor_core.workspace.store import Store
from vapor_ui.shell import session

HELD = "imported_logs"  # file id -> the job that it became, with warnings, or why it did not


def popover(store: Store) -> None:
    """Takes files; says below what came of each, since a popover closes when the page is drawn anew."""
    if session.read_only():
        return
    with st.popover("Import a log", icon=":material/upload_file:"):
        files = st.file_uploader(
            "What a real run wrote",
            accept_multiple_files=True,
            key="log_files",
            help="trainer_state.json, trainer_log.jsonl, TensorBoard event files, CSV of W&B or MLflow, or any CSV "
            "with the columns step and loss",
        )
    held = st.session_state.setdefault(HELD, {})
    fresh = [file for file in files if file.file_id not in held]
    for number, file in enumerate(fresh):
        with st.spinner(f"Reading {text.plain(file.name, 80)}, {number + 1} of {len(fresh)}"):
            held[file.file_id] = _taken(store, file.name, file.getvalue())
    if fresh:
        st.rerun()


def outcomes() -> None:
    """What came of the files that were given last."""
    held = st.session_state.get(HELD, {})
    for file in st.session_state.get("log_files") or ():
        if file.file_id in held:
            _tell(file.name, held[file.file_id])


def _taken(store: Store, name: str, content: bytes) -> tuple[Job, RunLog] | str:
    try:
        log = read_log(name, content)
        return store.import_log(log, name=name, now=session.now()), log
    except VaporError as error:
        return str(error)


def _tell(name: str, outcome: tuple[Job, RunLog] | str) -> None:
    if isinstance(outcome, str):
        st.error(text.plain(outcome, 600), icon=":material/error:")
        return
    job, log = outcome
    st.page_link(
        "pages/2_Monitor.py",
        label=f"{text.plain(name, 80)}: {len(log.frame):,} rows",
        icon=":material/check:",
        query_params={"job": job.id},
    )
    for warning in log.warnings:
        st.caption(f":material/info: {text.plain(warning)}")
