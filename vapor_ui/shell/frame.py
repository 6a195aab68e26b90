"""What every page shares: configuration, navigation, time control, messages, welcome and the one live fragment.

A page calls `page(...)` first. What changes by itself is drawn by the function given to `live`, the only
part that the timer redraws; widgets stand outside it, so that a refresh never swallows typing.
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from vapor_core import text
from vapor_core.contracts.workspace import Deployment, Job
from vapor_core.workspace.store import Store
from vapor_ui.shell import garbage, looking, menu, refresh, session, team, welcome

PAGES = (
    ("Home.py", "Overview", ":material/dashboard:"),
    ("pages/1_Train.py", "Train", ":material/model_training:"),
    ("pages/2_Monitor.py", "Monitor", ":material/monitoring:"),
    ("pages/3_Compare.py", "Compare", ":material/compare_arrows:"),
    ("pages/4_Deployments.py", "Deployments", ":material/rocket_launch:"),
    ("pages/5_Models.py", "Models", ":material/deployed_code:"),
    ("pages/6_Fidelity.py", "Fidelity", ":material/verified:"),
    ("pages/7_Calibrate.py", "Calibrate", ":material/tune:"),
)
SPEEDS = (0.0, 1.0, 10.0, 60.0, 600.0, 3600.0)  # simulated seconds a second
LOGO = str(Path(__file__).with_name("vapor.svg"))
WORDMARK = str(Path(__file__).with_name("wordmark.svg"))

# On a narrow screen the sidebar covers the page; Streamlit closes it after its own links only.
_CLOSE_SIDEBAR_JS = """
export default function () {
  if (window.vaporClosesSidebar) return;
  window.vaporClosesSidebar = true;
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.('[data-testid="stSidebar"] [data-testid="stPageLink-NavLink"]');
    const close = document.querySelector('[data-testid="stSidebarCollapseButton"] button');
    if (link && close && window.innerWidth < 768) setTimeout(() => close.click(), 0);
  });
}
"""
_close_sidebar = st.components.v2.component("vapor_close_sidebar", js=_CLOSE_SIDEBAR_JS)

Live = Callable[[Store], None]


def page(title: str, icon: str, live: Live | None = None) -> Store:
    """Draw the head of a page and bring the world to now.

    Args:
        title: Of the page and of the browser's tab.
        icon: A material icon, such as ":material/monitoring:".
        live: What changes by itself, drawn right below the head. A page with widgets between head and live
            part leaves it out and calls `frame.live` later.
    """
    st.set_page_config(page_title=f"{title} · Vapor", page_icon=LOGO, layout="wide")
    st.logo(WORDMARK, size="large", icon_image=LOGO)
    st.session_state["page"] = title
    _navigation()
    team.check()
    looking.follow_link()
    looking.adopt_what_was_asked_for()
    session.store()  # the first run of a visit ends here, until the browser has said which workspace is its own
    own = not session.read_only()
    if own:
        welcome.fill_on_request(session.store())
    trouble = session.advance()
    store = session.store()
    st.session_state["drawn_statuses"], st.session_state["whole_page_runs"] = _statuses(store), True
    with st.sidebar:
        menu.menu(store)
    _head(title, store)
    _messages(trouble)
    looking.banner()
    team.invitation()
    if live is not None:
        _live_part(live)
    return store


def live(draw: Live | None = None) -> None:
    """Mount the page's one live fragment: each second while something is live, `draw(store)` runs again.

    Without `draw` only the clock in the head moves.
    """
    _live_part(draw or (lambda store: None))
    # Last, since the browser's answer starts the page anew; who came by another page's address came for that page.
    if st.session_state["page"] == "Overview" and not session.read_only():
        welcome.greet(session.store())


def something_lives(store: Store) -> bool:
    """Whether time goes on and anything changes by itself."""
    if not session.moving():
        return False
    if session.looking() is not None:
        return True
    return any(job.live for job in store.jobs()) or any(item.live for item in store.deployments())


@st.fragment
def _live_part(draw: Live) -> None:
    began = session.now()
    trouble = session.advance()
    store = session.store()
    whole_page = st.session_state.pop("whole_page_runs", False)
    if not whole_page and _statuses(store) != st.session_state["drawn_statuses"]:
        st.rerun()  # what may be done about a job stands outside the fragment and depends on its status
    _show_clock(store)
    if trouble and not whole_page:
        st.error(text.plain(trouble, limit=1000), icon=":material/error:")
    draw(store)
    if something_lives(store):
        refresh.tick(0.0 if whole_page else session.now() - began)
    if not whole_page:
        garbage.settle(st.session_state["page"])


def _statuses(store: Store) -> tuple[tuple[str, str], ...]:
    items: tuple[Job | Deployment, ...] = (*store.jobs(), *store.deployments())
    return tuple((item.id, item.status) for item in items)


def _navigation() -> None:
    with st.sidebar:
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon, width="stretch")
        st.caption("Rehearse a training run before paying for it. Everything here is simulated.")
        refresh.guard()
        _close_sidebar(key="close_sidebar")


def _head(title: str, store: Store) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            st.session_state["clock_slot"] = st.empty()
            if not session.read_only():
                _speed_control(store)
    _show_clock(store)


def _speed_control(store: Store) -> None:
    st.session_state["speed"] = store.clock.speed if store.clock.speed in SPEEDS else None
    st.segmented_control(
        "Speed of time",
        SPEEDS,
        key="speed",
        format_func=_speed_label,
        on_change=_set_speed,
        label_visibility="collapsed",
        help="Simulated seconds a second",
    )


def _speed_label(speed: float) -> str:
    return ":material/pause:" if speed == 0 else f"{speed:.0f}×"


def _set_speed() -> None:
    speed = st.session_state["speed"]
    if speed is not None:
        session.act(session.store().set_speed, speed)


def _show_clock(store: Store) -> None:
    state = "simulated" if session.moving() else "paused"
    st.session_state["clock_slot"].caption(
        f":material/schedule: {text.clock(store.clock.simulated_s)} · {state}", width="content"
    )


def _messages(trouble: str) -> None:
    refusal = st.session_state.pop("refusal", "") or trouble
    if refusal:
        st.error(text.plain(refusal, limit=1000), icon=":material/error:")
    said = st.session_state.pop("said", "")
    if said:
        st.toast(said, icon=":material/check:")
