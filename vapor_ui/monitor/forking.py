"""Back in time on one job: look at it as it was at an earlier step, and let a changed copy go on from there."""

from typing import get_args

import streamlit as st

from vapor_core import text
from vapor_core.contracts.training import ScheduleName
from vapor_core.contracts.workspace import Job
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store
from vapor_ui.parts import links
from vapor_ui.shell import session


def look_back(job: Job) -> int | None:
    """The step that a person looks back to; None for the present."""
    if job.step < 2:
        return None
    if not st.toggle("Look back", key="back", bind="query-params", help="See this job at an earlier step"):
        return None
    return st.slider("At step", 1, job.step, max(job.step // 2, 1), key="at", bind="query-params", width=320)


def fork_button(job: Job, at: int | None) -> None:
    """Opens the dialog for a copy that goes on from a step."""
    if session.read_only() or job.step < 1 or not session.store().abilities(job.id).can_fork:
        return
    if st.button("Fork", icon=":material/call_split:", help="Go on from a step with something changed"):
        _dialog(job, at)


@st.dialog("Fork", icon=":material/call_split:", width="medium")
def _dialog(job: Job, at: int | None) -> None:
    config = job.config
    st.markdown(
        f"A new job goes on from a step of **{text.plain(job.name)}** with what you change here; this one stays "
        "as it is."
    )
    step = st.number_input("From step", 0, job.step, at if at is not None else job.step)
    left, right = st.columns(2)
    shown_rate = text.learning_rate(config.learning_rate)
    rate = left.text_input("Learning rate", shown_rate)
    names = list(get_args(ScheduleName))
    shape = right.selectbox(
        "Schedule", names, index=names.index(config.schedule) if config.schedule in names else None
    )
    micro = left.number_input("Micro-batch", 1, 4096, config.micro_batch_size)
    accumulation = right.number_input("Gradient accumulation", 1, 4096, config.gradient_accumulation_steps)
    amount: float
    if config.max_steps is not None:
        length, amount = "max_steps", left.number_input("Steps", 1, 10**9, config.max_steps)
    else:
        length, amount = "epochs", left.number_input("Epochs", 0.01, 1e4, float(config.epochs))
    decay = right.number_input("Weight decay", 0.0, 10.0, config.weight_decay)
    chosen: dict[str, object] = {
        "learning_rate": config.learning_rate if rate == shown_rate else rate,
        "micro_batch_size": micro,
        "gradient_accumulation_steps": accumulation,
        length: amount,
        "weight_decay": decay,
    }
    if shape is not None:
        chosen["schedule"] = shape
    if st.button(text.on_primary("Fork it"), type="primary"):
        _fork(job, int(step), chosen)


def _fork(job: Job, step: int, chosen: dict[str, object]) -> None:
    try:
        changed = job.config.changed(**chosen)
        changes = {name: getattr(changed, name) for name in chosen}
        differing = {name: value for name, value in changes.items() if value != getattr(job.config, name)}
        fork = session.do(Store.fork, job.id, step=step, changes=differing)
    except VaporError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
        return
    st.switch_page(links.COMPARE, query_params={"jobs": f"{job.id},{fork.id}"})
