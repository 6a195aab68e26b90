"""The first thing that a page does: its name and the ways to all pages, and for a new visit, whose it is.

Each browser has a workspace of its own, found again by an id that nobody can guess. The id is in the browser's local
storage and travels to the server in Streamlit's own connection, never in an address. So the first run of a visit ends
here, with a skeleton, until the browser has answered. What the app stands on is loaded meanwhile: nothing that takes
long to import is imported here, and a page imports what it draws after `begin`.
"""

import re
import secrets
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread

import streamlit as st

from vapor_ui.entrance import configured
from vapor_ui.entrance.kept import kept

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
ID = re.compile(r"[A-Za-z0-9_-]{32}")
REAL_WORK = ("VAPOR_BACKENDS", "VAPOR_FOLLOW", "VAPOR_SERVES")
BLOCKED = "none"  # what a browser answers that keeps nothing
LOADED_MEANWHILE = (
    *("vapor_core.journal.sql", "vapor_core.workspace.store", "vapor_core.workspace.demo"),
    *("vapor_core.workspace.members", "vapor_core.workspace.replay"),
    *("vapor_core.sharing.files", "vapor_core.sharing.selection", "vapor_core.sharing.validation"),
)
LOGO = str(Path(__file__).with_name("vapor.svg"))
WORDMARK = str(Path(__file__).with_name("wordmark.svg"))

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


@dataclass(slots=True)
class Guest:
    """Who has come: what the browser has told."""

    workspace: str | None = None  # None until it has
    offer: str = ""  # the id that a browser without one is given


def begin(title: str) -> None:
    """Name the page and draw the ways to all pages; where the browser must be asked first, the run ends here."""
    st.set_page_config(page_title=f"{title} · Vapor", layout="wide")
    configured.take_in()
    with st.sidebar:
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon, width="stretch")
        st.caption(f"Rehearse a training run before paying for it. {_done_here()}")
        _close_sidebar(key="close_sidebar")
    with st.container():  # asked or not, what follows keeps its place and is not drawn anew
        if unknown():
            _ask_the_browser()
    st.set_page_config(page_icon=LOGO)  # pictures come last: for them Streamlit loads numpy and Pillow
    st.logo(WORDMARK, size="large", icon_image=LOGO)


def _done_here() -> str:
    """Whether anything on this server is more than a rehearsal."""
    if any(configured.value(name) for name in REAL_WORK):
        return "What is run for real says so; all else is simulated."
    return "Everything here is simulated."


def unknown() -> bool:
    """Whether the browser is still to say which workspace is its own.

    Nobody is asked without a browser (in a test), nor is who has signed in, whose workspace follows them.
    """
    told = kept(Guest).workspace is not None or st.user.get("is_logged_in", False)
    return bool(st.context.headers) and not told


def _ask_the_browser() -> None:
    guest = kept(Guest)
    guest.offer = guest.offer or secrets.token_urlsafe(24)
    answer = _keeper(key="workspace_keeper", data={"offer": guest.offer}, on_id_change=_heard).get("id")
    if answer is None:
        st.skeleton(height=480)
        Thread(target=_load, daemon=True).start()
        st.stop()
    known = isinstance(answer, str) and ID.fullmatch(answer)
    guest.workspace = answer if known else BLOCKED


def _heard() -> None:
    """The browser's answer reruns the page, which reads it."""


def _load() -> None:
    for name in LOADED_MEANWHILE:
        import_module(name)
