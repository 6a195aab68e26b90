"""Whose workspace this is, and its journal: each browser has its own, by the id that it told at its arrival.

Who has signed in has a workspace that belongs to the person instead, on every device. Without a browser
(in a test), and where its storage is blocked, a workspace lasts as long as its session.
"""

from hashlib import blake2b
from typing import Literal

import streamlit as st

from vapor_core import text
from vapor_core.errors import JournalError
from vapor_core.journal.journal import Journal
from vapor_core.journal.other_events import Role
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.members import MemberJournal, Members
from vapor_core.workspace.store import Store
from vapor_ui.entrance import arrival
from vapor_ui.shell import settings, state


def opened() -> Store:
    """This visitor's own workspace."""
    if not st.context.headers:
        return Store()
    place = settings.database()
    workspace = _persons_id() or _browsers_id()
    if workspace == arrival.BLOCKED:
        state.visit().session_only = True
    if workspace == arrival.BLOCKED or place == settings.MEMORY:
        return Store()
    try:
        return _joined_store(place) or _store(place, workspace)
    except JournalError as error:
        st.error(f"This workspace cannot be opened now: {text.plain(error, 600)}.", icon=":material/error:")
        st.button("Try again", icon=":material/refresh:")
        st.stop()


def signed_in() -> bool:
    """Whether a person has signed in."""
    return bool(st.user.get("is_logged_in", False))


def person() -> str:
    """The id of who has signed in, which is their workspace's too; "" where nobody has."""
    return _persons_id()


def members() -> Members | None:
    """Who may do what in whose workspace; None where nobody has signed in or nothing is kept."""
    place = settings.database()
    if not signed_in() or place == settings.MEMORY:
        return None
    visit = state.visit()
    if not isinstance(visit.members, Members):
        visit.members = Members(_journal(place))
    return visit.members


def is_kept() -> bool:
    """Whether this visitor's workspace is kept, so that others than this session can write into it."""
    return (
        settings.database() != settings.MEMORY and not state.visit().session_only and bool(st.context.headers)
    )


def tracking_tokens() -> TrackingTokens | None:
    """By which token runs may be logged into which workspace; None where nothing is kept."""
    if not is_kept():
        return None
    return _opened_tokens(settings.database(), id(TrackingTokens))


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened_tokens(place: str, loaded: int) -> TrackingTokens:
    return TrackingTokens(_journal(place))


def members_now() -> Members | None:
    """The same with what was decided elsewhere; None also where that cannot be read, which is then told."""
    try:
        known = members()
        if known is not None:
            known.refresh()
    except JournalError as error:
        state.messages().refusal = str(error)
        return None
    return known


def choose(workspace: str | None) -> None:
    """Work in somebody else's workspace from now on, or in one's own again."""
    visit = state.visit()
    visit.chosen_workspace, visit.store = workspace, None


def role() -> Role | Literal["owner"]:
    """What this visitor may do in the workspace that was opened."""
    return state.visit().role


def role_stands() -> bool:
    """Whether the role in somebody else's workspace is still what it was when that was opened.

    Where it is not, the workspace is left, or opened anew in the role that was given instead.
    """
    visit = state.visit()
    chosen = visit.chosen_workspace
    if chosen is None or visit.store is None:
        return True
    known = members_now()
    granted = known.role(chosen, person()) if known else None
    if granted == visit.role:
        return True
    choose(chosen if granted else None)
    return False


def _joined_store(place: str) -> Store | None:
    """The workspace of somebody else that was chosen, if it may still be entered."""
    visit, known = state.visit(), members()
    chosen = visit.chosen_workspace
    granted = known.role(chosen, person()) if chosen and known else None
    visit.role = granted or "owner"
    if granted is None or chosen is None or known is None:
        visit.chosen_workspace = None
        return None
    return Store(MemberJournal(_journal(place), known, chosen, person()), chosen)


def _store(place: str, workspace: str) -> Store:
    """A visitor's own workspace. What is wrong with it is its own affair: the journal stays open for all others."""
    journal = _journal(place)
    try:
        return Store(journal, workspace)
    except JournalError:
        _look_again(place)
        return Store(journal, workspace)


def _look_again(place: str) -> None:
    """Where the file was found damaged since it was opened, have it set aside; connections stay one set a process."""
    from vapor_core.journal.sql import open_journal  # noqa: PLC0415 - loaded while the browser answers

    open_journal(place).close()


def tell_notices(store: Store) -> None:
    """Tell what was mended or set aside in a workspace or in the journal; each once a visit."""
    told = state.visit().told
    for notice in store.notices:
        if notice not in told:
            told.add(notice)
            st.toast(text.plain(notice, 600), icon=":material/info:", duration="infinite")


def _journal(place: str) -> Journal:
    """One for all sessions of this process; another one after an edit, since its events are of other classes then."""
    return _opened_journal(place, id(MemberJournal))


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened_journal(place: str, loaded: int) -> Journal:
    from vapor_core.journal.sql import open_journal  # noqa: PLC0415 - loaded while the browser answers

    return open_journal(place)


def _persons_id() -> str:
    """The workspace of who has signed in: the same for the same account, and nothing that could be guessed."""
    if not signed_in():
        return ""
    account = f"{st.user.get('iss', '')}\n{st.user.get('sub', '')}".encode()
    key = settings.cookie_secret().encode()
    return f"person-{blake2b(account, key=key[:64], digest_size=24).hexdigest()}"


def _browsers_id() -> str:
    """What the browser has answered at its arrival."""
    return state.kept(arrival.Guest).workspace or arrival.BLOCKED
