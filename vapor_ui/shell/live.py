"""The one part of a page that changes by itself: its live fragment, the head's clock, and the timer that drives both.

What changes by itself is drawn by the function given to `mount`; widgets stand outside it, so that a refresh never
swallows typing. Each tick also looks after live jobs by the rules that watch them. The timer is a component of the page
that it stands on. A tick that leaves the browser just after a click on a link would run as the old page's and blank the
new one, so the browser holds ticks while a page is awaited (`hold_ticks.js`; what else was tried is in
docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vapor_core import text
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store
from vapor_ui.shell import garbage, session, state, workspaces

if TYPE_CHECKING:
    from vapor_core.contracts.workspace import Deployment, Job
    from vapor_core.hub.webhook import Messenger
    from vapor_core.journal.other_events import RuleFired
    from vapor_core.watch.watcher import Watcher

Live = Callable[[Store], None]


@dataclass(slots=True)
class Watched:
    """What this session has looked at."""

    store: Store | None = None
    watcher: Watcher | None = None


_guard = st.components.v2.component(
    "vapor_hold_ticks", js=Path(__file__).with_name("hold_ticks.js").read_text("utf-8")
)


def guard() -> None:
    """Let this browser tab hold the timer's ticks while a page is awaited. Once a page, wherever it is drawn."""
    _guard(key="hold_ticks")


def mount(draw: Live | None = None, *, awaits: bool = False) -> None:
    """Mount the page's live fragment: each second while something is live, `draw(store)` runs again.

    Without `draw` only the clock in the head moves. `awaits` keeps it going where something may come from outside.
    """
    _live_part(draw or (lambda store: None), awaits)


def begin_page(store: Store) -> None:
    """Tell the fragment that this run draws the whole page, of a world that stands as it does now."""
    drawn = state.drawn()
    drawn.statuses, drawn.whole_page = _statuses(store), True


def place_clock() -> None:
    """Give the clock its place, here; `show_clock` draws it there."""
    state.drawn().clock = st.empty()


def show_clock(store: Store) -> None:
    """Draw the clock in its place."""
    place = state.drawn().clock
    if place is not None:
        how = "simulated" if session.moving() else "paused"
        place.caption(f":material/schedule: {text.clock(store.clock.simulated_s)} · {how}", width="content")


@st.fragment
def _live_part(draw: Live, awaits: bool) -> None:
    if not state.drawn().whole_page and not workspaces.role_stands():
        state.messages().refusal = session.ROLE_CHANGED
        st.rerun()  # a page left open is no way to go on looking
    began = session.now()
    trouble = session.advance()
    _watch()
    store, drawn = session.store(), state.drawn()
    whole_page, drawn.whole_page = drawn.whole_page, False
    if not whole_page and _statuses(store) != drawn.statuses:
        st.rerun()  # what may be done about a job stands outside the fragment and depends on its status
    show_clock(store)
    if trouble and not whole_page:
        st.error(text.plain(trouble, limit=1000), icon=":material/error:")
    draw(store)
    if awaits or _something_lives(store):
        _tick(0.0 if whole_page else session.now() - began)
    if not whole_page:
        garbage.settle(drawn.page)


def _something_lives(store: Store) -> bool:
    """Whether time goes on and anything changes by itself."""
    if any(job.live and store.abilities(job.id).is_real for job in store.jobs()):
        return True  # by the wall clock, which nobody pauses
    if not session.moving():
        return False
    if session.looking() is not None:
        return True
    return any(job.live for job in store.jobs()) or any(item.live for item in store.deployments())


def _statuses(store: Store) -> tuple[tuple[str, str], ...]:
    items: tuple[Job | Deployment, ...] = (*store.jobs(), *store.deployments())
    return tuple((item.id, item.status) for item in items)


def _tick(took_s: float) -> None:
    """Rerun the fragment once a second, or less often where that takes the server long."""
    # Loaded here, since many visits begin where nothing ticks. It ships no types.
    from streamlit_autorefresh import st_autorefresh  # type: ignore[import-untyped] # noqa: PLC0415

    drawn = state.drawn()
    drawn.rate = drawn.rate.after(took_s)
    if drawn.rate.sentence:
        st.caption(drawn.rate.sentence)
    st_autorefresh(interval=round(drawn.rate.interval_s * 1000), key="refresh")


def _watch() -> None:
    """Look after this visitor's own jobs, where they may act; whoever only looks changes nothing."""
    if session.read_only() or not session.own_store().rules():
        return
    from vapor_core.watch.telling import tell  # noqa: PLC0415 - for whoever has rules
    from vapor_core.watch.watcher import Watcher  # noqa: PLC0415

    held, store = state.kept(Watched), session.own_store()
    if held.store is not store or held.watcher is None:
        held.store, held.watcher = store, Watcher()
    try:
        fired = session.do(_looked, held.watcher)
    except VaporError:
        return  # it is looked at again with the next tick
    for each in fired:
        tell(store, each, _messenger())
        name = store.job(each.job_id).name
        st.toast(text.plain(f"{name}: {each.sentence}", 400), icon=":material/notifications:")


def _looked(store: Store, watcher: Watcher, *, now: float) -> list[RuleFired]:
    return watcher.look(store, now=now)


@st.cache_resource(show_spinner=False)
def _messenger() -> Messenger:
    from vapor_core.hub.webhook import Messenger  # noqa: PLC0415 - for whoever has rules

    return Messenger()
