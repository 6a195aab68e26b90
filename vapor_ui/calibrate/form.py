"""A real run's log and which configuration it was: what Calibrate asks for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import catalog, text
from vapor_core.calibration.comparison import with_step_time
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidConfig, VaporError
from vapor_ui.form import blocks, calibrations, choices, form_values, pickers, run_logs
from vapor_ui.form.choices import CALIBRATE
from vapor_ui.parts import listing
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from vapor_core.contracts.entries import CatalogModel, Dataset
    from vapor_core.contracts.workspace import Job
    from vapor_core.readers.run_logs import RunLog
    from vapor_core.workspace.store import Store
    from vapor_ui.form.form_values import Form

FILE, START = "calibrate.file", "calibrate.start"  # widgets' keys

STEPS = replace(
    blocks.MAX_STEPS, label="Steps", help="Of the whole run, also where the log ends earlier", placeholder=""
)
HOW = (
    *(blocks.LEARNING_RATE, blocks.SCHEDULE, STEPS),
    *(blocks.MICRO_BATCH, blocks.ACCUMULATION, blocks.SEQUENCE_LENGTH),
    *(blocks.WARM_UP, blocks.MINIMUM_RATE, blocks.DECAY, blocks.LORA_RANK),
)
CARD = replace(blocks.ACCELERATOR, words=lambda key: catalog.accelerator(key).display_name)


def log_upload() -> RunLog | None:
    """The run that was dropped, told in a line; of several the one that is chosen, else a sentence and what to do."""
    given = st.file_uploader(
        "Log of a run",
        key=FILE,
        max_upload_size=run_logs.LARGEST_MB,
        help=run_logs.HELP,
        on_change=state.let_go,
        args=(FILE,),
    )
    files = state.files(FILE, [given] if given is not None else [], several=False)
    if not files:
        return None
    file = files[0]
    if given is None:
        st.caption(f":material/draft: {text.plain(file.name, 80)} is still here; drop another to replace it.")
    found, _ = state.read_once(FILE, file, run_logs.read)
    if found.refusal:
        run_logs.refused(found, f"{FILE}.{file.file_id}", partial(_again, file, found))
        return None
    log = _chosen_run(found, f"{FILE}.{file.file_id}.run")
    st.caption(f":material/check: {run_logs.about(log)}: {text.plain(_columns(log), 600)}")
    run_logs.notes(log)
    run_logs.other_columns(found, f"{FILE}.{file.file_id}", partial(_again, file, found))
    return replace(log, frame=with_step_time(log.frame))


def _again(file: UploadedFile, before: run_logs.LogRead, mapping: dict[str, str]) -> None:
    found = run_logs.read_again(file.name, file.getvalue(), mapping, before)
    state.outcomes(FILE, (file.file_id,))[file.file_id] = found
    st.rerun()


def _chosen_run(found: run_logs.LogRead, key: str) -> RunLog:
    """A fit is to one run at a time; each of several can be added after the other."""
    logs = found.logs
    if len(logs) == 1:
        return logs[0]
    number = st.selectbox(
        f"Which of its {len(logs):,} runs",
        range(len(logs)),
        index=found.runs[0] if found.runs else 0,
        key=key,
        format_func=lambda number: logs[number].name[:80],
    )
    found.runs[:] = [number]
    return logs[number]


def _columns(log: RunLog) -> str:
    return ", ".join(str(name) for name in log.frame.columns if name != "step")


def run_form(store: Store, log: RunLog | None) -> Form:
    """What was run: from a job, the Train form, or by hand; length and peak learning rate follow the log."""
    values = choices.chosen(store, CALIBRATE)
    form = form_values.form(values, start=_start(log), choices=CALIBRATE)
    jobs = {job.id: job for job in listing.newest_first(store.jobs())}
    st.selectbox(
        "Fill in from",
        ["Train", *jobs],
        index=None,
        key=START,
        format_func=lambda key: "the Train form" if key == "Train" else listing.job_label(jobs[key]),
        placeholder="a job or the Train form, or by hand below",
        on_change=_prefill,
        args=(jobs,),
    )
    pickers.model_choice(form, store.models(), _name, "Models from the Hub: open them on Models")
    pickers.data_choice(form, store.datasets(), _name, "Your own: upload it on Train")
    blocks.METHOD.draw(form)
    blocks.grid(form, HOW, width=blocks.NARROW)
    blocks.grid(form, (CARD, blocks.ACCELERATORS), width=blocks.NARROW)
    blocks.row(form, (blocks.RECOMPUTE, blocks.PACKING))
    for sentence in form.other_problems:
        st.error(text.plain(sentence, 600), icon=":material/error:")
    return form


def _name(entry: CatalogModel | Dataset) -> str:
    return entry.id if choices.is_curated(entry) else entry.display_name


def add_button(log: RunLog | None, form: Form) -> None:
    """Fit to the log, once there is one and every field is right."""
    ready = log is not None and form.config is not None
    st.button(
        text.on_primary("Fit to this run", enabled=ready),
        type="primary",
        icon=":material/fit_screen:",
        disabled=not ready,
        width="stretch",
        on_click=_add,
        args=(log, form.config),
    )
    if log is None:
        st.caption("Drop a log first.")
    elif form.estimate is not None and log.frame["step"].iloc[-1] > form.estimate.total_steps:
        st.caption(
            f":orange[:material/warning: The log reaches step {text.whole(log.frame['step'].iloc[-1])}, this run has "
            f"{text.whole(form.estimate.total_steps)}; what comes later is left out.]"
        )


def _add(log: RunLog, config: JobConfig) -> None:
    try:
        calibrations.add(session.store(), calibrations.MeasuredRun(log.name, config, log.frame))
    except VaporError as refused:
        state.messages().refusal = f"{log.name}: {refused}."
    else:
        state.messages().said = f"Fitted to {text.plain(log.name)}"


def _start(log: RunLog | None) -> JobConfig:
    """The defaults, with what the log tells about its run."""
    default = JobConfig(model=form_values.DEFAULT_MODEL)
    if log is None:
        return default
    steps = log.planned_steps or log.steps_done or int(log.frame["step"].iloc[-1])
    try:
        start = default.changed(max_steps=max(steps, 1))
        peak = float(log.frame["learning_rate"].max()) if "learning_rate" in log.frame else 0.0
        return start.changed(learning_rate=peak) if peak > 0 else start
    except InvalidConfig:
        return default


def _prefill(jobs: dict[str, Job]) -> None:
    key = st.session_state[START]
    if key is None:
        return
    store = session.store()
    values = choices.made_by(jobs[key].config) if key in jobs else choices.chosen(store)
    choices.fill(store, {name: value for name, value in values.items() if name != "name"}, CALIBRATE)
