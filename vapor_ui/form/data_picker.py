"""What to train on: a data set of the catalog, or a person's own file with its counts and a preview."""

import pandas as pd
import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.entries import Dataset
from vapor_core.errors import InvalidUpload
from vapor_core.readers.datasets import ENDINGS, Upload, read_dataset
from vapor_core.workspace.store import Store
from vapor_ui.form import fields, form_values
from vapor_ui.form.form_values import Form
from vapor_ui.shell import session

HELD = "train.upload"  # the last file that was read: its identity, and what it holds or the refusal


def data_picker(store: Store, form: Form) -> None:
    """The catalog's and the workspace's own data sets in one list, or an upload."""
    source = st.segmented_control(
        "Whose data",
        ("Catalog", "Own file"),
        default="Catalog",
        required=True,
        key="train.data_source",
        persist_state="session",
        label_visibility="collapsed",
    )
    if source == "Own file":
        _upload(store)
    else:
        _from_list(store, form)
    _about(catalog.dataset(form.shown.dataset))


def _from_list(store: Store, form: Form) -> None:
    current = catalog.dataset(form.shown.dataset)
    offered = {entry.id: entry for entry in store.datasets()}
    offered.setdefault(current.id, current)
    key = "train.dataset"
    if st.session_state.get(key) != current.id:
        st.session_state[key] = current.id
    st.selectbox(
        "Data set",
        list(offered),
        key=key,
        format_func=lambda entry: _label(offered[entry]),
        on_change=_keep_dataset,
        args=(offered,),
        help="Type to search by name",
    )
    fields.problem(form, "dataset", "Data set")


def _keep_dataset(offered: dict[str, Dataset]) -> None:
    picked = offered.get(st.session_state["train.dataset"])
    form_values.choose_entry(session.store(), "dataset", picked)


def _upload(store: Store) -> None:
    file = st.file_uploader(
        "Examples, one a line or a row",
        type=[ending.removeprefix(".") for ending in ENDINGS],
        key="train.file",
        help="JSONL, CSV or text. Vapor counts examples and tokens; the file itself is not kept.",
    )
    if file is None:
        return
    held = st.session_state.get(HELD)
    if held is None or held[0] != file.file_id:
        with st.skeleton(height=160):
            outcome = _read(file.name, file.getvalue())
        held = (file.file_id, outcome)
        st.session_state[HELD] = held
        if isinstance(outcome, Upload) and session.act(store.add_dataset, outcome.dataset) is not None:
            form_values.choose_entry(store, "dataset", outcome.dataset)
            st.rerun()
    if isinstance(held[1], Upload):
        _preview(held[1])
    else:
        st.error(text.plain(held[1]), icon=":material/error:")


def _read(name: str, content: bytes) -> Upload | str:
    try:
        return read_dataset(name, content)
    except InvalidUpload as refused:
        return f"{name} cannot be used: {refused}."


def _preview(upload: Upload) -> None:
    st.caption(
        f"{text.plain(upload.schema)} · {text.whole(upload.examples)} examples · about "
        f"{text.whole(upload.tokens)} tokens · {upload.mean_tokens:,.0f} on average, "
        f"{text.whole(upload.longest_tokens)} at most"
    )
    st.dataframe(
        pd.DataFrame(list(upload.preview), columns=list(upload.columns)),
        hide_index=True,
        height="content",
        alt="The first rows of the file",
    )
    for warning in upload.warnings:
        st.caption(f":material/info: {text.plain(warning)}")


def _label(entry: Dataset) -> str:
    return f"{entry.display_name} · {text.count(entry.examples)} examples"


def _about(data: Dataset) -> None:
    facts = [
        text.plain(data.id),
        data.kind,
        f"{text.count(data.tokens)} tokens",
        f"{data.mean_tokens:,.0f} tokens an example",
        text.plain(data.licence or "licence unknown") if data.kind != "own" else "your own",
    ]
    st.caption(" · ".join(facts))
