"""What is looked at in place of one's own workspace: a shared link, or an earlier instant of one's own.

Nothing can be done to either. A banner says so on every page, and leads back.
"""

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.sharing import links, validation
from vapor_core.workspace.adoption import Past
from vapor_core.workspace.replay import Replay
from vapor_core.workspace.store import Store
from vapor_ui.shell import address, session, settings, state
from vapor_ui.shell.state import Looking

SPEED, INSTANT = "replay_speed", "replay_share"  # keys of the replay's widgets
MOST_LETTERS = 600  # of a notice
REPLAY_SPEEDS = (0.0, 1.0, 60.0, 600.0, 3600.0, 36_000.0)  # simulated seconds a second


def follow_link() -> None:
    """Open what the address carries, once; a bad link is told in one sentence and one's own workspace is shown."""
    link, looked = st.query_params.get(address.WORLD), session.looking()
    if not link or (looked is not None and looked.link == link):
        return
    try:
        shared = links.unpack(link, settings.link_secret())
        state.visit().looking = Looking("shared", validation.shared_store(shared), shared, link)
    except VaporError as error:
        state.messages().refusal = f"The link cannot be opened: {error}"
        leave()


def leave() -> None:
    """Go back to one's own workspace."""
    state.visit().looking = None
    address.forget(address.WORLD)


def rewind() -> None:
    """Look at one's own workspace again, from when the job on screen was submitted, or else the first one."""
    own = session.own_store()
    jobs = own.jobs(include_deleted=True)
    began = [job.submitted_s for job in jobs if job.id == address.parameter(address.PARAMETERS["job"])]
    from_s = min(began or [job.submitted_s for job in jobs], default=0.0)
    try:
        replay = Replay(own.journal.read(own.workspace), own.clock.simulated_s, from_s)
    except VaporError as error:
        state.messages().refusal = str(error)
        return
    state.visit().looking = Looking(
        "replay", replay.store, replay=replay, speed=60.0, since=session.now(), from_s=replay.at_s
    )


def adopt_what_was_asked_for() -> None:
    """Take a shared world into one's own workspace, if that was asked for and the workspace is known by now."""
    visit = state.visit()
    shared = visit.to_adopt
    if shared is None:
        return
    session.own_store()  # stops the run as long as the browser has not named its workspace
    visit.to_adopt = None
    past = validation.past(shared)
    keys = session.act(Store.adopt, past, said="It is yours now, and goes on from where it stood.")
    if keys and shared.view in address.PARAMETERS:
        renamed = dict(zip(_keys(past), keys, strict=True))
        st.query_params[address.PARAMETERS[shared.view]] = ",".join(renamed[key] for key in shared.ids)


def banner() -> None:
    """What is on screen in place of one's own workspace, and the ways on."""
    looked = session.looking()
    if looked is None:
        return
    with st.container(border=True, gap="small", key="looking_banner"):
        if looked.kind == "shared":
            _shared_banner(looked)
        else:
            _replay_banner(looked)


def tells_notices() -> bool:
    """Whether the banner tells the notices of what is on screen: each page of it has them, not the first one alone."""
    looked = session.looking()
    return looked is not None and looked.kind == "shared"


def _shared_banner(looked: Looking) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        at = text.clock(looked.store.clock.simulated_s)
        st.markdown(f":material/visibility: **Shared, read-only** · as it stood on {at}", width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            st.button(
                text.on_primary("Make it mine"),
                type="primary",
                icon=":material/download_done:",
                on_click=_make_mine,
            )
            st.button("Back to my workspace", icon=":material/arrow_back:", on_click=leave)
    for notice in looked.store.notices:
        st.markdown(f":material/info: {text.plain(notice, MOST_LETTERS)}")


def _make_mine() -> None:
    looked = session.looking()
    if looked is not None:
        state.visit().to_adopt = looked.shared
    leave()
    address.forget(*address.PARAMETERS.values())  # the same ids name other jobs in one's own workspace


def _replay_banner(looked: Looking) -> None:
    assert looked.replay is not None  # noqa: S101 - a replay has one
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            ":material/history: **Replay, read-only** · your workspace as it once was", width="content"
        )
        st.button(
            text.on_primary("Back to now"), type="primary", icon=":material/arrow_forward:", on_click=leave
        )
    st.session_state[SPEED] = looked.speed if looked.speed in REPLAY_SPEEDS else None
    st.segmented_control(
        "Speed of the replay",
        REPLAY_SPEEDS,
        key=SPEED,
        format_func=lambda speed: ":material/pause:" if speed == 0 else f"{speed:,.0f}×",
        on_change=_set_speed,
        label_visibility="collapsed",
    )
    if looked.replay.end_s > 0:
        st.session_state[INSTANT] = 100.0 * looked.replay.at_s / looked.replay.end_s
        st.slider(
            "Instant",
            0.0,
            100.0,
            key=INSTANT,
            format="%.0f %%",
            on_change=_seek,
            help="Of all the time that has passed in your workspace",
        )


def _set_speed() -> None:
    looked = session.looking()
    if looked is not None:
        now = session.now()
        looked.from_s, looked.since = looked.position(now), now
        looked.speed = float(st.session_state[SPEED] or 0.0)


def _seek() -> None:
    looked = session.looking()
    if looked is not None and looked.replay is not None:
        looked.from_s = float(st.session_state[INSTANT]) / 100.0 * looked.replay.end_s
        looked.since = session.now()


def _keys(past: Past) -> list[str]:
    """Ids as they were shared, in the order in which `Store.adopt` answers."""
    keys = (getattr(action, "deployment_id", None) or getattr(action, "job_id", "") for _, action in past)
    return list(dict.fromkeys(key for key in keys if key))
