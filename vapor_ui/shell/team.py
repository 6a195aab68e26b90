"""A workspace that several people share: who has signed in can invite others to look or to work, and join them."""

import secrets
from typing import get_args

import streamlit as st

from vapor_core import text
from vapor_core.errors import JournalError, VaporError
from vapor_core.journal.events import Role
from vapor_core.workspace.members import Members
from vapor_ui.shell import session, share, workspaces

PARAMETER = "invite"
MADE = "invitation_made"  # the last one: its role and its link, shown until another role is chosen
GRANTS: dict[Role, str] = {"viewer": "look at it", "editor": "work in it"}


def invitation() -> None:
    """Show the invitation in the address, and join only when asked to: else a link could lead astray unseen."""
    token = session.parameter(PARAMETER)
    if not token:
        return
    known = _members()
    if known is None:
        st.info("This is an invitation. Sign in first, then open it again.", icon=":material/mail:")
        return
    try:
        invited = known.invitation(token, person=workspaces.person(), now=session.now())
    except VaporError as error:
        st.warning(text.plain(error), icon=":material/mail:")
        return
    with st.container(border=True, gap="small"):
        st.markdown(
            f":material/mail: **{text.plain(invited.by, 80)}** invites you into a workspace, to "
            f"{GRANTS[invited.role]}. What you do there is seen by its owner."
        )
        with st.container(horizontal=True, gap="small"):
            st.button("Join", type="primary", on_click=_join, args=(known, token))
            st.button("Not now", on_click=_decline)


def _decline() -> None:
    st.query_params.pop(PARAMETER, None)


def _join(known: Members, token: str) -> None:
    st.query_params.pop(PARAMETER, None)
    member = session.act(known.accept, token, person=workspaces.person(), name=_name())
    if member is not None:
        workspaces.choose(member.workspace)
        st.session_state["said"] = f"You may {GRANTS[member.role]}."


def check() -> None:
    """Leave a workspace whose owner has taken the role away, and take on another role that was given."""
    chosen = st.session_state.get("chosen_workspace")
    if chosen is None or "store" not in st.session_state:
        return
    known = _members()
    role = known.role(chosen, workspaces.person()) if known else None
    if role != workspaces.role():
        workspaces.choose(chosen if role else None)
        st.session_state["refusal"] = "Your role in that workspace has changed."


def menu() -> None:
    """Whose workspace this is, and who else is in it."""
    known = _members()
    if known is None:
        return
    joined = {member.workspace: member for member in known.joined(workspaces.person())}
    if joined:
        chosen = st.session_state.get("chosen_workspace")
        places = [None, *joined]
        st.selectbox(
            "Workspace",
            places,
            index=places.index(chosen) if chosen in places else 0,
            format_func=lambda key: "My own" if key is None else f"{joined[key].owner} ({joined[key].role})",
            key="workspace_choice",
            on_change=_chosen,
        )
    if workspaces.role() == "owner":
        with st.popover("People", icon=":material/group:"):
            _people(known)


def _chosen() -> None:
    workspaces.choose(st.session_state["workspace_choice"])


def _people(known: Members) -> None:
    own = workspaces.person()
    for member in known.of(own):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"{text.plain(member.name, 80)} · {member.role}", width="content")
            st.button(
                "Remove",
                key=f"remove_{member.person}",
                on_click=session.act,
                args=(known.remove, own, member.person),
            )
    role = st.segmented_control(
        "Invite somebody to", get_args(Role), default="viewer", required=True, format_func=GRANTS.__getitem__
    )
    if st.button("Make an invitation", icon=":material/person_add:"):
        token = secrets.token_urlsafe(24)
        session.act(known.invite, own, role, token, by=_name())
        st.session_state[MADE] = (role, f"{share.root()}?{PARAMETER}={token}")
    made_for, link = st.session_state.get(MADE, ("", ""))
    if made_for == role:
        st.code(link, language=None, wrap_lines=True)
        st.caption("Give it to one person. It can be taken once, within a week.")


def _members() -> Members | None:
    try:
        known = workspaces.members()
        if known is not None:
            known.refresh()
    except JournalError as error:
        st.session_state["refusal"] = str(error)
        return None
    return known


def _name() -> str:
    return str(st.user.get("name") or st.user.get("email") or "somebody")[:200]
