"""One model in full: its architecture, what a token of context costs, and which cards it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.training import JobConfig, Method
from vapor_core.errors import VaporError
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import plan
from vapor_core.physics.serving.memory import serving_memory
from vapor_ui.parts import cards, links
from vapor_ui.shell import address

if TYPE_CHECKING:
    from vapor_core.contracts.entries import Accelerator, CatalogModel
    from vapor_core.contracts.workspace import RegisteredModel
    from vapor_core.workspace.store import Store

WAYS: dict[str, Method] = {"LoRA": "lora", "QLoRA": "qlora", "Full": "full"}
KINDS = {True: "tuned to instructions", False: "base"}
SEQUENCE_LENGTH = 1024
TABLE_HEIGHT = 470  # pixels: a dozen cards at once


def asked_model(store: Store) -> CatalogModel | None:
    """The model that ?model=ID names, or None with a sentence where there is none of that id."""
    model_id = address.parameter("model")
    if not model_id:
        return None
    everything = {entry.id: entry for entry in store.models()}
    if model_id not in everything:
        st.warning(
            f"No model {text.plain(model_id, 100)} in this workspace; search below.",
            icon=":material/search_off:",
        )
    return everything.get(model_id)


def in_full(store: Store, model: CatalogModel) -> None:
    """One model, what can be done with it, and what became of it here."""
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(text.plain(model.display_name, 80), anchor=False, width="content")
            st.button(
                "All models",
                icon=":material/arrow_back:",
                type="tertiary",
                on_click=address.forget,
                args=("model",),
            )
        st.caption(text.plain(model.id))
        cards.model_notes(model)
        links.train_button(model.id)
        for child in _descendants(store, model):
            label = f"trained here: {text.plain(child.name, 80)} ({child.method})"
            links.job_link(child.job_id, label, icon=":material/subdirectory_arrow_right:")
        _details(model)


def _descendants(store: Store, model: CatalogModel) -> tuple[RegisteredModel, ...]:
    """What this workspace has trained from a model."""
    return tuple(entry for entry in store.registry() if entry.base_model_id == model.id)


def _details(model: CatalogModel) -> None:
    grid = st.grid("auto", min_column_width=140, gap="small")
    for label, value in _facts(model).items():
        with grid.cell(), st.container(gap=None):
            st.caption(label)
            st.markdown(text.plain(value, 60))
    st.dataframe(
        fits(model),
        hide_index=True,
        height=TABLE_HEIGHT,
        alt="Memory in GB that each way of using the model needs on each card",
    )
    st.caption(
        f"Whether it fits one card: training with micro-batch 1, {text.whole(SEQUENCE_LENGTH)} tokens and recomputed "
        "activations; serving in bf16, with the tokens of context that fit beside the weights."
    )
    if model.source:
        st.caption(text.plain(f"Source: {model.source}", 600))


def _facts(model: CatalogModel) -> dict[str, str]:
    active, window = model.active_parameters, model.sliding_window
    return {
        "Parameters": text.count(model.parameters),
        **({"Of which a token meets": text.count(active)} if active is not None else {}),
        "Layers": text.whole(model.layers),
        "Hidden size": text.whole(model.hidden_size),
        "MLP width": text.whole(model.intermediate_size),
        "Heads": f"{model.attention_heads} query, {model.kv_heads} key-value",
        "Vocabulary": text.whole(model.vocabulary_size),
        "Context": f"{text.whole(model.context_length)} tokens",
        "KV cache": f"{text.whole(2 * model.kv_values_per_token / 1000)} kB per token",
        **(
            {"Attend within a window": f"{model.sliding_layers} layers, {text.whole(window)} tokens"}
            if model.sliding_layers and window is not None
            else {}
        ),
        "Embeddings": "tied" if model.tied_embeddings else "not tied",
        **(
            {"Experts": f"{model.experts_per_token} of {model.experts} a token"}
            if model.experts and model.experts_per_token
            else {}
        ),
        **({"Kind": KINDS[model.instruction_tuned]} if model.instruction_tuned is not None else {}),
        "Pretrained on": f"{text.count(model.pretraining_tokens)} tokens"
        if model.pretraining_tokens
        else "unpublished",
        "Licence": model.licence or "unknown",
        "Released": model.released or "unknown",
    }


def fits(model: CatalogModel) -> pd.DataFrame:
    """One row a card: what LoRA, QLoRA and full fine-tuning need, and how much context serving has room for."""
    rows = []
    for card in catalog.accelerators():
        row = {"Card": card.display_name, "Memory": text.gigabytes(card.memory_gb)}
        row |= {name: _training(model, card, method) for name, method in WAYS.items()}
        rows.append(row | {"Serving": _serving(model, card)})
    return pd.DataFrame(rows)


def _training(model: CatalogModel, card: Accelerator, method: Method) -> str:
    config = JobConfig(
        model=model,
        method=method,
        accelerator=card,
        micro_batch_size=1,
        sequence_length=SEQUENCE_LENGTH,
        gradient_checkpointing=True,
    )
    try:
        memory = training_memory(plan(config))
    except VaporError:
        return text.MISSING
    return f"{'✓' if memory.fits else '✗'} {text.gigabytes(memory.reserved_gb)}"


def _serving(model: CatalogModel, card: Accelerator) -> str:
    try:
        memory = serving_memory(model, card, 1, "bf16")
    except VaporError:
        return text.MISSING
    return f"✓ {text.count(memory.kv_capacity_tokens)} tokens" if memory.fits else "✗"
