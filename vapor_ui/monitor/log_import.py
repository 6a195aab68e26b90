"""*Import a log*: what a real run wrote becomes a job that is over, beside the simulated ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store
from vapor_ui.form import run_logs
from vapor_ui.monitor import comparison
from vapor_ui.parts import links
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from vapor_core.contracts.workspace import Job
    from vapor_core.readers.run_logs import RunLog

FILES = "log_files"  # the uploader's key


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """What came of a file: what was read of it, and the runs that are jobs by now."""

    read: run_logs.LogRead
    jobs: tuple[tuple[Job, RunLog], ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether a person has still to say something of it."""
        return not self.jobs and not self.refusals and (len(self.read.logs) > 1 or bool(self.read.columns))


def popover() -> None:
    """Takes files; says below what came of each, since a popover closes when the page is drawn anew."""
    if session.read_only():
        return
    with st.popover("Import a log", icon=":material/upload_file:"):
        files = st.file_uploader(
            "What a real run wrote",
            accept_multiple_files=True,
            key=FILES,
            max_upload_size=run_logs.LARGEST_MB,
            help=f"{run_logs.HELP}. A file of several runs lets you choose among them.",
            on_change=state.let_go,
            args=(FILES,),
        )
    held = state.outcomes(FILES, [file.file_id for file in state.files(FILES, files)])
    fresh = [file for file in files if file.file_id not in held]
    for number, file in enumerate(fresh):
        with st.spinner(f"Reading {text.plain(file.name, 80)}, {number + 1} of {len(fresh)}"):
            held[file.file_id] = _taken(file, run_logs.read(file.name, file.getvalue()))
    if fresh:
        st.rerun()


def outcomes() -> None:
    """What came of the files that were given last, and what a person must still say of them."""
    shown = st.session_state.get(FILES) or ()
    files = state.files(FILES, shown)
    held = state.outcomes(FILES, [file.file_id for file in files])
    jobs: list[Job] = []
    for file in files:
        outcome = cast("Outcome | None", held.get(file.file_id))
        if outcome is None or (file not in shown and not outcome.open):
            state.let_go(FILES, file.file_id)  # read and done with, on a page that was left
            continue
        _tell(file, outcome)
        if file not in shown:
            st.button(
                "Leave it",
                key=f"{FILES}.{file.file_id}.leave",
                icon=":material/close:",
                type="tertiary",
                on_click=state.let_go,
                args=(FILES, file.file_id),
            )
        jobs += [job for job, _ in outcome.jobs]
    if len(jobs) > 1:
        _offer_comparison([job.id for job in jobs])


def _taken(file: UploadedFile, found: run_logs.LogRead) -> Outcome:
    """One run is a job at once; several wait until they are chosen."""
    if len(found.logs) != 1:
        return Outcome(found)
    return _imported(Outcome(found), found.logs, file.name)


def _imported(outcome: Outcome, logs: Iterable[RunLog], name: str = "") -> Outcome:
    """The runs as jobs, each under its own name where no other is given."""
    jobs, refusals = [], []
    for log in logs:
        try:
            jobs.append((session.do(Store.import_log, log, name=name or log.name), log))
        except VaporError as error:
            refusals.append(str(error))
    return Outcome(outcome.read, tuple(jobs), tuple(refusals))


def _tell(file: UploadedFile, outcome: Outcome) -> None:
    key = f"{FILES}.{file.file_id}"
    if outcome.read.refusal:
        run_logs.refused(outcome.read, key, partial(_again, file, outcome.read))
    elif not outcome.jobs and not outcome.refusals:
        _choose(file, outcome, key)
    for sentence in outcome.refusals:
        st.error(text.plain(sentence, 600), icon=":material/error:")
    for job, log in outcome.jobs:
        label = f"{text.plain(job.name, 80)}: {run_logs.about(log)}"
        links.job_link(job.id, label, icon=":material/check:")
        run_logs.notes(log)
    if outcome.read.logs:
        run_logs.other_columns(outcome.read, key, partial(_instead, file, outcome))


def _again(file: UploadedFile, before: run_logs.LogRead, mapping: dict[str, str]) -> None:
    _settle(file, _taken(file, run_logs.read_again(file.name, file.getvalue(), mapping, before)))


def _instead(file: UploadedFile, before: Outcome, mapping: dict[str, str]) -> None:
    """Read it as a person says; the jobs that it gave are deleted once it gives others."""
    found = run_logs.read_again(file.name, file.getvalue(), mapping, before.read)
    if found.logs:
        for job, _ in before.jobs:
            session.do(Store.delete, job.id)
    _settle(file, _taken(file, found))


def _choose(file: UploadedFile, outcome: Outcome, key: str) -> None:
    """Which of a file's runs become jobs: all, unless some are taken out."""
    logs = outcome.read.logs
    with st.container(border=True):
        st.markdown(
            f"**{text.plain(file.name, 80)} holds {len(logs):,} runs.** Each becomes a job of its own."
        )
        numbers = st.multiselect(
            "Runs",
            range(len(logs)),
            default=[number for number in outcome.read.runs if number < len(logs)],
            key=f"{key}.runs",
            format_func=lambda number: logs[number].name[:80],
        )
        outcome.read.runs[:] = numbers
        label = f"Import {len(numbers):,} {'run' if len(numbers) == 1 else 'runs'}"
        if st.button(label, key=f"{key}.import", type="primary", disabled=not numbers):
            _settle(file, _imported(outcome, [logs[number] for number in numbers]))


def _settle(file: UploadedFile, outcome: Outcome) -> None:
    shown = state.files(FILES, st.session_state.get(FILES) or ())
    state.outcomes(FILES, [each.file_id for each in shown])[file.file_id] = outcome
    st.rerun()


def _offer_comparison(job_ids: list[str]) -> None:
    chosen = job_ids[: comparison.MOST]
    label = "Compare them" if len(chosen) == len(job_ids) else f"Compare the first {len(chosen)}"
    pressed = st.button(
        label, icon=comparison.ICON, key=f"{FILES}.compare", on_click=comparison.choose, args=(chosen,)
    )
    if pressed:
        links.open_comparison(chosen)
