"""A workspace that several people share: who has signed in can invite others to look or to work, and join them."""

import secrets
from typing import get_args

import streamlit as st

from vapor_core import text
from vapor_core.errors import JournalError, VaporError
from vapor_core.events import Role
from vapor_core.membership import Members
from vapor_ui import session, share, workspaces

PARAMETER = "invite"
GRANTS: dict[Role, str] = {"viewer": "look at it", "editor": "work in it"}


def follow_invitation() -> None:
    """Take the invitation in the address, once somebody has signed in."""
    token = session.parameter(PARAMETER)
    if not token:
        return
    known = _members()
    if known is None:
        st.session_state["refusal"] = "This is an invitation. Sign in first, then open it again."
        return
    st.query_params.pop(PARAMETER, None)
    try:
        member = known.accept(token, person=workspaces.person(), name=_name(), now=session.now())
    except VaporError as error:
        st.session_state["refusal"] = str(error)
        return
    workspaces.choose(member.workspace)
    st.session_state["said"] = (
        f"You may {GRANTS[member.role]}: the workspace of {text.plain(member.owner, 80)}."
    )


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
        st.code(f"{share.root()}?{PARAMETER}={token}", language=None, wrap_lines=True)
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
