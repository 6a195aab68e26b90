"""One model in full: its architecture, what a token of context costs, and which cards it fits."""

import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.training import JobConfig, Method
from vapor_core.errors import VaporError
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import plan
from vapor_core.physics.serving.memory import serving_memory

WAYS: dict[str, Method] = {"LoRA": "lora", "QLoRA": "qlora", "Full": "full"}
SEQUENCE_LENGTH = 1024


def model_details(model: CatalogModel) -> None:
    """Architecture and fits of one model."""
    facts = {
        "Parameters": text.count(model.parameters),
        "Layers": text.whole(model.layers),
        "Hidden size": text.whole(model.hidden_size),
        "MLP width": text.whole(model.intermediate_size),
        "Heads": f"{model.attention_heads} query, {model.kv_heads} key-value",
        "Vocabulary": text.whole(model.vocabulary_size),
        "Context": f"{text.whole(model.context_length)} tokens",
        "KV cache": f"{text.whole(2 * model.kv_values_per_token / 1000)} kB per token",
        "Embeddings": "tied" if model.tied_embeddings else "not tied",
        "Pretrained on": f"{text.count(model.pretraining_tokens)} tokens"
        if model.pretraining_tokens
        else "unpublished",
        "Licence": model.licence or "unknown",
        "Released": model.released or "unknown",
    }
    grid = st.grid("auto", min_column_width=140, gap="small")
    for label, value in facts.items():
        with grid.cell(), st.container(gap=None):
            st.caption(label)
            st.markdown(text.plain(value, 60))
    st.dataframe(
        fits(model),
        hide_index=True,
        height="content",
        alt="Memory in GB that each way of using the model needs on each card",
    )
    st.caption(
        f"Whether it fits one card: training with micro-batch 1, {text.whole(SEQUENCE_LENGTH)} tokens and recomputed "
        "activations; serving in bf16, with the tokens of context that fit beside the weights."
    )
    notes = [
        text.plain(part) for part in (model.note, f"Source: {model.source}" if model.source else "") if part
    ]
    st.caption(" ".join(notes))


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
    return f"{'✓' if memory.fits else '✗'} {text.gigabytes(memory.total_gb)}"


def _serving(model: CatalogModel, card: Accelerator) -> str:
    try:
        memory = serving_memory(model, card, 1, "bf16")
    except VaporError:
        return text.MISSING
    return f"✓ {text.count(memory.kv_capacity_tokens)} tokens" if memory.fits else "✗"
