"""Which model to train and what on: from the catalog and the workspace's own, from the Hub, or from a person's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import catalog, text
from vapor_core.backends import machines
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.workspace.store import Store
from vapor_ui.form import choices, own_data
from vapor_ui.form.fields import EntryChoice
from vapor_ui.parts import cards, hub_search
from vapor_ui.shell import session, settings, state

if TYPE_CHECKING:
    from vapor_ui.form.form_values import Form

ALL_SIZES = "All sizes"
SIZES: dict[str, tuple[float, float]] = {
    ALL_SIZES: (0, float("inf")),
    "< 500M": (0, 5e8),
    "0.5–2B": (5e8, 2e9),
    "2–5B": (2e9, 5e9),
    "5–15B": (5e9, 15e9),
    "15–80B": (15e9, 80e9),
    "> 80B": (80e9, float("inf")),
}
MODEL_SOURCE, DATA_SOURCE = "train.model_source", "train.data_source"  # widgets' keys


@dataclass(slots=True)
class Taken:
    """Whether a model was just taken from the Hub, so that the list comes back and shows it."""

    from_hub: bool = False


def size_filter(key: str, *, persist: bool = False) -> tuple[float, float]:
    """A choice of how many parameters a model has: from, and below."""
    size = st.segmented_control(
        "Size",
        tuple(SIZES),
        default=ALL_SIZES,
        required=True,
        key=key,
        persist_state="session" if persist else None,
        label_visibility="collapsed",
    )
    return SIZES[size or ALL_SIZES]


def model_choice(
    form: Form, offered: Iterable[CatalogModel], words: Callable[[CatalogModel], str], help: str
) -> None:
    """One model of those offered, or the one that is chosen already."""
    entries = {entry.id: entry for entry in offered}
    current = catalog.model(form.shown.model)
    entries.setdefault(current.id, current)
    EntryChoice(name="model", label="Model", help=help, offered=entries, words=words).draw(form)


def data_choice(form: Form, offered: Iterable[Dataset], words: Callable[[Dataset], str], help: str) -> None:
    """One data set of those offered, or the one that is chosen already."""
    entries = {entry.id: entry for entry in offered}
    current = catalog.dataset(form.shown.dataset)
    entries.setdefault(current.id, current)
    EntryChoice(name="dataset", label="Data set", help=help, offered=entries, words=words).draw(form)


def model_picker(store: Store, form: Form) -> None:
    """The catalog and this workspace's finds in one list, or a search of the Hub."""
    taken = state.kept(Taken)
    if taken.from_hub or MODEL_SOURCE not in st.session_state:
        st.session_state[MODEL_SOURCE], taken.from_hub = "Catalog", False
    source = st.segmented_control(
        "Where to look", ("Catalog", "Hub"), required=True, key=MODEL_SOURCE, label_visibility="collapsed"
    )
    if source == "Hub":
        hub_search.search("train.hub", "Use", _take)
    else:
        low, high = size_filter("train.size", persist=True)
        here = [entry for place in machines.places(settings.real_backends()) for entry in place.models()]
        offered = [entry for entry in (*here, *store.models()) if low <= entry.parameters < high]
        model_choice(form, offered, _model_label, "Type to search by name")
    _about_model(catalog.model(form.shown.model))


def remembered(model: CatalogModel) -> bool:
    """Make a model of the Hub known to the workspace; whether it is."""
    return choices.is_curated(model) or session.act(Store.add_model, model) is not None


def _take(model: CatalogModel) -> None:
    if remembered(model):
        choices.choose_entry(session.store(), "model", model)
    state.kept(Taken).from_hub = True


def _model_label(entry: CatalogModel) -> str:
    return f"{entry.display_name} · {text.count(entry.parameters)}"


def _about_model(model: CatalogModel) -> None:
    facts = [
        text.plain(model.id),
        f"{text.count(model.parameters)} parameters",
        *([f"{text.count(model.active_parameters)} a token"] if model.active_parameters else []),
        f"{model.layers} layers",
        f"{text.whole(model.context_length)} tokens of context",
        text.plain(model.licence or "licence unknown"),
    ]
    gated = " :orange-badge[gated]" if model.gated_access else ""
    st.caption(" · ".join(facts) + gated)
    cards.model_notes(model)


def data_picker(store: Store, form: Form) -> None:
    """The catalog's and the workspace's own data sets in one list, or an upload."""
    source = st.segmented_control(
        "Whose data",
        ("Catalog", "Own file"),
        default="Catalog",
        required=True,
        key=DATA_SOURCE,
        persist_state="session",
        label_visibility="collapsed",
    )
    if source == "Own file":
        own_data.upload()
    else:
        data_choice(form, store.datasets(), _data_label, "Type to search by name")
    _about_data(catalog.dataset(form.shown.dataset))


def _data_label(entry: Dataset) -> str:
    return f"{entry.display_name} · {text.count(entry.examples)} examples"


def _about_data(data: Dataset) -> None:
    facts = [
        text.plain(data.id),
        data.kind,
        f"{text.count(data.tokens)} tokens",
        f"{data.mean_tokens:,.0f} tokens an example",
        text.plain(data.licence or "licence unknown")
        if data.entropy is None and data.kind != "own"
        else "your own",
    ]
    st.caption(" · ".join(facts))
