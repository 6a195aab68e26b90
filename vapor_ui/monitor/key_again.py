"""A job on a rented machine that cannot be seen since the server began anew: its key is given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vapor_core.backends import machines
from vapor_ui.parts import key_field
from vapor_ui.shell import session

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Job
    from vapor_core.workspace.store import Store


def field(store: Store, job: Job) -> None:
    """The field, where a key is what is missing."""
    rental = machines.rental(job.config.backend)
    if rental is None or session.read_only() or not rental.wants_key(store.workspace, job.id):
        return
    key_field.draw(rental)
    st.button(
        "Look at this job again",
        icon=":material/visibility:",
        key="monitor.look_again",
        disabled=not key_field.typed(),
        on_click=session.act,
        args=(_look_again, job.id, job.config.backend),
    )


def _look_again(store: Store, job_id: str, backend: str, *, now: float) -> bool:
    rental = machines.rental(backend)
    if rental is not None:
        rental.look_again(store.workspace, job_id, key_field.typed(), keeps=key_field.keeps())
    return True
