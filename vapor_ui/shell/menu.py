"""The workspace as a whole, in the sidebar: share it, keep it as a file, bring one in, rewind, sign in."""

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.sharing import files, selection, validation
from vapor_core.workspace.store import Store
from vapor_ui.shell import looking, session, settings, share, state, team, workspaces

FILE = "workspace_file"  # the uploader's key


def menu(store: Store) -> None:
    """What can be done with all of it. Nothing while another world is looked at."""
    if session.looking() is not None:
        return
    with st.container(horizontal=True, gap="small"):
        if store.jobs():
            share.button("workspace")
            st.button(
                "Rewind",
                icon=":material/history:",
                on_click=looking.rewind,
                help="Watch this workspace again from its beginning",
            )
        if not session.read_only():
            with st.popover("File", icon=":material/folder:"):
                _file(store)
    _person()
    if state.visit().session_only:
        st.caption(
            ":material/info: This browser keeps nothing for Vapor (its storage is blocked), so this workspace "
            "lasts as long as this tab."
        )


def _file(store: Store) -> None:
    if store.jobs():
        st.download_button(
            "Keep it as a file",
            data=lambda: files.to_file(selection.share(store, "workspace")),
            file_name="vapor-workspace.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            help="All that was done, from which everything follows",
        )
    given = st.file_uploader("Bring a workspace file in", type="json", key=FILE)
    if given is not None and state.read_once(FILE, given, _bring_in)[1]:
        st.rerun()


def _bring_in(name: str, content: bytes) -> None:
    try:
        shared = files.from_file(name, content)
        jobs = validation.shared_store(shared).jobs()
    except VaporError as error:
        state.messages().refusal = str(error)
        return
    session.act(Store.adopt, validation.past(shared), said=f"{len(jobs)} jobs came in, with their past.")


def _person() -> None:
    if workspaces.signed_in():
        name = st.user.get("name") or st.user.get("email") or "you"
        st.caption(f":material/person: {text.plain(name, 80)}")
        team.menu()
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)
    elif settings.cookie_secret():
        st.button(
            "Sign in",
            icon=":material/login:",
            on_click=st.login,
            help="Your workspace then follows you to every device",
        )
