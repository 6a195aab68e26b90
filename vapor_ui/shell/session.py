"""What a page works on and what time it is: the store on screen, the only clock, and actions on the store.

Nothing is drawn here. A page reads `store()`, acts through `act` and reads query parameters through `parameter`.
The store is this visitor's own (`workspaces`), unless a shared link or a replay is looked at.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import streamlit as st

from vapor_core.errors import JournalError, VaporError
from vapor_core.sharing.links import Shared
from vapor_core.workspace.replay import Replay
from vapor_core.workspace.store import Store
from vapor_ui.shell import workspaces

FIRST_SPEED = 60.0  # simulated seconds a second, in a new workspace
LONGEST_UNSEEN_S = 2e7  # simulated seconds after the last action that endpoints go on unseen
SHORTEST_ABSENCE_S = 6 * 3600.0  # of a person's own time; less is no absence
LONGEST_PARAMETER = 500  # characters of a query parameter that are looked at

T = TypeVar("T")


@dataclass(slots=True)
class Looking:
    """A world that is only looked at: one that was shared, or one's own as it once was."""

    kind: Literal["shared", "replay"]
    store: Store
    shared: Shared | None = None
    replay: Replay | None = None
    speed: float = 0.0  # of a replay, simulated seconds a second
    since: float = 0.0  # when it was at `from_s`
    from_s: float = 0.0

    def position(self, now: float) -> float:
        """How far a replay is, simulated seconds."""
        end_s = self.replay.end_s if self.replay else 0.0
        return min(max(self.from_s + self.speed * (now - self.since), 0.0), end_s)


def now() -> float:
    """Seconds since the epoch: the only clock of the app."""
    return time.time()


def store() -> Store:
    """The store on screen."""
    looked = looking()
    return own_store() if looked is None else looked.store


def own_store() -> Store:
    """This visitor's own store; made at the first call, and again after a core module was edited."""
    held = st.session_state.get("store")
    if not isinstance(held, Store):
        held = workspaces.opened()
        st.session_state["store"] = held
        _begin(held)
    return held


def _begin(store: Store) -> None:
    """Let time run in a workspace that is new; hold it where nobody has looked for very long."""
    if workspaces.role() == "viewer":
        return
    try:
        if store.clock.speed and any(endpoint.live for endpoint in store.deployments()):
            _hold_where_unseen(store)
        elif not store.jobs(include_deleted=True) and not store.journal.read(store.workspace):
            store.set_speed(FIRST_SPEED, now=now())
    except JournalError as error:
        st.session_state["refusal"] = str(error)


def _hold_where_unseen(store: Store) -> None:
    """Requests of months that nobody saw would take minutes to compute: time stood still after a while."""
    last = store.journal.read(store.workspace)[-1].at
    watched_s = max(LONGEST_UNSEEN_S / store.clock.speed, SHORTEST_ABSENCE_S)
    if now() > last + watched_s:
        store.set_speed(0.0, now=last + watched_s)
        st.session_state["said"] = "Time stood still here while you were away. Choose a speed to go on."


def looking() -> Looking | None:
    """What is looked at in place of one's own workspace."""
    held = st.session_state.get("looking")
    return held if isinstance(held, Looking) else None


def read_only() -> bool:
    """Whether nothing can be done to what is on screen: it is only looked at, or its visitor is only a viewer."""
    return looking() is not None or workspaces.role() == "viewer"


def advance() -> str:
    """Bring the world on screen to now; a sentence where its journal cannot be read, "" else."""
    looked = looking()
    if looked is None:
        try:
            own_store().advance(now=now())
        except JournalError as error:
            return str(error)
    elif looked.replay is not None:
        looked.store = looked.replay.go(looked.position(now()))
    return ""


def moving() -> bool:
    """Whether time goes on in what is on screen."""
    looked = looking()
    if looked is None:
        return own_store().clock.speed > 0
    if looked.replay is None:
        return False
    return looked.speed > 0 and looked.position(now()) < looked.replay.end_s


def act(action: Callable[..., T], *arguments: object, said: str = "", **named: object) -> T | None:
    """Do a store's action at this instant; a refusal becomes the one message that the frame shows.

    `said` is shown for a moment when the action succeeded. It is Markdown: text from outside needs `text.plain`.
    """
    try:
        outcome = action(*arguments, **named, now=now())
    except VaporError as error:
        st.session_state["refusal"] = str(error)
        return None
    if said:
        st.session_state["said"] = said
    return outcome


def parameter(name: str) -> str:
    """A query parameter as one bounded line; "" where it is not given. What it names is still to be checked."""
    value = st.query_params.get(name) or ""
    return "".join(letter for letter in value[:LONGEST_PARAMETER] if letter.isprintable()).strip()


def parameters(name: str) -> tuple[str, ...]:
    """A comma-separated query parameter, without blanks and doubles, in order."""
    parts = (part.strip() for part in parameter(name).split(","))
    return tuple(dict.fromkeys(part for part in parts if part))
