"""The three ways to find a model: the curated catalog by filters, the Hub, and what this workspace has trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import catalog, text
from vapor_core.errors import NotFound
from vapor_ui.form import pickers
from vapor_ui.parts import cards, deploy_dialog, hub_search, links

if TYPE_CHECKING:
    from vapor_core.contracts.entries import CatalogModel
    from vapor_core.contracts.workspace import Deployment, RegisteredModel
    from vapor_core.workspace.store import Store

VIEWS = ("Catalog", "Hub", "This workspace")
PAGE = "models.page"  # the pagination's key
A_PAGE = 12  # cards
CONTEXTS = {"Any context": 0, "8k and more": 8192, "32k and more": 32768, "128k and more": 131072}
ALL = "All"


def lists(store: Store) -> None:
    """One of the three ways."""
    view = st.segmented_control(
        "Which models",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="models.view",
        persist_state="session",
        label_visibility="collapsed",
    )
    if view == "Hub":
        hub_search.search("models.hub", "Look", _remember)
    elif view == "This workspace":
        _trained_list(store)
    else:
        _model_list(store)


def _remember(model: CatalogModel) -> None:
    """Keep a model from the Hub in the workspace and open it."""
    if pickers.remembered(model):
        st.query_params["model"] = model.id


def _model_list(store: Store) -> None:
    """Filters, then one card a model, twelve a page."""
    found = _filtered(store.models())
    if not found:
        st.info(
            "No model is like this; take a filter back or search the Hub.", icon=":material/filter_alt_off:"
        )
        return
    st.caption(f"{text.whole(len(found))} model{'s' if len(found) != 1 else ''}, smallest first")
    pages = -(-len(found) // A_PAGE)
    shown = min(st.session_state.get(PAGE, 1), pages) - 1
    with st.grid("auto", min_column_width=260):
        for model in found[shown * A_PAGE : (shown + 1) * A_PAGE]:
            _card(model)
    if pages > 1:
        st.pagination(pages, key=PAGE)


def _filtered(entries: tuple[CatalogModel, ...]) -> tuple[CatalogModel, ...]:
    families = sorted({entry.family or "other" for entry in entries}, key=str.casefold)
    licences = sorted({entry.licence or "unknown" for entry in entries}, key=str.casefold)
    with st.grid(4, min_column_width=150):
        words = st.text_input(
            "Search",
            type="search",
            placeholder="qwen3 base",
            help="Words of a name, its owner, family or licence; base, instruct and mixture are found too",
            live=True,
            key="models.words",
            max_chars=100,
            persist_state="session",
        )
        family = st.selectbox("Family", [ALL, *families], key="models.family", persist_state="session")
        licence = st.selectbox("Licence", [ALL, *licences], key="models.licence", persist_state="session")
        context = st.selectbox("Context", list(CONTEXTS), key="models.context", persist_state="session")
    low, high = pickers.size_filter("models.size")
    found = catalog.search_models(words or "", smallest=low, largest=high, entries=entries)
    return tuple(
        entry
        for entry in found
        if family in (ALL, entry.family or "other")
        and licence in (ALL, entry.licence or "unknown")
        and entry.context_length >= CONTEXTS[context]
    )


def _card(model: CatalogModel) -> None:
    with st.container(border=True, height="stretch", gap="small"):
        badges = f":blue-badge[{text.plain(model.family or 'other', 30)}]"
        badges += " :green-badge[instruct]" if model.instruction_tuned else ""
        badges += " :orange-badge[gated]" if model.gated_access else ""
        st.markdown(f"**{text.plain(model.display_name, 80)}** {badges}")
        st.caption(
            f"{_size(model)} parameters · {text.whole(model.context_length)} context · "
            f"{text.plain(model.licence or 'licence unknown', 40)}"
        )
        with st.container(horizontal=True, gap="small"):
            links.train_button(model.id)
            if st.button("Details", key=f"models.details.{model.id}", type="tertiary"):
                _open_model(model.id)


def _size(model: CatalogModel) -> str:
    active = f", {text.count(model.active_parameters)} a token," if model.active_parameters else ""
    return f"{text.count(model.parameters)}{active}"


def _open_model(model_id: str) -> None:
    st.query_params["model"] = model_id
    st.rerun()


def _trained_list(store: Store) -> None:
    """What this workspace has trained: base model before, deployments after."""
    models = store.registry()
    if not models:
        cards.empty_state(
            ":material/deployed_code:",
            "Nothing trained yet",
            "A finished run shows up here, with the model it came from and the endpoints that serve it.",
            action="Start training",
            page=links.TRAIN,
        )
        return
    endpoints = {item.id: item for item in store.deployments()}
    with st.grid("auto", min_column_width=320):
        for model in models:
            _trained(store, model, endpoints)


def _trained(store: Store, model: RegisteredModel, endpoints: dict[str, Deployment]) -> None:
    with st.container(border=True, height="stretch", gap="small"):
        links.job_link(model.job_id, f"**{text.plain(model.name, 80)}**")
        st.caption(
            f"{model.method} of {text.plain(model.base_model_id)} on {text.plain(model.dataset_id)} · "
            f"{text.whole(model.step)} steps · eval loss {text.loss(model.eval_loss)}"
        )
        _forked_from(store, model)
        for deployment_id in model.served_by:
            _served(endpoints.get(deployment_id), now=deployment_id in model.deployment_ids)
        with st.container(horizontal=True, gap="small"):
            deploy_dialog.button(store.job(model.job_id), key=f"trained.deploy.{model.id}")
            if st.button("Base model", key=f"trained.base.{model.id}", type="tertiary"):
                _open_model(model.base_model_id)


def _forked_from(store: Store, model: RegisteredModel) -> None:
    if model.parent_id is None:
        return
    try:
        parent = store.job(model.parent_id)
    except NotFound:
        return
    links.job_link(parent.id, f"forked from {text.plain(parent.name, 60)}", icon=":material/call_split:")


def _served(endpoint: Deployment | None, *, now: bool) -> None:
    if endpoint is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        how = "serves" if now else "served by"
        links.deployment_link(endpoint.id, f"{how} {text.plain(endpoint.name, 60)}")
        cards.status_badge(endpoint.status)
