"""The fields of a configuration as every form shows them: which widget, what it is called, what it may be.

A page lists the fields that it asks for, in its order; `grid` and `row` lay them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, get_args

import streamlit as st

from vapor_core import catalog
from vapor_core.advice.cures import METHOD_NAMES
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.training import (
    LORA_TARGETS,
    PREFERENCE_METHODS,
    Optimizer,
    Precision,
    ScheduleName,
    Sharding,
)
from vapor_ui.form import choices
from vapor_ui.form.fields import Choice, Field, Line, Number, Segments, Several, Switch, WholeNumber
from vapor_ui.shell import session

if TYPE_CHECKING:
    from vapor_core.contracts.training import JobConfig
    from vapor_ui.form.form_values import Form

METHODS = ("lora", "qlora", "full", "pretrain", *PREFERENCE_METHODS)
NARROW = 130  # pixels of a column, where a form has half of the page
SHARDING = {
    "none": "none",
    "zero1": "ZeRO 1",
    "zero2": "ZeRO 2",
    "zero3": "ZeRO 3",
    "hybrid": "hybrid (within a node)",
}


def grid(form: Form, fields: Iterable[Field], *, width: int = 150) -> None:
    """Fields in three columns, in fewer where a column would be narrower than `width` pixels."""
    with st.grid(3, min_column_width=width):
        for field in fields:
            field.draw(form)


def row(form: Form, fields: Iterable[Field]) -> None:
    """Fields side by side, as wide as they are."""
    with st.container(horizontal=True):
        for field in fields:
            field.draw(form)


def _adapts(config: JobConfig) -> bool:
    return config.adapts


def _may_adapt(config: JobConfig) -> bool:
    return config.adapts or config.method in PREFERENCE_METHODS


def _falls_late(config: JobConfig) -> bool:
    return config.schedule == "wsd"


def _schedules(config: JobConfig) -> list[object]:
    names: list[object] = list(get_args(ScheduleName))
    return names if config.schedule in names else [*names, config.schedule]


def _accelerators(config: JobConfig) -> list[object]:
    ids: list[object] = [card.id for card in catalog.accelerators()]
    return [config.accelerator, *ids] if isinstance(config.accelerator, Accelerator) else ids


def _card(key: str | Accelerator) -> str:
    card = catalog.accelerator(key)
    price = f"${card.price_per_hour:.2f} an hour" if card.price_per_hour else "no price known"
    return f"{card.display_name} · {card.memory_gb:g} GB · {price}"


class MethodChoice(Segments):
    """The method; what was chosen for another one alone is taken back with it."""

    def _keep(self, key: str, form: str) -> None:
        for name in ("base_quantization", "dora"):
            choices.choose(session.store(), name, None, form)
        super()._keep(key, form)


METHOD = MethodChoice(
    name="method",
    label="Method",
    options=lambda _: METHODS,
    words=lambda name: METHOD_NAMES[name][:1].upper() + METHOD_NAMES[name][1:],
)
LEARNING_RATE = Line(
    name="learning_rate", label="Learning rate", help="The peak of the schedule, such as 2e-4"
)
EPOCHS = Number(name="epochs", label="Epochs", step=0.5, help="Passes over the data")
MAX_STEPS = WholeNumber(
    name="max_steps", label="Most steps", help="In place of epochs", placeholder="by epochs"
)
SEQUENCE_LENGTH = WholeNumber(
    name="sequence_length", label="Sequence length", help="Tokens; longer examples are cut"
)
MICRO_BATCH = WholeNumber(
    name="micro_batch_size", label="Micro-batch", help="Sequences at once on each accelerator"
)
ACCUMULATION = WholeNumber(
    name="gradient_accumulation_steps", label="Gradient accumulation", help="Micro-batches before each step"
)
LORA_RANK = WholeNumber(
    name="lora_rank",
    label="LoRA rank",
    help="Width of the adapters; of preference methods 0 trains all weights",
    where=_may_adapt,
)
LORA_ALPHA = Number(name="lora_alpha", label="LoRA alpha", step=1.0, where=_adapts)
LORA_TARGETS_FIELD = Several(
    name="lora_targets",
    label="LoRA targets",
    help="Matrices that get an adapter",
    options=lambda _: LORA_TARGETS,
    where=_adapts,
)
SCHEDULE = Choice(
    name="schedule",
    label="Schedule",
    options=_schedules,
    words=lambda it: it if isinstance(it, str) else "own points",
)
WARM_UP = Number(name="warmup_ratio", label="Warm-up ratio", step=0.01, help="Fraction of all steps")
MINIMUM_RATE = Number(
    name="min_learning_rate_ratio",
    label="Minimum rate ratio",
    step=0.05,
    help="What is left of the peak at the end",
)
DECAY = Number(
    name="decay_ratio",
    label="Decay ratio",
    step=0.05,
    help="Last part of all steps, falling",
    where=_falls_late,
)
OPTIMIZER = Choice(name="optimizer", label="Optimizer", options=lambda _: get_args(Optimizer))
WEIGHT_DECAY = Number(name="weight_decay", label="Weight decay", step=0.01)
CLIPPING = Number(name="max_grad_norm", label="Gradient clipping", step=0.1, help="Largest norm; 0 for none")
EVALUATE = WholeNumber(name="eval_every", label="Evaluate every", help="Steps", placeholder="a twentieth")
CHECKPOINT = WholeNumber(
    name="checkpoint_every", label="Checkpoint every", help="Steps", placeholder="a tenth"
)
SEED = Line(name="seed", label="Seed", help="The same configuration and seed give the same run")
ACCELERATOR = Choice(name="accelerator", label="Accelerator", options=_accelerators, words=_card)
ACCELERATORS = WholeNumber(name="accelerator_count", label="Count", help="Accelerators working together")
SHARDING_FIELD = Choice(
    name="sharding",
    label="Sharding",
    help="What the accelerators divide among themselves instead of each holding all of it",
    options=lambda _: get_args(Sharding),
    words=SHARDING.__getitem__,
)
PRECISION = Choice(name="precision", label="Precision", options=lambda _: get_args(Precision))
RECOMPUTE = Switch(
    name="gradient_checkpointing",
    label="Recompute activations",
    help="Gradient checkpointing: less memory, more time",
)
PACKING = Switch(name="packing", label="Pack examples", help="Fill each sequence with several examples")
HARDWARE_FAULTS = Switch(
    name="hardware_faults", label="Hardware faults", help="Interruptions at published rates"
)
