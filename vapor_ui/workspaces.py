"""Whose workspace this is, and its journal: each browser has its own, found again by an id that nobody can guess.

The id is in the browser's local storage and travels to the server in Streamlit's own connection, never in an
address. Who has signed in has a workspace that belongs to the person instead, on every device. Without a browser
(in a test), and where its storage is blocked, a workspace lasts as long as its session.
"""

import re
import secrets
from hashlib import blake2b

import streamlit as st

from vapor_core import text
from vapor_core.errors import JournalError
from vapor_core.journal import Journal
from vapor_core.journal_sql import open_journal
from vapor_core.store import Store
from vapor_ui import settings

ID = re.compile(r"[A-Za-z0-9_-]{32}")
BLOCKED = "none"  # what a browser answers that keeps nothing

_KEEPER_JS = """
export default function ({ data, setStateValue }) {
  let id = "none";
  try {
    const known = window.localStorage.getItem("vapor.workspace") || "";
    id = /^[A-Za-z0-9_-]{32}$/.test(known) ? known : data.offer;
    if (id !== known) window.localStorage.setItem("vapor.workspace", id);
    id = window.localStorage.getItem("vapor.workspace") === id ? id : "none";
  } catch { id = "none"; }
  setStateValue("id", id);
}
"""
_keeper = st.components.v2.component("vapor_workspace", js=_KEEPER_JS)


def opened() -> Store:
    """This visitor's own workspace. A page's first run ends here, with a skeleton, until the browser has answered."""
    if not st.context.headers:
        return Store()
    place = settings.database()
    workspace = _persons_id() or _browsers_id()
    if workspace == BLOCKED:
        st.session_state["session_only"] = True
    if workspace == BLOCKED or place == settings.MEMORY:
        return Store()
    try:
        return _store(place, workspace)
    except JournalError as error:
        st.error(f"{text.plain(error, 600)}. Nothing was changed.", icon=":material/error:")
        st.button("Try again", icon=":material/refresh:")
        st.stop()


def signed_in() -> bool:
    """Whether a person has signed in."""
    return bool(st.user.get("is_logged_in", False))


def _store(place: str, workspace: str) -> Store:
    try:
        journal = _journal(place)
        store = Store(journal, workspace)
    except JournalError:  # damaged since it was opened: opening it anew sets it aside
        _journal.clear()
        journal = _journal(place)
        store = Store(journal, workspace)
    for notice in journal.notices:
        st.toast(text.plain(notice, 600), icon=":material/info:", duration="infinite")
    return store


@st.cache_resource(show_spinner=False, max_entries=4)
def _journal(place: str) -> Journal:
    """One for all sessions of this process."""
    return open_journal(place)


def _persons_id() -> str:
    """The workspace of who has signed in: the same for the same account, and nothing that could be guessed."""
    if not signed_in():
        return ""
    account = f"{st.user.get('iss', '')}\n{st.user.get('sub', '')}".encode()
    key = settings.cookie_secret().encode()
    return f"person-{blake2b(account, key=key[:64], digest_size=24).hexdigest()}"


def _browsers_id() -> str:
    known = st.session_state.get("browser_workspace")
    if known is None:
        offer = st.session_state.setdefault("workspace_offer", secrets.token_urlsafe(24))
        answer = _keeper(key="workspace_keeper", data={"offer": offer}, on_id_change=_heard).get("id")
        if answer is None:
            st.skeleton(height=480)
            st.stop()
        known = answer if isinstance(answer, str) and ID.fullmatch(answer) else BLOCKED
        st.session_state["browser_workspace"] = known
    return str(known)


def _heard() -> None:
    """The browser's answer reruns the page, which reads it."""
