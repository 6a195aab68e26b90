"""*Load*: a configuration file, Vapor's own or a trainer's, into the Train form, with what became of each field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.trainers.reading import ReadConfig, read_config
from vapor_ui.form import choices, form_values
from vapor_ui.shell import session, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vapor_core.contracts.entries import CatalogModel, Dataset
    from vapor_core.workspace.store import Store

FILE = "train.config_file"  # the uploader's key
ENDINGS = ["yaml", "yml", "json", "py", "txt"]
NAMES = {
    "vapor": "Vapor's own file",
    "axolotl": "A file of axolotl",
    "llama_factory": "A file of LLaMA-Factory",
    "torchtune": "A file of torchtune",
    "trl": "A file of TRL",
    "unsloth": "A snippet for Unsloth",
    "deepspeed": "A file of DeepSpeed",
    "accelerate": "A file of accelerate",
    "peft": "An adapter's configuration",
    "training_args": "TrainingArguments",
}
NOT_MODELLED, UNDERSTOOD, IGNORED, ASSUMED = (
    *("not modelled", "understood", "changes no figure"),
    "not in the file",
)
MOST_NAMED = 6  # fields in a sentence; the table has all


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a file: what it says, or why it was refused."""

    read: ReadConfig | None = None
    refusal: str = ""


def popover() -> None:
    """Takes a file; a good one fills the form, a bad one is told in one sentence."""
    with st.popover("Load", icon=":material/upload_file:", type="tertiary", help="Fill the form from a file"):
        file = st.file_uploader(
            "A configuration",
            type=ENDINGS,
            key=FILE,
            help="Vapor's YAML or JSON, or a file of axolotl, LLaMA-Factory, torchtune, TRL, Unsloth, DeepSpeed, "
            "accelerate, PEFT or TrainingArguments. Nothing in it is run.",
        )
        if file is None:
            return
        loaded, fresh = state.read_once(FILE, file, _load)
        if fresh and not loaded.refusal:
            st.rerun()
        if loaded.refusal:
            st.error(text.plain(loaded.refusal, 1000), icon=":material/error:")
        else:
            st.caption(":material/check: The form has its values.")


def outcome() -> None:
    """What became of each field of the file that was loaded last; the popover has closed by then."""
    file = st.session_state.get(FILE)
    loaded = state.outcomes(FILE, (file.file_id,)).get(file.file_id) if file is not None else None
    if not isinstance(loaded, Loaded) or loaded.read is None:
        return
    read = loaded.read
    if read.config is None:
        lacking = "; ".join(read.missing)
        st.info(
            f"The rest of the file was loaded; the form keeps what it had for this: {text.plain(lacking, 600)}.",
            icon=":material/info:",
        )
    if read.not_modelled:
        st.warning(f"Not modelled: {text.plain(_named(read), 600)}.", icon=":material/warning:")
    with st.expander(_heading(read), icon=":material/fact_check:", expanded=bool(read.not_modelled)):
        st.dataframe(
            fields(read), hide_index=True, height="content", alt="What became of each field of the file"
        )


def _heading(read: ReadConfig) -> str:
    counts = f"{len(read.understood):,} understood, {len(read.ignored):,} change no figure"
    return f"{NAMES[read.format]}: {counts}, {len(read.not_modelled):,} not modelled"


def _named(read: ReadConfig) -> str:
    names = [row.field for row in read.not_modelled]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def fields(read: ReadConfig) -> pd.DataFrame:
    """One row a field of the file, what matters and is not modelled first; last, what the trainer does unasked."""
    return pd.DataFrame(_rows(read), columns=["field", "value", "is", "what it became"])


def _rows(read: ReadConfig) -> Iterator[tuple[str, str, str, str]]:
    tables = {
        NOT_MODELLED: read.not_modelled,
        UNDERSTOOD: read.understood,
        IGNORED: read.ignored,
        ASSUMED: read.assumed,
    }
    for what, rows in tables.items():
        for row in rows:
            yield row.field, row.value, what, row.says


def _own(store: Store) -> list[CatalogModel | Dataset]:
    """The workspace's models and data that the catalog has not."""
    every: tuple[CatalogModel | Dataset, ...] = (*store.models(), *store.datasets())
    return [entry for entry in every if not choices.is_curated(entry)]


def _load(name: str, content: bytes) -> Loaded:
    """Fills the form; a file that names no model goes over what the form has."""
    store = session.store()
    try:
        read = read_config(content, name, own=_own(store))
        config = read.config
        if config is None:
            config = read.over(form_values.form(choices.chosen(store)).shown)
    except VaporError as error:
        return Loaded(refusal=str(error))
    choices.fill(store, choices.made_by(config, without="backend"))
    return Loaded(read)
