"""Which model to train: from the curated catalog by size and typing, or from the Hub."""

import streamlit as st

from vapor_core import catalog, text
from vapor_core.contracts.entries import CatalogModel
from vapor_core.workspace.store import Store
from vapor_ui.form import fields, form_values
from vapor_ui.form.form_values import Form
from vapor_ui.parts import hub_search
from vapor_ui.shell import session

SIZES: dict[str, tuple[float, float]] = {
    "All sizes": (0, float("inf")),
    "< 500M": (0, 5e8),
    "0.5–2B": (5e8, 2e9),
    "2–5B": (2e9, 5e9),
    "> 5B": (5e9, float("inf")),
}

BACK = "train.picked"  # a model was just taken from the Hub: show it in the list


def model_picker(store: Store, form: Form) -> None:
    """The catalog and this workspace's finds in one list, or a search of the Hub."""
    if st.session_state.pop(BACK, False) or "train.model_source" not in st.session_state:
        st.session_state["train.model_source"] = "Catalog"
    source = st.segmented_control(
        "Where to look",
        ("Catalog", "Hub"),
        required=True,
        key="train.model_source",
        label_visibility="collapsed",
    )
    if source == "Hub":
        hub_search.search("train.hub", "Use", take)
    else:
        _from_list(store, form)
    _about(catalog.model(form.shown.model))


def take(model: CatalogModel) -> None:
    """Remember a model from the Hub in the workspace and choose it."""
    store = session.store()
    if form_values.is_curated(model) or session.act(store.add_model, model) is not None:
        form_values.choose_entry(store, "model", model)
    st.session_state[BACK] = True


def _from_list(store: Store, form: Form) -> None:
    size = st.segmented_control(
        "Size",
        tuple(SIZES),
        default="All sizes",
        required=True,
        key="train.size",
        persist_state="session",
        label_visibility="collapsed",
    )
    low, high = SIZES[size or "All sizes"]
    offered = {entry.id: entry for entry in store.models() if low <= entry.parameters < high}
    current = catalog.model(form.shown.model)
    offered.setdefault(current.id, current)
    _select(form, offered, current)


def _select(form: Form, offered: dict[str, CatalogModel], current: CatalogModel) -> None:
    key = "train.model"
    if st.session_state.get(key) != current.id:
        st.session_state[key] = current.id
    st.selectbox(
        "Model",
        list(offered),
        key=key,
        format_func=lambda entry: _label(offered[entry]),
        on_change=_keep_model,
        args=(offered,),
        help="Type to search by name",
    )
    fields.problem(form, "model", "Model")


def _keep_model(offered: dict[str, CatalogModel]) -> None:
    picked = offered.get(st.session_state["train.model"])
    form_values.choose_entry(session.store(), "model", picked)


def _label(entry: CatalogModel) -> str:
    return f"{entry.display_name} · {text.count(entry.parameters)}"


def _about(model: CatalogModel) -> None:
    facts = [
        text.plain(model.id),
        f"{text.count(model.parameters)} parameters",
        f"{model.layers} layers",
        f"{text.whole(model.context_length)} tokens of context",
        text.plain(model.licence or "licence unknown"),
    ]
    gated = " :orange-badge[gated]" if model.gated_access else ""
    st.caption(" · ".join(facts) + gated)
