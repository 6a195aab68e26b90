"""The Hub on a screen: this server's one client, and a search box with what it finds."""

import os
from collections.abc import Callable

import streamlit as st

from vapor_core import text
from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.hub.client import HubClient
from vapor_core.hub.listing import HubModel, searchable
from vapor_ui.shell import session

SHOWN = 8  # models of one search


def client() -> HubClient:
    """The client that all sessions of this server share, with the server's own token."""
    return _client(os.environ.get("HF_ENDPOINT", ""), os.environ.get("HF_HUB_OFFLINE", ""), id(HubClient))


@st.cache_resource(max_entries=4, show_spinner=False)
def _client(endpoint: str, offline: str, loaded: int) -> HubClient:
    """One client for each setting of the environment, which the client reads itself, and for each load of its class."""
    try:
        return HubClient(token=_token())
    except InvalidConfig:
        return HubClient("https://huggingface.co", offline=True)


def _token() -> str:
    """From .streamlit/secrets.toml or the environment; "" where there is none."""
    if st.secrets.load_if_toml_exists() and isinstance(found := st.secrets.get("HF_TOKEN"), str):
        return found
    return os.environ.get("HF_TOKEN", "")


@st.fragment
def search(key: str, action: str, use: Callable[[CatalogModel], None]) -> None:
    """A search box over the Hub. `use` gets the model whose button (labelled `action`) was pressed; the page reruns.

    Typing reruns this fragment alone.
    """
    query = st.text_input(
        "Search the Hugging Face Hub",
        type="search",
        key=f"{key}.query",
        placeholder="for example: qwen3 0.6b",
        live="400ms",
        max_chars=100,
        persist_state="session",
    )
    if not searchable(query or ""):
        st.caption("Type at least two letters of a model's name.")
        return
    with st.skeleton(height=240):
        answer = client().search(query or "", SHOWN, now=session.now())
    if answer.notice:
        st.caption(f":material/cloud_off: {text.plain(answer.notice)}")
    if not answer.models:
        st.caption("No text-generation model of that name.")
    for model in answer.models:
        _row(key, model, action, use)


def _row(key: str, listed: HubModel, action: str, use: Callable[[CatalogModel], None]) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{text.plain(listed.id)}**" + (" :orange-badge[gated]" if listed.gated else ""))
            st.caption(_facts(listed))
        if st.button(action, key=f"{key}.{listed.id}", help=f"{action}: {text.plain(listed.id)}"):
            _use(listed, use)


def _facts(listed: HubModel) -> str:
    facts = [
        f"{text.count(listed.parameters)} parameters" if listed.parameters else "size unknown",
        f"{text.count(listed.downloads)} downloads" if listed.downloads is not None else "",
        text.plain(listed.licence) if listed.licence else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _use(listed: HubModel, use: Callable[[CatalogModel], None]) -> None:
    with st.skeleton(height=20):
        found = listed if listed.usable else client().model(listed.id, now=session.now())
    if found.model is None:
        st.caption(f":red[:material/error: It cannot be used: {text.plain(found.reason)}.]")
        return
    use(found.model)
    st.rerun()
