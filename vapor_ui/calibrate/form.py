"""A real run's log and which configuration it was: what Calibrate asks for."""

from typing import get_args

import streamlit as st

from vapor_core import catalog, text
from vapor_core.advice.cures import METHOD_NAMES
from vapor_core.calibration.comparison import with_step_time
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig, ScheduleName
from vapor_core.contracts.workspace import Job
from vapor_core.errors import InvalidConfig, InvalidUpload
from vapor_core.readers.run_logs import RunLog, read_log
from vapor_core.workspace.store import Store
from vapor_ui.calibrate import calibrations
from vapor_ui.form import fields, form_values
from vapor_ui.form.form_values import Form
from vapor_ui.parts import listing
from vapor_ui.shell import session

CHOICES = "calibrate"
HELD = "calibrate.log"  # the last file that was read: its identity, and what it holds or the refusal
START = "calibrate.start"
SHOWN_WARNINGS = 3


def log_upload() -> RunLog | None:
    """The log that was dropped, told in a line; a sentence where it cannot be used."""
    file = st.file_uploader(
        "Log of a run",
        key="calibrate.file",
        help="trainer_state.json, JSON lines, CSV (also of W&B and MLflow) or TensorBoard events",
    )
    if file is None:
        return None
    held = st.session_state.get(HELD)
    if held is None or held[0] != file.file_id:
        held = (file.file_id, _read(file.name, file.getvalue()))
        st.session_state[HELD] = held
    if not isinstance(held[1], RunLog):
        st.error(text.plain(held[1], 600), icon=":material/error:")
        return None
    _about(held[1])
    return held[1]


def _read(name: str, content: bytes) -> RunLog | str:
    try:
        log = read_log(name, content)
    except InvalidUpload as refused:
        return f"{refused}."
    if not {"loss", "eval_loss"} & set(log.frame.columns):
        return f"{log.name} has no loss; name its column loss, train/loss or eval_loss."
    return RunLog(log.name, with_step_time(log.frame), log.warnings)


def _about(log: RunLog) -> None:
    steps = log.frame["step"]
    columns = ", ".join(name for name in log.frame.columns if name != "step")
    st.caption(
        f":material/check: {text.whole(len(steps))} rows, steps {text.whole(steps.iloc[0])} to "
        f"{text.whole(steps.iloc[-1])}: {text.plain(columns)}"
    )
    for warning in log.warnings[:SHOWN_WARNINGS]:
        st.caption(f":material/info: {text.plain(warning)}")


def run_form(store: Store, log: RunLog | None) -> Form:
    """What was run: from a job, the Train form, or by hand; length and peak learning rate follow the log."""
    values = form_values.chosen(store, CHOICES)
    form = form_values.form(values, start=_start(log), choices=CHOICES)
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
    _what(store, form)
    _how(form)
    _where(form)
    for name, sentence in form.problems.items():
        if not name or not hasattr(form.shown, name):
            st.error(text.plain(sentence, 600), icon=":material/error:")
    return form


def add_button(log: RunLog | None, form: Form) -> None:
    """Fit to the log, once there is one and every field is right."""
    ready = log is not None and form.config is not None
    st.button(
        "Fit to this run",
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
    except InvalidConfig as refused:
        st.session_state["refusal"] = f"{log.name}: {refused}."
    else:
        st.session_state["said"] = f"Fitted to {text.plain(log.name)}"


def _start(log: RunLog | None) -> JobConfig:
    """The defaults, with what the log tells about its run."""
    default = JobConfig(model=form_values.DEFAULT_MODEL)
    if log is None:
        return default
    first, last = int(log.frame["step"].iloc[0]), int(log.frame["step"].iloc[-1])
    try:
        start = default.changed(max_steps=max(last + (first == 0), 1))
        peak = float(log.frame["learning_rate"].max()) if "learning_rate" in log.frame else 0.0
        return start.changed(learning_rate=peak) if peak > 0 else start
    except InvalidConfig:
        return default


def _prefill(jobs: dict[str, Job]) -> None:
    key = st.session_state[START]
    if key is None:
        return
    store = session.store()
    if key in jobs:
        config = jobs[key].config
        told = {name: getattr(config, name) for name in config.model_fields_set if name != "name"}
    else:
        told = {name: value for name, value in form_values.chosen(store).items() if name != "name"}
    values = form_values.chosen(store, CHOICES)
    values.clear()
    values.update(told)


def _what(store: Store, form: Form) -> None:
    models = [_key(entry) for entry in store.models()]
    data = [_key(entry) for entry in store.datasets()]
    for options, chosen in ((models, form.shown.model), (data, form.shown.dataset)):
        if chosen not in options:
            options.insert(0, chosen)
    fields.choice(
        form, "model", "Model", models, words=_name, help="Models from the Hub: open them on Models"
    )
    fields.choice(form, "dataset", "Data set", data, words=_name, help="Your own: upload it on Train")


def _key(entry: CatalogModel | Dataset) -> object:
    return entry.id if form_values.is_curated(entry) else entry


def _name(key: object) -> str:
    return key.display_name if isinstance(key, CatalogModel | Dataset) else str(key)


def _how(form: Form) -> None:
    fields.segments(form, "method", "Method", tuple(METHOD_NAMES), words=lambda name: METHOD_NAMES[name])
    with st.grid(3, min_column_width=130):
        fields.line(form, "learning_rate", "Learning rate", "The peak of the schedule, such as 2e-4")
        schedules: list[object] = list(get_args(ScheduleName))
        if form.shown.schedule not in schedules:
            schedules.append(form.shown.schedule)
        fields.choice(form, "schedule", "Schedule", schedules, words=_schedule)
        fields.whole_number(form, "max_steps", "Steps", "Of the whole run, also where the log ends earlier")
        fields.whole_number(form, "micro_batch_size", "Micro-batch", "Sequences at once on each accelerator")
        fields.whole_number(
            form, "gradient_accumulation_steps", "Accumulation", "Micro-batches before each step"
        )
        fields.whole_number(form, "sequence_length", "Sequence length", "Tokens")
        fields.number(form, "warmup_ratio", "Warm-up ratio", step=0.01, help="Fraction of all steps")
        fields.number(form, "min_learning_rate_ratio", "Minimum rate ratio", step=0.05)
        if form.shown.schedule == "wsd":
            fields.number(
                form, "decay_ratio", "Decay ratio", step=0.05, help="Last part of all steps, falling"
            )
        if form.shown.method in ("lora", "qlora"):
            fields.whole_number(form, "lora_rank", "LoRA rank", "Width of the adapters")


def _schedule(key: object) -> str:
    return key if isinstance(key, str) else "own points"


def _where(form: Form) -> None:
    cards: list[object] = [card.id for card in catalog.accelerators()]
    if isinstance(form.shown.accelerator, Accelerator):
        cards.insert(0, form.shown.accelerator)
    with st.grid(3, min_column_width=130):
        fields.choice(form, "accelerator", "Accelerator", cards, words=_card)
        fields.whole_number(form, "accelerator_count", "Count", "Accelerators working together")
    with st.container(horizontal=True):
        fields.switch(form, "gradient_checkpointing", "Recompute activations", "Gradient checkpointing")
        fields.switch(form, "packing", "Pack examples", "Fill each sequence with several examples")


def _card(key: object) -> str:
    return catalog.accelerator(key if isinstance(key, Accelerator) else str(key)).display_name
