"""The Train form: model, data, method, hardware, and what is rarely changed behind an expander.

Each field is drawn by `fields`; what the values amount to is `form_values`' work.
"""

from typing import get_args

import streamlit as st

from vapor_core import catalog
from vapor_core.advice.cures import METHOD_NAMES
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.training import LORA_TARGETS, Optimizer, Precision, ScheduleName, Sharding
from vapor_core.workspace.store import Store
from vapor_ui.form import fields
from vapor_ui.form.data_picker import data_picker
from vapor_ui.form.form_values import Form
from vapor_ui.form.model_picker import model_picker

METHODS = ("lora", "qlora", "full", "pretrain")
SHARDING = {"none": "none", "zero1": "ZeRO 1", "zero2": "ZeRO 2", "zero3": "ZeRO 3"}


def train_form(store: Store, form: Form) -> None:
    """Draw every group of fields."""
    with st.container(border=True):
        st.markdown("#### Model")
        model_picker(store, form)
    with st.container(border=True):
        st.markdown("#### Data")
        data_picker(store, form)
    with st.container(border=True):
        st.markdown("#### Method")
        _method(form)
    with st.container(border=True):
        st.markdown("#### Hardware")
        _hardware(form)
    with st.expander("Advanced", icon=":material/tune:", expanded=_hidden_problem(form)):
        _advanced(form)


def _method(form: Form) -> None:
    fields.segments(
        form,
        "method",
        "Method",
        METHODS,
        words=lambda name: METHOD_NAMES[name][:1].upper() + METHOD_NAMES[name][1:],
    )
    with st.grid(3, min_column_width=150):
        fields.line(form, "learning_rate", "Learning rate", "The peak of the schedule, such as 2e-4")
        fields.number(form, "epochs", "Epochs", step=0.5, help="Passes over the data")
        fields.whole_number(form, "sequence_length", "Sequence length", "Tokens; longer examples are cut")
        fields.whole_number(form, "micro_batch_size", "Micro-batch", "Sequences at once on each accelerator")
        fields.whole_number(
            form, "gradient_accumulation_steps", "Gradient accumulation", "Micro-batches before each step"
        )
        if form.shown.method in ("lora", "qlora"):
            fields.whole_number(form, "lora_rank", "LoRA rank", "Width of the adapters")


def _hardware(form: Form) -> None:
    cards: list[object] = [card.id for card in catalog.accelerators()]
    if isinstance(form.shown.accelerator, Accelerator):
        cards.insert(0, form.shown.accelerator)
    fields.choice(form, "accelerator", "Accelerator", cards, words=_card)
    with st.grid(3, min_column_width=150):
        fields.whole_number(form, "accelerator_count", "Count", "Accelerators working together")
        fields.choice(
            form,
            "sharding",
            "Sharding",
            get_args(Sharding),
            words=lambda name: SHARDING[str(name)],
            help="What the accelerators divide among themselves instead of each holding all of it",
        )
        fields.choice(form, "precision", "Precision", get_args(Precision))


def _card(key: object) -> str:
    card = catalog.accelerator(key if isinstance(key, Accelerator) else str(key))
    return f"{card.display_name} · {card.memory_gb:g} GB · ${card.price_per_hour:.2f} an hour"


ADVANCED = (
    "schedule",
    "warmup_ratio",
    "min_learning_rate_ratio",
    "decay_ratio",
    "weight_decay",
    "max_grad_norm",
    "optimizer",
    "max_steps",
    "eval_every",
    "checkpoint_every",
    "lora_alpha",
    "lora_targets",
    "seed",
)


def _hidden_problem(form: Form) -> bool:
    return any(name in form.problems for name in ADVANCED)


def _advanced(form: Form) -> None:
    schedules: list[object] = list(get_args(ScheduleName))
    if not isinstance(form.shown.schedule, str):
        schedules.append(form.shown.schedule)
    with st.grid(3, min_column_width=150):
        fields.choice(
            form,
            "schedule",
            "Schedule",
            schedules,
            words=lambda it: it if isinstance(it, str) else "own points",
        )
        fields.number(form, "warmup_ratio", "Warm-up ratio", step=0.01, help="Fraction of all steps")
        fields.number(
            form,
            "min_learning_rate_ratio",
            "Minimum rate ratio",
            step=0.05,
            help="What is left of the peak at the end",
        )
        if form.shown.schedule == "wsd":
            fields.number(
                form, "decay_ratio", "Decay ratio", step=0.05, help="Last part of all steps, falling"
            )
        fields.choice(form, "optimizer", "Optimizer", get_args(Optimizer))
        fields.number(form, "weight_decay", "Weight decay", step=0.01)
        fields.number(form, "max_grad_norm", "Gradient clipping", step=0.1, help="Largest norm; 0 for none")
        fields.whole_number(form, "max_steps", "Most steps", "In place of epochs", "by epochs")
        fields.whole_number(form, "eval_every", "Evaluate every", "Steps", "a twentieth")
        fields.whole_number(form, "checkpoint_every", "Checkpoint every", "Steps", "a tenth")
        fields.line(form, "seed", "Seed", "The same configuration and seed give the same run")
        if form.shown.method in ("lora", "qlora"):
            fields.number(form, "lora_alpha", "LoRA alpha", step=1.0)
    _switches(form)


def _switches(form: Form) -> None:
    with st.container(horizontal=True):
        fields.switch(
            form,
            "gradient_checkpointing",
            "Recompute activations",
            "Gradient checkpointing: less memory, more time",
        )
        fields.switch(form, "packing", "Pack examples", "Fill each sequence with several examples")
        fields.switch(form, "hardware_faults", "Hardware faults", "Interruptions at published rates")
    if form.shown.method in ("lora", "qlora"):
        fields.several(form, "lora_targets", "LoRA targets", LORA_TARGETS, "Matrices that get an adapter")


def suggested_name(form: Form) -> str:
    """A name for a run that has none."""
    model = catalog.model(form.shown.model).display_name
    data = catalog.dataset(form.shown.dataset).display_name
    return f"{model} {form.shown.method} {data}"[:80].strip()
