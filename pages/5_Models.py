"""Models: the curated catalog, the Hub, and what this workspace has trained and deployed."""

import streamlit as st

from vapor_core import text
from vapor_core.contracts.entries import CatalogModel
from vapor_core.workspace.store import Store
from vapor_ui.form import form_values
from vapor_ui.models.details import model_details
from vapor_ui.models.listing import descendants, model_list, train_button, trained_list
from vapor_ui.parts import hub_search
from vapor_ui.shell import frame, session

VIEWS = ("Catalog", "Hub", "This workspace")


def remember(model: CatalogModel) -> None:
    """Keep a model from the Hub in the workspace and open it."""
    if form_values.is_curated(model) or session.act(session.store().add_model, model) is not None:
        st.query_params["model"] = model.id


def opened(store: Store) -> CatalogModel | None:
    """The model that ?model=ID names, or None with a sentence where there is none of that id."""
    model_id = session.parameter("model")
    if not model_id:
        return None
    everything = {entry.id: entry for entry in store.models()}
    if model_id not in everything:
        st.warning(
            f"No model {text.plain(model_id, 100)} in this workspace; search below.",
            icon=":material/search_off:",
        )
    return everything.get(model_id)


def close() -> None:
    """Back to the list."""
    st.query_params.pop("model", None)


def in_full(store: Store, model: CatalogModel) -> None:
    """One model, what can be done with it, and what became of it here."""
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(text.plain(model.display_name, 80), anchor=False, width="content")
            st.button("All models", icon=":material/arrow_back:", type="tertiary", on_click=close)
        st.caption(text.plain(model.id))
        train_button(model)
        for child in descendants(store, model):
            st.page_link(
                "pages/2_Monitor.py",
                label=f"trained here: {text.plain(child.name, 80)} ({child.method})",
                icon=":material/subdirectory_arrow_right:",
                query_params={"job": child.job_id},
            )
        model_details(model)


def lists(store: Store) -> None:
    """The three ways to find a model."""
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
        hub_search.search("models.hub", "Look", remember)
    elif view == "This workspace":
        trained_list(store)
    else:
        model_list(store)


workspace = frame.page("Models", ":material/deployed_code:")
chosen = opened(workspace)
if chosen is None:
    lists(workspace)
else:
    in_full(workspace, chosen)
