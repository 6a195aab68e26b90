"""A workspace that several people share: who has signed in can invite others to look or to work, and join them."""

import secrets
from dataclasses import dataclass
from typing import get_args

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.journal.other_events import Role
from vapor_core.workspace.members import Invitation, Members
from vapor_ui.shell import address, session, state, workspaces

CHOICE = "workspace_choice"  # the key of the widget that chooses a workspace
GRANTS: dict[Role, str] = {"viewer": "look at it", "editor": "work in it"}


@dataclass(slots=True)
class MadeInvitation:
    """The last one that was made, shown until another role is chosen."""

    role: Role | None = None
    link: str = ""


def invitation() -> None:
    """Show the invitation in the address, and join only when asked to: else a link could lead astray unseen."""
    token = address.parameter(address.INVITATION)
    if not token:
        return
    known = workspaces.members_now()
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
            st.button(text.on_primary("Join"), type="primary", on_click=_join, args=(token,))
            st.button("Not now", on_click=_decline)


def _decline() -> None:
    address.forget(address.INVITATION)


def _join(token: str) -> None:
    address.forget(address.INVITATION)
    member = session.among_members(Members.accept, token, person=workspaces.person(), name=_name())
    if member is not None:
        workspaces.choose(member.workspace)
        state.messages().said = f"You may {GRANTS[member.role]}."


def menu() -> None:
    """Whose workspace this is, and who else is in it."""
    known = workspaces.members_now()
    if known is None:
        return
    joined = {member.workspace: member for member in known.joined(workspaces.person())}
    if joined:
        chosen = state.visit().chosen_workspace
        places = [None, *joined]
        st.selectbox(
            "Workspace",
            places,
            index=places.index(chosen) if chosen in places else 0,
            format_func=lambda key: "My own" if key is None else f"{joined[key].owner} ({joined[key].role})",
            key=CHOICE,
            on_change=_chosen,
        )
    if workspaces.role() == "owner":
        with st.popover("People", icon=":material/group:"):
            _people(known)


def _chosen() -> None:
    workspaces.choose(st.session_state[CHOICE])


def _people(known: Members) -> None:
    own = workspaces.person()
    for member in known.of(own):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"{text.plain(member.name, 80)} · {member.role}", width="content")
            other = "viewer" if member.role == "editor" else "editor"
            st.button(
                f"Make {other}",
                key=f"role_{member.person}",
                on_click=session.among_members,
                args=(Members.set_role, own, member.person, other),
            )
            st.button(
                "Remove",
                key=f"remove_{member.person}",
                on_click=session.among_members,
                args=(Members.remove, own, member.person),
            )
    _open_invitations(known, own)
    role = st.segmented_control(
        "Invite somebody to", get_args(Role), default="viewer", required=True, format_func=GRANTS.__getitem__
    )
    made = state.kept(MadeInvitation)
    if st.button("Make an invitation", icon=":material/person_add:"):
        token = secrets.token_urlsafe(24)
        session.among_members(Members.invite, own, role, token, by=_name())
        made.role, made.link = role, f"{address.root()}?{address.INVITATION}={token}"
    if made.role == role:
        st.code(made.link, language=None, wrap_lines=True)
        st.caption("Give it to one person. It can be taken once, within a week.")


def _open_invitations(known: Members, own: str) -> None:
    """Those that nobody has taken yet: to whom they went is not known, so each can be withdrawn."""
    now = session.now()
    for invitation in known.invitations(own, now=now):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(
                f":material/mail: to {GRANTS[invitation.role]}, made {text.ago(now - invitation.made_at)}",
                width="content",
            )
            st.button("Withdraw", key=f"withdraw_{invitation.digest}", on_click=_withdraw, args=(invitation,))


def _withdraw(invitation: Invitation) -> None:
    session.among_members(Members.withdraw, invitation.workspace, invitation.digest)
    state.kept(MadeInvitation).role = None  # its link may be the one on the screen


def _name() -> str:
    return str(st.user.get("name") or st.user.get("email") or "somebody")[:200]
