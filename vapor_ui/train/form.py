"""The Train form: model, data, method, hardware, and what is rarely changed behind an expander."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import catalog
from vapor_ui.form import blocks, choices, memory_blocks, pickers
from vapor_ui.parts import prices
from vapor_ui.shell import session
from vapor_ui.train import where

if TYPE_CHECKING:
    from vapor_core.workspace.store import Store
    from vapor_ui.form.fields import Field
    from vapor_ui.form.form_values import Form

METHOD = (
    *(blocks.LEARNING_RATE, blocks.EPOCHS, blocks.SEQUENCE_LENGTH),
    *(blocks.MICRO_BATCH, blocks.ACCUMULATION, blocks.LORA_RANK),
)
HARDWARE = (blocks.ACCELERATORS, blocks.SHARDING_FIELD, blocks.PRECISION)
REAL_HARDWARE = (blocks.PRECISION,)
ADVANCED = (
    *(blocks.SCHEDULE, blocks.WARM_UP, blocks.MINIMUM_RATE, blocks.DECAY),
    *(blocks.OPTIMIZER, blocks.WEIGHT_DECAY, blocks.CLIPPING),
    *(blocks.MAX_STEPS, blocks.EVALUATE, blocks.CHECKPOINT, blocks.SEED, blocks.LORA_ALPHA),
)
SWITCHES = (blocks.RECOMPUTE, blocks.PACKING, blocks.HARDWARE_FAULTS)


def train_form(store: Store, form: Form) -> None:
    """Draw every group of fields."""
    with st.container(border=True):
        st.markdown("#### Model")
        pickers.model_picker(store, form)
    with st.container(border=True):
        st.markdown("#### Data")
        pickers.data_picker(store, form)
    with st.container(border=True):
        st.markdown("#### Method")
        blocks.METHOD.draw(form)
        memory_blocks.TRAINER.draw(form)
        blocks.grid(form, METHOD)
    with st.container(border=True):
        st.markdown("#### Hardware")
        real = where.hardware(form)
        if not real:
            blocks.ACCELERATOR.draw(form)
            prices.note(catalog.accelerator(form.shown.accelerator), now=session.now())
        blocks.grid(form, REAL_HARDWARE if real else HARDWARE)
    kept = (*memory_blocks.CHOICES, memory_blocks.OFFLOAD)
    with st.expander("Memory and kernels", icon=":material/memory:", expanded=_wrong(form, kept)):
        blocks.grid(form, memory_blocks.CHOICES)
        blocks.row(form, memory_blocks.SWITCHES)
        memory_blocks.OFFLOAD.draw(form)
    hidden = (*ADVANCED, blocks.LORA_TARGETS_FIELD)
    with st.expander("Advanced", icon=":material/tune:", expanded=_wrong(form, hidden)):
        blocks.grid(form, ADVANCED)
        blocks.row(form, SWITCHES)
        blocks.LORA_TARGETS_FIELD.draw(form)


def _wrong(form: Form, fields: Iterable[Field]) -> bool:
    return any(field.name in form.problems for field in fields)


def clear_button() -> None:
    """Takes every choice back."""
    st.button("Clear the form", icon=":material/restart_alt:", type="tertiary", on_click=_start_over)


def _start_over() -> None:
    choices.start_over(session.store())
