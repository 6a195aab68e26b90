"""A person's own data on a screen: a file is counted, shown and chosen; where its text is unknown, its columns are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from vapor_core import text
from vapor_core.backends import machines
from vapor_core.errors import InvalidUpload, UnknownColumns
from vapor_core.readers.containers import ENDINGS as PACKED
from vapor_core.readers.datasets import ENDINGS, LARGEST_BYTES, Upload, read_dataset, training_examples
from vapor_core.workspace.store import Store
from vapor_ui.form import choices
from vapor_ui.shell import session, settings, state

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from vapor_core.contracts.entries import Dataset

FILE = "train.file"  # the uploader's key
COLUMNS = "train.text_columns"  # what the key of the choice of columns begins with


@dataclass(frozen=True, eq=False, slots=True)
class DataRead:
    """What came of a file: its counts, or why there are none, with its columns where one may be the text."""

    upload: Upload | None = None
    refusal: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    chosen: list[str] = field(default_factory=list)  # of the columns, so far


def upload() -> None:
    """Takes a file, and makes it the form's data set."""
    given = st.file_uploader(
        "Examples, one a line or a row",
        type=[ending.removeprefix(".") for ending in (*ENDINGS, *PACKED)],
        key=FILE,
        max_upload_size=LARGEST_BYTES // 1_000_000,
        help=f"JSONL, CSV, Parquet or text, also zipped. Vapor counts examples and tokens; {_kept()}.",
        on_change=state.let_go,
        args=(FILE,),
    )
    files = state.files(FILE, [given] if given is not None else [], several=False)
    if not files:
        return
    file = files[0]
    found, fresh = state.read_once(FILE, file, _read)
    if fresh:
        _take(found, file)
    if (
        given is None and found.upload is not None
    ):  # counted on a page that was left: its data set is in the list
        state.let_go(FILE, file.file_id)
        return
    if found.upload is not None:
        _preview(found.upload)
        with st.expander("Use other columns", icon=":material/view_column:"):
            chosen = _text_columns(found, f"{COLUMNS}.{file.file_id}")
    else:
        st.error(text.plain(found.refusal, 900), icon=":material/error:")
        chosen = _text_columns(found, f"{COLUMNS}.{file.file_id}") if found.columns else []
    if chosen:
        again = _read(file.name, file.getvalue(), chosen)
        if again.upload is None:
            again = DataRead(refusal=again.refusal, columns=found.columns)  # another choice may do
        again.chosen[:] = chosen
        state.outcomes(FILE, (file.file_id,))[file.file_id] = again
        _take(again, file, chosen)
        st.rerun()


def _kept() -> str:
    """What becomes of the file."""
    if machines.places(settings.real_backends()):
        return "its examples are kept on this server, for real runs on it"
    return "the file itself is not kept"


def _keep(file: UploadedFile, dataset: Dataset, text_columns: Sequence[str] | None) -> None:
    """Let the backends that do real work keep the examples."""
    examples = training_examples(file.name, file.getvalue(), text_columns)
    for place in machines.places(settings.real_backends()):
        place.keep_data(session.store().workspace, dataset, examples)


def _take(found: DataRead, file: UploadedFile, text_columns: Sequence[str] | None = None) -> None:
    """Make it the form's data set."""
    if found.upload is not None and session.act(Store.add_dataset, found.upload.dataset) is not None:
        if settings.real_backends():
            with session.refusals_told():
                _keep(file, found.upload.dataset, text_columns)
        choices.choose_entry(session.store(), "dataset", found.upload.dataset)
        st.rerun()


def _read(name: str, content: bytes, text_columns: Sequence[str] | None = None) -> DataRead:
    with st.skeleton(height=160):
        try:
            found = read_dataset(name, content, text_column=text_columns)
            return DataRead(found, columns=found.fields)
        except UnknownColumns as unknown:
            return DataRead(refusal=f"{name} cannot be counted yet: {unknown}.", columns=unknown.columns)
        except InvalidUpload as refused:
            return DataRead(refusal=f"{name} cannot be used: {refused}.")


def _text_columns(found: DataRead, key: str) -> list[str]:
    """The columns that a person says are the text, in order; none until it is confirmed."""
    with st.container(border=True):
        chosen = st.multiselect(
            "Which columns are the text?",
            list(found.columns),
            default=[name for name in found.chosen if name in found.columns],
            key=key,
            placeholder="one, or several in order",
            format_func=lambda name: ": ".join((name[:60], *found.columns[name][:1])),
        )
        found.chosen[:] = chosen
        pressed = st.button("Count it", key=f"{key}.count", type="primary", disabled=not chosen)
    return chosen if pressed else []


def _preview(found: Upload) -> None:
    st.caption(
        f"{text.plain(found.schema)} · {text.whole(found.examples)} examples · about "
        f"{text.whole(found.tokens)} tokens · {found.mean_tokens:,.0f} on average, "
        f"{text.whole(found.longest_tokens)} at most"
    )
    st.dataframe(
        pd.DataFrame(list(found.preview), columns=list(found.columns)),
        hide_index=True,
        height="content",
        alt="The first rows of the file",
    )
    for warning in found.warnings:
        st.caption(f":material/info: {text.plain(warning, 600)}")
