"""What a run's parameters say that Vapor knows: a configuration, so that a run of others has an estimate too."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from contextlib import suppress
from math import ceil

from vapor_core import catalog
from vapor_core.backends.unknown import UNKNOWN_CARD, UNKNOWN_DATA
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import VaporError
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.trainers.reading import read_config

MODEL_NAMES = ("_name_or_path", "model_name_or_path", "base_model", "model_name", "model")
ARCHITECTURE = ("hidden_size", "n_embd", "d_model")  # one of them where parameters hold a model's config.json
ADAPTS = ("lora_r", "lora_rank", "lora_alpha", "use_peft", "peft_config", "r", "finetuning_type")
LARGEST = 200_000  # letters of a value that is looked at


def config_of(params: Mapping[str, str], planned_steps: int) -> JobConfig | None:
    """The configuration that parameters describe; None where they name no model that can be known.

    Args:
        params: as a trainer has logged them: flat names, and values as words.
        planned_steps: that the run is to take; 0 where nobody knows yet.
    """
    values = {name: _typed(value) for name, value in params.items() if len(value) < LARGEST}
    model = _model(values)
    if model is None:
        return None
    try:
        read = read_config(json.dumps(_without_a_model(values)), "parameters.json")
        config = read.with_model(model)
        if "method" not in read.settings:  # a trainer that adapts says how
            config = config.changed(method="lora" if any(name in values for name in ADAPTS) else "full")
    except VaporError:
        return None
    steps = planned_steps or config.max_steps or 1
    config = config.changed(accelerator=UNKNOWN_CARD, max_steps=steps)
    batch = config.micro_batch_size * config.gradient_accumulation_steps * config.accelerator_count
    examples = max(ceil(steps * batch / max(config.epochs, 1e-9)), 1)
    data = UNKNOWN_DATA.changed(examples=examples, tokens=examples * config.sequence_length)
    return config.changed(dataset=data)


def _model(values: Mapping[str, object]) -> str | CatalogModel | None:
    named = next((str(values[name]) for name in MODEL_NAMES if isinstance(values.get(name), str)), "")
    known = {entry.id for entry in catalog.models()}
    if named in known:
        return named
    if not any(name in values for name in ARCHITECTURE):
        return None
    try:
        return read_architecture(named or "the run's model", values, Published(source="a run's parameters"))
    except VaporError:
        return None


def _without_a_model(values: Mapping[str, object]) -> dict[str, object]:
    """Settings alone; a name that is no catalog's would make the reader look for a model."""
    return {name: value for name, value in values.items() if name not in MODEL_NAMES and value is not None}


def _typed(value: str) -> object:
    """A value as it was before it became a word."""
    if value in ("None", "null", ""):
        return None
    if value in ("True", "False"):
        return value == "True"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(value)
    if value[0] in "[({":
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return ast.literal_eval(value)
    return value
